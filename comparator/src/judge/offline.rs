//! The judge alone, on tallies from a file: a run's own, exported, or somebody else's counters.

mod gaps;
mod streamed;

pub use streamed::{Progress, Streamed, judge_ordered_tallies};

use super::histograms::Basis;
use super::{Judge, JudgeError, TallyError};
use crate::check::{Check, Quantile};
use crate::rows::{RoleHistograms, SealedWindow, Tallies};
use crate::run::{Build, ControlMode, NORMALISER, Run};
use crate::slice::Slice;
use crate::verdict::Verdict;
use parallax_config::{Policy, UnitKind};
use std::collections::BTreeSet;
use std::io::BufRead;

/// What tallies without a run of their own are judged by.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    /// Replaces the policy of a run that the tallies bring along; the default policy where neither says.
    pub policy: Option<Policy>,
    /// How the counters came about, where the tallies bring no run along.
    pub control: ControlMode,
}

/// Tallies that cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// They cannot be read.
    #[error("the tallies cannot be read")]
    Read(#[from] crate::rows::TallyError),
    /// The policy cannot be used.
    #[error("the policy cannot be judged by")]
    Policy(#[from] JudgeError),
    /// They contradict themselves.
    #[error("the tallies cannot be judged")]
    Tally(#[from] TallyError),
    /// They cannot be judged while they are read; [`judge_tallies`] reads them whole.
    #[error(
        "line {line}: {why}; tallies that are judged as they are read begin with their run, and their windows ascend"
    )]
    Order {
        /// Counted from 1.
        line: u64,
        /// What comes too late.
        why: &'static str,
    },
}

/// Judges `parallax.tally/1`.
///
/// Tallies with a run's header give that run's verdict, byte for byte, as long as `import` brings no
/// other policy. Without a header the slices and checks are those that have rows: a check that nothing
/// was counted for is listed in `not_checked`, unless the policy says that it is required. Latency histograms
/// without pairs are judged where the policy's unit is the request, and shown elsewhere.
///
/// # Errors
/// What cannot be read, judged by, or believed; the error names the line, setting or row.
pub fn judge_tallies(source: impl BufRead, import: Import) -> Result<Verdict, OfflineError> {
    let tallies = Tallies::read(source)?;
    let mut judge = match tallies.run {
        Some(run) => Judge::new(&Run { policy: import.policy.unwrap_or_else(|| run.policy.clone()), ..run })?,
        None => foreign(&tallies.windows, import)?,
    };
    for window in &tallies.windows {
        judge.step(window)?;
    }
    Ok(if tallies.ended { judge.finish() } else { judge.verdict() })
}

/// A judge for counters that bring no run along.
fn foreign(windows: &[SealedWindow], import: Import) -> Result<Judge, JudgeError> {
    let policy = import.policy.clone().unwrap_or_default();
    let basis = basis(windows, &policy, import.control);
    let mut judge = Judge::new(&imported(windows, import, basis))?;
    judge.basis = basis;
    judge.skipped = gaps::gaps(windows, &judge);
    Ok(judge)
}

/// Histograms replace pairs where there are none; they are never mixed.
fn basis(windows: &[SealedWindow], policy: &Policy, control: ControlMode) -> Basis {
    let rows = || windows.iter().flat_map(|window| &window.rows);
    let pairs = rows().any(|row| matches!(row.check, Check::Latency(_) | Check::LatencySevere(_)));
    let both = |roles: &RoleHistograms| !roles.candidate.is_empty() && !roles.control.is_empty();
    let histograms = windows.iter().any(|window| window.latency.values().any(both));
    if pairs || !histograms || control == ControlMode::None {
        Basis::Pairs
    } else if policy.unit == UnitKind::Request {
        Basis::Judged
    } else {
        Basis::Shown
    }
}

/// A run for counters that bring none along.
fn imported(windows: &[SealedWindow], import: Import, basis: Basis) -> Run {
    let policy = import.policy.unwrap_or_default();
    let rows = || windows.iter().flat_map(|window| &window.rows);
    let mut slices: BTreeSet<_> = rows().map(|row| row.slice.clone()).collect();
    slices.extend(policy.slices.iter().map(|own| Slice::from(own.slice.clone())));
    if basis != Basis::Pairs {
        slices.extend(windows.iter().flat_map(|window| window.latency.keys().cloned()));
    }
    slices.retain(|slice| !slice.is_all() && !slice.is_other());
    let required = policy.checks.iter().filter(|(_, own)| own.required == Some(true));
    let required = required.filter_map(|(name, _)| name.parse::<Check>().ok());
    let mut checks: BTreeSet<Check> = rows().map(|row| row.check.clone()).chain(required).collect();
    if basis == Basis::Judged {
        checks.extend(Quantile::ALL.map(Check::Latency));
    }
    Run {
        run: "imported".to_owned(),
        continues: None,
        attempt: 1,
        carried_windows: 0,
        started_ns: 0,
        candidate: Build::default(),
        baseline: Build::default(),
        control: import.control,
        policy,
        rules: Vec::new(),
        profiles: Vec::new(),
        slices: slices.into_iter().collect(),
        normaliser: NORMALISER,
        checks: checks.into_iter().collect(),
        replicas: Vec::new(),
        history: Vec::new(),
        noise: Vec::new(),
        descriptors: None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{everything, run, window};
    use super::*;
    use crate::verdict::State;

    const PAIRED: Import = Import { policy: None, control: ControlMode::Paired };

    #[test]
    fn exported_tallies_give_the_verdict_byte_for_byte() {
        let run = run(&[Slice::of("route", "a")]);
        let mut judge = Judge::new(&run).unwrap();
        let mut text = Tallies::run_line(&run);
        for index in [1, 2, 5] {
            let window = window(index, everything(index, &Slice::all(), 100, index % 2));
            judge.step(&window).unwrap();
            text.extend(window.to_lines());
        }
        let ours = judge_tallies(text.as_slice(), PAIRED).unwrap();
        assert!(ours.to_json() == judge.verdict().to_json());
        text.extend(Tallies::end_line());
        let ended = judge_tallies(text.as_slice(), PAIRED).unwrap();
        assert!(ended.partial && !ours.partial);
        assert!(ended.to_json() == judge.finish().to_json());
    }

    #[test]
    fn somebody_elses_counters_are_judged_by_what_they_count() {
        let line = |window: u64| {
            format!("{{\"window\":{window},\"check\":\"mismatch\",\"units\":500,\"worse\":0,\"better\":0}}\n")
        };
        let text: String = (1..=91).map(line).collect();
        let verdict = judge_tallies(text.as_bytes(), PAIRED).unwrap();
        assert_eq!(verdict.verdict, State::Promote, "{}", verdict.reason);
        assert!(verdict.not_checked.iter().any(|gap| gap == "latency.p99: no counts were given"));
        assert!(verdict.not_checked.iter().any(|gap| gap.starts_with("coverage, late")));

        let mut policy = Policy::default();
        policy.checks.entry("status".to_owned()).or_default().required = Some(true);
        let strict = judge_tallies(text.as_bytes(), Import { policy: Some(policy), ..PAIRED }).unwrap();
        assert_eq!(strict.verdict, State::Wait, "a check that the policy names is never passed over");
        assert!(strict.reason.contains("check=status"), "{}", strict.reason);
    }

    #[test]
    fn histograms_without_pairs_are_judged_where_requests_are_the_unit() {
        let arm = |scale: u64| {
            let mut recorder = crate::latencies::Recorder::default();
            (0..2_000).for_each(|rank| recorder.record(scale * (10_000 + rank * rank / 400)));
            recorder.finish()
        };
        let latency = |slowed: u64| RoleHistograms {
            candidate: arm(slowed),
            control: arm(1_000),
            ..RoleHistograms::default()
        };
        let judged = |slowed: u64, unit: UnitKind| {
            let window = |index: u64| SealedWindow {
                window: index,
                latency: [(Slice::all(), latency(slowed))].into(),
                rows: vec![super::super::testing::count(index, &Slice::all(), "mismatch", 2_000, 0, 0)],
                ..SealedWindow::default()
            };
            let text: Vec<u8> = (1..=91).flat_map(|index| window(index).to_lines()).collect();
            let policy = Policy { unit, ..Policy::default() };
            judge_tallies(text.as_slice(), Import { policy: Some(policy), ..PAIRED }).unwrap()
        };
        let equal = judged(1_000, UnitKind::Request);
        assert_eq!(equal.verdict, State::Promote, "{}", equal.reason);
        let p99 = equal.checks.iter().find(|line| line.check == Check::Latency(Quantile::P99)).unwrap();
        assert_eq!((p99.n, p99.required), (182_000, true));
        assert!(
            equal.not_checked.iter().any(|gap| gap.starts_with("latency pairs: ")),
            "{:?}",
            equal.not_checked
        );

        let slow = judged(1_300, UnitKind::Request);
        assert_eq!(slow.verdict, State::Reject, "{}", slow.reason);
        assert!(slow.culprits.iter().any(|culprit| culprit.check == Check::Latency(Quantile::P50)));
        assert_ne!(slow.replay.counters_sha256, equal.replay.counters_sha256, "histograms are evidence here");

        let shown = judged(1_300, UnitKind::Session);
        assert!(shown.checks.iter().all(|line| !line.check.to_string().starts_with("latency")));
        let line = shown.not_checked.iter().find(|gap| gap.starts_with("latency.p50: shown, not judged"));
        assert!(line.is_some_and(|line| line.contains("takes 1.29")), "{:?}", shown.not_checked);
        assert_eq!(shown.verdict, State::Promote, "{}", shown.reason);
    }

    #[test]
    fn every_rule_that_tallies_give_nothing_for_is_listed() {
        let text = "{\"window\":1,\"check\":\"mismatch\",\"units\":500,\"worse\":0,\"better\":0}\n\
                    {\"window\":1,\"exposure\":{\"mirrored\":500,\"compared\":500,\"late\":0}}\n";
        let gaps = judge_tallies(text.as_bytes(), PAIRED).unwrap().not_checked;
        let names: Vec<&str> = gaps.iter().filter_map(|gap| Some(gap.split_once(": ")?.0)).collect();
        for rule in [
            "lost",
            "control",
            "order",
            "copies",
            "minimum_keys",
            "nondeterministic",
            "replica",
            "key_block",
            "builds",
        ] {
            assert!(names.contains(&rule), "{rule} in {gaps:?}");
        }
        assert!(!names.contains(&"coverage") && !names.contains(&"late"), "{gaps:?}");
        let whole = "{\"window\":1,\"check\":\"mismatch\",\"units\":5,\"worse\":0,\"better\":0,\"control_bad\":0,\
                     \"replicas\":{\"a\":{\"worse\":0,\"better\":0}}}\n\
                     {\"window\":1,\"slice\":{},\"counts\":{\"requests\":5}}\n";
        let gaps = judge_tallies(whole.as_bytes(), PAIRED).unwrap().not_checked;
        for rule in ["nondeterministic", "replica", "key_block"] {
            assert!(!gaps.iter().any(|gap| gap.starts_with(rule)), "{rule} in {gaps:?}");
        }
    }

    #[test]
    fn tallies_that_contradict_themselves_are_refused() {
        let text = r#"{"window":1,"check":"mismatch","units":5,"worse":4,"better":2}"#;
        let error = judge_tallies(text.as_bytes(), PAIRED).unwrap_err();
        let OfflineError::Tally(error) = error else { panic!("{error}") };
        assert!(error.to_string().contains("more worse and better units than units"), "{error}");
    }
}
