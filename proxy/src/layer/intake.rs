//! Where what the layers saw becomes exchanges: on the mirror's own thread.

use crate::core::Core;
use crate::forward::Additions;
use crate::inbound::Inbound;
use crate::layer::door::Door;
use crate::layer::purse::SharedHold;
use crate::pending::Pending;
use crate::select::choose;
use http::{HeaderMap, StatusCode};
use parallax_exchange::{Body, MissingReason, Response, Role, ShedReason, Timing};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Receiver;

/// How often counts of the layers are taken over where no event does it.
const SETTLE: Duration = Duration::from_millis(200);

/// Something that a layer saw.
pub(crate) enum Event {
    Asked(Box<Asked>),
    Answered(Box<Answered>),
}

/// The end of a request.
pub(crate) struct Asked {
    pub(crate) token: u64,
    pub(crate) inbound: Inbound,
    pub(crate) at: Instant,
    pub(crate) body: Requested,
}

/// What became of a request's body.
pub(crate) enum Requested {
    Whole { body: Body, trailers: Option<Box<HeaderMap>>, _hold: SharedHold },
    Shed(ShedReason),
    Cut,
}

/// The end of an answer.
pub(crate) struct Answered {
    pub(crate) token: u64,
    pub(crate) sent: Instant,
    pub(crate) done: Instant,
    pub(crate) answer: Result<Answer, MissingReason>,
}

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) head: Instant,
    pub(crate) body: Body,
    pub(crate) trailers: HeaderMap,
    /// What was captured is not what was sent, because the byte budget ran out.
    pub(crate) is_overdrawn: bool,
    pub(crate) _hold: SharedHold,
}

/// What a core takes in instead of connections.
pub(crate) struct Intake {
    pub(crate) events: Receiver<Event>,
    pub(crate) door: Arc<Door>,
}

impl Intake {
    /// Takes events until the core goes.
    pub(crate) async fn run(mut self, core: Rc<Core>) {
        let mut open = HashMap::new();
        loop {
            match tokio::time::timeout(SETTLE, self.events.recv()).await {
                Ok(None) => return,
                Ok(Some(Event::Asked(asked))) => {
                    let token = asked.token;
                    open.extend(ask(&core, *asked).map(|pending| (token, pending)));
                }
                Ok(Some(Event::Answered(answered))) => {
                    if let Some(pending) = open.remove(&answered.token) {
                        answer(&pending, *answered);
                    }
                }
                Err(_) => {}
            }
            self.door.settle(&core.counters);
        }
    }
}

/// Begins the exchange of a request that is over, if it is to be mirrored.
fn ask(core: &Rc<Core>, asked: Asked) -> Option<Rc<Pending>> {
    let Asked { inbound, at, body, .. } = asked;
    let setup = core.setup();
    let length = match &body {
        Requested::Whole { body, .. } => Some(body.len()),
        _ => None,
    };
    let taken = choose(core, &setup, core.unique(), &inbound, length)?;
    let default_host = (!inbound.has_host).then(|| setup.primary.target().authority.clone());
    // The service's own spans are the service's: a copy has the context that its request came with.
    let additions = Additions {
        forwarded: None,
        version: inbound.version,
        default_host,
        is_chunked: inbound.is_chunked,
        trace: None,
    };
    let pending = taken.open(core, &setup, &inbound.head.uri, additions);
    match body {
        Requested::Whole { body, trailers, .. } => {
            let mut capture = pending.capture();
            capture.push(body.bytes());
            pending.admit_at(at, capture, trailers);
        }
        Requested::Shed(reason) => pending.shed(reason),
        // Dropping it counts it.
        Requested::Cut => {}
    }
    pending.is_admitted().then_some(pending)
}

/// Gives an exchange the primary's outcome.
fn answer(pending: &Pending, answered: Answered) {
    let Answered { sent, done, answer, .. } = answered;
    match answer {
        Ok(Answer { status, headers, head, body, trailers, is_overdrawn, .. }) => {
            let [sent_ns, head_ns, done_ns] = [sent, head, done].map(|instant| pending.nanos(instant));
            if is_overdrawn {
                pending.lose();
            }
            let timing = Timing { sent_ns, head_ns, done_ns };
            pending.take_over(Role::Primary, Response { status, headers, body, trailers, timing });
        }
        Err(reason) => pending.miss(Role::Primary, reason, sent),
    }
}
