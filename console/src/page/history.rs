//! How the state came about.

use super::View;
use super::format;
use super::verdict::{class, sign, word};
use maud::{Markup, html};

/// Changes on the page.
const SHOWN: usize = 5;

pub(super) fn section(view: &View<'_>) -> Markup {
    let changes = &view.entry.changes;
    html! {
        section.card data-part="history" {
            h2 { "History" }
            ol.history {
                @for change in changes.iter().rev().take(SHOWN) {
                    li class=(class(change.verdict)) {
                        span.chip { (sign(change.verdict)) " " (word(change.verdict)) }
                        @match &change.watermark {
                            Some(watermark) => span.quiet {
                                (format::rfc3339(watermark)) ", window " (format::count(change.sealed_windows))
                            },
                            None => span.quiet { "at the start" },
                        }
                        span { (change.reason) }
                    }
                }
            }
            @if changes.len() > SHOWN {
                p.note { (changes.len() - SHOWN) " earlier changes are in " a href="v1/verdicts" { "v1/verdicts" } "." }
            }
        }
    }
}
