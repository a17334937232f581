//! An exchange in the making: from the head of a selected request to the last outcome.
//!
//! Everybody who takes part (the upload, the live response, the copies) holds the same [`Pending`]
//! and reports to it; whoever reports last completes the exchange. Each selected request ends in
//! exactly one count of the ledger, by construction: it is admitted, shed, or, when it is dropped
//! before either, cut.

use crate::capture::{Capture, Hold};
use crate::copy;
use crate::core::Core;
use crate::forward::mark;
use parallax_exchange::{
    CopyOrder, DropReason, Exchange, ExchangeId, Label, MissingReason, Outcome, Outcomes, Request, Role,
    ShedReason, Timing,
};
use smallvec::SmallVec;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Instant;

/// A request as it goes to a role: hop-by-hop headers gone, forwarding headers added.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) method: http::Method,
    pub(crate) uri: http::Uri,
    pub(crate) headers: http::HeaderMap,
}

impl Head {
    /// The head of `request`.
    pub(crate) fn of<B>(request: &http::Request<B>) -> Self {
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            headers: request.headers().clone(),
        }
    }

    /// The request with `payload` as its body.
    pub(crate) fn with<B>(self, payload: B) -> http::Request<B> {
        let mut request = http::Request::new(payload);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.headers_mut() = self.headers;
        request
    }
}

/// What is known of a selected request when its head has been read.
pub(crate) struct Selected {
    pub(crate) request: Request,
    pub(crate) head: Head,
    pub(crate) cluster_key: u64,
    pub(crate) labels: Vec<Label>,
    pub(crate) sample_ppm: u32,
}

/// An exchange in the making.
pub(crate) struct Pending {
    core: Rc<Core>,
    admitted: Cell<Option<Admitted>>,
    /// Whether the ledger knows this request.
    counted: Cell<bool>,
    /// Whether it still takes one of the core's places in flight.
    in_flight: Cell<bool>,
    state: RefCell<State>,
}

#[derive(Debug, Clone, Copy)]
struct Admitted {
    at: Instant,
    unix_ns: u64,
    id: ExchangeId,
    order: CopyOrder,
    /// Where the core keeps it.
    slot: usize,
}

struct State {
    selected: Selected,
    outcomes: Outcomes,
    /// Roles whose outcome is awaited; empty before admission.
    awaited: SmallVec<[Role; 3]>,
    /// What the captured bodies hold of the core's budget.
    holds: SmallVec<[Hold; 4]>,
    /// Evidence of it was lost, so it will not be sent on.
    lost: bool,
}

impl Pending {
    /// Opens an exchange; takes one place of the core's exchanges in flight.
    pub(crate) fn open(core: &Rc<Core>, selected: Selected) -> Rc<Self> {
        core.counters.in_flight.add(1);
        Rc::new(Self {
            core: Rc::clone(core),
            admitted: Cell::new(None),
            counted: Cell::new(false),
            in_flight: Cell::new(true),
            state: RefCell::new(State {
                selected,
                outcomes: Outcomes::default(),
                awaited: SmallVec::new(),
                holds: SmallVec::new(),
                lost: false,
            }),
        })
    }

    /// The core to which it belongs.
    pub(crate) fn core(&self) -> &Rc<Core> {
        &self.core
    }

    /// A capture for one of its bodies.
    pub(crate) fn capture(&self) -> Capture {
        Capture::new(self.core.settings.limits.body_bytes, &self.core.budget)
    }

    /// Whether its request was complete and its copies were offered.
    pub(crate) fn is_admitted(&self) -> bool {
        self.admitted.get().is_some()
    }

    /// When every outcome must be known: the shadows' time limit after admission (or after now).
    pub(crate) fn deadline(&self) -> tokio::time::Instant {
        let start = self.admitted.get().map_or_else(Instant::now, |admitted| admitted.at);
        (start + self.core.settings.shadow_timeout).into()
    }

    /// Nanoseconds from admission to `instant`; 0 for what happened before.
    pub(crate) fn nanos(&self, instant: Instant) -> u64 {
        self.admitted.get().map_or(0, |admitted| nanos_between(admitted.at, instant))
    }

    /// The request is complete: this is the instant of admission, and the copies are offered now.
    ///
    /// A body that could not be captured whole cannot be copied, so such a request is shed.
    pub(crate) fn admit(self: &Rc<Self>, body: Capture) {
        if let Some(reason) = body.defect() {
            return self.shed(reason);
        }
        let core = &self.core;
        self.counted.set(true);
        let (id, now) = (core.next_id(), Instant::now());
        let unix_ns = crate::core::unix_now();
        let order = if id.digest() & 1 == 0 { CopyOrder::CandidateFirst } else { CopyOrder::ControlFirst };
        core.count(unix_ns, |counts| {
            counts.mirrored += 1;
            counts.candidate_offered += u64::from(core.candidate.is_some());
            counts.control_offered += u64::from(core.control.is_some());
        });
        let slot = core.exchanges.borrow_mut().insert(Rc::clone(self));
        self.admitted.set(Some(Admitted { at: now, unix_ns, id, order, slot }));
        self.await_roles(body);
        copy::offer(self, order);
        self.complete_if_settled();
    }

    fn await_roles(&self, body: Capture) {
        let mut state = self.state.borrow_mut();
        let (body, hold) = body.finish();
        state.selected.request.body = body;
        state.holds.push(hold);
        let mirrored = [
            (Role::Primary, state.outcomes.primary.is_none()),
            (Role::Candidate, self.core.candidate.is_some()),
            (Role::Control, self.core.control.is_some()),
        ];
        state.awaited.extend(mirrored.into_iter().filter_map(|(role, awaited)| awaited.then_some(role)));
    }

    /// Gives the request up for all roles before any outcome was known.
    pub(crate) fn shed(&self, reason: ShedReason) {
        self.counted.set(true);
        self.core.shed(reason);
        self.leave();
    }

    /// The head of the request as it goes to `role`.
    pub(crate) fn head_for(&self, role: Role) -> Head {
        let mut head = self.state.borrow().selected.head.clone();
        if role != Role::Primary {
            mark(&mut head.headers, role);
        }
        head
    }

    /// The body of the request, once it has been admitted.
    pub(crate) fn body(&self) -> bytes::Bytes {
        self.state.borrow().selected.request.body.bytes().clone()
    }

    /// Marks the exchange as incomplete evidence: it will be counted as lost.
    pub(crate) fn lose(&self) {
        self.state.borrow_mut().lost = true;
    }

    /// Records what `role` did, unless that is known already.
    pub(crate) fn settle(&self, role: Role, outcome: Outcome, hold: Option<Hold>) {
        if !self.in_flight.get() {
            return;
        }
        {
            let mut state = self.state.borrow_mut();
            let place = match role {
                Role::Primary => &mut state.outcomes.primary,
                Role::Candidate => &mut state.outcomes.candidate,
                Role::Control => &mut state.outcomes.control,
            };
            if place.is_some() {
                return;
            }
            self.core.counters.outcome(role, &outcome);
            *place = Some(outcome);
            state.holds.extend(hold);
            state.awaited.retain(|awaited| *awaited != role);
        }
        self.complete_if_settled();
    }

    /// Records for every role that is still awaited that there is no response.
    pub(crate) fn give_up(&self, reason: MissingReason) {
        let awaited = self.state.borrow().awaited.clone();
        for role in awaited {
            self.settle(role, self.missing(reason, Instant::now()), None);
        }
    }

    /// No response, for a role whose request was sent at `sent`.
    pub(crate) fn missing(&self, reason: MissingReason, sent: Instant) -> Outcome {
        let done_ns = self.nanos(Instant::now());
        Outcome::Missing { reason, timing: Timing { sent_ns: self.nanos(sent), head_ns: done_ns, done_ns } }
    }

    fn complete_if_settled(&self) {
        let Some(admitted) = self.admitted.get() else { return };
        if !self.in_flight.get() || !self.state.borrow().awaited.is_empty() {
            return;
        }
        self.leave();
        // The core's reference goes last: it may be what keeps `self` alive.
        let _kept = self.core.exchanges.borrow_mut().remove(admitted.slot);
        match self.take_exchange(admitted) {
            Some(exchange) => self.core.send(exchange),
            None => self.core.counters.lost.add(1),
        }
    }

    fn leave(&self) {
        if self.in_flight.replace(false) {
            self.core.counters.in_flight.subtract(1);
        }
    }

    fn take_exchange(&self, admitted: Admitted) -> Option<Box<Exchange>> {
        let mut state = self.state.borrow_mut();
        state.holds.clear();
        if state.lost {
            return None;
        }
        Some(Box::new(Exchange {
            id: admitted.id,
            admitted_ns: admitted.unix_ns,
            cluster_key: state.selected.cluster_key,
            labels: std::mem::take(&mut state.selected.labels),
            order: admitted.order,
            sample_ppm: state.selected.sample_ppm,
            request: std::mem::take(&mut state.selected.request),
            outcomes: std::mem::take(&mut state.outcomes),
        }))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.leave();
        if !self.counted.get() {
            self.core.drop_selected(DropReason::RequestCut);
        }
    }
}

fn nanos_between(start: Instant, end: Instant) -> u64 {
    u64::try_from(end.saturating_duration_since(start).as_nanos()).unwrap_or(u64::MAX)
}
