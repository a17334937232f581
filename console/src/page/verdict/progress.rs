//! How far the evidence is, towards each decision.
//!
//! Bars are in logarithms: evidence multiplies, so half a bar is the square root of what is needed.

use super::super::View;
use super::super::format;
use maud::{Markup, html};
use parallax_comparator::verdict::{CheckState, Forecast, State};

pub(crate) fn section(view: &View<'_>) -> Markup {
    let verdict = view.verdict;
    let reject = verdict.evidence.global_reject;
    let required = || verdict.checks.iter().filter(|line| line.required);
    let hold = required().filter(|line| line.state == CheckState::Promote).count();
    html! {
        section.card data-part="progress" {
            h2 { "Evidence" }
            (bar("towards reject", "reject", reject.log_e, reject.log_threshold, &html! {
                "weighted mean over all " (format::count(verdict.checks.len() as u64)) " checks"
            }))
            @match &verdict.evidence.weakest_promote {
                Some(weakest) => (bar("towards promote", "promote", weakest.log_e, weakest.log_threshold, &html! {
                    "least of the required checks: " (weakest.slice) ", " (weakest.check)
                })),
                None => p.empty { "towards promote: no required check is known yet" },
            }
            p.note {
                (format::count(hold as u64)) " of " (format::count(required().count() as u64)) " required checks hold. "
                (forecast(verdict.verdict, verdict.is_final, &verdict.forecast))
            }
        }
    }
}

fn bar(name: &str, class: &str, log_e: f64, log_threshold: f64, detail: &Markup) -> Markup {
    let part = if log_threshold > 0.0 { (log_e / log_threshold).clamp(0.0, 1.0) } else { 0.0 };
    let text = format!("{} of {}", format::evidence(log_e), format::evidence(log_threshold));
    html! {
        div.evidence {
            div.evidence-head {
                span { (name) }
                span { b { (format::evidence(log_e)) } span.quiet { " of " (format::evidence(log_threshold)) } }
            }
            progress class=(class) max="1" value=(format!("{part:.3}")) aria-label={ (name) ": " (text) } {}
            p.quiet.small { (detail) }
        }
    }
}

/// What is still needed, in a sentence.
fn forecast(state: State, is_final: bool, forecast: &Forecast) -> Markup {
    let budget = forecast.budget_units.map(format::count);
    html! {
        @if is_final || !matches!(state, State::Wait | State::Invalid) {
            // A decided run needs nothing.
        } @else if forecast.futile {
            "Neither decision is in reach of what is left until the deadline."
        } @else if let Some(need) = forecast.need_units {
            "To promote, about " (format::count(need)) " more units"
            @if let Some(budget) = budget { " of " (budget) " left until the deadline" }
            @if let Some(eta) = &forecast.eta { ", expected at " (format::rfc3339(eta)) }
            "."
        } @else {
            "At the present rate no number of units would promote."
        }
        @if !is_final && !forecast.promote_reachable {
            " Equal traffic alone can no longer promote: the candidate would have to do better than production."
        }
    }
}
