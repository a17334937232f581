//! Which checks a format shows, and in which order.

use crate::verdict::{CheckLine, CheckState, State, Verdict};

/// The checks that a reject rests on, worst first: the culprits, else the suspects, else the one with
/// the most evidence. Empty unless the verdict is a reject.
pub(crate) fn blamed(verdict: &Verdict) -> Vec<&CheckLine> {
    if verdict.verdict != State::Reject {
        return Vec::new();
    }
    let of = |state| worst_first(verdict.checks.iter().filter(|line| line.state == state).collect());
    let culprits: Vec<_> = of(CheckState::Reject);
    if !culprits.is_empty() {
        return culprits;
    }
    let suspects = of(CheckState::Suspect);
    if !suspects.is_empty() {
        return suspects;
    }
    worst_first(verdict.checks.iter().collect()).into_iter().take(1).collect()
}

/// Suspects that are not blamed already.
pub(crate) fn suspected(verdict: &Verdict) -> Vec<&CheckLine> {
    let blamed = blamed(verdict);
    let suspect = |line: &&CheckLine| {
        matches!(line.state, CheckState::Suspect | CheckState::Reject)
            && !blamed.iter().any(|other| std::ptr::eq(*other, *line))
    };
    worst_first(verdict.checks.iter().filter(suspect).collect())
}

/// The checks of the whole population, and those of other slices that have units and a promise of
/// their own or something against them.
pub(crate) fn seen(verdict: &Verdict) -> impl Iterator<Item = &CheckLine> {
    let has_part = |line: &&CheckLine| line.n > 0 && line.state != CheckState::Uncertified;
    verdict.checks.iter().filter(move |line| line.slice.is_all() || has_part(line))
}

/// Most evidence over its own threshold first; the order of the document among equals.
pub(crate) fn worst_first(mut lines: Vec<&CheckLine>) -> Vec<&CheckLine> {
    let excess = |line: &CheckLine| line.log_e_reject - line.log_threshold_reject;
    lines.sort_by(|a, b| excess(b).total_cmp(&excess(a)));
    lines
}

/// The family of a check: what kind of thing is wrong.
pub(crate) fn family(line: &CheckLine) -> &'static str {
    use crate::check::Check;
    match line.check {
        Check::Mismatch | Check::MismatchSevere => "mismatch",
        Check::Status => "status",
        Check::ErrorRate => "error_rate",
        Check::Availability => "availability",
        Check::Latency(_) | Check::LatencySevere(_) => "latency",
        Check::Field(_) => "field",
        Check::Outputs => "outputs",
    }
}

/// The name of a state in the document.
pub(crate) fn state_name(state: CheckState) -> &'static str {
    match state {
        CheckState::Promote => "promote",
        CheckState::Reject => "reject",
        CheckState::Suspect => "suspect",
        CheckState::Wait => "wait",
        CheckState::Nondeterministic => "nondeterministic",
        CheckState::Uncertified => "uncertified",
    }
}
