//! Answers of several targets to one arrival, brought together by its index.

use super::{PairedRun, REPLY_MAX};
use crate::engine::Failure;
use crate::engine::arm::{Caught, Ended, place};
use crate::recording::{exchange_of, reply};
use parallax_exchange::{
    CopyOrder, Exchange, ExchangeId, Lane, MissingReason, Outcome, Response, Role, Sender, Timing,
};
use std::collections::BTreeMap;

/// Arrivals that wait for the answers of other targets, at most: what one that lags behind can hold up.
const PENDING_MAX: usize = 100_000;

/// Brings answers together and offers whole exchanges.
pub(super) struct Join<'a> {
    run: &'a PairedRun,
    /// Unix time of the plan's time 0.
    epoch_ns: u64,
    ledger: Lane,
    sender: Sender,
    pending: BTreeMap<u64, Pending>,
    /// Arrivals below this are no longer waited for.
    given_up_below: u64,
    /// Arrivals seen at one target at least.
    seen: u64,
    compared: u64,
    /// Arrivals up to the latest one that was seen, and when that was due.
    reached: u64,
    reached_ns: u64,
}

struct Pending {
    exchange: Exchange,
    /// Targets whose answer has not come.
    left: usize,
    /// An answer cannot be compared.
    is_spoilt: bool,
}

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Joined {
    pub(super) compared: u64,
    pub(super) lost: u64,
}

impl<'a> Join<'a> {
    pub(super) fn new(run: &'a PairedRun, epoch_ns: u64, ledger: Lane, sender: Sender) -> Self {
        Self {
            run,
            epoch_ns,
            ledger,
            sender,
            pending: BTreeMap::new(),
            given_up_below: 0,
            seen: 0,
            compared: 0,
            reached: 0,
            reached_ns: 0,
        }
    }

    /// Takes an answer; the last one of an arrival completes its exchange.
    pub(super) fn add(&mut self, role: Role, caught: Caught) {
        let index = caught.index;
        let mut pending = match self.pending.remove(&index) {
            Some(pending) => pending,
            None if index < self.given_up_below => return,
            None => self.begin(index, caught.due_ns),
        };
        match outcome(caught) {
            Some(outcome) => *pending.exchange.outcomes.of_mut(role) = Some(outcome),
            None => pending.is_spoilt = true,
        }
        pending.left -= 1;
        if pending.left == 0 {
            // A comparison that is too slow loses exchanges; it must not slow the load down.
            let is_taken = !pending.is_spoilt && self.sender.offer(Box::new(pending.exchange)).is_ok();
            self.compared += u64::from(is_taken);
            return;
        }
        self.pending.insert(index, pending);
        if self.pending.len() > PENDING_MAX
            && let Some((given_up, _)) = self.pending.pop_first()
        {
            self.given_up_below = given_up + 1;
        }
    }

    /// What has not come by now never comes; arrivals of which nothing was seen are mirrored too.
    pub(super) fn finish(self) -> Joined {
        (self.seen..self.reached).for_each(|_| self.count(self.reached_ns));
        Joined { compared: self.compared, lost: self.reached - self.compared }
    }

    /// An arrival of which nothing was known yet.
    fn begin(&mut self, index: u64, due_ns: u64) -> Pending {
        let admitted_ns = self.epoch_ns + due_ns;
        self.seen += 1;
        self.reached = self.reached.max(index + 1);
        self.reached_ns = self.reached_ns.max(admitted_ns);
        self.count(admitted_ns);
        let request = &self.run.requests[(index % self.run.requests.len() as u64) as usize];
        let mut exchange = exchange_of(index, admitted_ns, request.clone(), self.run.session_header.as_ref());
        let epoch = (self.epoch_ns / 1_000_000_000) as u32;
        exchange.id = ExchangeId { proxy: 0, epoch, sequence: index };
        exchange.order = self.order(index);
        Pending { exchange, left: self.run.runs.len(), is_spoilt: false }
    }

    fn order(&self, index: u64) -> CopyOrder {
        let targets = self.run.runs.len() as u64;
        if targets > 2 && place(index, 2, targets) < place(index, 1, targets) {
            CopyOrder::ControlFirst
        } else {
            CopyOrder::CandidateFirst
        }
    }

    fn count(&self, admitted_ns: u64) {
        let has_control = self.run.runs.len() > 2;
        self.ledger.count(admitted_ns, |counts| {
            counts.offered += 1;
            counts.mirrored += 1;
            counts.candidate_offered += 1;
            counts.control_offered += u64::from(has_control);
        });
    }
}

/// An answer as an outcome; `None` for what says nothing of the target: a reply that is too long to be kept,
/// or a limit of this machine.
fn outcome(caught: Caught) -> Option<Outcome> {
    let Caught { due_ns, first_ns, done_ns, ended, .. } = caught;
    // From the intended start: what a request waited for a connection is a part of its latency.
    let done_ns = done_ns.saturating_sub(due_ns);
    let head_ns = if first_ns == 0 { done_ns } else { first_ns.saturating_sub(due_ns) };
    let timing = Timing { sent_ns: 0, head_ns, done_ns };
    let missing = |reason| Some(Outcome::Missing { reason, timing });
    match ended {
        Ended::Failed(Failure::Local) => None,
        Ended::Failed(failure) => missing(reason(failure)),
        Ended::Reply(_, bytes) if bytes.len() > REPLY_MAX => None,
        Ended::Reply(_, bytes) => match reply(&bytes) {
            Ok(response) => Some(Outcome::Response(Box::new(Response { timing, ..response }))),
            Err(_) => missing(MissingReason::Protocol),
        },
    }
}

fn reason(failure: Failure) -> MissingReason {
    match failure {
        Failure::Connect => MissingReason::Connect,
        Failure::Reset => MissingReason::Reset,
        Failure::Timeout => MissingReason::Timeout,
        Failure::Protocol => MissingReason::Protocol,
        Failure::Local | Failure::Shed => MissingReason::Refused,
    }
}
