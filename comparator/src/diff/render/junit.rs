//! For test reports: JUnit XML, one test case for each generalised place that differs.

use super::text::{escaped, headline};
use crate::diff::{Difference, Document, Kind, Part};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The document as a JUnit test suite called `name`; equal sides are one passing case.
#[must_use]
pub fn junit(document: &Document, name: &str) -> String {
    let mut groups: BTreeMap<(Part, &str, Kind), Vec<&Difference>> = BTreeMap::new();
    for difference in &document.differences {
        groups.entry((difference.part, &difference.pattern, difference.kind)).or_default().push(difference);
    }
    let (tests, failures) = (groups.len().max(1), groups.len());
    let name = escaped(name);
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let mut put = |text: String| writeln!(out, "{text}").expect("a String takes any text");
    put(format!("<testsuites tests=\"{tests}\" failures=\"{failures}\">"));
    put(format!(
        "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\">"
    ));
    if groups.is_empty() {
        put(format!("    <testcase classname=\"{name}\" name=\"equal\"/>"));
    }
    for ((part, pattern, kind), differences) in groups {
        let case = escaped(format!("{} {pattern}", part.name()).trim_end());
        put(format!("    <testcase classname=\"{name}\" name=\"{case} ({})\">", kind.name()));
        let message = format!("{} at {} place(s)", kind.name(), differences.len());
        put(format!(
            "      <failure type=\"{}\" message=\"{message}\">{}</failure>",
            kind.name(),
            sides(&differences)
        ));
        put("    </testcase>".to_owned());
    }
    if document.truncated {
        put(format!("    <system-out>{}</system-out>", escaped(&headline(document))));
    }
    put("  </testsuite>\n</testsuites>".to_owned());
    out
}

fn sides(differences: &[&Difference]) -> String {
    let of = |difference: &&Difference| {
        let side = |text: &Option<String>| text.as_deref().map_or_else(|| "(nothing)".to_owned(), escaped);
        let note = difference.note.as_deref().map(|note| format!(" ({})", escaped(note))).unwrap_or_default();
        format!(
            "{}{note}\n- {}\n+ {}",
            escaped(&difference.path),
            side(&difference.left),
            side(&difference.right)
        )
    };
    differences.iter().map(of).collect::<Vec<_>>().join("\n")
}
