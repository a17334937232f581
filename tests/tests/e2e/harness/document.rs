//! The JSON documents that commands print.

use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;

/// One document; a path that is not there is `null`, and the assertions print the document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Document(pub(crate) Value);

impl Document {
    /// Reads a text that must be exactly one document.
    pub(crate) fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text).map(Self)
    }

    /// The value at a JSON pointer.
    pub(crate) fn at(&self, pointer: &str) -> &Value {
        self.0.pointer(pointer).unwrap_or(&Value::Null)
    }

    /// The text at a JSON pointer; empty when there is none.
    pub(crate) fn text(&self, pointer: &str) -> &str {
        self.at(pointer).as_str().unwrap_or_default()
    }

    /// The count at a JSON pointer.
    #[track_caller]
    pub(crate) fn count(&self, pointer: &str) -> u64 {
        self.at(pointer).as_u64().unwrap_or_else(|| panic!("there is no count at {pointer}\n{self}"))
    }

    /// The sum of the counts of a table, such as drops by reason; a plain count is itself.
    #[track_caller]
    pub(crate) fn sum(&self, pointer: &str) -> u64 {
        match self.at(pointer) {
            Value::Object(parts) => parts.values().filter_map(Value::as_u64).sum(),
            Value::Number(count) => count.as_u64().unwrap_or_default(),
            _ => panic!("there are no counts at {pointer}\n{self}"),
        }
    }

    /// # Panics
    /// Unless this is a verdict document with this verdict, and the conservation law holds in it.
    #[track_caller]
    pub(crate) fn expect_verdict(&self, verdict: &str) -> &Self {
        assert_eq!(self.text("/schema"), "parallax.verdict/1", "{self}");
        assert_eq!(self.text("/verdict"), verdict, "the reason: {}\n{self}", self.text("/reason"));
        self.expect_conservation();
        self
    }

    /// `offered = not selected + dropped + mirrored` and `mirrored = compared + shed + lost + late`.
    #[track_caller]
    pub(crate) fn expect_conservation(&self) {
        let count = |name: &str| self.sum(&format!("/report/conservation/{name}"));
        assert_eq!(
            count("offered"),
            count("not_selected") + count("dropped") + count("mirrored"),
            "requests vanished at the mirror's door\n{self}"
        );
        assert_eq!(
            count("mirrored"),
            count("compared") + count("shed") + count("lost") + count("late") + count("open"),
            "mirrored exchanges vanished\n{self}"
        );
        assert!(count("compared") > 0, "nothing was compared\n{self}");
        let evidence = |name: &str| self.count(&format!("/exposure/{name}"));
        assert_eq!(
            evidence("mirrored"),
            evidence("compared") + evidence("shed") + evidence("lost") + evidence("late"),
            "the verdict's own exposure does not add up\n{self}"
        );
    }

    /// Where the candidate differs from the primary more than twice as often as the control does:
    /// (part, pattern, exchanges in excess). Below that it is noise, which now and then spares one arm.
    pub(crate) fn culprit_paths(&self) -> Vec<(String, String, u64)> {
        let differences = self.at("/report/differences").as_array().cloned().unwrap_or_default();
        let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let count = |row: &Value, key: &str| row[key].as_u64().unwrap_or_default();
        let mut paths: Vec<_> = differences
            .iter()
            .filter(|row| count(row, "raw") > 2 * count(row, "noise"))
            .map(|row| (text(row, "in"), text(row, "pattern"), count(row, "raw") - count(row, "noise")))
            .collect();
        paths.sort_by_key(|(_, _, excess)| std::cmp::Reverse(*excess));
        paths
    }

    /// # Panics
    /// Unless the candidate, and not the control, differs at this place, written as rules write it.
    #[track_caller]
    pub(crate) fn expect_culprit(&self, place: &str) {
        let (part, pattern) = place.split_once(':').unwrap_or((place, ""));
        assert!(
            self.culprit_paths().iter().any(|(found, at, _)| found == part && at == pattern),
            "no difference at {place}; there are {:?}\n{self}",
            self.culprit_paths()
        );
    }

    /// Checks that the verdict blames (culprits) or suspects, each once, sorted.
    ///
    /// The weighted mean of all checks may cross the threshold before any check of its own does: a run
    /// can be rejected with suspects only.
    pub(crate) fn blamed(&self) -> Vec<String> {
        let lists =
            ["/culprits", "/suspects"].map(|list| self.at(list).as_array().cloned().unwrap_or_default());
        let names = lists.iter().flatten().filter_map(|line| line["check"].as_str().map(str::to_owned));
        names.collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// What failed assertions show: the verdict's short parts first, as the whole is long.
impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in ["/verdict", "/reason", "/exposure", "/report/conservation", "/evidence", "/forecast"] {
            if !self.at(part).is_null() {
                writeln!(f, "{part}: {}", self.at(part))?;
            }
        }
        const SHOWN: usize = 6000;
        let text = serde_json::to_string_pretty(&self.0).unwrap_or_default();
        match text.char_indices().nth(SHOWN) {
            Some((end, _)) => write!(f, "{}\n… ({} bytes in all)", &text[..end], text.len()),
            None => f.write_str(&text),
        }
    }
}
