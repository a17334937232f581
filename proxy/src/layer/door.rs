//! Where a request is looked at on the thread that serves it.
//!
//! Only what needs no state of the mirror's core is decided here: whether a route selects the
//! request, and whether there is room for what will be said about it. The rest is decided by the
//! core, with the code that decides it for the proxy.

use crate::Stats;
use crate::capture::Capture;
use crate::counters::Counters;
use crate::inbound::Inbound;
use crate::layer::answering::Answering;
use crate::layer::asking::Asking;
use crate::layer::intake::Event;
use crate::layer::purse::{SharedBudget, SharedHold};
use crate::pending::Head;
use crate::routes::Asked;
use crate::settings::Settings;
use http::Request;
use http_body::Body;
use hyper::upgrade::OnUpgrade;
use parallax_exchange::{Admissions, DropReason, Lane, ShedReason};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{OwnedPermit, Receiver, Sender, channel};

/// Events of one exchange: its request's end and its answer's.
const EVENTS: usize = 2;

/// What all layers of a mirror share.
#[derive(Debug)]
pub(crate) struct Door {
    settings: Arc<Settings>,
    events: Sender<Event>,
    budget: Arc<SharedBudget>,
    lane: Lane,
    tokens: AtomicU64,
    requests: AtomicU64,
    not_selected: AtomicU64,
    full: AtomicU64,
    closed: AtomicU64,
}

impl Door {
    /// A door, and what comes through it: room for two events of each exchange that may be in flight.
    pub(crate) fn new(settings: Arc<Settings>, lane: Lane) -> (Self, Receiver<Event>) {
        let room = settings.limits.copies_in_flight.saturating_mul(EVENTS);
        let (events, receiver) = channel(room.clamp(EVENTS, tokio::sync::Semaphore::MAX_PERMITS));
        let budget = SharedBudget::new(settings.limits.copy_bytes);
        let door = Self {
            settings,
            events,
            budget,
            lane,
            tokens: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            not_selected: AtomicU64::new(0),
            full: AtomicU64::new(0),
            closed: AtomicU64::new(0),
        };
        (door, receiver)
    }

    /// Counts a request, and begins to watch it if a route selects it.
    pub(crate) fn open<B: Body>(&self, request: &Request<B>) -> Option<(Asking, Answering)> {
        self.requests.fetch_add(1, Relaxed);
        let inbound = read(request);
        let selected = inbound.as_ref().is_some_and(|inbound| {
            let Head { method, uri, headers } = &inbound.head;
            self.settings.routes.select(Asked { method, uri, headers }).is_some()
        });
        let Some(inbound) = inbound.filter(|_| selected) else {
            self.not_selected.fetch_add(1, Relaxed);
            self.count(|counts| counts.not_selected += 1);
            return None;
        };
        match self.permit().and_then(|first| Ok((first, self.permit()?))) {
            Ok((first, second)) => {
                let token = self.tokens.fetch_add(1, Relaxed);
                let expected = request.body().size_hint().exact();
                let answering = Answering::new(token, &inbound.head.method, self.capture(), second);
                Some((Asking::new(token, inbound, expected, self.capture(), first), answering))
            }
            Err(TrySendError::Full(())) => {
                self.full.fetch_add(1, Relaxed);
                self.count(|counts| {
                    counts.mirrored += 1;
                    *counts.shed.entry(ShedReason::InFlight).or_default() += 1;
                });
                None
            }
            Err(TrySendError::Closed(())) => {
                self.closed.fetch_add(1, Relaxed);
                self.count(|counts| *counts.dropped.entry(DropReason::Draining).or_default() += 1);
                None
            }
        }
    }

    /// Hands what was counted here to the one thread that may change `counters`.
    pub(crate) fn settle(&self, counters: &Counters) {
        counters.requests.add(self.requests.swap(0, Relaxed));
        counters.not_selected.add(self.not_selected.swap(0, Relaxed));
        counters.sheds(ShedReason::InFlight).add(self.full.swap(0, Relaxed));
        counters.drops(DropReason::Draining).add(self.closed.swap(0, Relaxed));
    }

    /// `stats` with what was counted here since the core last took it.
    pub(crate) fn add_to(&self, mut stats: Stats) -> Stats {
        stats.requests += self.requests.load(Relaxed);
        stats.not_selected += self.not_selected.load(Relaxed);
        stats.held_bytes += self.budget.held();
        let add = |reasons: &mut std::collections::BTreeMap<_, u64>, name, count: &AtomicU64| {
            let count = count.load(Relaxed);
            if count > 0 {
                *reasons.entry(name).or_default() += count;
            }
        };
        add(&mut stats.shed, "in_flight", &self.full);
        add(&mut stats.dropped, "draining", &self.closed);
        stats
    }

    fn capture(&self) -> Capture<SharedHold> {
        Capture::paid_by(self.settings.limits.body_bytes, SharedHold::of(&self.budget))
    }

    fn permit(&self) -> Result<OwnedPermit<Event>, TrySendError<()>> {
        self.events.clone().try_reserve_owned().map_err(|error| match error {
            TrySendError::Full(_) => TrySendError::Full(()),
            TrySendError::Closed(_) => TrySendError::Closed(()),
        })
    }

    fn count(&self, change: impl FnOnce(&mut Admissions)) {
        self.lane.count(crate::core::unix_now(), |counts| {
            counts.offered += 1;
            change(counts);
        });
    }
}

/// The request as the mirror reads it; `None` for what a proxy would refuse.
fn read<B: Body>(request: &Request<B>) -> Option<Inbound> {
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.method = request.method().clone();
    parts.uri = request.uri().clone();
    parts.version = request.version();
    parts.headers = request.headers().clone();
    if let Some(upgrade) = request.extensions().get::<OnUpgrade>() {
        parts.extensions.insert(upgrade.clone());
    }
    Inbound::read(parts, !request.body().is_end_stream()).ok()
}
