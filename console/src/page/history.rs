//! How the state came about, and the other runs on the board.

use super::View;
use super::format;
use super::verdict::{class, sign, word};
use maud::{Markup, html};

pub(super) fn section(view: &View<'_>) -> Markup {
    let changes = &view.entry.changes;
    html! {
        section.card data-part="history" {
            h2 { "History" }
            ol.history {
                @for change in changes.iter().rev() {
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
        }
    }
}
