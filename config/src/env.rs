//! Environment variables override the file, key by key.
//!
//! `PARALLAX_` and the key's path in capitals, its steps joined by two underscores:
//!
//! | key | variable |
//! | --- | --- |
//! | `roles.candidate.url` | `PARALLAX_ROLES__CANDIDATE__URL` |
//! | `policy.minimum_time` | `PARALLAX_POLICY__MINIMUM_TIME` |
//! | `routes[0].sample` | `PARALLAX_ROUTES__0__SAMPLE` |
//! | `policy.checks."latency.p99".reject_ratio` | `PARALLAX_POLICY__CHECKS__LATENCY_P99__REJECT_RATIO` |
//! | `key` | `PARALLAX_KEY` |
//!
//! The key's type says how the value is read: a text is taken as it stands, without quotes; a list
//! of texts may be written with commas; a list or table of anything else is written as TOML
//! (`[{ name = "ingest", path = "/v1" }]`) and replaces what the file says. Two underscores separate
//! the steps because one is part of many keys. A check's dot becomes one underscore; checks of
//! fields (`field./a/b`) cannot be spelled that way: set `PARALLAX_POLICY__CHECKS` as TOML, or the file.
//!
//! A variable that begins with `PARALLAX_` and names no key is refused like an unknown key of the
//! file, with two exceptions: [`RESERVED`], and the addresses that Kubernetes sets for a service
//! called `parallax` (`PARALLAX_SERVICE_HOST`, `PARALLAX_PORT_8080_TCP`, …), which nobody wrote.

use crate::document::Document;
use crate::error::{Origin, Problem};
use crate::keypath::{KeyPath, Step};
use crate::schema::{Kind, Shape};
use crate::shape::unknown_key;
use crate::suggest::nearest;
use toml::Value;

/// Variables of the same prefix that are not configuration keys.
///
/// `PARALLAX_CONFIG` names the file, `PARALLAX_LOG` filters what the program says on stderr, and
/// `PARALLAX_BIN` tells the end-to-end tests which binary to run.
pub const RESERVED: [&str; 3] = ["PARALLAX_CONFIG", "PARALLAX_LOG", "PARALLAX_BIN"];

const PREFIX: &str = "PARALLAX_";

/// The environment of this process, for [`Config::load`](crate::Config::load).
///
/// Unlike `std::env::vars` it does not panic over a foreign variable that is not UTF-8: nobody's
/// stray variable may stop a proxy. One of ours that is not UTF-8 is passed on with the odd bytes
/// replaced, so that it is refused with its name.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        Some((name, value.to_string_lossy().into_owned()))
    })
}

/// Checks whose names can be spelled in a variable.
const CHECKS: [&str; 14] = [
    "mismatch",
    "status",
    "error_rate",
    "availability",
    "outputs",
    "mismatch.severe",
    "latency.p50",
    "latency.p90",
    "latency.p99",
    "latency.p999",
    "latency.p50.severe",
    "latency.p90.severe",
    "latency.p99.severe",
    "latency.p999.severe",
];

/// Overrides values of the document; returns what could not be understood.
pub(crate) fn apply(
    document: &mut Document,
    env: impl IntoIterator<Item = (String, String)>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut overrides = Vec::new();
    for (name, value) in env.into_iter().filter(|(name, _)| is_ours(name)) {
        match resolve(document, &name) {
            Ok((path, shape)) => overrides.push((path, shape, name, value)),
            Err(problem) => problems.push(from_variable(problem, &name)),
        }
    }
    // By path, so that a whole list comes before its elements and element 9 before element 10.
    overrides.sort_by(|a, b| a.0.cmp(&b.0));
    for (path, shape, name, text) in overrides {
        let origin = Origin::Variable { variable: name.clone() };
        let outcome =
            read(&text, shape).map_err(|(what, remedy)| Problem::new(path.clone(), what, remedy)).and_then(
                |value| document.set(&path, value, origin).map_err(|what| Problem::new(path, what, "")),
            );
        problems.extend(outcome.err().map(|problem| from_variable(problem, &name)));
    }
    problems.sort_by(|a, b| a.origin.cmp(&b.origin));
    problems
}

/// The variable that overrides a key; `None` when a variable cannot spell it.
pub(crate) fn variable(path: &KeyPath) -> Option<String> {
    let steps = path.steps().iter().map(|step| match step {
        Step::Index(index) => Some(index.to_string()),
        Step::Key(key) if key == "*" => Some("<NAME>".to_owned()),
        Step::Key(key) => (!key.contains('/')).then(|| spelled(key)),
    });
    let steps: Option<Vec<String>> = steps.collect();
    Some(format!("{PREFIX}{}", steps?.join("__")))
}

fn from_variable(mut problem: Problem, name: &str) -> Problem {
    problem.origin = Some(Origin::Variable { variable: name.to_owned() });
    problem
}

fn is_ours(name: &str) -> bool {
    name.starts_with(PREFIX) && !RESERVED.contains(&name) && !is_service_link(name)
}

/// Whether Kubernetes (or a container link) set this for a service whose name begins with `parallax`.
fn is_service_link(name: &str) -> bool {
    if name.contains("__") {
        return false;
    }
    let is_port = |rest: &str| {
        let mut parts = rest.split('_');
        let number =
            parts.next().is_some_and(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
        number
            && matches!(parts.next(), Some("TCP" | "UDP" | "SCTP"))
            && matches!(parts.next(), None | Some("ADDR" | "PORT" | "PROTO"))
    };
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.ends_with("_PORT")
        || name.match_indices("_PORT_").any(|(at, link)| is_port(&name[at + link.len()..]))
}

/// A key or check as a variable spells it.
fn spelled(key: &str) -> String {
    key.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

/// Follows a variable's name through the schema.
fn resolve(document: &Document, name: &str) -> Result<(KeyPath, Shape), Problem> {
    let mut path = KeyPath::default();
    let mut shape = Shape::root();
    for step in name[PREFIX.len()..].split("__") {
        let next = match shape.kind() {
            Kind::Table => find(step, shape.keys().into_iter()).map(|key| Step::Key(key.to_owned())),
            Kind::Map => {
                let written = document.get(&path).and_then(Value::as_table);
                let written = written.into_iter().flat_map(|table| table.keys().map(String::as_str));
                find(step, written.chain(CHECKS)).map(|key| Step::Key(key.to_owned()))
            }
            Kind::List => step.parse().ok().map(Step::Index),
            _ => None,
        };
        let Some(next) = next else { return Err(unresolved(&path, shape, step)) };
        shape = match &next {
            Step::Key(key) => shape.property(key),
            Step::Index(_) => shape.items(),
        }
        .expect("the step was found in this very schema");
        path = path.step(next);
    }
    Ok((path, shape))
}

fn find<'a>(step: &str, mut keys: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    keys.find(|key| spelled(key) == step)
}

fn unresolved(path: &KeyPath, shape: Shape, step: &str) -> Problem {
    match shape.kind() {
        Kind::Table => unknown_key(path, &step.to_lowercase(), &shape.keys()),
        Kind::Map => {
            let near = nearest(&step.to_lowercase().replace('_', "."), CHECKS.into_iter());
            let remedy = near.map_or_else(
                || {
                    "a name that is not a common check is set in the file, or as TOML one step higher"
                        .to_owned()
                },
                |near| format!("did you mean `{}`?", path.key(near)),
            );
            Problem::new(path.key(&step.to_lowercase()), "unknown key", remedy)
        }
        Kind::List => Problem::new(
            path.clone(),
            format!("`{step}` is not an index of a list"),
            "write a number from 0, as in PARALLAX_ROUTES__0__SAMPLE",
        ),
        kind => Problem::new(
            path.clone(),
            format!("has no parts: it is a {}", kind.words()),
            "write one step less",
        ),
    }
}

/// Reads a variable's text as the key's type asks; the error is what is wrong and the remedy.
fn read(text: &str, shape: Shape) -> Result<Value, (String, String)> {
    let wrong =
        |kind: Kind| (format!("`{text}` is not a {}", kind.words()).replace("a true", "true"), String::new());
    match shape.kind() {
        Kind::Text(_) | Kind::Choice => Ok(Value::String(text.to_owned())),
        kind @ Kind::Flag => text.parse().map(Value::Boolean).map_err(|_| wrong(kind)),
        kind @ Kind::Integer => text.replace('_', "").parse().map(Value::Integer).map_err(|_| wrong(kind)),
        kind @ Kind::Number => text.parse().map(Value::Float).map_err(|_| wrong(kind)),
        Kind::List if !text.trim_start().starts_with('[') && has_texts(shape) => {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            Ok(parts.map(Value::from).collect::<Vec<_>>().into())
        }
        Kind::List | Kind::Table | Kind::Map => text.parse::<Value>().map_err(|error| {
            let what = format!("is not TOML: {}", error.message().replace('\n', "; "));
            (what, "write a list as [\"a\", \"b\"] and a table as { key = \"value\" }".to_owned())
        }),
    }
}

fn has_texts(list: Shape) -> bool {
    list.items().is_some_and(|items| matches!(items.kind(), Kind::Text(_) | Kind::Choice))
}
