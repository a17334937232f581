//! The rig: where exchanges went, and whether the evidence can be trusted.
//!
//! Lost evidence, a dead control or copies sent in a lopsided order would make a candidate look better
//! or worse than it is. Such a run is invalid, never a promote. `verdict.md` 2.6, steps 1 and 2.

use crate::rows::{Exposure, Fault, Gap, SealedWindow};
use crate::run::ControlMode;
use parallax_config::Policy;
use parallax_exchange::Admissions;
use std::collections::BTreeSet;

/// Mirrored exchanges below which no share is judged.
const ENOUGH: u64 = 1_000;
/// Distinct key hashes kept; exact below this, an estimate from there on.
const SKETCH: usize = 1_024;

/// Sums over all sealed windows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rig {
    pub(crate) admissions: Option<Admissions>,
    pub(crate) exposure: Exposure,
    /// Whether any window told what happened to its exchanges.
    pub(crate) has_exposure: bool,
    /// Whether any window told which keys it saw.
    pub(crate) has_keys: bool,
    pub(crate) faults: BTreeSet<Fault>,
    gaps: Gaps,
}

/// Stretches in which the process ended and came back, added up.
#[derive(Debug, Clone, Copy, Default)]
struct Gaps {
    times: u64,
    span_ns: u64,
    windows: u64,
    lost: u64,
}

impl Rig {
    /// Adds one sealed window.
    pub(crate) fn add(&mut self, window: &SealedWindow) {
        self.faults.extend(&window.faults);
        if let Some(gap) = &window.gap {
            self.gaps.add(gap);
        }
        if let Some(admissions) = &window.admissions {
            self.admissions.get_or_insert_default().merge(admissions);
        }
        if let Some(exposure) = &window.exposure {
            self.has_exposure = true;
            if exposure.key_set_full {
                self.faults.insert(Fault::KeySetFull);
            }
            self.has_keys |= !exposure.keys.is_empty();
            add_exposure(&mut self.exposure, exposure);
        }
    }

    /// Mirrored exchanges of which nothing arrived.
    pub(crate) fn lost(&self) -> u64 {
        self.exposure.mirrored.saturating_sub(accounted(&self.exposure))
    }

    /// Distinct cluster keys: exact below 1,024, then estimated from the smallest hashes.
    pub(crate) fn distinct_keys(&self) -> u64 {
        let keys = &self.exposure.keys;
        match keys.last() {
            Some(largest) if keys.len() >= SKETCH => {
                let span = u128::from(*largest).max(1);
                u64::try_from(((SKETCH as u128 - 1) << 64) / span).unwrap_or(u64::MAX)
            }
            _ => keys.len() as u64,
        }
    }

    /// Rules that the imported tallies give no counters for.
    pub(crate) fn not_checked(&self) -> Vec<String> {
        if !self.has_exposure {
            return vec!["coverage, late, lost, control, order, copies: no exposure was given".to_owned()];
        }
        let rules: [(&str, &[&'static str]); 6] = [
            ("coverage", &["mirrored", "compared"]),
            ("late", &["mirrored", "late"]),
            ("lost", &["mirrored", "compared", "shed", "late"]),
            ("control", &["mirrored", "compared", "control_only_missing"]),
            ("order", &["mirrored", "compared", "candidate_first"]),
            ("copies", &["mirrored", "candidate_offered", "control_offered"]),
        ];
        let absent = |name: &&&str| self.exposure.absent.contains(**name);
        let gap = |(rule, needs): &(&str, &[&'static str])| {
            let missing = needs.iter().find(absent)?;
            Some(format!("{rule}: no `{missing}` was given"))
        };
        rules.iter().filter_map(gap).collect()
    }

    /// What is not known because the process ended and came back, in words and numbers; `None` where it never did.
    pub(crate) fn gaps(&self) -> Option<String> {
        let Gaps { times, span_ns, windows, lost } = self.gaps;
        (times > 0).then(|| {
            format!(
                "resumed: gaps {times}, span {span_ns} ns, windows {windows}, known lost {lost}: the process ended in \
                 them, and of what was mirrored and is not in the log only the known part counts as lost"
            )
        })
    }

    /// The first condition under which the evidence cannot be trusted, as `cause: explanation`.
    pub(crate) fn broken(&self, policy: &Policy, control: ControlMode) -> Option<String> {
        let sum = &self.exposure;
        let given = |names: &[&str]| !names.iter().any(|name| sum.absent.contains(name));
        if !self.has_exposure || !given(&["mirrored"]) || sum.mirrored < ENOUGH {
            return None;
        }
        let (mirrored, compared) = (sum.mirrored as f64, sum.compared as f64);
        let percent = |part: u64, whole: f64| 100.0 * part as f64 / whole;
        if given(&["compared"]) && compared < policy.coverage * mirrored {
            let [covered, least] = [percent(sum.compared, mirrored), 100.0 * policy.coverage];
            return Some(format!("coverage: {covered:.3}% of mirrored exchanges compared, {least}% needed"));
        }
        if sum.late as f64 > policy.late * mirrored {
            let [late, most] = [percent(sum.late, mirrored), 100.0 * policy.late];
            return Some(format!("late: {late:.3}% of mirrored exchanges came late, {most}% allowed"));
        }
        // What is lost may be what the candidate does badly, so little of it hides more than a promote excludes.
        let all_given = given(&["compared", "shed", "late"]);
        if all_given && self.lost() as f64 > policy.late * mirrored {
            let [lost, most] = [percent(self.lost(), mirrored), 100.0 * policy.late];
            return Some(format!(
                "lost: the outcome of {lost:.3}% of mirrored exchanges is lost, {most}% allowed"
            ));
        }
        if accounted(sum) as f64 > mirrored * (1.0 + policy.late) {
            return Some("conservation: more exchanges were accounted for than were mirrored".to_owned());
        }
        if control == ControlMode::None {
            return None;
        }
        let control_given = given(&["compared", "control_only_missing"]);
        // Of a sampled control only the exchanges that it was sent count: a dead one would hide behind the others.
        let sampled = control == ControlMode::Sampled && given(&["ordered"]);
        let asked = if sampled { sum.ordered as f64 } else { compared };
        if control_given && sum.control_only_missing as f64 > policy.control_only_missing * asked {
            let missing = percent(sum.control_only_missing, asked);
            let most = 100.0 * policy.control_only_missing;
            return Some(format!(
                "control: in {missing:.3}% of exchanges only the control did not answer, {most}% allowed"
            ));
        }
        if let Some(first) = lopsided(sum) {
            return Some(format!("order: the candidate's copy went first in {first:.2}% of exchanges"));
        }
        let offered_given = given(&["candidate_offered", "control_offered"]);
        (control == ControlMode::Paired && offered_given && sum.candidate_offered != sum.control_offered)
            .then(|| {
                format!(
                    "copies: {} offered to the candidate, {} to the control",
                    sum.candidate_offered, sum.control_offered
                )
            })
    }
}

/// The share in percent where the send order is five standard deviations or more from even.
fn lopsided(sum: &Exposure) -> Option<f64> {
    if sum.absent.contains("candidate_first") {
        return None;
    }
    let pairs = if sum.absent.contains("ordered") { sum.compared } else { sum.ordered } as f64;
    let first = sum.candidate_first as f64;
    ((first - pairs / 2.0).abs() > 2.5 * pairs.sqrt()).then(|| 100.0 * first / pairs)
}

fn accounted(sum: &Exposure) -> u64 {
    sum.compared.saturating_add(sum.shed).saturating_add(sum.late)
}

impl Gaps {
    fn add(&mut self, gap: &Gap) {
        self.times += 1;
        add(&mut self.span_ns, gap.span_ns());
        add(&mut self.windows, gap.windows);
        add(&mut self.lost, gap.lost);
    }
}

/// Counts of somebody else's tallies may be anything; they stop at the end of their range.
fn add(sum: &mut u64, part: u64) {
    *sum = sum.saturating_add(part);
}

fn add_exposure(into: &mut Exposure, from: &Exposure) {
    add(&mut into.mirrored, from.mirrored);
    add(&mut into.compared, from.compared);
    add(&mut into.shed, from.shed);
    add(&mut into.late, from.late);
    add(&mut into.primary_failed, from.primary_failed);
    add(&mut into.candidate_missing, from.candidate_missing);
    add(&mut into.control_missing, from.control_missing);
    add(&mut into.control_only_missing, from.control_only_missing);
    add(&mut into.ordered, from.ordered);
    add(&mut into.candidate_first, from.candidate_first);
    add(&mut into.candidate_offered, from.candidate_offered);
    add(&mut into.control_offered, from.control_offered);
    into.absent.extend(&from.absent);
    into.keys.extend(&from.keys);
    into.keys.sort_unstable();
    into.keys.dedup();
    into.keys.truncate(SKETCH);
}

/// Why a fault ends the run, as `cause: explanation`.
pub(crate) fn fault_text(fault: Fault) -> &'static str {
    match fault {
        Fault::CandidateChanged => "candidate: its build changed during the run",
        Fault::BaselineChanged => "baseline: the primary's build changed during the run",
        Fault::ControlChanged => "control: its build changed during the run",
        Fault::NormaliserChanged => "normaliser: evidence was compared by two versions of the comparison",
        Fault::PolicyChanged => "policy: it changed during the run",
        Fault::KeySetFull => "key set full: returning keys can no longer be told; raise policy.keys_max",
    }
}
