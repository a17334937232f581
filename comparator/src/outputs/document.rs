//! The document `parallax.outputs/1`, and what people see.

use super::Settings;
use super::findings::{Class, Counts, Finding, Findings};
use super::pass::Totals;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;

/// What two builds wrote, compared.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outputs {
    /// [`Outputs::SCHEMA`].
    pub schema: &'static str,
    /// Whether the candidate wrote what the primary did; never true of a partial comparison.
    pub equal: bool,
    /// Whether the comparison was ended early: counts are then lower bounds.
    pub partial: bool,
    /// The candidate's records by what became of them.
    pub counts: Counts,
    /// Examples: of each class at most as many as asked for, chosen by a hash of the id.
    pub differences: Vec<Finding>,
    /// Pairs that differ at a place, by its pattern.
    pub by_path: BTreeMap<String, u64>,
    /// The control against the primary: how much identical builds differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control: Option<Findings>,
    /// What was read, by role.
    pub sources: BTreeMap<&'static str, Totals>,
    /// The share of ids that was compared.
    pub sample: f64,
    /// The length of an event-time window in nanoseconds.
    pub window_ns: String,
    /// Ranges of ids, and those of them that were unequal.
    pub ranges: Ranges,
}

/// How much had to be read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Ranges {
    /// Ranges with a fingerprint.
    pub total: u64,
    /// Those that were resolved record by record.
    pub unequal: u64,
    /// Passes over the sources that this took.
    pub passes: u64,
}

const ROLES: [&str; 3] = ["primary", "candidate", "control"];

impl Outputs {
    /// Names the shape of the document; fields are added, never renamed.
    pub const SCHEMA: &'static str = "parallax.outputs/1";

    pub(super) fn new(
        findings: Vec<Findings>,
        totals: Vec<Totals>,
        settings: &Settings,
        (total, unequal): (usize, usize),
        passes: u64,
        partial: bool,
    ) -> Self {
        let mut findings = findings.into_iter();
        let candidate = findings.next().unwrap_or_default();
        Self {
            schema: Self::SCHEMA,
            equal: candidate.is_equal() && !partial,
            partial,
            counts: candidate.counts,
            differences: candidate.examples,
            by_path: candidate.by_path,
            control: findings.next(),
            sources: ROLES.into_iter().zip(totals).collect(),
            sample: settings.sample,
            window_ns: settings.window.as_nanos().to_string(),
            ranges: Ranges { total: total as u64, unequal: unequal as u64, passes },
        }
    }

    /// Whether a source is not what it claims: the primary's or the control's has unreadable records. Those
    /// that only the candidate has are its own fault, and are found as differences.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        let unreadable = |role| self.sources.get(role).is_some_and(|totals| totals.unreadable > 0);
        unreadable("primary") || unreadable("control")
    }

    /// What people see: the verdict in one line, then classes, places and a few examples.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out).expect("a String takes any text");
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let Counts { primary, candidate, matched, .. } = self.counts;
        let outcome = match (self.partial, self.equal) {
            (true, _) => "partial",
            (false, true) => "equal",
            (false, false) => "different",
        };
        writeln!(out, "{outcome}: {matched} of {primary} records match; the candidate wrote {candidate}")?;
        let control = self.control.as_ref();
        for (name, count, noise) in self.classes() {
            if count > 0 || noise.is_some_and(|noise| noise > 0) {
                write!(out, "  {name:<10} {count:>10}")?;
                noise.map_or(Ok(()), |noise| write!(out, "   control {noise}"))?;
                writeln!(out, "   {}", meaning(name))?;
            }
        }
        let noisy = control.map(|control| &control.by_path);
        let mut paths: Vec<_> = self.by_path.iter().collect();
        paths.sort_by_key(|(path, count)| (std::cmp::Reverse(**count), (*path).clone()));
        for (path, count) in paths.into_iter().take(SHOWN) {
            let noise = noisy.map(|noisy| noisy.get(path).copied().unwrap_or_default());
            write!(out, "  at {} {count}", if path.is_empty() { "(the whole record)" } else { path })?;
            noise.map_or(Ok(()), |noise| write!(out, ", control {noise}"))?;
            writeln!(out)?;
        }
        self.examples(out)?;
        self.remarks(out)
    }

    fn classes(&self) -> impl Iterator<Item = (&'static str, u64, Option<u64>)> {
        let list = |c: &Counts| [c.missing, c.extra, c.duplicate, c.different, c.moved, c.late];
        let (mine, noise) = (list(&self.counts), self.control.as_ref().map(|control| list(&control.counts)));
        let names = ["missing", "extra", "duplicate", "different", "moved", "late"];
        (0..names.len()).map(move |at| (names[at], mine[at], noise.map(|noise| noise[at])))
    }

    fn examples(&self, out: &mut String) -> std::fmt::Result {
        let mut class: Option<(Class, usize)> = None;
        for Finding { class: of, id, paths } in &self.differences {
            let before = class.filter(|(known, _)| known == of).map_or(0, |(_, count)| count);
            class = Some((*of, before + 1));
            if before < EXAMPLES_SHOWN {
                let name = format!("{of:?}").to_lowercase();
                let places = paths.iter().take(4).map(String::as_str).collect::<Vec<_>>().join(" ");
                writeln!(out, "  e.g. {name} {} {places}", id.as_deref().unwrap_or("(no id)"))?;
            }
        }
        Ok(())
    }

    fn remarks(&self, out: &mut String) -> std::fmt::Result {
        for (role, totals) in &self.sources {
            let remarks = [
                (totals.unreadable, "are not what the source claims; compared byte for byte"),
                (totals.without_id - totals.unreadable.min(totals.without_id), "have no id; compared whole"),
                (totals.without_time - totals.unreadable.min(totals.without_time), "have no event time"),
                (totals.not_sampled, "were left out by the sample"),
            ];
            for (count, remark) in remarks.into_iter().filter(|(count, _)| *count > 0) {
                writeln!(out, "  {role}: {count} records {remark}")?;
            }
        }
        Ok(())
    }
}

/// Places and examples of one class that people are shown; the document has more.
const SHOWN: usize = 20;
const EXAMPLES_SHOWN: usize = 3;

fn meaning(class: &str) -> &'static str {
    match class {
        "missing" => "the primary wrote them, the candidate did not",
        "extra" => "the candidate wrote them, the primary did not",
        "duplicate" => "copies that one side has more than the other",
        "different" => "the same id with other content",
        "moved" => "the same id in another window",
        _ => "written after the allowed lateness",
    }
}
