//! Random traffic for the laws.

use crate::compare::{Comparison, Observation, Side};
use crate::run::{ControlMode, Run};
use crate::slice::Slice;
use crate::testing::{SECOND, START_NS, answer, exchange, run};
use parallax_config::{Span, UnitKind};
use parallax_exchange::{Exchange, Label, MissingReason, Outcome, Timing};
use proptest::prelude::*;

/// Windows of a second in which exchanges are admitted.
pub(super) const WINDOWS: u64 = 9;
/// The absolute index of the first.
pub(super) const FIRST_WINDOW: u64 = START_NS / SECOND;

const MILLISECOND: u64 = 1_000_000;

/// One exchange as it was observed.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) window: u64,
    /// Rounds that it takes to arrive; 2 and more are late.
    delay: u64,
    offset_ms: u64,
    pub(super) key: u64,
    pub(super) route: usize,
    pub(super) primary_failed: bool,
    pub(super) candidate: Side,
    pub(super) control: Side,
}

impl Case {
    /// When it is delivered.
    pub(super) fn round(&self) -> u64 {
        self.window + self.delay
    }

    pub(super) fn admitted_ns(&self) -> u64 {
        START_NS + self.window * SECOND + self.offset_ms * MILLISECOND
    }

    pub(super) fn labels(&self) -> Vec<Label> {
        let label = |name: &str, value: &str| Label { name: name.into(), value: value.into() };
        // A key keeps its region, tenant and shard, as users do.
        vec![
            label("region", ["eu", "us"][(self.key >> 8) as usize % 2]),
            label("route", ["a", "b", "c"][self.route]),
            label("shard", ["0", "1"][(self.key >> 16) as usize % 2]),
            label("tenant", ["x", "y", "z"][(self.key >> 24) as usize % 3]),
        ]
    }

    pub(super) fn observed(&self, sequence: u64) -> (Box<Exchange>, Observation) {
        let mut exchange = exchange(sequence, self.admitted_ns());
        exchange.cluster_key = self.key;
        exchange.labels = self.labels();
        exchange.outcomes.candidate = Some(outcome(&self.candidate));
        exchange.outcomes.control = Some(outcome(&self.control));
        if self.primary_failed {
            exchange.outcomes.primary = Some(missing());
            return (exchange, Observation { primary_failed: true, ..Observation::default() });
        }
        let (candidate, control) = (Some(self.candidate.clone()), Some(self.control.clone()));
        (exchange, Observation { candidate, control, ..Observation::default() })
    }
}

fn outcome(side: &Side) -> Outcome {
    side.latency_ns.map_or_else(missing, |latency_ns| answer(200, "{}", latency_ns))
}

fn missing() -> Outcome {
    Outcome::Missing { reason: MissingReason::Timeout, timing: Timing::default() }
}

/// A run with slices by one label and by two, which overlap, two field checks, severe from 2 requests on, and short key blocks.
pub(super) fn run_of(unit: UnitKind) -> Run {
    let mut run = run();
    run.policy.unit = unit;
    run.policy.severe_requests = 2;
    run.policy.key_block = Span::secs(3);
    let both = |one: Slice, other: Slice| {
        Slice::from_iter([one, other].iter().flat_map(|slice| slice.labels().clone()))
    };
    run.slices = vec![
        Slice::of("route", "a"),
        Slice::of("tenant", "x"),
        both(Slice::of("region", "eu"), Slice::of("route", "a")),
        both(Slice::of("route", "b"), Slice::of("shard", "1")),
    ];
    run.control = ControlMode::Paired;
    for field in ["field./a", "field./b/*"] {
        run.policy.checks.insert(field.to_owned(), Default::default());
    }
    run
}

pub(super) fn units() -> impl Strategy<Value = UnitKind> {
    prop_oneof![Just(UnitKind::Session), Just(UnitKind::Request), Just(UnitKind::KeyOnce)]
}

/// The first comes in time, so that the run begins with its window and latecomers are late.
pub(super) fn cases() -> impl Strategy<Value = Vec<Case>> {
    proptest::collection::vec(case(), 1..160).prop_map(|mut cases| {
        (cases[0].window, cases[0].delay) = (0, 0);
        cases
    })
}

fn case() -> impl Strategy<Value = Case> {
    let delay = prop_oneof![8 => Just(0u64), 4 => Just(1), 1 => Just(2), 1 => Just(3)];
    let place = (0..WINDOWS, delay, 0..1000u64, 0..12u64, 0..3usize);
    let failed = proptest::bool::weighted(0.05);
    (place, failed, side(), side()).prop_map(
        |((window, delay, offset_ms, key, route), primary_failed, candidate, control)| Case {
            window,
            delay,
            offset_ms,
            key: key.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            route,
            primary_failed,
            candidate,
            control,
        },
    )
}

fn side() -> impl Strategy<Value = Side> {
    let rarely = || proptest::bool::weighted(0.15);
    let fields = proptest::sample::subsequence(vec![0u16, 1], 0..=2);
    (rarely(), rarely(), rarely(), rarely(), 1..40u64, fields).prop_map(
        |(missing, differs, status, error, latency_ms, fields)| Side {
            missing,
            mismatch: differs || missing,
            status_differs: status || missing,
            error: error && !missing,
            latency_ns: (!missing).then_some(latency_ms * MILLISECOND),
            fields: if missing { vec![0, 1] } else { fields },
            comparison: Comparison::default(),
        },
    )
}
