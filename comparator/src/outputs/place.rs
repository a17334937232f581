//! Where in a record its id and its time stand.

use crate::diff::path::{Step, unescape_token};
use std::fmt;
use std::str::FromStr;

/// A place in a record: a JSON pointer into its value, or a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordPlace {
    /// `/user/id`; for CSV `/column`.
    Value(String),
    /// `header:name`: a Kafka header, or a named group of the line pattern.
    Header(String),
}

impl FromStr for RecordPlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("header", name)) if !name.is_empty() => Ok(Self::Header(name.to_ascii_lowercase())),
            Some(("body", pointer)) if pointer.starts_with('/') => Ok(Self::Value(pointer.to_owned())),
            _ if text.starts_with('/') => Ok(Self::Value(text.to_owned())),
            _ => Err(format!("`{text}` is no place in a record: write /json/pointer or header:name")),
        }
    }
}

impl fmt::Display for RecordPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(pointer) => f.write_str(pointer),
            Self::Header(name) => write!(f, "header:{name}"),
        }
    }
}

/// A JSON pointer taken apart.
#[derive(Debug, Clone)]
pub(super) struct Pointer(Vec<(Box<[u8]>, Option<usize>)>);

impl Pointer {
    pub(super) fn new(pointer: &str) -> Self {
        let token = |token| -> (Box<[u8]>, Option<usize>) {
            (unescape_token(token).as_bytes().into(), token.parse().ok())
        };
        Self(pointer.split('/').skip(1).map(token).collect())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether `step`, taken from `depth` steps down, is the pointer's.
    #[inline]
    pub(super) fn leads(&self, depth: usize, step: &Step<'_>) -> bool {
        self.0.get(depth).is_some_and(|(key, index)| match step {
            Step::Key(name) => name.is(key),
            Step::Index(at) => *index == Some(*at),
        })
    }
}
