//! The judge alone, on tallies from a file: a run's own, exported, or somebody else's counters.

use super::{Judge, JudgeError, TallyError};
use crate::check::Check;
use crate::rows::{SealedWindow, Tallies};
use crate::run::{Build, ControlMode, NORMALISER, Run};
use crate::verdict::Verdict;
use parallax_config::Policy;
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
}

/// Judges `parallax.tally/1`.
///
/// Tallies with a run's header give that run's verdict, byte for byte, as long as `import` brings no
/// other policy. Without a header the slices and checks are those that have rows: a check that nothing
/// was counted for is listed in `not_checked`, unless the policy says that it is required.
///
/// # Errors
/// What cannot be read, judged by, or believed; the error names the line, setting or row.
pub fn judge_tallies(source: impl BufRead, import: Import) -> Result<Verdict, OfflineError> {
    let tallies = Tallies::read(source)?;
    let run = match tallies.run {
        Some(run) => Run { policy: import.policy.unwrap_or_else(|| run.policy.clone()), ..run },
        None => imported(&tallies.windows, import),
    };
    let mut judge = Judge::new(&run)?;
    for window in &tallies.windows {
        judge.step(window)?;
    }
    Ok(if tallies.ended { judge.finish() } else { judge.verdict() })
}

/// A run for counters that bring none along.
fn imported(windows: &[SealedWindow], import: Import) -> Run {
    let policy = import.policy.unwrap_or_default();
    let rows = || windows.iter().flat_map(|window| &window.rows);
    let mut slices: BTreeSet<_> = rows().map(|row| row.slice.clone()).collect();
    slices.extend(policy.slices.iter().map(|own| crate::slice::Slice(own.slice.clone())));
    slices.retain(|slice| !slice.is_all() && !slice.is_other());
    let required = policy.checks.iter().filter(|(_, own)| own.required == Some(true));
    let required = required.filter_map(|(name, _)| name.parse::<Check>().ok());
    let checks: BTreeSet<Check> = rows().map(|row| row.check.clone()).chain(required).collect();
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
    use crate::slice::Slice;
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
    fn tallies_that_contradict_themselves_are_refused() {
        let text = r#"{"window":1,"check":"mismatch","units":5,"worse":4,"better":2}"#;
        let error = judge_tallies(text.as_bytes(), PAIRED).unwrap_err();
        let OfflineError::Tally(error) = error else { panic!("{error}") };
        assert!(error.to_string().contains("more worse and better units than units"), "{error}");
    }
}
