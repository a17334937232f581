//! The verdict of one slice of a run: what may be said of a region or a shard alone.
//!
//! It is read off the run's own document and never says more than that: evidence is not judged again.
//! A slice has evidence of its own, so it can be undecided where the run promotes: too little was seen of it.
//! It never promotes where the run does not: least time, keys, traffic in the newest windows and quiet are
//! asked of the run as a whole at the watermark that decides, and a run that gave up was never found to have
//! them. A reject and an invalid rig hold for every slice: a build that is bad somewhere is not shipped elsewhere.

use super::{CheckLine, CheckState, State, Verdict, WeakestPromote};
use crate::slice::Slice;
use serde::Serialize;

/// A slice's document: [`Verdict::of_slice`] with the slice that it is about.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct SliceDocument<'a> {
    /// The slice's verdict.
    #[serde(flatten)]
    pub verdict: &'a Verdict,
    /// What it is about.
    pub slice: &'a Slice,
}

impl Verdict {
    /// The verdict of one named slice; `None` where the run keeps no evidence of it.
    ///
    /// | the run says | the slice says |
    /// | --- | --- |
    /// | promote | promote where each required check of the slice promotes, otherwise inconclusive |
    /// | inconclusive | inconclusive; the reason says whether the slice's own checks are proved |
    /// | wait | wait: until the run ends, a check that promotes may still turn |
    /// | reject, invalid | the same as the run |
    ///
    /// Checks, culprits, suspects, the weakest evidence and what is needed are the slice's own; the
    /// rest, such as exposure and policy, is the run's. Linear in the checks of the run.
    #[must_use]
    pub fn of_slice(&self, slice: &Slice) -> Option<Self> {
        let checks: Vec<CheckLine> =
            self.checks.iter().filter(|line| line.slice == *slice).cloned().collect();
        if checks.is_empty() {
            return None;
        }
        let required = || checks.iter().filter(|line| line.required);
        let uncertified = self.not_individually_certified.iter().filter(|line| line.slice == *slice);
        let uncertified: Vec<_> = uncertified.cloned().collect();
        let is_proved = required().next().is_some()
            && uncertified.is_empty()
            && required().all(|line| line.state == CheckState::Promote);
        let weakest = required().min_by(|a, b| margin(a).total_cmp(&margin(b))).map(|line| WeakestPromote {
            slice: line.slice.to_string(),
            check: line.check.clone(),
            log_e: line.log_e_promote,
            log_threshold: line.log_threshold_promote,
        });
        let promotes = self.is_final && self.verdict == State::Promote;
        let (verdict, of_its_own) = match (self.verdict, is_proved) {
            (State::Promote, true) if promotes => {
                (State::Promote, format!("every required check of {slice} promotes"))
            }
            (State::Promote, _) if promotes => {
                (State::Inconclusive, format!("{slice} has too little evidence of its own"))
            }
            (State::Inconclusive, true) => {
                let proved = "has evidence enough, but only a run that promotes vouches for exposure";
                (State::Inconclusive, format!("{slice} {proved}"))
            }
            _ => (self.verdict, format!("{slice} is as the run")),
        };
        let reason = format!("{of_its_own}; the run: {}", self.reason);
        let need = required().map(|line| line.need_units).collect::<Option<Vec<_>>>();
        let mut part = Self { checks: Vec::new(), ..self.clone() };
        part.verdict = verdict;
        part.code = verdict.code();
        part.promote = match verdict {
            State::Promote => Some(true),
            State::Reject | State::Invalid if self.is_final => Some(false),
            _ => None,
        };
        part.reject = verdict == State::Reject;
        part.reason = reason;
        part.evidence.weakest_promote = weakest;
        part.culprits.retain(|found| found.slice == *slice);
        part.suspects.retain(|found| found.slice == *slice);
        part.forecast.need_units = need.and_then(|need| need.into_iter().max());
        part.not_individually_certified = uncertified;
        part.checks = checks;
        Some(part)
    }
}

/// By how much the promote evidence exceeds what is needed.
fn margin(line: &CheckLine) -> f64 {
    line.log_e_promote - line.log_threshold_promote
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::testing;

    fn slices(verdict: &Verdict) -> Vec<Slice> {
        let mut slices: Vec<_> = verdict.checks.iter().map(|line| line.slice.clone()).collect();
        slices.dedup();
        slices
    }

    #[test]
    fn a_slice_shows_its_own_checks_and_never_a_stronger_verdict() {
        let verdicts = [
            testing::promoted(),
            testing::rejected(),
            testing::waiting(),
            testing::invalid(),
            testing::inconclusive(),
        ];
        for verdict in verdicts {
            for slice in slices(&verdict) {
                let part = verdict.of_slice(&slice).unwrap();
                assert!(part.checks.iter().all(|line| line.slice == slice));
                assert_eq!((part.code, part.is_final), (part.verdict.code(), verdict.is_final));
                assert_eq!(part.promote == Some(true), part.verdict == State::Promote, "{}", part.reason);
                if matches!(verdict.verdict, State::Reject | State::Invalid | State::Wait) {
                    assert_eq!(part.verdict, verdict.verdict);
                }
                assert_eq!(Verdict::from_json(&part.to_json()).unwrap(), part);
            }
        }
    }

    #[test]
    fn a_slice_that_is_not_proved_does_not_promote_with_the_run() {
        let mut verdict = testing::promoted();
        let slice = slices(&verdict).pop().unwrap();
        assert_eq!(verdict.of_slice(&slice).unwrap().verdict, State::Promote, "{:?}", verdict.checks);
        for line in verdict.checks.iter_mut().filter(|line| line.slice == slice) {
            line.required = false;
            line.state = CheckState::Uncertified;
        }
        let part = verdict.of_slice(&slice).unwrap();
        assert_eq!((part.verdict, part.promote, part.code), (State::Inconclusive, None, 20));
        assert!(part.is_final && part.reason.contains("too little evidence of its own"), "{}", part.reason);
    }

    #[test]
    fn a_slice_never_promotes_where_the_run_gave_up() {
        // Every check line of the slice is proved, which says nothing of least time, keys and newest windows.
        let mut verdict = testing::promoted();
        (verdict.verdict, verdict.promote, verdict.code) = (State::Inconclusive, None, 20);
        let slice = slices(&verdict).pop().unwrap();
        let part = verdict.of_slice(&slice).unwrap();
        assert_eq!((part.verdict, part.promote, part.code), (State::Inconclusive, None, 20));
        assert!(part.is_final && part.reason.contains("has evidence enough"), "{}", part.reason);
        verdict.is_final = false;
        assert_eq!(verdict.of_slice(&slice).unwrap().promote, None);
    }

    #[test]
    fn a_proved_slice_promotes_only_with_a_final_run() {
        let mut verdict = testing::promoted();
        let slice = slices(&verdict).pop().unwrap();
        assert_eq!(verdict.of_slice(&slice).unwrap().promote, Some(true));
        for state in [State::Wait, State::Reject, State::Invalid, State::Inconclusive] {
            verdict.verdict = state;
            let part = verdict.of_slice(&slice).unwrap();
            assert_ne!(part.promote, Some(true), "{state:?}");
            assert_eq!(part.verdict, state);
        }
    }

    #[test]
    fn what_the_run_does_not_know_has_no_verdict() {
        assert!(testing::promoted().of_slice(&Slice::of("region", "nowhere")).is_none());
    }
}
