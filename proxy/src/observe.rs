//! What is told of each live request and each copy, for an access log and for traces.
//!
//! Telling never waits: it goes through a bounded channel, and what does not fit is counted. Where
//! nobody listens nothing is gathered.

use crate::context::Trace;
use crate::core::{Core, unix_now};
use bytes::Bytes;
use http::request::Parts;
use http::{Method, StatusCode, Version, header};
use http_body::Frame;
use parallax_config::Config;
use parallax_exchange::Role;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// What may wait to be told: some megabytes at the most.
const WAITING: usize = 8192;

/// Something that has ended.
#[derive(Debug)]
pub enum Told {
    /// A live request.
    Served(Box<Served>),
    /// A copy, of a trace that is kept.
    Copied(Box<Copied>),
}

/// A live request, answered or not.
#[derive(Debug)]
pub struct Served {
    /// Its span; none where no traces are made.
    pub trace: Option<Trace>,
    /// The client's address.
    pub client: String,
    /// The method.
    pub method: Method,
    /// The host that it names.
    pub host: Option<String>,
    /// The path, without the query, which may hold secrets.
    pub path: String,
    /// What the client speaks.
    pub version: Version,
    /// The status; none where the client left before it.
    pub status: Option<StatusCode>,
    /// Bytes of the answer's body that were handed to the connection.
    pub bytes: u64,
    /// Whether all of the answer was.
    pub is_complete: bool,
    /// Why the proxy answered itself: `refused`, or what went wrong with the primary.
    pub failure: Option<&'static str>,
    /// Whether it was taken to be mirrored.
    pub is_selected: bool,
    /// When its head had arrived, in nanoseconds since the Unix epoch.
    pub started_ns: u64,
    /// From then to the last of the answer.
    pub took: Duration,
}

/// A copy that was sent.
#[derive(Debug)]
pub struct Copied {
    /// Its span, under that of the live request.
    pub trace: Trace,
    /// Who got it.
    pub role: Role,
    /// The method.
    pub method: Method,
    /// The status, where the answer was complete.
    pub status: Option<StatusCode>,
    /// Why it was not.
    pub missing: Option<&'static str>,
    /// When it was sent, in nanoseconds since the Unix epoch.
    pub started_ns: u64,
    /// Until its end.
    pub took: Duration,
}

/// The way to whoever listens.
#[derive(Debug, Clone, Default)]
pub struct Observer {
    sender: Option<SyncSender<Told>>,
    has_access_log: bool,
    /// The share of new traces that are kept; none where no traces are made.
    sample: Option<f64>,
}

impl Observer {
    /// As the configuration wants it; nothing is received where it wants nothing told.
    #[must_use]
    pub fn new(config: &Config) -> (Self, Option<Receiver<Told>>) {
        let has_access_log = config.access_log.file.is_some();
        let sample = config.traces.url.is_some().then_some(config.traces.sample);
        if !has_access_log && sample.is_none() {
            return (Self::default(), None);
        }
        let (sender, receiver) = sync_channel(WAITING);
        (Self { sender: Some(sender), has_access_log, sample }, Some(receiver))
    }

    /// The span of a request whose caller is `caller`.
    fn trace(&self, core: &Core, caller: Option<Trace>) -> Option<Trace> {
        let sample = self.sample?;
        let span_id = core.unique();
        Some(match caller {
            Some(caller) => caller.child(span_id),
            None => {
                let low = core.unique();
                Trace::root(u128::from(core.unique()) << 64 | u128::from(low), span_id, is_kept(low, sample))
            }
        })
    }

    fn tell(&self, core: &Core, told: Told) {
        if let Some(sender) = &self.sender
            && sender.try_send(told).is_err()
        {
            core.counters.untold.add(1);
        }
    }

    /// Tells of a copy that ended just now.
    pub(crate) fn copied(
        &self,
        core: &Core,
        part: (Trace, Role, Method),
        ended: Result<StatusCode, &'static str>,
        took: Duration,
    ) {
        let (trace, role, method) = part;
        let copied = Copied {
            trace: trace.child(core.unique()),
            role,
            method,
            status: ended.ok(),
            missing: ended.err(),
            started_ns: unix_now().saturating_sub(nanos(took)),
            took,
        };
        self.tell(core, Told::Copied(Box::new(copied)));
    }
}

/// Whether a new trace is kept: its lower half is uniform.
fn is_kept(low: u64, sample: f64) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "53 bits of a share are enough")]
    let place = (low >> 11) as f64 / (1u64 << 53) as f64;
    place < sample
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Gathers what is told of a live request; tells it when dropped.
pub(crate) struct Watch {
    core: Rc<Core>,
    arrived: Instant,
    served: Option<Box<Served>>,
}

impl Watch {
    /// Of a request that has just arrived; none where nobody listens.
    pub(crate) fn begin(core: &Rc<Core>, client: &str, parts: &Parts, arrived: Instant) -> Option<Self> {
        core.observer.sender.as_ref()?;
        let trace = core.observer.trace(core, Trace::of(&parts.headers));
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = host.or(parts.uri.authority().map(http::uri::Authority::as_str));
        let served = Served {
            trace,
            client: client.to_owned(),
            method: parts.method.clone(),
            host: host.map(str::to_owned),
            path: parts.uri.path().to_owned(),
            version: parts.version,
            status: None,
            bytes: 0,
            is_complete: false,
            failure: None,
            is_selected: false,
            started_ns: unix_now(),
            took: Duration::ZERO,
        };
        Some(Self { core: Rc::clone(core), arrived, served: Some(Box::new(served)) })
    }

    /// The request's span.
    pub(crate) fn trace(&self) -> Option<Trace> {
        self.served.as_ref().and_then(|served| served.trace)
    }

    /// It was taken to be mirrored.
    pub(crate) fn selected(&mut self) {
        self.change(|served| served.is_selected = true);
    }

    /// The proxy answers itself.
    pub(crate) fn failed(&mut self, why: &'static str) {
        self.change(|served| served.failure = Some(why));
    }

    /// The head of the answer is on its way.
    pub(crate) fn headed(&mut self, status: StatusCode) {
        self.change(|served| served.status = Some(status));
    }

    /// The next frame of the answer is on its way.
    pub(crate) fn see(&mut self, frame: &Frame<Bytes>) {
        if let Some(data) = frame.data_ref() {
            self.change(|served| served.bytes += data.len() as u64);
        }
    }

    /// The answer has ended as it should.
    pub(crate) fn complete(&mut self) {
        self.change(|served| served.is_complete = true);
    }

    fn change(&mut self, change: impl FnOnce(&mut Served)) {
        if let Some(served) = &mut self.served {
            change(served);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let Some(mut served) = self.served.take() else { return };
        let observer = &self.core.observer;
        if observer.has_access_log || served.trace.is_some_and(|trace| trace.sampled) {
            served.took = self.arrived.elapsed();
            observer.tell(&self.core, Told::Served(served));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_traces_are_kept_as_the_share_says() {
        let digests = (0..10_000u64).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let kept = |sample| digests.clone().filter(|low| is_kept(*low, sample)).count();
        assert_eq!((kept(0.0), kept(1.0)), (0, 10_000));
        assert!((900..1100).contains(&kept(0.1)), "{}", kept(0.1));
    }
}
