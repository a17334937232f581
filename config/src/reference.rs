//! The commented reference file: every key, its meaning and its default.
//!
//! Lines that begin with `# ` are prose; lines that begin with `#` and a letter or bracket are keys at
//! their defaults, switched off. Only what has no default is switched on, so that a copy of the file
//! does not pin defaults that a later version improves.

use crate::explain::{literal, meaning};
use crate::keypath::toml_key;
use crate::schema::{Kind, Shape};
use crate::shape::range;
use serde_json::Value;

const HEAD: &str = "\
# Every key of Parallax's configuration with its meaning and its default.
# `parallax config explain` prints this file, `parallax config explain KEY` one key of it.
# Remove the # before a key to set it. Lines that begin with # and a space are prose.
# Any key can be set by an environment variable too: policy.alpha is PARALLAX_POLICY__ALPHA.
";

/// The reference file, `config/parallax.toml`.
#[must_use]
pub fn reference() -> String {
    let mut text = HEAD.to_owned();
    let root = Shape::root();
    let (mut bare, mut tables) = (Vec::new(), Vec::new());
    for key in root.keys() {
        let shape = root.property(key).expect("a table has the keys that it lists");
        if is_table(shape) { tables.push((key, shape)) } else { bare.push((key, shape)) }
    }
    // In TOML what belongs to no table must come before the first one.
    for (key, shape) in bare {
        text.push('\n');
        leaf(&mut text, key, shape, None, false);
    }
    for (key, shape) in tables {
        section(&mut text, key, shape);
    }
    text
}

fn is_table(shape: Shape) -> bool {
    shape.kind() == Kind::Table
        || shape.kind() == Kind::Map && shape.property("*").is_some_and(|value| value.kind() == Kind::Table)
        || shape.items().is_some_and(|items| items.kind() == Kind::Table)
}

/// A table or list of tables, with what is inside.
fn section(text: &mut String, path: &str, shape: Shape) {
    text.push('\n');
    prose(text, &meaning(shape));
    let table = |header: String, shape: Shape, example: Option<&'static Value>, is_live: bool| Table {
        header,
        path: path.to_owned(),
        shape,
        example,
        is_live,
    };
    match (shape.items(), shape.kind()) {
        (Some(items), _) => table(format!("[[{path}]]"), items, None, false).write(text),
        (None, Kind::Map) => {
            // Names of a map belong to those who write them; the examples show some.
            let values = shape.property("*").expect("a map has values");
            let examples = shape.example().and_then(Value::as_object).into_iter().flatten();
            for (index, (name, example)) in examples.enumerate() {
                text.push_str(if index > 0 { "\n" } else { "" });
                table(format!("[{path}.{}]", toml_key(name)), values, Some(example), false).write(text);
            }
        }
        // An optional table that were switched on would be part of everybody's configuration.
        _ => {
            let is_optional = path == "roles.control" || path.ends_with(".tls") || path.ends_with(".copy");
            table(format!("[{path}]"), shape, shape.example(), !is_optional).write(text);
        }
    }
}

struct Table {
    header: String,
    path: String,
    shape: Shape,
    /// Values that show more than the keys' own examples; in a map also which keys belong together.
    example: Option<&'static Value>,
    is_live: bool,
}

impl Table {
    fn write(&self, text: &mut String) {
        text.push_str(&format!("{}{}\n", if self.is_live { "" } else { "#" }, self.header));
        let required: Vec<&str> = self.shape.required().collect();
        let (tables, leaves): (Vec<_>, Vec<_>) =
            self.shape.keys().into_iter().partition(|key| self.is_table(key));
        let in_map = self.header != format!("[{}]", self.path) && self.example.is_some();
        for key in leaves {
            let example = self.example.and_then(|example| example.get(key));
            if in_map && example.is_none() {
                continue;
            }
            text.push('\n');
            leaf(text, key, self.property(key), example, self.is_live && required.contains(&key));
        }
        for key in tables {
            section(text, &format!("{}.{}", self.path, toml_key(key)), self.property(key));
        }
    }

    fn property(&self, key: &str) -> Shape {
        self.shape.property(key).expect("a table has the keys that it lists")
    }

    fn is_table(&self, key: &str) -> bool {
        is_table(self.property(key))
    }
}

fn leaf(text: &mut String, key: &str, shape: Shape, example: Option<&Value>, is_live: bool) {
    prose(text, &meaning(shape));
    for (word, meaning) in shape.choices() {
        text.push_str(&format!("#   {word}: {meaning}\n"));
    }
    let mut notes: Vec<String> = Vec::new();
    notes.extend(shape.unit().map(str::to_owned));
    notes.extend(range(shape));
    if shape.default().is_none() && !is_live {
        notes.push("an example; no default".to_owned());
    }
    if !notes.is_empty() {
        text.push_str(&format!("# ({})\n", notes.join("; ")));
    }
    let value = shape.default().or(example).or(shape.example()).map_or_else(|| placeholder(shape), literal);
    text.push_str(&format!("{}{} = {value}\n", if is_live { "" } else { "#" }, toml_key(key)));
}

/// A value for the few keys that have neither default nor example.
fn placeholder(shape: Shape) -> String {
    match shape.kind() {
        Kind::Flag => "true",
        Kind::List => "[]",
        _ => "\"\"",
    }
    .to_owned()
}

fn prose(text: &mut String, lines: &[&str]) {
    for line in lines {
        text.push_str(&format!("# {line}\n"));
    }
}
