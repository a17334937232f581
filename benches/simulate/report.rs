//! The table, as Markdown.

use crate::case::{Case, Kind};
use crate::run::{Figure, Found};
use std::fmt::Write as _;

/// The head of the table.
pub(crate) const HEAD: &str = "| row | truth | runs | figure | ours | s.e. | published | allowed | |\n|---|---|---|---|---|---|---|---|---|";

/// The lines of one case.
pub(crate) fn rows(case: &Case, found: &Found) -> String {
    let mut out = String::new();
    for (at, (column, figure)) in case.columns.iter().zip(&found.figures).enumerate() {
        let number = |value: f64| match column.kind {
            _ if value.is_infinite() => "-".to_owned(),
            Kind::Share => format!("{value:.4}"),
            Kind::Mean if value.abs() < 1_000.0 => format!("{value:.3}"),
            Kind::Mean => format!("{value:.0}"),
            Kind::Median => format!("{value:.0}"),
        };
        let optional = |value: Option<f64>| value.map(number).unwrap_or_default();
        let (name, truth) = if at == 0 { (case.name.as_str(), case.truth.as_str()) } else { ("", "") };
        let runs = if at == 0 { found.replications.to_string() } else { String::new() };
        let error = if figure.error.is_finite() { number(figure.error) } else { "-".to_owned() };
        let _ = writeln!(
            out,
            "| {name} | {truth} | {runs} | {} | {} | {error} | {} | {} | {} |",
            column.name,
            number(figure.value),
            optional(column.published),
            optional(column.limit),
            mark(figure),
        );
    }
    out
}

fn mark(figure: &Figure) -> &'static str {
    match (figure.holds, figure.agrees) {
        (Some(false), _) => "**guarantee fails**",
        (_, Some(false)) => "differs",
        (Some(true), None) => "holds",
        (Some(true), Some(true)) => "holds, agrees",
        (None, Some(true)) => "agrees",
        (None, None) => "",
    }
}
