//! What `config check` says: a configuration in a few lines, or its problems as a document.

use crate::error::{ConfigError, Problem};
use crate::load::Loaded;
use crate::reach::units_required;
use crate::{Role, Route, Rule};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

impl Loaded {
    /// A few lines that say what this configuration does, its warnings last.
    #[must_use]
    pub fn summary(&self) -> String {
        let config = &self.config;
        let mut text = format!("{} can be used\n", self.path.display());
        let mut line = |name: &str, value: String| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {name:<10}{value}");
        };
        line("listen", config.listen.address.to_string());
        line("console", config.console.address.to_string());
        line("primary", role(Some(&config.roles.primary)));
        line("candidate", role(config.roles.candidate.as_ref()));
        line("control", role(config.roles.control.as_ref()));
        if config.routes.is_empty() {
            line("mirrors", "every GET and HEAD".to_owned());
        }
        for (index, route) in config.routes.iter().enumerate() {
            line(if index == 0 { "mirrors" } else { "" }, mirrored(route));
        }
        line("rules", config.rules.len().to_string());
        for rule in &config.rules_with_profiles()[config.rules.len()..] {
            line("", of_profile(rule));
        }
        let policy = &config.policy;
        let (check, units) = units_required(policy);
        line("promote", format!("after {} and {units} units ({check}) at the earliest", policy.minimum_time));
        line("deadline", policy.deadline.to_string());
        line("log", config.log.url.clone());
        for warning in &self.warnings {
            let _ = writeln!(text, "warning: {}", warning.in_file(&self.path));
        }
        text
    }
}

fn role(role: Option<&Role>) -> String {
    let Some(role) = role else { return "none".to_owned() };
    match &role.digest {
        Some(digest) => format!("{} ({digest})", role.url),
        None => role.url.clone(),
    }
}

fn mirrored(route: &Route) -> String {
    let methods = if route.methods.is_empty() { "GET HEAD".to_owned() } else { route.methods.join(" ") };
    let share = if route.sample < 1.0 { format!(", {} of keys", route.sample) } else { String::new() };
    let conditions = [
        (!route.hosts.is_empty()).then(|| route.hosts.join(" ")),
        (!route.headers.is_empty()).then(|| format!("headers {}", names(&route.headers))),
        (!route.query.is_empty()).then(|| format!("query {}", names(&route.query))),
    ];
    let conditions: Vec<String> = conditions.into_iter().flatten().collect();
    let only =
        if conditions.is_empty() { String::new() } else { format!(", only {}", conditions.join(", ")) };
    let profile = route.profile.map(|profile| format!(", profile {profile}")).unwrap_or_default();
    format!("{}: {methods} {}{only}{share}{profile}", route.name, route.path)
}

fn names(map: &BTreeMap<String, String>) -> String {
    map.keys().map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// A rule that a profile brings.
fn of_profile(rule: &Rule) -> String {
    let place = String::from(rule.at.clone());
    let (route, owner) =
        (rule.route.as_deref().unwrap_or_default(), rule.owner.as_deref().unwrap_or_default());
    format!("{place} {} on {route} ({owner})", rule.action)
}

/// The outcome of loading as a document: `{schema, ok, problems: […], warnings: […]}`.
#[must_use]
pub fn report(outcome: &Result<Loaded, ConfigError>) -> Value {
    let none: &[Problem] = &[];
    let (path, problems, warnings) = match outcome {
        Ok(loaded) => (&loaded.path, none, &loaded.warnings[..]),
        Err(ConfigError::Invalid { path, problems }) => (path, &problems[..], none),
        Err(ConfigError::Read { path, source }) => {
            let problem = json!({ "path": "", "what": format!("cannot be read: {source}"), "remedy": "" });
            return json!({
                "schema": "parallax.config/1", "file": path, "ok": false, "problems": [problem], "warnings": [],
            });
        }
    };
    json!({
        "schema": "parallax.config/1",
        "file": path,
        "ok": outcome.is_ok(),
        "problems": problems,
        "warnings": warnings,
    })
}
