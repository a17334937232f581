//! The books of a lane: which arrival is next, and where each one ends up.
//!
//! Lanes differ in how they carry requests; that every arrival is counted once, and timed from its
//! intended start, must not differ.

use super::arm::{Arm, Caught, Ended};
use super::clock;
use super::connection::{Arrival, Flight};
use super::lane::Setup;
use super::live::LiveLane;
use super::tally::{Class, Failure, Tally};
use crate::plan::Stripe;

/// What a lane counts, and what it takes its arrivals from.
pub(super) struct Books<'a> {
    pub(super) setup: Setup<'a>,
    live: LiveLane,
    plan: Stripe<'a>,
    pub(super) next: Option<Arrival>,
    /// In a closed loop: when it ends, and the index of the next request.
    closed: Option<(u64, u64)>,
    /// Which lane this is.
    number: u64,
    next_sweep_ns: u64,
    pub(super) tally: Tally,
}

impl<'a> Books<'a> {
    /// The books of lane `number`.
    pub(super) fn new(setup: Setup<'a>, number: u64, live: LiveLane) -> Self {
        let closed = setup.plan.closed_ns().map(|length| (setup.start_ns + length, number));
        // In session order whole sessions are dealt out, so a lane walks the whole plan and takes its own.
        let plan = match setup.source.sessions() {
            None => setup.plan.stripe(number, setup.lanes),
            Some(_) => setup.plan.stripe(0, 1),
        };
        let next_sweep_ns = 0;
        let mut books =
            Self { setup, live, plan, next: None, closed, number, next_sweep_ns, tally: Tally::new() };
        books.advance();
        books
    }

    /// Nanoseconds after the start of the run.
    pub(super) fn since_start(&self, ns: u64) -> u64 {
        ns.saturating_sub(self.setup.start_ns)
    }

    /// When there is something to do: the next arrival is due, or limits are looked at.
    pub(super) fn next_wake_ns(&self) -> u64 {
        self.next_due_ns().min(self.next_sweep_ns)
    }

    /// Now, where it is time to look at limits again.
    pub(super) fn sweep(&mut self) -> Option<Sweep> {
        let now = clock::now_ns();
        if now < self.next_sweep_ns {
            return None;
        }
        let options = self.setup.options;
        self.next_sweep_ns = now + options.sweep_ns();
        Some(Sweep { now, limit_ns: options.timeout_ns() })
    }

    /// When the next arrival is due; never, where there is none.
    fn next_due_ns(&self) -> u64 {
        match self.closed {
            // Only the start is waited for: afterwards answers decide.
            Some(_) if clock::now_ns() < self.setup.start_ns => self.setup.start_ns,
            _ => self.next.map_or(u64::MAX, |arrival| arrival.due_ns),
        }
    }

    /// Whether no arrival will come any more.
    pub(super) fn is_done(&self, now: u64) -> bool {
        self.closed.map_or(self.next.is_none(), |(end_ns, _)| now >= end_ns)
    }

    /// The next arrival that is due by `now`, released. In a closed loop there is one for each of the
    /// `free` places.
    pub(super) fn release(&mut self, now: u64, free: usize) -> Option<Arrival> {
        if let Some((end_ns, index)) = self.closed {
            let is_open = free > 0 && (self.setup.start_ns..end_ns).contains(&now);
            return is_open.then(|| {
                self.closed = Some((end_ns, index + self.setup.lanes));
                self.tally.counts.released += 1;
                Arrival { index, due_ns: now }
            });
        }
        let arrival = self.next.filter(|arrival| arrival.due_ns <= now)?;
        self.tally.counts.released += 1;
        self.tally.generator_lag.saturating_record(now - arrival.due_ns);
        let (due, now) = (self.since_start(arrival.due_ns), self.since_start(now));
        self.tally.windows.released(due, now);
        self.advance();
        Some(arrival)
    }

    fn advance(&mut self) {
        if self.closed.is_some() {
            return;
        }
        let Setup { start_ns, arm, .. } = self.setup;
        let (sessions, mine) = (self.setup.source.sessions(), self.number);
        let lanes = self.setup.lanes;
        let is_mine = |index: u64| sessions.is_none_or(|all| u64::from(all.of(index)) % lanes == mine);
        self.next = self.plan.by_ref().find(|(index, _)| is_mine(*index)).map(|(index, due)| {
            let stagger = arm.map_or(0, |arm| arm.stagger_ns(index));
            Arrival { index, due_ns: start_ns + due + stagger }
        });
    }

    // The ways out.

    /// A whole reply came; `kept` is what was kept of it.
    pub(super) fn complete(&mut self, flight: Flight, status: u16, class: Class, now: u64, kept: Vec<u8>) {
        *self.tally.counts.status.entry(status).or_default() += 1;
        self.record(class, Some(flight), flight.arrival, now);
        self.hand_on(flight.arrival, Some(flight), now, Ended::Reply(status, kept));
    }

    /// A request that was sent got no reply.
    pub(super) fn fail(
        &mut self,
        flight: Flight,
        failure: Failure,
        now: u64,
        message: impl FnOnce() -> String,
    ) {
        self.tally.fail(failure, message);
        self.record(Class::Failed, Some(flight), flight.arrival, now);
        self.hand_on(flight.arrival, Some(flight), now, Ended::Failed(failure));
    }

    /// An arrival failed that was never sent.
    pub(super) fn fail_unsent(
        &mut self,
        arrival: Arrival,
        failure: Failure,
        now: u64,
        message: impl FnOnce() -> String,
    ) {
        self.tally.fail(failure, message);
        self.record(Class::Failed, None, arrival, now);
        self.hand_on(arrival, None, now, Ended::Failed(failure));
    }

    /// The time limit of an arrival passed before there was a connection for it.
    pub(super) fn expire(&mut self, arrival: Arrival, now: u64) {
        let why = || "no connection was free in time".to_owned();
        self.fail_unsent(arrival, Failure::Timeout, now, why);
    }

    /// An arrival is given up unsent; its response time is known only at the end.
    pub(super) fn shed(&mut self, arrival: Arrival, why: &str) {
        self.tally.fail(Failure::Shed, || why.to_owned());
        self.tally.shed_due.saturating_record(self.since_start(arrival.due_ns));
        self.hand_on(arrival, None, arrival.due_ns, Ended::Failed(Failure::Shed));
    }

    fn record(&mut self, class: Class, flight: Option<Flight>, arrival: Arrival, now: u64) {
        let response = now.saturating_sub(arrival.due_ns);
        self.tally.response[class as usize].saturating_record(response);
        self.live.record(response);
        if let Some(flight) = flight {
            self.tally.send_lag.saturating_record(flight.sent_ns.saturating_sub(arrival.due_ns));
            self.tally.service.saturating_record(now - flight.sent_ns);
            if flight.first_ns > 0 {
                self.tally.first_byte.saturating_record(flight.first_ns - flight.sent_ns);
            }
        }
    }

    /// Hands on what became of an arrival, where somebody looks at each.
    fn hand_on(&self, arrival: Arrival, flight: Option<Flight>, done_ns: u64, ended: Ended) {
        let Some(arm) = self.setup.arm else { return };
        arm.hand_on(Caught {
            index: arrival.index,
            due_ns: self.since_start(arrival.due_ns),
            sent_ns: flight.map(|flight| self.since_start(flight.sent_ns)),
            first_ns: self.since_start(flight.map_or(0, |flight| flight.first_ns)),
            done_ns: self.since_start(done_ns),
            ended,
        });
    }

    /// Whether whoever looks wants the bytes of replies.
    pub(super) fn keeps_replies(&self) -> bool {
        self.setup.arm.is_some_and(Arm::keeps_replies)
    }

    /// Shows how things stand.
    pub(super) fn publish(&mut self, now: u64) {
        self.live.publish(&self.tally.counts, now);
    }

    /// The next arrival and all that follow, none of which is due.
    fn not_due(&mut self) -> u64 {
        if self.setup.source.sessions().is_none() {
            return u64::from(self.next.is_some()) + self.plan.remaining();
        }
        let mut count = 0;
        while self.next.is_some() {
            count += 1;
            self.advance();
        }
        count
    }

    /// Accounts for what has not ended, and for what was never released.
    pub(super) fn close(mut self, unfinished: impl Iterator<Item = Arrival>) -> Tally {
        let now = clock::now_ns();
        for arrival in unfinished {
            self.tally.counts.in_flight_at_end += 1;
            self.record(Class::Censored, None, arrival, now);
        }
        while let Some(arrival) = self.next.filter(|arrival| arrival.due_ns <= now) {
            self.tally.counts.unreleased += 1;
            self.record(Class::Censored, None, arrival, now);
            self.advance();
        }
        if self.closed.is_none() {
            self.tally.counts.not_due = self.not_due();
        }
        self.tally.close(self.since_start(now));
        self.tally.cpu_ns = clock::thread_cpu_ns();
        self.live.finish(&self.tally.counts);
        self.tally
    }
}

/// A look at limits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sweep {
    pub(super) now: u64,
    limit_ns: u64,
}

impl Sweep {
    /// Whether the time limit has passed since `since_ns`.
    pub(super) fn is_over(self, since_ns: u64) -> bool {
        self.now.saturating_sub(since_ns) >= self.limit_ns
    }
}
