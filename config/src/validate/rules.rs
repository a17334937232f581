//! `[[rules]]`: masks must fit their place, name real routes, and die on time.

use super::Findings;
use super::routes::{no_such_route, which_route};
use crate::keypath::KeyPath;
use crate::{Action, Day, Place, Rule};
use regex::Regex;

/// `routes` holds the routes' names; `None` where they are not known (rules in a file of their own).
pub(crate) fn check(rules: &[Rule], routes: Option<&[&str]>, today: Day) -> Findings {
    let mut findings = Findings::default();
    for (index, rule) in rules.iter().enumerate() {
        let at = KeyPath::of(&["rules"]).index(index);
        expiry(rule, today, &at, &mut findings);
        fitness(rule, &at, &mut findings);
        if let (Some(name), Some(names)) = (&rule.route, routes)
            && !names.contains(&name.as_str())
        {
            findings.problem(at.key("route"), no_such_route(name), which_route(name, names));
        }
        let same =
            |other: &Rule| (&other.at, &other.action, &other.route) == (&rule.at, &rule.action, &rule.route);
        if let Some(first) = rules[..index].iter().position(same) {
            findings.warning(at, format!("says the same as rules[{first}]"), "keep one of them");
        }
    }
    findings
}

fn expiry(rule: &Rule, today: Day, at: &KeyPath, findings: &mut Findings) {
    let Some(expires) = rule.expires else { return };
    let owner = rule.owner.as_deref().unwrap_or("whoever wrote it");
    if expires <= today {
        findings.problem(
            at.key("expires"),
            format!("the rule expired on {expires}"),
            format!("ask {owner} whether it still holds; then write a later day or remove the rule"),
        );
    } else if today.0.until(expires.0).is_ok_and(|span| span.get_days() <= 14) {
        findings.warning(at.key("expires"), format!("the rule expires on {expires}"), format!("ask {owner}"));
    }
}

/// Whether the action has a meaning at the place.
fn fitness(rule: &Rule, at: &KeyPath, findings: &mut Findings) {
    let (fits, meant) = match rule.action {
        Action::Ignore => (true, ""),
        Action::Unordered => (
            matches!(rule.at, Place::Body(_) | Place::Header(_) | Place::Trailer(_)),
            "unordered is for lists in bodies and headers",
        ),
        Action::ExactSpelling | Action::NullEqualsAbsent | Action::KeyedBy(_) => {
            (matches!(rule.at, Place::Body(_)), "it is for JSON bodies")
        }
        _ => (
            !matches!(rule.at, Place::Status | Place::Query(_)),
            "only `ignore` acts on the status and on query parameters",
        ),
    };
    if !fits {
        let place = String::from(rule.at.clone());
        findings.problem(at.key("action"), format!("has no meaning at `{place}`"), meant);
    }
    if let Action::Matches(pattern) | Action::Rewrite { pattern, .. } = &rule.action
        && let Err(error) = Regex::new(pattern)
    {
        let what = error.to_string();
        let what = what.lines().last().unwrap_or_default();
        findings.problem(
            at.key("action"),
            format!("`{pattern}` is not a regular expression: {}", what.trim_start_matches("error: ")),
            "look-around and back-references are not supported",
        );
    }
    if let Place::Body(pointer) = &rule.at
        && pointer.split('~').skip(1).any(|rest| !rest.starts_with(['0', '1']))
    {
        findings.problem(
            at.key("at"),
            format!("`body:{pointer}` is not a JSON pointer: ~ is followed by 0 or 1"),
            "write ~0 for a tilde and ~1 for a slash inside a name",
        );
    }
}
