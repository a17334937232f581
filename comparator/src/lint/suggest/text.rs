//! Suggestions as TOML for the configuration, and for a terminal.

use super::super::render::sighting;
use super::{Evidence, Suggestion, Suggestions};
use crate::diff::render::harmless;
use std::fmt::Write;

/// `[[rules]]` to be read, completed and pasted: the evidence is in comments, nothing is applied.
#[must_use]
pub fn toml(suggestions: &Suggestions) -> String {
    let mut out = String::new();
    let Suggestions { rules, withheld, with_control, .. } = suggestions;
    line(
        &mut out,
        &format!(
            "# Learned from {with_control} exchanges in which the control answered. Nothing here is applied:"
        ),
    );
    line(&mut out, "# read each rule, say who answers for it, and paste it into the configuration.");
    notes(suggestions).for_each(|note| line(&mut out, &format!("# Note: {note}.")));
    for rule in rules {
        line(&mut out, "");
        comment(&mut out, &evidence(&rule.evidence));
        examples(&rule.evidence).lines().for_each(|example| comment(&mut out, example.trim()));
        line(&mut out, "[[rules]]");
        line(&mut out, &format!("at = {}", quoted(&rule.at)));
        line(&mut out, &format!("action = {}", quoted(&rule.action.to_string())));
        if let Some(route) = &rule.route {
            line(&mut out, &format!("route = {}", quoted(route)));
        }
        line(&mut out, "owner = \"\" # who answers for it?");
        line(&mut out, &format!("expires = {}", rule.expires));
    }
    for one in withheld {
        line(&mut out, "");
        comment(&mut out, &format!("No rule for {}{}: {}.", one.at, on(one.route.as_deref()), one.why));
        comment(&mut out, &evidence(&one.evidence));
    }
    out
}

/// The same for people.
///
/// Control characters in the recorded data are escaped, so that the data cannot steer the terminal.
#[must_use]
pub fn terminal(suggestions: &Suggestions) -> String {
    let mut out = String::new();
    let Suggestions { rules, withheld, with_control, exchanges, .. } = suggestions;
    line(&mut out, &format!("{exchanges} exchanges, in {with_control} of them the control answered"));
    notes(suggestions).for_each(|note| line(&mut out, &format!("note: {note}")));
    for Suggestion { at, action, route, evidence: found, .. } in rules {
        line(&mut out, "");
        line(&mut out, &format!("{at}  {action}{}", on(route.as_deref())));
        line(&mut out, &format!("  {}", evidence(found)));
        out.push_str(&examples(found));
    }
    for one in withheld {
        line(&mut out, "");
        line(&mut out, &format!("no rule for {}{}: {}", one.at, on(one.route.as_deref()), one.why));
        line(&mut out, &format!("  {}", evidence(&one.evidence)));
        let found = one.candidate.iter().flat_map(|place| &place.examples);
        found.take(2).for_each(|example| sighting(&mut out, example));
    }
    line(&mut out, "");
    line(
        &mut out,
        &match rules.len() {
            0 => "nothing to suggest".to_owned(),
            count => {
                format!("{count} suggested, none applied; --format toml prints them for the configuration")
            }
        },
    );
    harmless(&out)
}

fn notes(suggestions: &Suggestions) -> impl Iterator<Item = String> {
    let Suggestions { partial, with_control, one_in, .. } = *suggestions;
    let notes = [
        (partial, "the recording was not read to its end".to_owned()),
        (with_control == 0, "without answers of a control there is no noise to learn from".to_owned()),
        (one_in > 1, format!("there are very many places; learned from one in {one_in}")),
    ];
    notes.into_iter().filter(|(holds, _)| *holds).map(|(_, note)| note)
}

fn evidence(Evidence { exchanges, of, places, .. }: &Evidence) -> String {
    let places = if *places > 1 { format!(", at {places} places") } else { String::new() };
    format!("the control differs here in {exchanges} of {of} exchanges{places}")
}

fn examples(evidence: &Evidence) -> String {
    let mut out = String::new();
    evidence.examples.iter().for_each(|example| sighting(&mut out, example));
    out
}

fn on(route: Option<&str>) -> String {
    route.map(|route| format!(" on route {route}")).unwrap_or_default()
}

fn line(out: &mut String, text: &str) {
    writeln!(out, "{text}").expect("a String takes any text");
}

/// One line of comment: what TOML allows in none, recorded data may hold.
fn comment(out: &mut String, text: &str) {
    let text = text.replace(['\n', '\t'], " ");
    line(out, &format!("# {}", harmless(&text)));
}

/// A basic string: the escapes of JSON are among those of TOML, which also escapes DEL.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text becomes JSON").replace('\x7f', "\\u007F")
}
