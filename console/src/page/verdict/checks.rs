//! The checks: what each found, in each slice.

use super::super::View;
use super::super::format;
use maud::{Markup, html};
use parallax_comparator::slice::Slice;
use parallax_comparator::verdict::{CheckLine, CheckState, Excess, Ratio, Verdict};

/// Slices drawn; the rest is in the document.
const SLICES: usize = 40;

/// Slices that are open although nothing is wrong in them: the whole population.
const OPEN: usize = 1;

pub(crate) fn section(view: &View<'_>) -> Markup {
    let verdict = view.verdict;
    let groups = groups(verdict);
    html! {
        section.card data-part="checks" {
            h2 { "Checks" }
            @if groups.is_empty() { p.empty { "No window has been judged yet." } }
            @for (index, group) in groups.iter().take(SLICES).enumerate() {
                (slice(index, group))
            }
            @if groups.len() > SLICES {
                p.note {
                    (groups.len() - SLICES) " more slices are in "
                    a href={ "v1/verdicts/" (segment(&verdict.run)) } { "the document" } "."
                }
            }
            @if !verdict.not_individually_certified.is_empty() {
                p.note {
                    "Too small for a promise of their own: "
                    @for (index, small) in verdict.not_individually_certified.iter().take(SLICES).enumerate() {
                        @if index > 0 { ", " }
                        (small.slice) " (" (format::count(small.n)) " units, excess at most "
                        (format::signed_percent(small.upper)) ")"
                    }
                    "."
                }
            }
            p.note {
                "A unit is " (unit(&verdict.policy.unit)) ". Worse and better count units in which the candidate "
                "did worse or better than the control. Intervals hold at every look, at "
                (format::significant(100.0 - verdict.policy.alpha * 100.0)) "%; their bars run from two deltas of "
                "improvement to four of excess, shaded up to tau and up to delta, and are cut at the ends. To reject "
                "and to promote is the judged evidence: with restarts, and with the guard against shared fate."
            }
        }
    }
}

/// The lines of one slice; the document is sorted by slice.
fn groups(verdict: &Verdict) -> Vec<&[CheckLine]> {
    verdict.checks.chunk_by(|left, right| left.slice == right.slice).collect()
}

fn slice(index: usize, lines: &[CheckLine]) -> Markup {
    let troubled = lines.iter().any(|line| !matches!(line.state, CheckState::Promote | CheckState::Wait));
    let count = |state| lines.iter().filter(|line| line.state == state).count();
    let states = STATES.into_iter().map(|state| (state, count(state))).filter(|(_, count)| *count > 0);
    html! {
        details.slice id={ "slice-" (index) } open[troubled || index < OPEN] {
            summary {
                b { (name(lines)) } " "
                @for (state, count) in states { span class={ "chip " (class(state)) } { (sign(state)) " " (count) " " (word(state)) } " " }
            }
            table.stack.checks {
                thead {
                    tr {
                        th scope="col" { "check" }
                        th scope="col" { "state" }
                        th.number scope="col" { "units" }
                        th.number scope="col" { "worse" }
                        th.number scope="col" { "better" }
                        th scope="col" { "excess of worse units, or ratio" }
                        th.number scope="col" { "to reject" }
                        th.number scope="col" { "to promote" }
                        th scope="col" { "guard" }
                    }
                }
                tbody { @for line in lines { (row(line)) } }
            }
        }
    }
}

fn row(line: &CheckLine) -> Markup {
    let signs = line.signs.or(line.latency.map(|latency| latency.reject));
    let number = |number: Option<u64>| number.map_or_else(|| "–".to_owned(), format::count);
    html! {
        tr {
            td.wide.bare data-label="check" {
                span { (line.check) @if !line.required { " " span.quiet { "optional" } } }
            }
            td.bare data-label="state" { span class={ "chip " (class(line.state)) } { (sign(line.state)) " " (word(line.state)) } }
            td.number data-label="units" { (format::count(line.n)) }
            td.number data-label="worse" { (number(signs.map(|signs| signs.worse))) }
            td.number data-label="better" { (number(signs.map(|signs| signs.better))) }
            td.full.bare data-label="estimate" {
                @if let Some(excess) = &line.excess { (interval(line, excess)) }
                @if let Some(ratio) = &line.ratio { (quotient(ratio)) }
                @if let Some(limits) = line.latency.and_then(|latency| latency.thresholds_ms) {
                    div.quiet.small {
                        "worse from " (format::significant(limits.g_reject)) " ms; control " (format::significant(limits.x)) " ms"
                    }
                }
            }
            td.number data-label="reject" { (gauge("reject", line.log_e_reject, line.log_threshold_reject)) }
            td.number data-label="promote" { (gauge("promote", line.log_e_promote, line.log_threshold_promote)) }
            td data-label="guard" { span.quiet title={ "design effect " (format::significant(line.deff)) } { (line.guard.name()) } }
        }
    }
}

/// Evidence over a bar that is full where it suffices, on a logarithmic scale.
fn gauge(side: &str, log_e: f64, log_threshold: f64) -> Markup {
    let part = if log_threshold > 0.0 { (log_e / log_threshold).clamp(0.0, 1.0) * 100.0 } else { 0.0 };
    html! {
        (format::evidence(log_e))
        svg class={ "gauge " (side) } viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true" {
            rect.track width="100" height="4" {}
            rect.full[part >= 100.0] width=(format!("{part:.1}")) height="4" {}
        }
    }
}

/// An estimate with its confidence sequence: as a bar between the limits of its check, and as text.
///
/// The bar's unit is the check's own delta, so that every row has its limits at the same places.
fn interval(line: &CheckLine, excess: &Excess) -> Markup {
    let [lower, upper] = excess.cs;
    let axis = Axis { delta: if line.delta > 0.0 { line.delta } else { 1.0 } };
    html! {
        svg.interval viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true" {
            rect.tolerated x="0" width=(place(axis.at(line.tau))) height="12" {}
            rect.between x=(place(axis.at(line.tau))) width=(place(axis.at(line.delta) - axis.at(line.tau))) height="12" {}
            rect.zero x=(place(axis.at(0.0) - 0.2)) width="0.4" height="12" {}
            rect.range x=(place(axis.at(lower))) y="5" width=(place(axis.at(upper) - axis.at(lower))) height="2" {}
            @if let Some(estimate) = excess.estimate {
                rect.point x=(place(axis.at(estimate) - 0.7)) y="2" width="1.4" height="8" {}
            }
        }
        div.small {
            @match excess.estimate {
                Some(estimate) => (format::signed_percent(estimate)),
                None => "–",
            }
            span.quiet { " [" (format::signed_percent(lower)) ", " (format::signed_percent(upper)) "]" }
        }
    }
}

/// The horizontal axis of an interval: 2 deltas of improvement to 4 of excess, clipped.
struct Axis {
    delta: f64,
}

impl Axis {
    fn at(&self, share: f64) -> f64 {
        ((share / self.delta + 2.0) / 6.0 * 100.0).clamp(0.0, 100.0)
    }
}

fn place(position: f64) -> String {
    format!("{position:.1}")
}

fn quotient(ratio: &Ratio) -> Markup {
    html! {
        div.small {
            @match ratio.estimate {
                Some(estimate) => { "× " (format!("{estimate:.3}")) },
                None => "–",
            }
            @if let Some([lower, upper]) = ratio.cs {
                span.quiet { " [" (format!("{lower:.3}")) ", " (format!("{upper:.3}")) "]" }
            }
        }
    }
}

fn name(lines: &[CheckLine]) -> String {
    match lines.first().map(|line| &line.slice) {
        Some(slice) if slice.is_all() => "all requests".to_owned(),
        Some(slice) if slice.is_other() => "all other requests".to_owned(),
        Some(slice) => Slice::to_string(slice),
        None => String::new(),
    }
}

/// `session/10s` in words.
fn unit(unit: &str) -> String {
    match unit.split_once('/') {
        Some(("request", _)) => "one exchange".to_owned(),
        Some((kind, window)) => format!("all exchanges of one key in {window} ({kind})"),
        None => unit.to_owned(),
    }
}

/// A path segment.
fn segment(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

const STATES: [CheckState; 6] = [
    CheckState::Reject,
    CheckState::Suspect,
    CheckState::Nondeterministic,
    CheckState::Wait,
    CheckState::Uncertified,
    CheckState::Promote,
];

const fn word(state: CheckState) -> &'static str {
    match state {
        CheckState::Promote => "holds",
        CheckState::Reject => "worse",
        CheckState::Suspect => "suspect",
        CheckState::Wait => "wait",
        CheckState::Nondeterministic => "too noisy",
        CheckState::Uncertified => "too small",
    }
}

const fn sign(state: CheckState) -> &'static str {
    match state {
        CheckState::Promote => "✓",
        CheckState::Reject => "✕",
        CheckState::Suspect => "?",
        CheckState::Wait => "…",
        CheckState::Nondeterministic => "~",
        CheckState::Uncertified => "–",
    }
}

const fn class(state: CheckState) -> &'static str {
    match state {
        CheckState::Promote => "state-promote",
        CheckState::Reject => "state-reject",
        CheckState::Suspect => "state-inconclusive",
        CheckState::Nondeterministic => "state-invalid",
        CheckState::Wait | CheckState::Uncertified => "state-wait",
    }
}
