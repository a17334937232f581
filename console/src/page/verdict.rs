//! The verdict and what it rests on: state, progress, builds, checks.

mod checks;
mod identity;
mod progress;

pub(super) use checks::section as checks;
pub(super) use identity::section as identity;
pub(super) use progress::section as progress;

use super::View;
use super::format;
use maud::{Markup, html};
use parallax_comparator::verdict::{Hypothesis, State, Verdict};

/// The state and its reason, first and largest.
pub(super) fn banner(view: &View<'_>) -> Markup {
    let verdict = view.verdict;
    html! {
        section class={ "card verdict " (class(verdict.verdict)) } data-part="verdict" aria-live="polite" {
            div.headline {
                span.icon aria-hidden="true" { (sign(verdict.verdict)) }
                div {
                    h1 { (word(verdict.verdict)) }
                    p.reason { (verdict.reason) }
                }
            }
            (hypotheses("worse than tolerated", "state-reject", &verdict.culprits))
            (hypotheses("suspect", "state-inconclusive", &suspects(verdict)))
            ul.facts {
                li { @if verdict.is_final { "final" } @else { "not final" } }
                @match &verdict.watermark {
                    Some(watermark) => {
                        li { (format::count(verdict.sealed_windows)) " windows sealed" }
                        li { "until " (format::rfc3339(watermark)) }
                    },
                    None => li { "no window sealed yet" },
                }
                @if verdict.partial { li { "partial: the run was ended early" } }
                li { "exit code " (verdict.code) }
                li { "run " code { (verdict.run) } }
            }
            @if let Some(after) = &verdict.after_final {
                p.note {
                    "The verdict stands. Traffic since then, " (format::count(after.sealed_windows)) " windows in all, would give "
                    (after.verdict.name()) ": " (after.reason)
                }
            }
        }
    }
}

/// Culprits or suspects, as far as a line holds them.
fn hypotheses(label: &str, class: &str, hypotheses: &[Hypothesis]) -> Markup {
    const SHOWN: usize = 6;
    html! {
        @if !hypotheses.is_empty() {
            p.chips {
                span.quiet { (label) ":" }
                @for hypothesis in hypotheses.iter().take(SHOWN) {
                    span class={ "chip " (class) } { (hypothesis.slice) " · " (hypothesis.check) }
                }
                @if hypotheses.len() > SHOWN { span.quiet { "and " (hypotheses.len() - SHOWN) " more" } }
            }
        }
    }
}

/// Suspects that are not culprits already.
fn suspects(verdict: &Verdict) -> Vec<Hypothesis> {
    verdict.suspects.iter().filter(|suspect| !verdict.culprits.contains(suspect)).cloned().collect()
}

/// The word of a state.
pub(super) const fn word(state: State) -> &'static str {
    match state {
        State::Promote => "Promote",
        State::Reject => "Reject",
        State::Wait => "Wait",
        State::Inconclusive => "Inconclusive",
        State::Invalid => "Invalid",
    }
}

/// The sign of a state: beside the word, never instead of it.
pub(super) const fn sign(state: State) -> &'static str {
    match state {
        State::Promote => "✓",
        State::Reject => "✕",
        State::Wait => "…",
        State::Inconclusive => "?",
        State::Invalid => "!",
    }
}

/// The class that gives a state its colour.
pub(super) const fn class(state: State) -> &'static str {
    match state {
        State::Promote => "state-promote",
        State::Reject => "state-reject",
        State::Wait => "state-wait",
        State::Inconclusive => "state-inconclusive",
        State::Invalid => "state-invalid",
    }
}
