//! One differing exchange, its answers side by side.
//!
//! A line is marked as a difference where the comparator reported one at its place; a line that
//! differs without a report is masked or noise, and only tinted. Equal stretches are folded.

mod align;
mod lines;

use super::{View, differences};
use align::Row;
use lines::Line;
use maud::{Markup, html};
use parallax_comparator::diff::{Difference, Part};
use parallax_comparator::report::Example;

/// Lines laid out of one answer; the rest is in `/v1/examples/{id}`.
const LINES: usize = 1_000;

/// Differences listed above the answers.
const DIFFERENCES: usize = 12;

/// Equal lines kept around a line that differs.
const CONTEXT: usize = 3;

/// Equal lines that are worth a fold.
const FOLD: usize = 3;

pub(super) fn section(view: &View<'_>) -> Markup {
    html! {
        section.card data-part="example" id="example" {
            h2 { "Example" }
            @match view.example() {
                Some(example) => (body(view, example)),
                None => p.empty { "No differing exchange has been kept." },
            }
        }
    }
}

fn body(view: &View<'_>, example: &Example) -> Markup {
    html! {
        div.request {
            code.target { (example.request) }
            @if let Some(route) = &example.route { span.quiet { "route " (route) } }
            span.quiet { "exchange " code { (example.id) } }
        }
        @if !example.request_body.is_empty() {
            details id="request-body" {
                summary { "Request body" }
                pre { @for line in lines::of_body(&example.request_body).iter().take(LINES) { (line.text) "\n" } }
            }
        }
        (found(&example.differences))
        (answers(example))
        @if !example.unified.is_empty() {
            details id="unified-diff" { summary { "Unified diff" } pre { (example.unified) } }
        }
        @if let Some(curl) = &example.curl {
            details id="reproduce" {
                summary { "Send it again" }
                pre { (curl) }
                p.note { "Credentials are replaced; " code { "BASE_URL" } " chooses whom to ask." }
            }
        }
        p.note {
            @for other in view.report.examples.iter().filter(|other| other.id != example.id).take(8) {
                a href=(view.example_link(&other.id)) { "another: " (other.request) } " "
            }
        }
    }
}

/// The reported differences, value against value.
fn found(differences: &[Difference]) -> Markup {
    html! {
        @if !differences.is_empty() {
            table.stack.values {
                thead {
                    tr {
                        th scope="col" { "where" }
                        th scope="col" { "kind" }
                        th scope="col" { "primary" }
                        th scope="col" { "candidate" }
                    }
                }
                tbody {
                    @for difference in differences.iter().take(DIFFERENCES) {
                        tr {
                            td.wide.bare data-label="where" {
                                span.part { (differences::part(difference.part)) } " " code { (difference.path) }
                            }
                            td.bare data-label="kind" {
                                span {
                                    (differences::kind(difference.kind))
                                    @if let Some(note) = &difference.note { " " span.quiet { (note) } }
                                }
                            }
                            td.wide data-label="primary" { (value(difference.left.as_deref())) }
                            td data-label="candidate" { (value(difference.right.as_deref())) }
                        }
                    }
                }
            }
        }
    }
}

fn value(value: Option<&str>) -> Markup {
    html! {
        @match value {
            Some(text) => code { (text) },
            None => span.quiet { "nothing" },
        }
    }
}

fn answers(example: &Example) -> Markup {
    let lines = |text: &str| {
        let mut lines = lines::of_response(text);
        let cut = lines.len() > LINES;
        lines.truncate(LINES);
        (lines, cut)
    };
    let (primary, cut_primary) = lines(&example.primary);
    let (candidate, cut_candidate) = lines(&example.candidate);
    let (control, cut_control) = example.control.as_deref().map(lines).unwrap_or_default();
    let with_control = example.control.is_some();
    let rows = align::rows(&primary, &candidate, &control);
    html! {
        div.answers.two[!with_control] role="table" aria-label="Answers side by side" {
            div.row.head role="row" {
                div role="columnheader" { "primary" }
                div role="columnheader" { "candidate" }
                @if with_control { div role="columnheader" { "control" } }
            }
            @for stretch in stretches(&rows, &example.differences, with_control) {
                @match stretch {
                    Stretch::Row(row, standing) => (one(row, standing, with_control)),
                    Stretch::Equal(count) => div.fold role="row" {
                        div role="cell" { "⋯ " (count) " equal lines" }
                    },
                }
            }
        }
        @if cut_primary || cut_candidate || cut_control {
            p.note { "Cut after " (LINES) " lines; the rest is in " a href={ "v1/examples/" (example.id) } { "the API" } "." }
        }
    }
}

/// How the lines of a row relate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// All the same.
    Same,
    /// They differ where the comparator reports nothing: masked, or the control's own noise.
    Tinted,
    /// They differ where the comparator reports it.
    Reported,
}

enum Stretch<'a> {
    Row(Row<'a>, Standing),
    Equal(usize),
}

/// Rows with long runs of equal ones folded.
fn stretches<'a>(rows: &[Row<'a>], differences: &[Difference], with_control: bool) -> Vec<Stretch<'a>> {
    let standings: Vec<_> = rows.iter().map(|row| standing(row, differences, with_control)).collect();
    let near = |index: usize| {
        let around = index.saturating_sub(CONTEXT)..rows.len().min(index + CONTEXT + 1);
        standings[around].iter().any(|standing| *standing != Standing::Same)
    };
    let mut stretches = Vec::new();
    let mut index = 0;
    while index < rows.len() {
        let far = (index..rows.len()).take_while(|index| !near(*index)).count();
        if far >= FOLD {
            stretches.push(Stretch::Equal(far));
            index += far;
        } else {
            stretches.push(Stretch::Row(rows[index], standings[index]));
            index += 1;
        }
    }
    stretches
}

fn standing(row: &Row<'_>, differences: &[Difference], with_control: bool) -> Standing {
    let same = |other: Option<&Line>| match (row.primary, other) {
        (Some(left), Some(right)) => bare(&left.text) == bare(&right.text),
        (left, right) => left.is_none() && right.is_none(),
    };
    let lines = [row.primary, row.candidate];
    if !same(row.candidate) && lines.into_iter().flatten().any(|line| reported(line, differences)) {
        Standing::Reported
    } else if !same(row.candidate) || (with_control && !same(row.control)) {
        Standing::Tinted
    } else {
        Standing::Same
    }
}

/// Whether a difference was reported at the line's place, or at one that contains it.
fn reported(line: &Line, differences: &[Difference]) -> bool {
    differences.iter().any(|difference| match difference.part {
        Part::Body => {
            let inside = line.path.strip_prefix(difference.path.as_str());
            line.part == Part::Body && inside.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        }
        Part::Cookie => line.part == Part::Header && line.path == "set-cookie",
        Part::Status => line.part == Part::Status,
        Part::Header | Part::Trailer => {
            line.part == Part::Header && line.path.eq_ignore_ascii_case(&difference.path)
        }
        // The lines that say so are reported for themselves.
        Part::Event => false,
    })
}

/// A line without the comma that only says whether another member follows.
fn bare(text: &str) -> &str {
    text.strip_suffix(',').unwrap_or(text)
}

fn one(row: Row<'_>, standing: Standing, with_control: bool) -> Markup {
    let (class, cells) = match standing {
        Standing::Same => ("same", "="),
        Standing::Tinted => ("tinted", "~"),
        Standing::Reported => ("reported", "≠"),
    };
    html! {
        div class={ "row " (class) } role="row" data-sign=(cells) {
            (cell("primary", row.primary, row.candidate, standing))
            (cell("candidate", row.candidate, row.primary, standing))
            @if with_control { (cell("control", row.control, row.primary, Standing::Tinted)) }
        }
    }
}

fn cell(role: &str, line: Option<&Line>, other: Option<&Line>, standing: Standing) -> Markup {
    let Some(line) = line else {
        return html! { div.gap role="cell" data-role=(role) {} };
    };
    let range = match (standing, other) {
        (Standing::Same, _) => line.text.len()..line.text.len(),
        (_, Some(other)) if bare(&other.text) == bare(&line.text) => line.text.len()..line.text.len(),
        (_, Some(other)) => align::changed(&line.text, &other.text),
        (Standing::Tinted, None) => line.text.len()..line.text.len(),
        (_, None) => line.text.len() - line.text.trim_start().len()..line.text.len(),
    };
    let (before, rest) = line.text.split_at(range.start);
    let (changed, after) = rest.split_at(range.end - range.start);
    html! {
        div role="cell" data-role=(role) {
            (before) @if !changed.is_empty() { mark { (changed) } } (after)
        }
    }
}
