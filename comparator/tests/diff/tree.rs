//! JSON values as trees, and the many texts that mean the same tree.

use proptest::prelude::*;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// A JSON value; numbers as written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    Array(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

/// How to write a tree: choices that must not matter, drawn from `seed`.
pub(crate) struct Style {
    pub(crate) seed: u64,
    /// Keys in another order.
    pub(crate) shuffled: bool,
    /// White space between tokens.
    pub(crate) spaced: bool,
    /// Characters as escapes and numbers in other spellings.
    pub(crate) respelled: bool,
}

impl Style {
    pub(crate) const PLAIN: Self = Self { seed: 0, shuffled: false, spaced: false, respelled: false };

    pub(crate) fn varied(seed: u64) -> Self {
        Self { seed: seed | 1, shuffled: true, spaced: true, respelled: true }
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) % below
    }

    fn space(&mut self, out: &mut String) {
        if self.spaced {
            for _ in 0..self.draw(3) {
                out.push([' ', '\n', '\t', '\r'][self.draw(4) as usize]);
            }
        }
    }
}

impl Tree {
    /// The tree as compact JSON text.
    pub(crate) fn text(&self) -> String {
        self.write(Style::PLAIN)
    }

    pub(crate) fn write(&self, mut style: Style) -> String {
        let mut out = String::new();
        style.space(&mut out);
        self.push(&mut style, &mut out);
        style.space(&mut out);
        out
    }

    fn push(&self, style: &mut Style, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(text) => push_number(text, style, out),
            Self::Text(text) => push_string(text, style, out),
            Self::Array(elements) => {
                out.push('[');
                for (index, element) in elements.iter().enumerate() {
                    separate(index, style, out);
                    element.push(style, out);
                    style.space(out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                let mut order: Vec<_> = members.iter().collect();
                if style.shuffled {
                    for index in (1..order.len()).rev() {
                        order.swap(index, style.draw(index as u64 + 1) as usize);
                    }
                }
                out.push('{');
                for (index, (key, value)) in order.into_iter().enumerate() {
                    separate(index, style, out);
                    push_string(key, style, out);
                    style.space(out);
                    out.push(':');
                    style.space(out);
                    value.push(style, out);
                    style.space(out);
                }
                out.push('}');
            }
        }
    }

    /// Every value in the tree with its pointer, the root first.
    pub(crate) fn places(&self) -> Vec<String> {
        let mut places = Vec::new();
        self.collect(String::new(), &mut places);
        places
    }

    fn collect(&self, at: String, places: &mut Vec<String>) {
        match self {
            Self::Array(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    element.collect(format!("{at}/{index}"), places);
                }
            }
            Self::Object(members) => {
                for (key, value) in members {
                    value.collect(format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), places);
                }
            }
            _ => {}
        }
        places.push(at);
    }

    /// The value at a pointer that [`Self::places`] gave.
    pub(crate) fn at(&mut self, pointer: &str) -> &mut Self {
        let mut here = self;
        for token in pointer.split('/').skip(1) {
            let token = token.replace("~1", "/").replace("~0", "~");
            here = match here {
                Self::Array(elements) => &mut elements[token.parse::<usize>().unwrap()],
                Self::Object(members) => &mut members.iter_mut().find(|(key, _)| *key == token).unwrap().1,
                other => panic!("nothing below {other:?}"),
            };
        }
        here
    }
}

fn separate(index: usize, style: &mut Style, out: &mut String) {
    if index > 0 {
        out.push(',');
    }
    style.space(out);
}

fn push_number(text: &str, style: &mut Style, out: &mut String) {
    out.push_str(text);
    if style.respelled && !text.contains(['.', 'e', 'E']) {
        out.push_str(
            ["", ".0", "e0", ".00E+00", "0e-1"][style.draw(if text.ends_with('0') { 4 } else { 5 }) as usize],
        );
    }
}

fn push_string(text: &str, style: &mut Style, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        let must = character < ' ' || character == '"' || character == '\\';
        if must || (style.respelled && style.draw(3) == 0) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(character);
        }
    }
    out.push('"');
}

/// Trees with few keys and few values, so that equal ones are common.
pub(crate) fn trees() -> impl Strategy<Value = Tree> {
    let number = prop_oneof![
        "-?(0|[1-9][0-9]{0,2})(\\.[0-9]{1,2})?(e-?[0-3])?",
        prop::sample::select(vec!["9007199254740993", "9007199254740992", "1e400", "0.1", "-0", "0.10"])
            .prop_map(str::to_owned),
    ];
    let text = prop_oneof!["[ab]{0,2}", "[a/~\"\\\\\u{e9}\u{1f600}\n]{0,3}"];
    let leaf = prop_oneof![
        Just(Tree::Null),
        any::<bool>().prop_map(Tree::Bool),
        number.prop_map(Tree::Number),
        text.prop_map(Tree::Text),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        let keys = prop_oneof!["[abc]{1,2}", "[a/~\u{e9}\"]{0,2}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Tree::Array),
            prop::collection::btree_map(keys, inner, 0..6)
                .prop_map(|members| Tree::Object(members.into_iter().collect())),
        ]
    })
}

/// Reading a tree back, and changing it as a JSON Patch says.
impl Tree {
    pub(crate) fn read(text: &str) -> Self {
        match text.as_bytes()[0] {
            b'n' => Self::Null,
            b't' | b'f' => Self::Bool(text == "true"),
            b'"' => Self::Text(serde_json::from_str(text).unwrap()),
            b'[' => {
                let elements: Vec<&RawValue> = serde_json::from_str(text).unwrap();
                Self::Array(elements.iter().map(|element| Self::read(element.get())).collect())
            }
            b'{' => {
                let members: BTreeMap<String, &RawValue> = serde_json::from_str(text).unwrap();
                Self::Object(members.into_iter().map(|(key, value)| (key, Self::read(value.get()))).collect())
            }
            _ => Self::Number(text.to_owned()),
        }
    }

    pub(crate) fn patch(&mut self, patch: &str) {
        // A map, as a member that is null would be read as one that is absent.
        for operation in serde_json::from_str::<Vec<BTreeMap<String, &RawValue>>>(patch).unwrap() {
            let text = |name: &str| serde_json::from_str::<String>(operation[name].get()).unwrap();
            let (op, path) = (text("op"), text("path"));
            let value = operation.get("value").map(|value| Self::read(value.get()));
            let (parent, last) = path.rsplit_once('/').unwrap_or_default();
            let key = last.replace("~1", "/").replace("~0", "~");
            match (op.as_str(), value) {
                ("replace", Some(value)) => *self.at(&path) = value,
                ("add", Some(value)) => match self.at(parent) {
                    Self::Array(elements) if key == "-" => elements.push(value),
                    Self::Object(members) if members.iter().all(|(name, _)| *name != key) => {
                        members.push((key, value));
                    }
                    other => panic!("cannot add {path} to {other:?}"),
                },
                ("remove", None) => match self.at(parent) {
                    Self::Array(elements) => drop(elements.remove(key.parse().unwrap())),
                    Self::Object(members) => {
                        let at = members.iter().position(|(name, _)| *name == key).unwrap();
                        members.remove(at);
                    }
                    other => panic!("nothing to remove in {other:?}"),
                },
                other => panic!("{other:?} is no operation"),
            }
        }
    }
}
