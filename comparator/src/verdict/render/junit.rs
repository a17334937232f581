//! JUnit XML: one suite for each slice, one case for each check.
//!
//! A reject is a failure, what waits is skipped, an invalid rig is an error. Most readers show a skipped
//! case as green, so the exit code stays authoritative.

use super::checks::blamed;
use super::text::{counts, finding, waiting};
use crate::slice::Slice;
use crate::verdict::{CheckLine, CheckState, State, Verdict};
use std::fmt::Write as _;

enum Case {
    Passed,
    Failed(String),
    Skipped(String),
    Error(String),
}

pub(super) fn junit(verdict: &Verdict) -> String {
    let blamed = blamed(verdict);
    let cases: Vec<(&CheckLine, Case)> =
        verdict.checks.iter().map(|line| (line, case(verdict, line, &blamed))).collect();
    let seconds = verdict.sealed_windows.saturating_mul(verdict.policy.window_ns) / 1_000_000_000;
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(out, "<testsuites name=\"parallax-verdict\" {} time=\"{seconds}\">", totals(&cases));
    for suite in cases.chunk_by(|a, b| a.0.slice == b.0.slice) {
        write_suite(&mut out, verdict, suite);
    }
    out.push_str("</testsuites>\n");
    out
}

fn case(verdict: &Verdict, line: &CheckLine, blamed: &[&CheckLine]) -> Case {
    if verdict.verdict == State::Invalid {
        return Case::Error(verdict.reason.clone());
    }
    if blamed.iter().any(|other| std::ptr::eq(*other, line)) {
        return Case::Failed(finding(verdict, line));
    }
    match line.state {
        CheckState::Promote => Case::Passed,
        CheckState::Reject | CheckState::Suspect => {
            Case::Skipped(format!("suspect: {}", finding(verdict, line)))
        }
        CheckState::Wait => Case::Skipped(waiting(line)),
        CheckState::Nondeterministic => {
            Case::Skipped("the control itself fails this check too often".to_owned())
        }
        CheckState::Uncertified => {
            Case::Skipped("its slice is too small for a promise of its own".to_owned())
        }
    }
}

fn write_suite(out: &mut String, verdict: &Verdict, suite: &[(&CheckLine, Case)]) {
    let Some((first, _)) = suite.first() else { return };
    let stamp = verdict.watermark.as_deref().map(|time| time.trim_end_matches('Z'));
    let stamp = stamp.map(|time| format!(" timestamp=\"{}\"", escape(time))).unwrap_or_default();
    let name = escape(&first.slice.to_string());
    let _ = writeln!(out, "  <testsuite name=\"{name}\" {} time=\"0\"{stamp}>", totals(suite));
    let digest = verdict.candidate.digest.as_deref().unwrap_or("");
    let _ = writeln!(
        out,
        "    <properties><property name=\"verdict\" value=\"{}\"/><property name=\"candidate.digest\" \
         value=\"{}\"/></properties>",
        verdict.verdict.name(),
        escape(digest)
    );
    for (line, case) in suite {
        write_case(out, line, case);
    }
    out.push_str("  </testsuite>\n");
}

fn write_case(out: &mut String, line: &CheckLine, case: &Case) {
    let (class, name) = (escape(&class_name(&line.slice)), escape(&line.check.to_string()));
    let _ = write!(out, "    <testcase classname=\"{class}\" name=\"{name}\" time=\"0\"");
    let content = match case {
        Case::Passed => {
            out.push_str("/>\n");
            return;
        }
        Case::Failed(why) => {
            format!("<failure type=\"regression\" message=\"{}\">{}</failure>", escape(why), counts(line))
        }
        Case::Skipped(why) => format!("<skipped message=\"{}\"/>", escape(why)),
        Case::Error(why) => format!("<error type=\"invalid\" message=\"{}\"/>", escape(why)),
    };
    let _ = writeln!(out, ">{content}</testcase>");
}

fn totals(cases: &[(&CheckLine, Case)]) -> String {
    let of = |is: fn(&Case) -> bool| cases.iter().filter(|(_, case)| is(case)).count();
    format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\"",
        cases.len(),
        of(|case| matches!(case, Case::Failed(_))),
        of(|case| matches!(case, Case::Error(_))),
        of(|case| matches!(case, Case::Skipped(_))),
    )
}

/// `route./orders`: readers group cases by the parts between dots.
fn class_name(slice: &Slice) -> String {
    if slice.is_all() || slice.is_other() {
        return slice.to_string();
    }
    slice.labels().iter().map(|(name, value)| format!("{name}.{value}")).collect::<Vec<_>>().join(".")
}

/// Text for an attribute or an element; characters that XML 1.0 forbids become U+FFFD.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\t' | '\n' | '\r' => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            '\u{0}'..' ' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_and_forbidden_characters_are_escaped() {
        assert_eq!(escape("a<b>&\"'\u{1}\n"), "a&lt;b&gt;&amp;&quot;&apos;\u{fffd}&#10;");
        assert_eq!(class_name(&Slice::of("route", "/orders")), "route./orders");
    }
}
