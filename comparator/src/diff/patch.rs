//! From differences to a JSON Patch (RFC 6902): applied to the left side it gives the right one.
//!
//! Collected while comparing, because only there is it known which steps are indices and what the
//! whole values are. A pointer names no occurrence of a repeated key, so texts with repeated keys
//! that differ in them have no patch.

use super::Kind;
use super::path::{Step, pointer};
use std::collections::HashSet;

/// The operations found so far.
#[derive(Debug, Default)]
pub(crate) struct Patch {
    operations: Vec<Operation>,
    /// The newest operation that replaces an array of another length.
    replaced: Option<usize>,
}

#[derive(Debug)]
struct Operation {
    verb: Verb,
    /// Pointer to the array, where the operation adds or removes an element; else to the value.
    at: String,
    /// The element's index and the depth of its array.
    element: Option<(usize, usize)>,
    value: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verb {
    Replace,
    Remove,
    Add,
}

impl Patch {
    pub(crate) fn len(&self) -> usize {
        self.operations.len()
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        self.operations.truncate(len);
        self.replaced = self.replaced.filter(|array| *array < len);
    }

    /// Notes a difference, in the order in which the walk records them.
    pub(crate) fn push(&mut self, path: &[Step<'_>], kind: Kind, right: Option<&[u8]>) {
        let verb = match kind {
            Kind::Missing => Verb::Remove,
            Kind::Extra => Verb::Add,
            _ => Verb::Replace,
        };
        let value = right.map(|text| String::from_utf8_lossy(text).into_owned());
        let (at, element) = match path.split_last() {
            Some((Step::Index(index), array)) if verb != Verb::Replace => {
                (pointer(array), Some((*index, array.len())))
            }
            _ => (pointer(path), None),
        };
        // An array of another length is replaced as a whole; what differs inside it is told next.
        let is_replaced = |array: &usize| {
            let rest = at.strip_prefix(&self.operations[*array].at);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if self.replaced.as_ref().is_some_and(is_replaced) {
            return;
        }
        if kind == Kind::Length {
            self.replaced = Some(self.operations.len());
        }
        self.operations.push(Operation { verb, at, element, value });
    }

    /// The patch as a JSON document, one operation a line.
    ///
    /// Paths are those of the left side, so elements are removed from the last to the first and
    /// added at the end after everything else, innermost arrays first.
    pub(crate) fn write(mut self) -> Result<String, RepeatedKey> {
        let mut seen = HashSet::new();
        let plain = self.operations.iter().filter(|operation| operation.element.is_none());
        if let Some(twice) = plain.map(|operation| &operation.at).find(|at| !seen.insert(*at)) {
            return Err(RepeatedKey(twice.clone()));
        }
        self.operations.sort_by(|a, b| a.rank().cmp(&b.rank()));
        let lines: Vec<_> = self.operations.iter().map(Operation::write).collect();
        Ok(if lines.is_empty() { "[]\n".to_owned() } else { format!("[\n  {}\n]\n", lines.join(",\n  ")) })
    }
}

/// A key that one object holds more than once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RepeatedKey(pub(crate) String);

impl Operation {
    /// Sorting key: values first; then elements, innermost first, from last to first.
    fn rank(&self) -> impl Ord + use<'_> {
        use std::cmp::Reverse;
        self.element.map(|(index, depth)| {
            let index = if self.verb == Verb::Remove { Reverse(index) } else { Reverse(usize::MAX - index) };
            (Reverse(depth), self.at.as_str(), self.verb, index)
        })
    }

    fn write(&self) -> String {
        let (verb, path) = match (self.verb, self.element) {
            (Verb::Replace, _) => ("replace", self.at.clone()),
            (Verb::Remove, Some((index, _))) => ("remove", format!("{}/{index}", self.at)),
            (Verb::Remove, None) => ("remove", self.at.clone()),
            (Verb::Add, Some(_)) => ("add", format!("{}/-", self.at)),
            (Verb::Add, None) => ("add", self.at.clone()),
        };
        let path = serde_json::Value::from(path);
        let value = self.value.as_ref().map(|value| format!(", \"value\": {value}")).unwrap_or_default();
        format!("{{\"op\": \"{verb}\", \"path\": {path}{value}}}")
    }
}
