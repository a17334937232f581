//! The checks: what each found, in each slice.

use super::super::View;
use super::super::format;
use maud::{Markup, html};

pub(crate) fn section(view: &View<'_>) -> Markup {
    html! {
        section.card data-part="checks" {
            h2 { "Checks" }
            table.stack {
                thead { tr { th scope="col" { "slice" } th scope="col" { "check" } th.number scope="col" { "units" } } }
                tbody {
                    @for line in &view.verdict.checks {
                        tr {
                            td data-label="slice" { (line.slice) }
                            td data-label="check" { (line.check) }
                            td.number data-label="units" { (format::count(line.n)) }
                        }
                    }
                }
            }
        }
    }
}
