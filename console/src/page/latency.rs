//! Latency by role: a percentile plot, and the same as a table.

pub(super) mod plot;
mod scale;

use super::format;
use maud::{Markup, html};
use parallax_comparator::report::RoleLatency;

/// Quantiles of the table.
const COLUMNS: [f64; 4] = [0.5, 0.9, 0.99, 0.999];

pub(super) fn section(roles: &[RoleLatency]) -> Markup {
    html! {
        section.card data-part="latency" {
            h2 { "Latency" }
            @if roles.iter().all(|role| role.count == 0 && role.missing == 0) {
                p.empty { "No response has been timed yet." }
            } @else {
                div.split {
                    figure {
                        (plot::plot(roles))
                        figcaption.legend {
                            @for role in roles {
                                span { (plot::sign(role.role)) " " (role.role) }
                            }
                        }
                    }
                    (table(roles))
                }
            }
        }
    }
}

fn table(roles: &[RoleLatency]) -> Markup {
    html! {
        div {
            table.figures {
                caption { "Over the whole run; from sending a request to the last byte of its response." }
                thead {
                    tr {
                        th scope="col" { "role" }
                        @for quantile in COLUMNS { th scope="col" { (format::quantile(quantile)) } }
                        th scope="col" { "max" }
                    }
                }
                tbody {
                    @for role in roles {
                        tr {
                            th scope="row" { (role.role) }
                            @for quantile in COLUMNS { td { (at(role, quantile)) } }
                            td { (if role.count == 0 { "–".to_owned() } else { format::nanoseconds(role.max_ns) }) }
                        }
                    }
                }
            }
            p.note {
                @for role in roles {
                    (role.role) ": " (format::count(role.count)) " timed"
                    @if role.missing > 0 { ", " strong { (format::count(role.missing)) " missing" } }
                    ". "
                }
                "A missing response counts as infinitely slow in the checks and is in no percentile here."
            }
        }
    }
}

fn at(role: &RoleLatency, quantile: f64) -> String {
    let found = role.quantiles.iter().find(|(q, _)| (q - quantile).abs() < 1e-9);
    match found {
        Some((_, ns)) if role.count > 0 => format::nanoseconds(*ns),
        _ => "–".to_owned(),
    }
}
