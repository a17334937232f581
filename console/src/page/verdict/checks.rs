//! The checks: what each found, in each slice.

use super::super::View;
use super::super::format;
use maud::{Markup, html};
use parallax_comparator::slice::Slice;
use parallax_comparator::verdict::{CheckLine, CheckState, Excess, Ratio, Verdict};

/// Slices drawn; the rest is in the document.
const SLICES: usize = 40;

/// Slices that are open although nothing is wrong in them.
const OPEN: usize = 2;

pub(crate) fn section(view: &View<'_>) -> Markup {
    let verdict = view.verdict;
    let groups = groups(verdict);
    html! {
        section.card data-part="checks" {
            h2 { "Checks" }
            @if groups.is_empty() { p.empty { "No window has been judged yet." } }
            @for (index, group) in groups.iter().take(SLICES).enumerate() {
                (slice(verdict, index, group))
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
                (format::significant(100.0 - verdict.policy.alpha * 100.0)) "%. Evidence is judged: with the guard "
                "against shared fate, and with restarts."
            }
        }
    }
}

/// The lines of one slice; the document is sorted by slice.
fn groups(verdict: &Verdict) -> Vec<&[CheckLine]> {
    verdict.checks.chunk_by(|left, right| left.slice == right.slice).collect()
}

fn slice(verdict: &Verdict, index: usize, lines: &[CheckLine]) -> Markup {
    let troubled = lines.iter().any(|line| !matches!(line.state, CheckState::Promote | CheckState::Wait));
    let count = |state| lines.iter().filter(|line| line.state == state).count();
    let states = STATES.into_iter().map(|state| (state, count(state))).filter(|(_, count)| *count > 0);
    let scale = scale(lines);
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
                        th.number scope="col" { "reject evidence" }
                        th.number scope="col" { "promote evidence" }
                        th scope="col" { "guard" }
                    }
                }
                tbody { @for line in lines { (row(verdict, line, scale)) } }
            }
        }
    }
}

fn row(verdict: &Verdict, line: &CheckLine, scale: f64) -> Markup {
    let signs = line.signs.or(line.latency.map(|latency| latency.reject));
    let number = |number: Option<u64>| number.map_or_else(|| "–".to_owned(), format::count);
    html! {
        tr {
            td data-label="check" {
                span { (line.check) @if !line.required { " " span.quiet { "optional" } } }
            }
            td data-label="state" { span class={ "chip " (class(line.state)) } { (sign(line.state)) " " (word(line.state)) } }
            td.number data-label="units" { (format::count(line.n)) }
            td.number data-label="worse" { (number(signs.map(|signs| signs.worse))) }
            td.number data-label="better" { (number(signs.map(|signs| signs.better))) }
            td data-label="estimate" {
                @if let Some(excess) = &line.excess { (interval(excess, scale)) }
                @if let Some(ratio) = &line.ratio { (quotient(ratio)) }
                @if let Some(limits) = line.latency.and_then(|latency| latency.thresholds_ms) {
                    div.quiet.small {
                        "worse from " (format::significant(limits.g_reject)) " ms; control " (format::significant(limits.x)) " ms"
                    }
                }
            }
            td.number data-label="reject evidence" { (format::evidence(line.log_e_reject)) }
            td.number data-label="promote evidence" { (promote(verdict, line)) }
            td data-label="guard" { span.quiet title={ "design effect " (format::significant(line.deff)) } { (line.guard.name()) } }
        }
    }
}

/// The promote evidence over a bar that is full where it suffices.
fn promote(verdict: &Verdict, line: &CheckLine) -> Markup {
    let needed = verdict.evidence.weakest_promote.as_ref().map(|weakest| weakest.log_threshold);
    html! {
        (format::evidence(line.log_e_promote))
        @if let (Some(needed), true) = (needed.filter(|needed| *needed > 0.0), line.required) {
            @let part = (line.log_e_promote / needed).clamp(0.0, 1.0) * 100.0;
            svg.gauge viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true" {
                rect.track width="100" height="4" {}
                rect.full[part >= 100.0] width=(format!("{part:.1}")) height="4" {}
            }
        }
    }
}

/// An estimate with its confidence sequence, as text and as a bar about zero.
fn interval(excess: &Excess, scale: f64) -> Markup {
    let [lower, upper] = excess.cs;
    let at = |share: f64| 50.0 + (share / scale).clamp(-1.0, 1.0) * 48.0;
    html! {
        svg.interval viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" {
            rect.zero x="49.7" width="0.6" height="10" {}
            rect.range x=(format!("{:.1}", at(lower))) y="4" width=(format!("{:.1}", at(upper) - at(lower))) height="2" {}
            @if let Some(estimate) = excess.estimate {
                rect.point x=(format!("{:.1}", at(estimate) - 0.8)) y="1" width="1.6" height="8" {}
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

fn quotient(ratio: &Ratio) -> Markup {
    html! {
        div.small {
            @match ratio.estimate {
                Some(estimate) => { "× " (format::significant(estimate)) },
                None => "–",
            }
            @if let Some([lower, upper]) = ratio.cs {
                span.quiet { " [" (format::significant(lower)) ", " (format::significant(upper)) "]" }
            }
        }
    }
}

/// The share at the ends of the interval bars: one scale for a slice, so that its bars compare.
fn scale(lines: &[CheckLine]) -> f64 {
    let ends = lines.iter().filter_map(|line| line.excess).flat_map(|excess| excess.cs);
    ends.map(f64::abs).fold(1e-6, f64::max)
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
