//! Slices: sub-populations with evidence of their own.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A sub-population, by the labels that its exchanges carry; no labels at all is the whole.
///
/// In documents: `{}` is everything, `{"route": "ingest"}` a named slice, and `{"other": "*"}` the
/// requests in no named slice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Slice(pub BTreeMap<String, String>);

impl Slice {
    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// What no named slice holds.
    #[must_use]
    pub fn other() -> Self {
        Self(BTreeMap::from([("other".to_owned(), "*".to_owned())]))
    }

    /// The slice of one label.
    #[must_use]
    pub fn of(name: &str, value: &str) -> Self {
        Self(BTreeMap::from([(name.to_owned(), value.to_owned())]))
    }

    /// Whether this is the whole population.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this is the rest beside the named slices.
    #[must_use]
    pub fn is_other(&self) -> bool {
        *self == Self::other()
    }
}

/// `all`, `other`, or `name=value` joined by commas.
impl fmt::Display for Slice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_all() {
            return f.write_str("all");
        }
        if self.is_other() {
            return f.write_str("other");
        }
        for (index, (name, value)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{name}={value}")?;
        }
        Ok(())
    }
}
