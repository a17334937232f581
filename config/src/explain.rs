//! `config explain KEY`: what a key means, in the words of its doc comment.

use crate::env::variable;
use crate::keypath::{KeyPath, Step, toml_key, typed_keys};
use crate::reference::reference;
use crate::schema::{Kind, Shape};
use crate::shape::range;
use crate::suggest::{elsewhere, nearest};
use serde_json::Value;
use std::fmt::Write as _;

/// There is no such key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no key `{key}`{}", hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default())]
pub struct UnknownKey {
    /// What was asked for.
    pub key: String,
    /// What may have been meant.
    pub hint: Option<String>,
}

/// Explains a key: meaning, type, unit, range, default, example and environment variable; of a table
/// also its keys. No key at all (`""`) gives [`reference()`], the whole commented file.
///
/// `key` is written as messages write it, `policy.checks."latency.p99".tau` or `routes[0].path`;
/// quotes and indices may be left out, and `*` stands for any name.
///
/// # Errors
/// [`UnknownKey`], with the nearest key that exists.
pub fn explain(key: &str) -> Result<String, UnknownKey> {
    let steps = typed_keys(key);
    if steps.is_empty() {
        return Ok(reference());
    }
    let Some((path, shape)) = find(Shape::root(), KeyPath::default(), &steps) else {
        return Err(UnknownKey { key: key.to_owned(), hint: hint(&steps) });
    };
    let mut text = String::new();
    describe(&path, shape, &mut text);
    Ok(text)
}

/// Follows what was typed. A name in a map may have been typed without its quotes, so it takes as
/// many of the steps as leave a way to follow the rest.
fn find(shape: Shape, path: KeyPath, steps: &[String]) -> Option<(KeyPath, Shape)> {
    let Some((first, rest)) = steps.split_first() else { return Some((path, shape)) };
    match shape.kind() {
        Kind::List => find(shape.items()?, path.index(0), steps),
        Kind::Map => (1..=steps.len()).find_map(|taken| {
            let name = steps[..taken].join(".");
            find(shape.property(&name)?, path.key(&name), &steps[taken..])
        }),
        _ => find(shape.property(first)?, path.key(first), rest),
    }
}

/// What may have been meant: a near key where the steps go astray, or the same key elsewhere.
fn hint(steps: &[String]) -> Option<String> {
    let astray =
        |len: usize| Some((find(Shape::root(), KeyPath::default(), &steps[..len])?, steps.get(len)?));
    let ((path, shape), wrong) = (0..steps.len()).rev().find_map(astray)?;
    let (table, path) = match shape.items() {
        Some(items) => (items, path.index(0)),
        None => (shape, path),
    };
    if let Some(near) = nearest(wrong, table.keys().into_iter()) {
        return Some(format!("did you mean `{}`?", path.key(near)));
    }
    if let Some(home) = elsewhere(wrong) {
        return Some(format!("did you mean `{home}`?"));
    }
    Some(format!("the keys there are {}", table.keys().join(", ")))
}

fn describe(path: &KeyPath, shape: Shape, text: &mut String) {
    let elements = shape.items().filter(|items| items.kind() == Kind::Table);
    push(text, &format!("{path}\n"));
    for line in meaning(shape) {
        push(text, &format!("  {line}\n"));
    }
    for (word, meaning) in shape.choices() {
        push(text, &format!("    {word:<14} {meaning}\n"));
    }
    for (name, value) in facts(path, shape) {
        push(text, &format!("  {name:<9} {value}\n"));
    }
    let keys = elements.unwrap_or(shape);
    let inner = if shape.kind() == Kind::Map { shape.property("*").unwrap_or(keys) } else { keys };
    if !inner.keys().is_empty() {
        push(text, "  keys\n");
    }
    for key in inner.keys() {
        let meaning = inner.property(key).map(meaning).unwrap_or_default().join(" ");
        let first = meaning.split(". ").next().unwrap_or_default();
        push(text, &format!("    {key:<21} {}\n", first.trim_end_matches('.')));
    }
}

fn push(text: &mut String, line: &str) {
    // Writing to a String cannot fail.
    let _ = text.write_str(line);
}

/// The lines of a key's meaning; of a list also how its elements are written.
pub(crate) fn meaning(shape: Shape) -> Vec<&'static str> {
    let own = shape.description().lines();
    let of_elements = shape.items().filter(|items| items.kind() != Kind::Table);
    // The first line of the elements' own description says once more what the list is.
    let elements = of_elements.into_iter().flat_map(|items| items.description().lines().skip(1));
    own.chain(elements).filter(|line| !line.is_empty()).collect()
}

/// Type, range, default, example and variable, each with its name.
fn facts(path: &KeyPath, shape: Shape) -> Vec<(&'static str, String)> {
    let mut facts = vec![("type", type_of(shape))];
    facts.extend(range(shape).map(|range| ("range", range)));
    if !matches!(shape.kind(), Kind::Table | Kind::Map) {
        let default = shape.default().map_or_else(|| "none".to_owned(), literal);
        facts.push(("default", default));
        let example = shape.example().or(shape.default()).map(literal);
        let key = match path.steps().last() {
            Some(Step::Key(key)) => toml_key(key),
            _ => String::new(),
        };
        facts.extend(example.map(|example| ("example", format!("{key} = {example}"))));
        facts.push(("variable", variable(path).unwrap_or_else(|| "none: set it in the file".to_owned())));
    }
    facts
}

/// The kind in words, with the unit.
fn type_of(shape: Shape) -> String {
    let kind = shape.kind();
    match (shape.items(), shape.unit()) {
        (Some(items), _) => format!("list, each a {}", items.kind().words()),
        (None, Some(unit)) => format!("{} ({unit})", kind.words()),
        (None, None) => kind.words().to_owned(),
    }
}

/// A JSON value as TOML writes it.
pub(crate) fn literal(value: &Value) -> String {
    match value {
        Value::Array(list) => format!("[{}]", list.iter().map(literal).collect::<Vec<_>>().join(", ")),
        Value::Object(table) => {
            let pairs = table.iter().map(|(key, value)| format!("{} = {}", toml_key(key), literal(value)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
        Value::Number(number) if number.is_u64() => grouped(&number.to_string()),
        Value::String(text) => toml::Value::String(text.clone()).to_string(),
        other => other.to_string(),
    }
}

/// Digits in groups of three, as TOML allows: 16_777_216.
fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) && digits.len() > 4 {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_can_be_explained() {
        fn visit(shape: Shape, path: &str) -> usize {
            let shape = shape.items().unwrap_or(shape);
            let mut keys: Vec<String> = shape.keys().into_iter().map(str::to_owned).collect();
            if shape.kind() == Kind::Map {
                keys.push("*".to_owned());
            }
            keys.iter().fold(0, |count, key| {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let text = explain(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
                assert!(text.contains("  type      "), "{path}: {text}");
                count + 1 + visit(shape.property(key).expect("listed"), &path)
            })
        }
        assert!(visit(Shape::root(), "") > 70);
    }

    #[test]
    fn numbers_are_grouped_from_five_digits_on() {
        assert_eq!(
            [grouped("4096"), grouped("10000"), grouped("16777216")],
            ["4096", "10_000", "16_777_216"]
        );
    }

    #[test]
    fn a_key_reads_well() {
        let keys = [
            "policy.alpha",
            "policy.checks.latency.p99.reject_ratio",
            "policy.checks.*.tau",
            "policy.unit",
            "routes",
            "routes.path",
            "key",
            "policy.shadow_timeout",
            "limits",
        ];
        insta::assert_snapshot!(keys.map(|key| explain(key).unwrap()).join("\n"));
    }

    #[test]
    fn an_unknown_key_names_the_nearest() {
        insta::assert_snapshot!(
            ["policy.aplha", "alpha", "routes.pth", "policy.checks", "nonsense", "roles.candidate.uri"]
                .map(|key| explain(key).map_or_else(|error| error.to_string(), |_| "known".to_owned()))
                .join("\n")
        );
    }
}
