//! Slices: sub-populations with evidence of their own.

use parallax_config::Policy;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// A sub-population, by the labels that its exchanges carry; no labels at all is the whole.
///
/// In documents: `{}` is everything, `{"route": "ingest"}` a named slice, and `{"other": "*"}` the
/// requests in no named slice.
///
/// The labels are shared: a window has a row for each check of each slice, and the judge tells those of one slice by
/// their address before it looks at the labels.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Slice(Arc<BTreeMap<String, String>>);

impl Slice {
    /// Named slices of a run, at most: each has rows in every window and a part of the error budget.
    pub const NAMED_MAX: usize = Policy::SLICES_MAX;

    /// The named slices of a run, sorted, each once. The first [`Self::NAMED_MAX`] are kept; traffic of
    /// further ones is in `other`, and so is counted and judged, but not apart.
    #[must_use]
    pub fn named(slices: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let mut named = BTreeSet::new();
        for slice in slices {
            if named.len() < Self::NAMED_MAX && !slice.is_all() && !slice.is_other() {
                named.insert(slice);
            }
        }
        named.into_iter().collect()
    }

    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// What no named slice holds.
    #[must_use]
    pub fn other() -> Self {
        Self::of("other", "*")
    }

    /// The slice of one label.
    #[must_use]
    pub fn of(name: &str, value: &str) -> Self {
        Self::from_iter([(name.to_owned(), value.to_owned())])
    }

    /// Values by label name.
    #[must_use]
    pub fn labels(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// Whether this is the whole population.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this is the rest beside the named slices.
    #[must_use]
    pub fn is_other(&self) -> bool {
        self.0.len() == 1 && self.0.get("other").is_some_and(|value| value == "*")
    }
}

impl From<BTreeMap<String, String>> for Slice {
    fn from(labels: BTreeMap<String, String>) -> Self {
        Self(Arc::new(labels))
    }
}

impl FromIterator<(String, String)> for Slice {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(labels: I) -> Self {
        Self::from(labels.into_iter().collect::<BTreeMap<_, _>>())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_slices_are_sorted_unique_and_bounded() {
        let many = (0..2 * Slice::NAMED_MAX).rev().map(|index| Slice::of("tenant", &format!("{index:05}")));
        let named =
            Slice::named([Slice::all(), Slice::other()].into_iter().chain(many.clone()).chain(many.clone()));
        assert_eq!(named.len(), Slice::NAMED_MAX);
        let mut first: Vec<_> = many.take(Slice::NAMED_MAX).collect();
        first.sort();
        assert_eq!(named, first, "the first ones, in order");
    }
}
