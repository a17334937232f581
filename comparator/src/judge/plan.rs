//! Before a run: how many units, and how long, a decision of a given size will take.
//!
//! The judge itself is asked: it is fed windows in which the expected counts are spread evenly, and the
//! watermark at which it decides is the answer. So guard, weights, floors and futility all count as in a
//! real run. Real counts scatter: about half of the runs take longer, and near the tolerance many end without
//! a decision. The median of drawn runs lies between 0.7 and 1.4 times the plan; single runs between a third and
//! three times. The simulation in `benches` tests the first.

mod reach;
mod spread;
mod table;

pub use reach::{Unmet, unmet};

use super::{Judge, JudgeError, evidence_text};
use crate::check::Check;
use crate::run::{Build, ControlMode, NORMALISER, Run};
use crate::slice::Slice;
use crate::verdict::State;
use parallax_config::{Policy, UnitKind};
use serde::Serialize;
use spread::advance;
use std::time::Duration;

/// What is planned for.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The policy.
    pub policy: Policy,
    /// Units (keys, counted once in each key block) a second, over the whole traffic; above 0.
    pub units_per_second: f64,
    /// The check that the candidate is worse at.
    pub check: Check,
    /// Share of units that only one of two equal builds fails, each way; in [0, 0.5).
    pub noise: f64,
    /// Excess shares of worse units, each answered on its own.
    pub excesses: Vec<f64>,
    /// Named slices with their shares of the units; what they leave is in no named slice.
    pub slices: Vec<(Slice, f64)>,
    /// Distinct cluster keys that the run will see; `None` where that is not known.
    pub keys: Option<u64>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// `parallax.plan/1`.
    pub schema: &'static str,
    /// The check that the candidate is worse at.
    pub check: Check,
    /// Units a second.
    pub units_per_second: f64,
    /// Share of units that only one of two equal builds fails.
    pub noise: f64,
    /// Seconds until the deadline.
    pub deadline_seconds: f64,
    /// What each required check needs before anything is promoted.
    pub floors: Vec<Floor>,
    /// One answer for each excess, in the order asked.
    pub answers: Vec<Answer>,
    /// Why even a spotless candidate cannot be promoted under this policy; empty where it can.
    pub problems: Vec<String>,
}

/// What one check needs of the whole traffic before anything is promoted, however clean.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Floor {
    /// The check.
    pub check: Check,
    /// Units.
    pub units: u64,
    /// Seconds that they take.
    pub seconds: f64,
}

/// What becomes of a candidate with one excess.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// Excess share of worse units.
    pub excess: f64,
    /// How the run ends.
    pub verdict: State,
    /// Windows until then.
    pub windows: u64,
    /// Units of the whole traffic until then.
    pub units: u64,
    /// Seconds until then.
    pub seconds: f64,
    /// What was lacking one window before, or why nothing was decided.
    pub held_by: String,
}

/// A question without an answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// The policy cannot be judged by.
    #[error("the policy cannot be judged by")]
    Policy(#[from] JudgeError),
    /// A number is out of its range.
    #[error("{what} is {value}; it must be {range}")]
    Range {
        /// Which number.
        what: &'static str,
        /// Its value.
        value: f64,
        /// What is allowed.
        range: &'static str,
    },
    /// The check is not one of this policy's.
    #[error("`{0}` is not judged under this policy; `parallax policy explain checks` lists the checks")]
    Check(Check),
}

impl Plan {
    /// Answers `question`.
    ///
    /// # Errors
    /// A policy that cannot be judged by, or a number out of its range.
    pub fn new(question: &Question) -> Result<Self, PlanError> {
        ranges(question)?;
        let judge = Judge::new(&run(question))?;
        if !judge.checks().any(|check| *check == question.check) {
            return Err(PlanError::Check(question.check.clone()));
        }
        let floors = floors(&judge, question.units_per_second);
        Ok(Self {
            schema: "parallax.plan/1",
            check: question.check.clone(),
            units_per_second: question.units_per_second,
            noise: question.noise,
            deadline_seconds: question.policy.deadline.0.as_secs_f64(),
            problems: problems(question, &judge, &floors),
            floors,
            answers: question.excesses.iter().map(|excess| answer(&judge, question, *excess)).collect(),
        })
    }
}

/// Excess shares worth asking about for `check`: none, its tolerance, what a promote excludes, and
/// multiples of it.
#[must_use]
pub fn usual_excesses(policy: &Policy, check: &Check) -> Vec<f64> {
    let own = policy.checks.get(&check.to_string());
    let (tau, delta) = match check {
        Check::Latency(_) => return vec![0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2],
        Check::Mismatch | Check::Field(_) | Check::Outputs => (policy.tau, policy.delta),
        _ => (0.0001, 0.0005),
    };
    let tau = own.and_then(|own| own.tau).unwrap_or(tau).max(0.0);
    let delta = own.and_then(|own| own.delta).unwrap_or(delta);
    let mut excesses = vec![0.0, tau, (tau + delta) / 2.0, delta, 2.0 * delta, 5.0 * delta, 20.0 * delta];
    excesses.retain(|excess| *excess <= 0.9);
    excesses.dedup();
    excesses
}

/// What no luck can make up for.
fn problems(question: &Question, judge: &Judge, floors: &[Floor]) -> Vec<String> {
    let policy = &question.policy;
    let deadline = policy.deadline.0.as_secs_f64();
    let late = floors.iter().filter(|floor| floor.seconds > deadline).map(|floor| {
        let Floor { check, units, seconds } = floor;
        format!(
            "{check} needs {units} units, which take {}; the deadline is {}: raise policy.deadline or {}",
            spoken(*seconds),
            policy.deadline,
            match check {
                Check::Latency(_) => format!("set policy.checks.\"{check}\".required to false"),
                _ => format!("delta of {check}, or bring more traffic"),
            }
        )
    });
    let counted = policy.unit != UnitKind::Request;
    let few = question.keys.filter(|keys| counted && *keys < policy.minimum_keys).map(|keys| {
        format!(
            "{keys} distinct keys are fewer than policy.minimum_keys = {}: choose a key that more of the traffic \
             differs in, or lower it",
            policy.minimum_keys
        )
    });
    // Every unit may bring a new key, but not more than one.
    let units = question.units_per_second * deadline;
    let none = counted && question.keys.is_none() && units < policy.minimum_keys as f64;
    let unseen = none.then(|| {
        format!(
            "{units:.0} units until the deadline have fewer keys than policy.minimum_keys = {}: lower it or raise \
             policy.deadline",
            policy.minimum_keys
        )
    });
    let budget = reach::unmet_budget(policy, &judge.hypotheses)
        .map(|Unmet { key, what, remedy }| format!("{key} {what}: {remedy}"));
    late.chain(few).chain(unseen).chain(budget).collect()
}

fn ranges(question: &Question) -> Result<(), PlanError> {
    let check = |what, value: f64, holds: bool, range| match holds {
        true => Ok(()),
        false => Err(PlanError::Range { what, value, range }),
    };
    let rate = question.units_per_second;
    check("the rate", rate, rate > 0.0 && rate <= 1e9, "above 0 and at most 1000000000 units a second")?;
    let noise = question.noise;
    check("the noise", noise, (0.0..0.5).contains(&noise), "at least 0 and below 0.5")?;
    for excess in &question.excesses {
        let holds = *excess >= 0.0 && excess + 2.0 * noise <= 1.0;
        check("an excess", *excess, holds, "at least 0 and, with the noise of both sides, at most 1")?;
    }
    for (_, share) in &question.slices {
        check("a slice's share", *share, (0.0..=1.0).contains(share), "from 0 to 1")?;
    }
    let named: f64 = question.slices.iter().map(|(_, share)| share).sum();
    check("the sum of the slices' shares", named, named <= 1.0 + 1e-9, "at most 1")
}

fn run(question: &Question) -> Run {
    run_of(&question.policy, ControlMode::Paired, &question.slices)
}

fn run_of(policy: &Policy, control: ControlMode, slices: &[(Slice, f64)]) -> Run {
    Run {
        run: "plan".to_owned(),
        continues: None,
        attempt: 1,
        carried_windows: 0,
        started_ns: 0,
        candidate: Build::default(),
        baseline: Build::default(),
        control,
        policy: policy.clone(),
        rules: Vec::new(),
        profiles: Vec::new(),
        slices: slices.iter().map(|(slice, _)| slice.clone()).collect(),
        normaliser: NORMALISER,
        checks: Vec::new(),
        replicas: Vec::new(),
        history: Vec::new(),
        noise: Vec::new(),
        descriptors: None,
    }
}

fn floors(judge: &Judge, rate: f64) -> Vec<Floor> {
    let required = judge.hypotheses.iter().filter(|hypothesis| hypothesis.required == Some(true));
    let floor = |hypothesis: &super::policy::Hypothesis| Floor {
        check: hypothesis.check.clone(),
        units: hypothesis.n_req,
        seconds: hypothesis.n_req as f64 / rate,
    };
    required.map(floor).collect()
}

fn answer(judge: &Judge, question: &Question, excess: f64) -> Answer {
    let end = advance(judge.clone(), question, excess, u64::MAX);
    let before = advance(judge.clone(), question, excess, end.watermark.saturating_sub(1));
    let window = question.policy.window.0.as_secs_f64();
    Answer {
        excess,
        verdict: end.state(),
        windows: end.watermark,
        units: end.cells[end.mismatch_of_all()].units().n,
        seconds: end.watermark as f64 * window,
        held_by: match end.state() {
            State::Inconclusive => end.reason(),
            State::Reject => format!(
                "reject evidence {} of {}",
                evidence_text(before.ln_mean),
                evidence_text(before.levels.reject)
            ),
            _ => before.reason(),
        },
    }
}

/// A duration in the words of the configuration, to the second.
pub(crate) fn spoken(seconds: f64) -> String {
    parallax_config::Span(Duration::from_secs(seconds.ceil().min(1e12) as u64)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(units_per_second: f64, excesses: &[f64]) -> Question {
        Question {
            policy: Policy::default(),
            units_per_second,
            check: Check::Mismatch,
            noise: 0.0,
            excesses: excesses.to_vec(),
            slices: Vec::new(),
            keys: None,
        }
    }

    #[test]
    fn the_worked_examples_of_the_specification() {
        // 200 spotless units a window promote after the minimum time of 15 minutes.
        let plan = Plan::new(&question(20.0, &[0.0])).unwrap();
        let answer = &plan.answers[0];
        assert_eq!((answer.verdict, answer.windows), (State::Promote, 91));
        assert_eq!(answer.held_by, "14m50s of 15m of admission time");
        // The severe checks need 11,707 units, the mismatch check 2,925.
        let floor =
            |name: &str| plan.floors.iter().find(|floor| floor.check.to_string() == name).unwrap().units;
        assert_eq!(
            [floor("mismatch"), floor("mismatch.severe"), floor("latency.p99")],
            [2_925, 11_707, 5_000]
        );
        // One unit of 100 worse, 120 a window: about 11 windows with the guard of the start.
        let plan = Plan::new(&question(12.0, &[0.01])).unwrap();
        assert_eq!(plan.answers[0].verdict, State::Reject);
        assert!((8..=16).contains(&plan.answers[0].windows), "{:?}", plan.answers);
    }

    #[test]
    fn too_little_traffic_is_known_before_the_run() {
        let plan = Plan::new(&question(0.2, &[0.0])).unwrap();
        assert_eq!(plan.answers[0].verdict, State::Inconclusive);
        assert!(plan.answers[0].held_by.starts_with("neither decision is in reach"), "{:?}", plan.answers);
    }

    #[test]
    fn what_no_luck_can_make_up_for_is_said() {
        let mut question = question(1.0, &[0.0]);
        question.keys = Some(16);
        let problems = Plan::new(&question).unwrap().problems;
        assert!(problems[0].starts_with("status needs 11707 units, which take 3h15m7s; the deadline is 2h"));
        assert!(problems.last().unwrap().starts_with("16 distinct keys are fewer than policy.minimum_keys"));
        question.units_per_second = 50.0;
        question.keys = None;
        assert_eq!(Plan::new(&question).unwrap().problems, Vec::<String>::new());
    }

    #[test]
    fn the_traffic_outside_of_named_slices_is_planned_for() {
        let mut question = question(50.0, &[0.0]);
        question.slices = vec![(Slice::of("route", "/orders"), 0.7)];
        let plan = Plan::new(&question).unwrap();
        assert_eq!(plan.answers[0].verdict, State::Promote, "{:?}", plan.answers);
        question.slices.push((Slice::of("route", "/admin"), 0.4));
        let error = Plan::new(&question).unwrap_err().to_string();
        assert!(error.starts_with("the sum of the slices' shares is 1.1"), "{error}");
    }

    #[test]
    fn numbers_out_of_range_are_named() {
        let error = |change: fn(&mut Question)| {
            let mut question = question(20.0, &[0.0]);
            change(&mut question);
            Plan::new(&question).unwrap_err().to_string()
        };
        assert!(error(|question| question.units_per_second = 0.0).starts_with("the rate is 0"));
        assert!(error(|question| question.noise = 0.7).starts_with("the noise is 0.7"));
        assert!(error(|question| question.excesses = vec![f64::NAN]).starts_with("an excess is NaN"));
        assert!(error(|question| question.check = Check::Outputs).contains("`outputs` is not judged"));
    }

    #[test]
    fn the_table_and_its_plot() {
        let mut question = question(50.0, &[0.0, 0.0005, 0.001, 0.002, 0.005, 0.02]);
        question.noise = 0.001;
        insta::assert_snapshot!(Plan::new(&question).unwrap().table());
    }
}
