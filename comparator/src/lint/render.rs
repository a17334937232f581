//! Documents of this module for a terminal.

use super::document::{Finding, FindingKind, LintDocument, PlaceEvidence, RuleReport, Sighting};
use super::findings::place_name;
use crate::diff::render::harmless;
use std::fmt::Write;

/// Places shown of one finding; the document has more.
const PLACES_SHOWN: usize = 3;
/// Longest side of an example that is shown, in characters.
const SIDE_SHOWN: usize = 80;

/// What the rules did, for people: a line for each rule, then what deserves a look.
///
/// Control characters in the recorded data are escaped, so that the data cannot steer the terminal.
#[must_use]
pub fn lint(document: &LintDocument) -> String {
    let mut out = String::new();
    head(&mut out, document);
    rules(&mut out, &document.rules);
    for finding in &document.findings {
        block(&mut out, finding, document);
    }
    line(&mut out, "");
    line(&mut out, &foot(document));
    harmless(&out)
}

fn line(out: &mut String, text: &str) {
    writeln!(out, "{}", text.trim_end()).expect("a String takes any text");
}

fn head(out: &mut String, document: &LintDocument) {
    let LintDocument { exchanges, compared, differing, candidate_differences, control_differences, .. } =
        document;
    line(out, &format!("{exchanges} exchanges, {compared} compared, {differing} differ without rules"));
    line(
        out,
        &format!(
            "{candidate_differences} differences of the candidate, {control_differences} of the control"
        ),
    );
    let notes = [
        (document.partial, "the recording was not read to its end".to_owned()),
        (document.damaged > 0, format!("{} damaged places were stepped over", document.damaged)),
        (
            document.examples > 0,
            format!("{} are kept examples only: record with --capture to see all", document.examples),
        ),
        (document.truncated > 0, format!("{} comparisons ended at a limit", document.truncated)),
        (
            document.compared > 0 && document.with_control == 0,
            "no control answered: what only the candidate shows cannot be told from noise".to_owned(),
        ),
        (document.one_in > 1, format!("counts of places are estimates from one in {}", document.one_in)),
    ];
    for (_, note) in notes.into_iter().filter(|(holds, _)| *holds) {
        line(out, &format!("note: {note}"));
    }
}

fn rules(out: &mut String, rules: &[RuleReport]) {
    if rules.is_empty() {
        return line(out, "no rules");
    }
    line(out, "");
    let titles = ["rule", "candidate", "control", "alone", "share", "", ""].map(str::to_owned);
    let row = |rule: &RuleReport| {
        let route = rule.route.as_ref().map(|route| format!(" (route {route})")).unwrap_or_default();
        [
            rule.index.to_string(),
            rule.candidate.to_string(),
            rule.control.to_string(),
            rule.alone.to_string(),
            format!("{:.1} %", rule.share * 100.0),
            rule.at.clone(),
            format!("{}{route}", rule.action),
        ]
    };
    let rows: Vec<_> = std::iter::once(titles).chain(rules.iter().map(row)).collect();
    let widths: Vec<_> =
        (0..7).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    for row in &rows {
        let mut text = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let padding = " ".repeat(width - cell.chars().count());
            // Numbers end in one column, words begin in one.
            let (before, after) = if column < 5 { (&*padding, "") } else { ("", &*padding) };
            text += &format!("{before}{cell}{after}  ");
        }
        line(out, &text);
    }
}

fn block(out: &mut String, finding: &Finding, document: &LintDocument) {
    let rule = &document.rules[finding.rules[0]];
    line(out, "");
    line(out, &format!("{}: rule {} ({}, {})", finding.kind.name(), rule.index, rule.at, rule.action));
    line(out, &format!("  {}", finding.message));
    if finding.kind == FindingKind::HidesCandidate {
        finding.places.iter().take(PLACES_SHOWN).for_each(|found| place(out, found));
    } else {
        for found in finding.places.iter().take(PLACES_SHOWN) {
            line(out, &format!("    {}: {} of the candidate", place_name(found), found.candidate));
        }
    }
    line(out, &format!("  {}", finding.remedy));
}

fn place(out: &mut String, place: &PlaceEvidence) {
    let PlaceEvidence { candidate_only, control_only, control, .. } = place;
    let route = place.route.as_ref().map(|route| format!(" on route {route}")).unwrap_or_default();
    line(
        out,
        &format!(
            "    {}{route}: candidate alone {candidate_only}, control alone {control_only}, control at all {control}",
            place_name(place)
        ),
    );
    place.examples.iter().for_each(|found| sighting(out, found));
}

/// One line: where, and both sides.
pub(super) fn sighting(out: &mut String, sighting: &Sighting) {
    let side = |side: &Option<String>| side.as_deref().map_or_else(|| "nothing".to_owned(), shortened);
    let Sighting { exchange, path, left, right } = sighting;
    line(out, &format!("      {exchange} {path}: {} → {}", side(left), side(right)));
}

fn shortened(side: &str) -> String {
    let one_line = side.replace('\n', " ");
    match one_line.char_indices().nth(SIDE_SHOWN) {
        Some((end, _)) => format!("{}…", &one_line[..end]),
        None => one_line,
    }
}

fn foot(document: &LintDocument) -> String {
    let count = |kind| document.findings.iter().filter(|finding| finding.kind == kind).count();
    let told =
        FindingKind::ALL.into_iter().map(|kind| (kind.name(), count(kind))).filter(|(_, count)| *count > 0);
    let told: Vec<_> = told.map(|(name, count)| format!("{count} {name}")).collect();
    if told.is_empty() { "nothing deserves a look".to_owned() } else { told.join(", ") }
}
