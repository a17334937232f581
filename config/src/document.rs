//! The file as written: its values, and where each of them stands.
//!
//! Values and places are kept apart. The values are a plain `toml::Table`, which serde reads and
//! environment variables override; the places are a map from key path to line and column, which
//! only messages need.

use crate::error::{Origin, Problem};
use crate::keypath::{KeyPath, Step};
use std::collections::BTreeMap;
use toml::Value;
use toml::de::{DeTable, DeValue};

/// A parsed file.
#[derive(Debug, Default)]
pub(crate) struct Document {
    pub(crate) values: toml::Table,
    origins: BTreeMap<KeyPath, Origin>,
}

impl Document {
    /// Reads TOML.
    ///
    /// # Errors
    /// Every syntax error of the text, not only the first.
    pub(crate) fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        let lines = Lines::new(text);
        if !errors.is_empty() {
            let mut problems: Vec<_> = errors.iter().map(|error| syntax_problem(error, &lines)).collect();
            problems.sort_by(|a, b| a.origin.cmp(&b.origin));
            return Err(problems);
        }
        let mut reader = Reader { lines, origins: BTreeMap::new(), problems: Vec::new() };
        let values = reader.table(table.get_ref(), &KeyPath::default());
        if reader.problems.is_empty() {
            Ok(Self { values, origins: reader.origins })
        } else {
            Err(reader.problems)
        }
    }

    /// Where the value of a path, or else of its nearest ancestor that is written, came from.
    pub(crate) fn origin(&self, path: &KeyPath) -> Option<&Origin> {
        let mut at = Some(path.clone());
        while let Some(path) = at {
            if let Some(origin) = self.origins.get(&path) {
                return Some(origin);
            }
            at = path.parent();
        }
        None
    }

    pub(crate) fn get(&self, path: &KeyPath) -> Option<&Value> {
        let (first, rest) = path.steps().split_first()?;
        let Step::Key(key) = first else { return None };
        rest.iter().try_fold(self.values.get(key)?, |value, step| match step {
            Step::Key(key) => value.get(key),
            Step::Index(index) => value.get(index),
        })
    }

    /// Sets a value, making the tables on the way; a list grows by one element at most.
    ///
    /// # Errors
    /// The path leads through something that is neither a table nor a list, or past a list's end.
    pub(crate) fn set(&mut self, path: &KeyPath, value: Value, origin: Origin) -> Result<(), String> {
        let mut root = Value::Table(std::mem::take(&mut self.values));
        let outcome = slot(&mut root, path.steps()).map(|slot| *slot = value);
        if let Value::Table(table) = root {
            self.values = table;
        }
        if outcome.is_ok() {
            self.origins.retain(|at, _| !at.starts_with(path));
            self.origins.insert(path.clone(), origin);
        }
        outcome
    }
}

fn slot<'a>(value: &'a mut Value, steps: &[Step]) -> Result<&'a mut Value, String> {
    let Some((step, rest)) = steps.split_first() else { return Ok(value) };
    let empty = || match rest.first() {
        Some(Step::Index(_)) => Value::Array(Vec::new()),
        _ => Value::Table(toml::Table::new()),
    };
    let next = match (value, step) {
        (Value::Table(table), Step::Key(key)) => table.entry(key.clone()).or_insert_with(empty),
        (Value::Array(list), Step::Index(index)) => {
            if *index == list.len() {
                list.push(empty());
            }
            let len = list.len();
            list.get_mut(*index)
                .ok_or_else(|| format!("the list has {len} elements; the next index is {len}"))?
        }
        _ => return Err("what stands there is not a table".to_owned()),
    };
    slot(next, rest)
}

struct Reader<'a> {
    lines: Lines<'a>,
    origins: BTreeMap<KeyPath, Origin>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn table(&mut self, table: &DeTable<'_>, path: &KeyPath) -> toml::Table {
        let mut values = toml::Table::new();
        for (key, value) in table {
            let path = path.key(key.get_ref());
            self.origins.insert(path.clone(), self.lines.origin(key.span().start));
            values.insert(key.get_ref().to_string(), self.value(value.get_ref(), &path));
        }
        values
    }

    fn value(&mut self, value: &DeValue<'_>, path: &KeyPath) -> Value {
        match value {
            DeValue::String(text) => Value::String(text.to_string()),
            DeValue::Boolean(flag) => Value::Boolean(*flag),
            DeValue::Datetime(datetime) => Value::Datetime(*datetime),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Value::Integer(number),
                Err(_) => self.out_of_range(path),
            },
            DeValue::Float(number) => match number.as_str().parse() {
                Ok(number) => Value::Float(number),
                Err(_) => self.out_of_range(path),
            },
            DeValue::Array(list) => {
                let mut values = Vec::with_capacity(list.len());
                for (index, element) in list.iter().enumerate() {
                    let path = path.index(index);
                    self.origins.insert(path.clone(), self.lines.origin(element.span().start));
                    values.push(self.value(element.get_ref(), &path));
                }
                Value::Array(values)
            }
            DeValue::Table(table) => Value::Table(self.table(table, path)),
        }
    }

    fn out_of_range(&mut self, path: &KeyPath) -> Value {
        let mut problem = Problem::new(path.clone(), "is too large a number", "write one below 2^63");
        problem.origin = self.origins.get(path).cloned();
        self.problems.push(problem);
        Value::Integer(0)
    }
}

fn syntax_problem(error: &toml::de::Error, lines: &Lines<'_>) -> Problem {
    let what = format!("not TOML: {}", error.message().replace('\n', "; "));
    let mut problem = Problem::new(KeyPath::default(), what, String::new());
    problem.origin = error.span().map(|span| lines.origin(span.start));
    problem
}

/// Byte offsets to lines and columns.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(breaks).collect() }
    }

    fn origin(&self, offset: usize) -> Origin {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts[line - 1];
        let column = self.text.get(start..offset).map_or(0, |text| text.chars().count()) + 1;
        Origin::File { line, column }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(document: &Document, path: &KeyPath) -> String {
        document.origin(path).map(ToString::to_string).unwrap_or_default()
    }

    #[test]
    fn every_key_knows_its_line_and_column() {
        let document = Document::parse("a = 1\n[b]\n  \"ü\".u = 2\n[[c]]\nd = [1, 2]\n[[c]]\n").unwrap();
        assert_eq!(at(&document, &KeyPath::of(&["a"])), "1:1");
        assert_eq!(at(&document, &KeyPath::of(&["b", "ü", "u"])), "3:7");
        assert_eq!(at(&document, &KeyPath::of(&["c"]).index(0).key("d").index(1)), "5:9");
        assert_eq!(at(&document, &KeyPath::of(&["c"]).index(1).key("missing")), "6:1");
    }

    #[test]
    fn all_syntax_errors_are_listed() {
        let problems = Document::parse("a = ?\nb = 1\nc = =\n").unwrap_err();
        assert!(problems.len() >= 2, "{problems:?}");
        assert_eq!(problems[0].origin, Some(Origin::File { line: 1, column: 5 }));
    }

    #[test]
    fn a_number_beyond_64_bits_is_named_with_its_place() {
        let problems = Document::parse("[a]\nb = 99999999999999999999\n").unwrap_err();
        assert_eq!(problems[0].to_string(), "2:1: a.b: is too large a number\n    write one below 2^63");
    }

    #[test]
    fn setting_makes_tables_and_appends_but_never_skips() {
        let mut document = Document::default();
        let origin = Origin::Variable { variable: "V".to_owned() };
        let list = KeyPath::of(&["routes"]);
        document.set(&list.index(0).key("path"), Value::from("/"), origin.clone()).unwrap();
        assert_eq!(document.values.to_string(), "[[routes]]\npath = \"/\"\n");
        assert!(document.set(&list.index(2), Value::from(1), origin.clone()).is_err());
        assert!(document.set(&KeyPath::of(&["routes", "x"]), Value::from(1), origin).is_err());
    }
}
