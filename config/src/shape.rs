//! Holds a document against the schema: unknown and missing keys, types, words, ranges, formats.
//!
//! serde stops at its first error. A person with five mistakes would then start the program six
//! times, so everything that can be judged key by key is judged here, all of it, before serde runs.

use crate::document::Document;
use crate::error::Problem;
use crate::keypath::KeyPath;
use crate::schema::{Format, Kind, Shape};
use crate::suggest::{elsewhere, nearest};
use crate::{Action, Day, KeySource, Moment, Place, Span};
use std::net::SocketAddr;
use toml::Value;

/// Everything in the document that its schema forbids.
pub(crate) fn check(document: &Document) -> Vec<Problem> {
    let mut problems = Vec::new();
    check_table(&document.values, Shape::root(), &KeyPath::default(), &mut problems);
    problems
}

fn check_table(table: &toml::Table, shape: Shape, path: &KeyPath, problems: &mut Vec<Problem>) {
    for (key, value) in table {
        match shape.property(key) {
            Some(shape) => check_value(value, shape, &path.key(key), problems),
            None => problems.push(unknown_key(path, key, &shape.keys())),
        }
    }
    for key in shape.required().filter(|key| !table.contains_key(*key)) {
        let remedy = match shape.property(key).and_then(Shape::example) {
            Some(example) => format!("add it, for example {key} = {example}"),
            None => "add it".to_owned(),
        };
        problems.push(Problem::new(path.key(key), "is missing", remedy));
    }
}

/// The problem of a key that does not exist, with what was probably meant.
pub(crate) fn unknown_key(table: &KeyPath, key: &str, known: &[&str]) -> Problem {
    let remedy = if let Some(near) = nearest(key, known.iter().copied()) {
        format!("did you mean `{}`?", table.key(near))
    } else if let Some(home) = elsewhere(key) {
        format!("did you mean `{home}`?")
    } else {
        format!("the keys here are {}", known.join(", "))
    };
    Problem::new(table.key(key), "unknown key", remedy)
}

fn check_value(value: &Value, shape: Shape, path: &KeyPath, problems: &mut Vec<Problem>) {
    let mut wrong = |what: String, remedy: &str| problems.push(Problem::new(path.clone(), what, remedy));
    match (shape.kind(), value) {
        (Kind::Table | Kind::Map, Value::Table(table)) => check_table(table, shape, path, problems),
        (Kind::List, Value::Array(list)) => {
            for (index, element) in list.iter().enumerate() {
                let items = shape.items().expect("the schema of a list names its elements");
                check_value(element, items, &path.index(index), problems);
            }
        }
        (Kind::Text(format), Value::String(text)) => {
            if let Err((what, remedy)) = check_text(text, format, shape) {
                wrong(what, &remedy);
            }
        }
        (Kind::Text(Format::Day), Value::Datetime(datetime)) => {
            if let Err(what) = datetime.to_string().parse::<Day>() {
                wrong(what, "leave out the time of day");
            }
        }
        (Kind::Text(Format::Moment), Value::Datetime(datetime)) => {
            if let Err(what) = datetime.to_string().parse::<Moment>() {
                let (what, remedy) = split_remedy(what);
                wrong(what, &remedy);
            }
        }
        (Kind::Choice, Value::String(word)) => {
            let words: Vec<&str> = shape.choices().map(|(word, _)| word).collect();
            if !words.contains(&word.as_str()) {
                let remedy = nearest(word, words.iter().copied());
                let remedy = remedy.map(|near| format!("did you mean `{near}`?")).unwrap_or_default();
                wrong(format!("`{word}` is none of {}", words.join(", ")), &remedy);
            }
        }
        (Kind::Integer | Kind::Number, Value::Integer(number)) => {
            #[expect(
                clippy::cast_precision_loss,
                reason = "bounds are small; a rounded 2^60 is still above them"
            )]
            let as_float = *number as f64;
            check_number(as_float, &number.to_string(), shape, &mut wrong);
        }
        (Kind::Number, Value::Float(number)) => check_number(*number, &number.to_string(), shape, &mut wrong),
        (Kind::Flag, Value::Boolean(_)) => {}
        (kind, value) => {
            let what = format!("is {}, must be a {}", article(value), kind.words());
            wrong(what.replace("a true", "true"), &type_remedy(kind, value));
        }
    }
}

fn article(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number with a fraction",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}

fn type_remedy(kind: Kind, value: &Value) -> String {
    match (kind, value) {
        (Kind::Text(Format::Duration), Value::Integer(number)) => {
            format!("write it with its unit and quoted, such as \"{number}s\" or \"{number}ms\"")
        }
        (Kind::Text(_) | Kind::Choice, Value::Integer(_) | Value::Float(_) | Value::Boolean(_)) => {
            format!("write it in quotes: \"{value}\"")
        }
        (Kind::List, Value::String(_)) => format!("write it in brackets: [{value}]"),
        (Kind::Integer | Kind::Number | Kind::Flag, Value::String(text)) => {
            format!("write it without quotes: {text}")
        }
        _ => String::new(),
    }
}

fn check_number(number: f64, text: &str, shape: Shape, wrong: &mut impl FnMut(String, &str)) {
    let above = shape.bound("exclusiveMinimum").is_none_or(|bound| number > bound)
        && shape.bound("minimum").is_none_or(|bound| number >= bound);
    let below = shape.bound("exclusiveMaximum").is_none_or(|bound| number < bound)
        && shape.bound("maximum").is_none_or(|bound| number <= bound);
    if !number.is_finite() {
        wrong(format!("is {text}, must be finite"), "write a plain number");
    } else if !(above && below) {
        let range = range(shape).unwrap_or_default();
        let unit = shape.unit().map(|unit| format!("unit: {unit}")).unwrap_or_default();
        wrong(format!("is {text}, must be {range}"), &unit);
    }
}

/// The bounds in words, such as `above 0 and at most 0.2` or `from 0 to 1`; `None` without any.
pub(crate) fn range(shape: Shape) -> Option<String> {
    if let (Some(low), Some(high)) = (shape.bound("minimum"), shape.bound("maximum")) {
        return Some(format!("from {low} to {high}"));
    }
    let number = |name, words: &str| shape.bound(name).map(|bound| format!("{words} {bound}"));
    let span = |name, words: &str| shape.span_bound(name).map(|bound| format!("{words} {bound}"));
    let parts: Vec<String> = [
        number("exclusiveMinimum", "above"),
        number("minimum", "at least"),
        span("x-minimum", "at least"),
        number("exclusiveMaximum", "below"),
        number("maximum", "at most"),
        span("x-maximum", "at most"),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!parts.is_empty()).then(|| parts.join(" and "))
}

/// Reads a text as its format asks; the error is what is wrong and the remedy.
fn check_text(text: &str, format: Format, shape: Shape) -> Result<(), (String, String)> {
    let plain = |what: String| (what, String::new());
    match format {
        Format::Plain => Ok(()),
        Format::Place => Place::try_from(text.to_owned()).map(drop).map_err(split_remedy),
        Format::Action => Action::try_from(text.to_owned()).map(drop).map_err(split_remedy),
        Format::KeySource => KeySource::try_from(text.to_owned()).map(drop).map_err(split_remedy),
        Format::Day => text.parse::<Day>().map(drop).map_err(plain),
        Format::Moment => text.parse::<Moment>().map(drop).map_err(split_remedy),
        Format::Address => text.parse::<SocketAddr>().map(drop).map_err(|_| {
            let what = format!("`{text}` is not an IP address and a port");
            (
                what,
                "write it as 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080; names are not looked up".to_owned(),
            )
        }),
        Format::Duration => {
            let span: Span = text.parse().map_err(|error| {
                (
                    format!("`{text}` is not a duration: {error}"),
                    "write it as 250ms, 10s, 15m or 2h".to_owned(),
                )
            })?;
            let low = shape.span_bound("x-minimum").is_some_and(|bound| span < bound);
            let high = shape.span_bound("x-maximum").is_some_and(|bound| span > bound);
            if low || high {
                return Err(plain(format!("is {span}, must be {}", range(shape).unwrap_or_default())));
            }
            Ok(())
        }
    }
}

/// The messages of the model's own parsers read `what; remedy`.
fn split_remedy(message: String) -> (String, String) {
    match message.split_once("; ") {
        Some((what, remedy)) => (what.to_owned(), remedy.to_owned()),
        None => (message, String::new()),
    }
}
