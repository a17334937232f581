//! GitHub Actions: annotations on standard output, a job summary and step outputs in files.

use super::checks::{blamed, suspected};
use super::markdown::markdown;
use super::text::{counts, finding, headline};
use crate::verdict::{CheckLine, State, Verdict};
use std::fmt::Write as _;

/// GitHub shows ten errors and ten warnings of a step.
const MOST_ANNOTATIONS: usize = 10;
/// GitHub refuses a summary of more than 1 MiB.
const SUMMARY_BYTES: usize = 900 << 10;

/// Workflow commands: errors for what a reject rests on, worst first, warnings for suspects.
#[must_use]
pub fn annotations(verdict: &Verdict) -> String {
    let mut out = String::new();
    let level = match verdict.verdict {
        State::Promote => "notice",
        State::Reject | State::Invalid => "error",
        State::Wait | State::Inconclusive => "warning",
    };
    let title = format!("Parallax: {}", headline(verdict));
    let blamed = blamed(verdict);
    // The headline of a reject would take the place of a culprit among the ten.
    if blamed.is_empty() {
        command(&mut out, level, &title, &verdict.reason);
    }
    let errors = blamed.into_iter().map(|line| ("error", line));
    let warnings = suspected(verdict).into_iter().map(|line| ("warning", line)).take(MOST_ANNOTATIONS - 1);
    for (level, line) in errors.take(MOST_ANNOTATIONS).chain(warnings) {
        command(
            &mut out,
            level,
            &format!("{title}: {}, {}", line.slice, line.check),
            &message(verdict, line),
        );
    }
    out
}

fn message(verdict: &Verdict, line: &CheckLine) -> String {
    format!("{} ({})", finding(verdict, line), counts(line))
}

fn command(out: &mut String, level: &str, title: &str, message: &str) {
    let _ = writeln!(out, "::{level} title={}::{}", property(title), data(message));
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// What belongs at the end of `$GITHUB_STEP_SUMMARY`; cut below GitHub's limit, at the end of a line.
#[must_use]
pub fn step_summary(verdict: &Verdict) -> String {
    let mut summary = markdown(verdict);
    if summary.len() > SUMMARY_BYTES {
        let cut = summary.as_bytes()[..SUMMARY_BYTES].iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
        summary.truncate(cut);
        summary.push_str("\n\nCut here: the whole table is in the verdict document.\n");
    }
    summary
}

/// What belongs at the end of `$GITHUB_OUTPUT`: one `name=value` a line.
#[must_use]
pub fn outputs(verdict: &Verdict) -> String {
    let digest = verdict.candidate.digest.as_deref().unwrap_or("");
    let mut out = String::new();
    for (name, value) in [
        ("verdict", verdict.verdict.name()),
        ("final", if verdict.is_final { "true" } else { "false" }),
        ("code", &verdict.code.to_string()),
        ("run", &verdict.run),
        ("digest", digest),
        ("reason", &verdict.reason),
    ] {
        let _ = writeln!(out, "{name}={}", value.replace(['\r', '\n'], " "));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_commands_are_made_of_is_escaped() {
        let mut out = String::new();
        command(&mut out, "error", "a: b, 5%", "1% of a:\nb, c");
        assert_eq!(out, "::error title=a%3A b%2C 5%25::1%25 of a:%0Ab, c\n");
    }

    #[test]
    fn an_output_cannot_be_broken_out_of() {
        let verdict = Verdict { reason: "a\nverdict=promote".to_owned(), ..Verdict::default() };
        assert!(outputs(&verdict).lines().filter(|line| line.starts_with("verdict=")).eq(["verdict=wait"]));
    }
}
