//! Which builds are compared, and how.

use super::super::View;
use super::super::format;
use maud::{Markup, html};
use parallax_comparator::run::{Build, ControlMode};

pub(crate) fn section(view: &View<'_>) -> Markup {
    let verdict = view.verdict;
    let exposure = &verdict.exposure;
    let missing = exposure.candidate_missing + exposure.control_missing + exposure.primary_failed;
    html! {
        section.card data-part="identity" {
            h2 { "Run" }
            dl.facts-list {
                dt { "candidate" } dd { (build(&verdict.candidate)) }
                dt { "primary" } dd { (build(&verdict.baseline)) }
                dt { "control" } dd { (control(verdict.control)) ", noise floor " (verdict.noise_floor) }
                @if view.report.started_ns > 0 {
                    dt { "started" }
                    dd {
                        (format::time(view.report.started_ns))
                        @if view.report.now_ns > view.report.started_ns {
                            ", running for " (format::span((view.report.now_ns - view.report.started_ns) / 1_000_000_000))
                        }
                    }
                }
                dt { "attempt" }
                dd {
                    (verdict.attempt)
                    @if let Some(continues) = &verdict.continues { ", continues " code { (continues) } }
                }
                dt { "evidence" }
                dd {
                    (format::count(verdict.exposure.units)) " units from " (format::count(verdict.exposure.clusters)) " keys"
                    @if missing > 0 {
                        "; missing answers: candidate " (format::count(verdict.exposure.candidate_missing))
                        ", control " (format::count(verdict.exposure.control_missing))
                        ", primary " (format::count(verdict.exposure.primary_failed))
                    }
                }
                dt { "policy" }
                dd {
                    "false reject ≤ " (format::significant(verdict.policy.alpha * 100.0)) "%, false promote ≤ "
                    (format::significant(verdict.policy.beta * 100.0)) "%, unit " (verdict.policy.unit)
                    code.digest { (verdict.policy.hash) }
                }
                dt { "replicas" } dd { (verdict.replica_check) }
                @if !verdict.not_checked.is_empty() {
                    dt { "not checked" } dd { (verdict.not_checked.join("; ")) }
                }
            }
        }
    }
}

fn build(build: &Build) -> Markup {
    let parts = [&build.image, &build.revision].into_iter().flatten();
    html! {
        @for part in parts { span { (part) } " " }
        @match &build.digest {
            Some(digest) => code.digest { (digest) },
            None => span.quiet { "no digest given" },
        }
    }
}

const fn control(mode: ControlMode) -> &'static str {
    match mode {
        ControlMode::Paired => "on every request",
        ControlMode::Sampled => "on a sample of requests",
        ControlMode::None => "none",
    }
}
