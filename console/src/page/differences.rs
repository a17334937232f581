//! Where the two builds differ: counts against noise, the most excess first.

use super::View;
use super::format::{count, share};
use maud::{Markup, html};
use parallax_comparator::diff::{Kind, Part};
use parallax_comparator::report::PathCount;

/// Rows on the page; the rest is in `/v1/differences`.
const ROWS: usize = 20;

pub(super) fn section(view: &View<'_>) -> Markup {
    let differences = &view.report.differences;
    html! {
        section.card data-part="differences" {
            h2 { "What differs" }
            @if differences.is_empty() {
                p.empty { "Nothing: after masking, no response of the candidate differs from the primary's." }
            } @else {
                table.stack {
                    thead {
                        tr {
                            th scope="col" { "where" }
                            th scope="col" { "kind" }
                            th.number scope="col" { "candidate" }
                            th.number scope="col" { "noise" }
                            th scope="col" { "share of exchanges" }
                            th scope="col" { span.quiet { "example" } }
                        }
                    }
                    tbody { @for path in differences.iter().take(ROWS) { (row(view, path)) } }
                }
                p.note {
                    "Exchanges that differ from the primary’s answer: the candidate’s, and, as noise, those of the "
                    "control, which runs the primary’s own build. Counts are for display; the verdict rests on the checks."
                    @if differences.len() > ROWS {
                        " " (count((differences.len() - ROWS) as u64)) " more paths are in "
                        a href="v1/differences" { "v1/differences" } "."
                    }
                    @if let Some(other) = &view.report.other_differences {
                        " Paths beyond the bound on rows, together: candidate " (count(other.raw)) ", noise " (count(other.noise)) "."
                    }
                }
            }
        }
    }
}

fn row(view: &View<'_>, path: &PathCount) -> Markup {
    html! {
        tr {
            td.full.bare data-label="where" {
                span.part { (part(path.part)) } " "
                @if path.pattern.is_empty() {
                    @if path.part == Part::Body { span.quiet { "as a whole" } }
                } @else { code { (path.pattern) } }
                @if let Some(route) = &path.route { " " span.quiet { "in " (route) } }
            }
            td data-label="kind" { (kind(path.kind)) }
            td.number data-label="candidate" {
                b { (count(path.raw)) } " " span.quiet { (share(path.raw, path.exchanges)) }
            }
            td.number data-label="noise" {
                (count(path.noise)) " " span.quiet { (share(path.noise, path.exchanges)) }
            }
            td.wide data-label="share" { (bars(path)) (meaning(path)) }
            td data-label="example" {
                @if let Some(id) = path.examples.first() {
                    a href=(view.example_link(id)) { "look" }
                } @else { span.quiet { "–" } }
            }
        }
    }
}

/// Two bars over one scale: the candidate's share and the noise below it.
fn bars(path: &PathCount) -> Markup {
    let width = |number: u64| {
        let share = if path.exchanges == 0 { 0.0 } else { number as f64 / path.exchanges as f64 };
        // A difference that exists is visible.
        let width = share.min(1.0) * 100.0;
        format!("{:.1}", if number > 0 { width.max(1.0) } else { 0.0 })
    };
    html! {
        svg.bars viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true" {
            rect.track width="100" height="12" {}
            rect.raw width=(width(path.raw)) height="6" {}
            rect.noise y="6" width=(width(path.noise)) height="6" {}
        }
    }
}

/// What the counts suggest, in words.
fn meaning(path: &PathCount) -> Markup {
    let word = if path.noise == 0 && path.control_only == 0 {
        "only the candidate"
    } else if path.candidate_only <= path.control_only.saturating_mul(2) {
        "noise: equal builds differ here too"
    } else {
        "more than noise"
    };
    html! { span.quiet { (word) } }
}

/// A part of a message as people say it.
pub(super) const fn part(part: Part) -> &'static str {
    match part {
        Part::Status => "status",
        Part::Header => "header",
        Part::Trailer => "trailer",
        Part::Cookie => "cookie",
        Part::Body => "body",
        Part::Event => "event",
    }
}

/// A kind of difference as people say it.
pub(super) const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Missing => "missing",
        Kind::Extra => "extra",
        Kind::Type => "other type",
        Kind::Value => "other value",
        Kind::Order => "other order",
        Kind::Length => "other length",
        Kind::Encoding => "other encoding",
        Kind::Unparsable => "unparsable",
    }
}
