//! Two recordings joined by request: in what the answers to the same requests differ.
//!
//! A request is found again by its method, its target and its body. The n-th occurrence on one side
//! goes with the n-th on the other, so retries and polling join as they came. An exchange waits for
//! its counterpart in memory, up to a bound: recordings of the same traffic are in about the same
//! order, so few wait at once. What has waited too long counts as missing or extra, and that is told.

mod document;

pub use document::{Joined, Place, Recordings, Tally};

use super::{Difference, Kind, Part};
use crate::compare::{Comparer, Comparison};
use document::Collected;
use parallax_exchange::{Body, Exchange, ExchangeId, Outcome, Request, Role};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use xxhash_rust::xxh3::Xxh3;

/// One of the two recordings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// What is expected.
    Left,
    /// What came.
    Right,
}

/// Bounds of a join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JoinLimits {
    /// Estimated bytes of the exchanges that wait for their counterparts.
    pub waiting_bytes: usize,
    /// Differences that are listed; all are counted.
    pub differences: usize,
    /// Places that are counted one by one; the rest is counted together.
    pub places: usize,
}

impl Default for JoinLimits {
    fn default() -> Self {
        Self { waiting_bytes: 256 << 20, differences: 1_000, places: 1_000 }
    }
}

/// Joins the exchanges of two recordings, given in any interleaving, and compares their answers.
#[derive(Debug)]
pub struct Join<'c> {
    comparer: &'c Comparer,
    roles: [Role; 2],
    limits: JoinLimits,
    /// By request; all that wait under one are of one side, else they were joined.
    waiting: HashMap<u128, (Side, VecDeque<Waiting>)>,
    /// The waiting exchanges in the order in which they came.
    order: BTreeMap<u64, u128>,
    arrivals: u64,
    weight: usize,
    collected: Collected,
}

#[derive(Debug)]
struct Waiting {
    arrival: u64,
    answered: Answered,
    weight: usize,
}

/// What is kept of an exchange.
#[derive(Debug)]
pub(super) struct Answered {
    id: ExchangeId,
    /// Without its body.
    request: Request,
    route: Option<Arc<str>>,
    outcome: Option<Outcome>,
}

impl<'c> Join<'c> {
    /// Compares the answer of the first role on the left with that of the second on the right.
    #[must_use]
    pub fn new(comparer: &'c Comparer, roles: [Role; 2], limits: JoinLimits) -> Self {
        Self {
            comparer,
            roles,
            limits,
            waiting: HashMap::new(),
            order: BTreeMap::new(),
            arrivals: 0,
            weight: 0,
            collected: Collected::default(),
        }
    }

    /// What was counted so far.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.collected.tally
    }

    /// Adds the next exchange of one side.
    pub fn add(&mut self, side: Side, exchange: Exchange) {
        match side {
            Side::Left => self.collected.tally.left += 1,
            Side::Right => self.collected.tally.right += 1,
        }
        let key = key(&exchange);
        let answered = Answered::of(exchange, self.roles[side as usize]);
        match self.counterpart(key, side) {
            Some(other) if side == Side::Left => self.compare(&answered, &other),
            Some(other) => self.compare(&other, &answered),
            None => self.wait(key, side, answered),
        }
    }

    /// Ends both recordings.
    #[must_use]
    pub fn finish(mut self) -> Recordings {
        while self.give_up_oldest() {}
        self.collected.finish()
    }

    /// Takes out the exchange of the other side that waits longest under `key`.
    fn counterpart(&mut self, key: u128, side: Side) -> Option<Answered> {
        let (held, queue) = self.waiting.get_mut(&key)?;
        if *held == side {
            return None;
        }
        let Waiting { arrival, answered, weight } = queue.pop_front()?;
        if queue.is_empty() {
            self.waiting.remove(&key);
        }
        self.order.remove(&arrival);
        self.weight -= weight;
        Some(answered)
    }

    fn wait(&mut self, key: u128, side: Side, answered: Answered) {
        let (arrival, weight) = (self.arrivals, answered.weight());
        self.arrivals += 1;
        self.order.insert(arrival, key);
        self.weight += weight;
        let (_, queue) = self.waiting.entry(key).or_insert_with(|| (side, VecDeque::new()));
        queue.push_back(Waiting { arrival, answered, weight });
        while self.weight > self.limits.waiting_bytes && self.give_up_oldest() {
            self.collected.tally.given_up += 1;
        }
    }

    /// Counts the exchange that waits longest as missing or extra; `false` where none waits.
    fn give_up_oldest(&mut self) -> bool {
        let Some((_, key)) = self.order.pop_first() else { return false };
        let Some((side, queue)) = self.waiting.get_mut(&key) else { return false };
        let (side, oldest) = (*side, queue.pop_front());
        if queue.is_empty() {
            self.waiting.remove(&key);
        }
        let Some(Waiting { answered, weight, .. }) = oldest else { return false };
        self.weight -= weight;
        self.collected.lone(side, &answered, self.limits);
        true
    }

    fn compare(&mut self, left: &Answered, right: &Answered) {
        let comparison = match (&left.outcome, &right.outcome) {
            (None, None) => {
                self.collected.unanswered();
                return;
            }
            (Some(Outcome::Response(l)), Some(Outcome::Response(r))) => {
                let route = left.route.as_deref().or(right.route.as_deref());
                self.comparer.compare_answers(route, &left.request, l, r)
            }
            (Some(Outcome::Missing { reason: l, .. }), Some(Outcome::Missing { reason: r, .. }))
                if l == r =>
            {
                Comparison::default()
            }
            (left, right) => Comparison { differences: vec![outcomes(left, right)], truncated: false },
        };
        self.collected.joined(left, right, comparison, self.limits);
    }
}

/// The difference between an answer and none, or two reasons for none.
fn outcomes(left: &Option<Outcome>, right: &Option<Outcome>) -> Difference {
    let text = |outcome: &Option<Outcome>| match outcome {
        Some(Outcome::Response(response)) => Some(response.status.as_str().to_owned()),
        Some(Outcome::Missing { reason, .. }) => Some(format!("no answer: {}", reason.name())),
        None => None,
    };
    let (left, right) = (text(left), text(right));
    let kind = match (&left, &right) {
        (Some(_), None) => Kind::Missing,
        (None, Some(_)) => Kind::Extra,
        _ => Kind::Value,
    };
    Difference {
        part: Part::Status,
        path: String::new(),
        pattern: String::new(),
        kind,
        left,
        right,
        note: None,
    }
}

impl Answered {
    fn of(exchange: Exchange, role: Role) -> Self {
        let route = exchange.labels.iter().find(|label| *label.name == *"route");
        let outcomes = exchange.outcomes;
        Self {
            id: exchange.id,
            route: route.map(|label| label.value.clone()),
            outcome: match role {
                Role::Primary => outcomes.primary,
                Role::Candidate => outcomes.candidate,
                Role::Control => outcomes.control,
            },
            request: Request { body: Body::default(), ..exchange.request },
        }
    }

    fn weight(&self) -> usize {
        /// The struct, its maps' entries and the headers of an answer.
        const FIXED: usize = 1024;
        let body = self
            .outcome
            .as_ref()
            .and_then(Outcome::response)
            .map_or(0, |response| response.body.bytes().len());
        FIXED + self.request.target.len() + body
    }
}

/// Method, target and body.
fn key(exchange: &Exchange) -> u128 {
    let request = &exchange.request;
    let mut hash = Xxh3::new();
    for part in [request.method.as_str().as_bytes(), request.target.as_bytes()] {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash_body(&request.body, &mut hash);
    hash.digest128()
}

fn hash_body(body: &Body, hash: &mut Xxh3) {
    hash.update(&body.len().to_le_bytes());
    match body.cut_digest() {
        Some(digest) => hash.update(&digest.to_le_bytes()),
        None => hash.update(body.bytes()),
    }
}

#[cfg(test)]
mod tests;
