//! An exchange in the making: from the head of a selected request to the last outcome.
//!
//! Everybody who takes part (the upload, the live response, the copies) holds the same [`Pending`]
//! and reports to it; whoever reports last completes the exchange. Each selected request ends in
//! exactly one count of the ledger, by construction: it is admitted, shed, or, when it is dropped
//! before either, cut.

use crate::capture::{Capture, Hold};
use crate::compact;
use crate::context::Trace;
use crate::copy;
use crate::core::Core;
use crate::edit::Edit;
use crate::forward::{Additions, mark};
use crate::key::{body_key, is_sampled};
use crate::partial::Partial;
use crate::payload::Payload;
use crate::setup::Setup;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::Frame;
use parallax_exchange::{
    Body, CopyOrder, DropReason, Exchange, ExchangeId, Label, MissingReason, Outcome, Outcomes, Request,
    Response, Role, ShedReason, Timing,
};
use smallvec::SmallVec;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// A request as it goes to a role: hop-by-hop headers gone, forwarding headers added.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) method: http::Method,
    pub(crate) uri: http::Uri,
    pub(crate) headers: HeaderMap,
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
    /// The request's target.
    pub(crate) uri: http::Uri,
    /// The target of the copies, where it is another.
    pub(crate) copy_uri: Option<http::Uri>,
    /// What the copies have otherwise.
    pub(crate) edit: Option<Arc<Edit>>,
    /// What the roles get beside the request's own headers.
    pub(crate) additions: Additions,
    pub(crate) cluster_key: u64,
    pub(crate) labels: Vec<Label>,
    pub(crate) sample_ppm: u32,
    /// Whether the body decides if the sample takes it.
    pub(crate) by_body: bool,
}

/// An exchange in the making.
pub(crate) struct Pending {
    core: Rc<Core>,
    setup: Rc<Setup>,
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
    /// Of the request.
    trailers: Option<Box<HeaderMap>>,
    outcomes: Outcomes,
    /// Responses that are being recorded, by role.
    partials: [Option<Partial>; Role::ALL.len()],
    /// Roles whose outcome is awaited; empty before admission.
    awaited: SmallVec<[Role; 3]>,
    /// What the captured bodies hold of the core's budget.
    holds: SmallVec<[Hold; 4]>,
    /// Evidence of it was lost, so it will not be sent on.
    lost: bool,
}

impl Pending {
    /// Opens an exchange; takes one place of the core's exchanges in flight.
    pub(crate) fn open(core: &Rc<Core>, setup: Rc<Setup>, selected: Selected) -> Rc<Self> {
        core.counters.in_flight.add(1);
        Rc::new(Self {
            core: Rc::clone(core),
            setup,
            admitted: Cell::new(None),
            counted: Cell::new(false),
            in_flight: Cell::new(true),
            state: RefCell::new(State {
                selected,
                trailers: None,
                outcomes: Outcomes::default(),
                partials: Default::default(),
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

    /// What it began under.
    pub(crate) fn setup(&self) -> &Setup {
        &self.setup
    }

    /// A capture for one of its bodies.
    pub(crate) fn capture(&self) -> Capture {
        Capture::new(self.setup.settings.limits.body_bytes, &self.setup.budget)
    }

    /// Whether its request was complete and its copies were offered.
    pub(crate) fn is_admitted(&self) -> bool {
        self.admitted.get().is_some()
    }

    /// When every outcome must be known: the shadows' time limit after admission (or after now).
    pub(crate) fn deadline(&self) -> tokio::time::Instant {
        let start = self.admitted.get().map_or_else(Instant::now, |admitted| admitted.at);
        (start + self.setup.settings.shadow_timeout).into()
    }

    /// Nanoseconds from admission to `instant`; 0 for what happened before.
    pub(crate) fn nanos(&self, instant: Instant) -> u64 {
        self.admitted.get().map_or(0, |admitted| nanos_between(admitted.at, instant))
    }

    /// The request is complete: this is the instant of admission, and the copies are offered now.
    ///
    /// A body that could not be captured whole cannot be copied, so such a request is shed.
    pub(crate) fn admit(self: &Rc<Self>, body: Capture, trailers: Option<Box<HeaderMap>>) {
        self.admit_at(Instant::now(), body, trailers);
    }

    /// The same for a request that was complete at `now`.
    pub(crate) fn admit_at(self: &Rc<Self>, now: Instant, body: Capture, trailers: Option<Box<HeaderMap>>) {
        if let Some(reason) = body.defect() {
            return self.shed(reason);
        }
        let core = &self.core;
        self.counted.set(true);
        let (body, hold) = body.finish();
        if !self.is_in_sample(&body) {
            core.leave_out();
            return self.leave();
        }
        let setup = &self.setup;
        if let Err(reason) = setup.caps.take(setup.shadows(), body.bytes().len() as u64, now) {
            core.drop_selected(reason);
            return self.leave();
        }
        let id = core.next_id();
        let unix_ns = crate::core::unix_now();
        let order = if id.digest() & 1 == 0 { CopyOrder::CandidateFirst } else { CopyOrder::ControlFirst };
        core.count(unix_ns, |counts| {
            counts.mirrored += 1;
            counts.candidate_offered += u64::from(setup.candidate.is_some());
            counts.control_offered += u64::from(setup.control.is_some());
        });
        let slot = core.exchanges.borrow_mut().insert(Rc::clone(self));
        self.admitted.set(Some(Admitted { at: now, unix_ns, id, order, slot }));
        self.state.borrow_mut().trailers = trailers;
        self.await_roles(body, hold);
        copy::offer(self, order);
        self.complete_if_settled();
    }

    /// Whether the sample takes a request with this body; where something else decided, it did before.
    fn is_in_sample(&self, body: &Body) -> bool {
        let selected = &self.state.borrow().selected;
        !selected.by_body || is_sampled(body_key(body.bytes(), &selected.request.target), selected.sample_ppm)
    }

    fn await_roles(&self, body: Body, hold: Hold) {
        let mut state = self.state.borrow_mut();
        state.selected.request.body = body;
        state.holds.push(hold);
        let mirrored = [
            (Role::Primary, state.outcomes.primary.is_none()),
            (Role::Candidate, self.setup.candidate.is_some()),
            (Role::Control, self.setup.control.is_some()),
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
        let Selected { request, uri, copy_uri, edit, additions, .. } = &self.state.borrow().selected;
        let mut headers = request.headers.clone();
        additions.add(&mut headers);
        let mut uri = uri;
        if role != Role::Primary {
            uri = copy_uri.as_ref().unwrap_or(uri);
            if let Some(edit) = edit {
                edit.headers(&mut headers, role);
            }
            mark(&mut headers, role);
        }
        Head { method: request.method.clone(), uri: uri.clone(), headers }
    }

    /// The span under which its copies are told, if its trace is kept, and its method.
    pub(crate) fn kept_trace(&self) -> Option<(Trace, http::Method)> {
        let Selected { request, additions, .. } = &self.state.borrow().selected;
        let trace = additions.trace.filter(|trace| trace.sampled)?;
        Some((trace, request.method.clone()))
    }

    /// The body of the request and its trailers, once it has been admitted.
    pub(crate) fn payload(&self) -> Payload {
        let state = self.state.borrow();
        Payload::Whole(state.selected.request.body.bytes().clone(), state.trailers.clone())
    }

    /// The head of the response of `role` has arrived.
    pub(crate) fn begin(&self, role: Role, status: StatusCode, headers: &HeaderMap) {
        if self.in_flight.get() {
            let headers = compact::headers(headers);
            let partial = Partial::new(status, headers, self.nanos(Instant::now()), self.capture());
            self.state.borrow_mut().partials[role as usize] = Some(partial);
        }
    }

    /// The next frame of the response of `role` has arrived.
    pub(crate) fn see(&self, role: Role, frame: &Frame<Bytes>) {
        if let Some(partial) = &mut self.state.borrow_mut().partials[role as usize] {
            partial.see(frame);
        }
    }

    /// The response of `role`, whose request was sent at `sent`, is complete.
    pub(crate) fn end(&self, role: Role, sent: Instant) {
        let Some(partial) = self.state.borrow_mut().partials[role as usize].take() else { return };
        let is_lost = partial.is_overdrawn();
        let (response, hold) = partial.finish(self.nanos(sent), self.nanos(Instant::now()));
        {
            let mut state = self.state.borrow_mut();
            state.lost |= is_lost;
            state.holds.push(hold);
        }
        self.settle(role, Outcome::Response(Box::new(response)));
    }

    /// The response of `role` was recorded elsewhere.
    pub(crate) fn take_over(&self, role: Role, response: Response) {
        let mut hold = Hold::of(&self.setup.budget);
        let is_lost = !hold.grow(response.body.bytes().len());
        {
            let mut state = self.state.borrow_mut();
            state.lost |= is_lost;
            state.holds.push(hold);
        }
        self.settle(role, Outcome::Response(Box::new(response)));
    }

    /// Evidence of it is gone, so it is not sent on.
    pub(crate) fn lose(&self) {
        self.state.borrow_mut().lost = true;
    }

    /// There will be no complete response of `role`, whose request was sent at `sent`.
    pub(crate) fn miss(&self, role: Role, reason: MissingReason, sent: Instant) {
        let done_ns = self.nanos(Instant::now());
        let timing = Timing { sent_ns: self.nanos(sent), head_ns: done_ns, done_ns };
        self.settle(role, Outcome::Missing { reason, timing });
    }

    /// Closes the exchange: every role that is still awaited has no response.
    pub(crate) fn give_up(&self, reason: MissingReason) {
        let Some(Admitted { at, .. }) = self.admitted.get() else { return };
        let awaited = self.state.borrow().awaited.clone();
        for role in awaited {
            self.miss(role, reason, at);
        }
    }

    /// Records what `role` did; nothing is recorded of a closed exchange.
    fn settle(&self, role: Role, outcome: Outcome) {
        if self.in_flight.get() {
            self.core.counters.outcome(role, &outcome);
            self.state.borrow_mut().settle(role, outcome);
            self.complete_if_settled();
        }
    }

    fn complete_if_settled(&self) {
        let Some(admitted) = self.admitted.get() else { return };
        if !self.in_flight.get() || !self.state.borrow().awaited.is_empty() {
            return;
        }
        // The core's reference goes last: it may be what keeps `self` alive.
        let _kept = self.core.exchanges.borrow_mut().remove(admitted.slot);
        let exchange = self.take_exchange(admitted);
        self.leave();
        match exchange {
            Some(exchange) => self.core.send(exchange),
            None => self.core.counters.lost.add(1),
        }
    }

    fn leave(&self) {
        if self.in_flight.replace(false) {
            self.core.counters.in_flight.subtract(1);
            let mut state = self.state.borrow_mut();
            state.partials = Default::default();
            state.holds.clear();
        }
    }

    fn take_exchange(&self, admitted: Admitted) -> Option<Box<Exchange>> {
        let mut state = self.state.borrow_mut();
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

impl State {
    fn settle(&mut self, role: Role, outcome: Outcome) {
        let place = match role {
            Role::Primary => &mut self.outcomes.primary,
            Role::Candidate => &mut self.outcomes.candidate,
            Role::Control => &mut self.outcomes.control,
        };
        debug_assert!(place.is_none(), "a role's seat settles once");
        *place = Some(outcome);
        self.awaited.retain(|awaited| *awaited != role);
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
