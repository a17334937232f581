//! Markdown, for a job's summary or a comment.

use super::checks::{seen, state_name};
use super::text::{confidence, count, evidence, headline, percent};
use crate::verdict::{CheckLine, CheckState, State, Verdict};
use std::fmt::Write as _;

/// The verdict as Markdown: what was decided and why, then the checks as a table.
#[must_use]
pub fn markdown(verdict: &Verdict) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "## Parallax: {}\n\n{}\n", headline(verdict), escape(&verdict.reason));
    let digest = verdict.candidate.digest.as_deref().unwrap_or("not named");
    let _ = writeln!(out, "* run `{}`, candidate `{}`", code(&verdict.run), code(digest));
    let until = verdict.watermark.as_deref().unwrap_or("nothing sealed yet");
    let _ = writeln!(out, "* {until}, {} windows sealed", verdict.sealed_windows);
    let sum = &verdict.exposure;
    let _ = writeln!(
        out,
        "* {} mirrored = {} compared + {} shed + {} lost + {} late; {} units of {} keys",
        sum.mirrored, sum.compared, sum.shed, sum.lost, sum.late, sum.units, sum.clusters
    );
    if let Some(eta) = verdict.forecast.eta.as_deref().filter(|_| verdict.verdict == State::Wait) {
        let _ = writeln!(out, "* a promote is in reach at {eta}, going on as so far");
    }
    for gap in &verdict.not_checked {
        let _ = writeln!(out, "* not checked: {}", escape(gap));
    }
    let level = confidence(verdict);
    let _ = writeln!(
        out,
        "\n| slice | check | units | worse | better | excess ({level} CS) | reject | promote | state |\n\
         | --- | --- | ---: | ---: | ---: | --- | ---: | ---: | --- |"
    );
    for line in seen(verdict) {
        row(&mut out, line);
    }
    out
}

fn row(out: &mut String, line: &CheckLine) {
    let signs = line.signs.or(line.latency.map(|latency| latency.reject)).unwrap_or_default();
    let state = state_name(line.state);
    let strong = matches!(line.state, CheckState::Reject | CheckState::Suspect);
    let state = if strong { format!("**{state}**") } else { state.to_owned() };
    let _ = writeln!(
        out,
        "| {} | {} | {} | {} | {} | {} | {} | {} | {state} |",
        escape(&line.slice.to_string()),
        escape(&line.check.to_string()),
        count(line.n),
        signs.worse,
        signs.better,
        size(line),
        evidence(line.log_e_reject),
        evidence(line.log_e_promote),
    );
}

fn size(line: &CheckLine) -> String {
    if let Some(excess) = line.excess {
        let [lower, upper] = excess.cs.map(percent);
        return excess
            .estimate
            .map_or("-".to_owned(), |share| format!("{} [{lower}, {upper}]", percent(share)));
    }
    let ratio = line.ratio.and_then(|ratio| Some((ratio.estimate?, ratio.cs)));
    ratio.map_or("-".to_owned(), |(estimate, cs)| match cs {
        Some([lower, upper]) => format!("x{estimate} [{lower}, {upper}]"),
        None => format!("x{estimate}"),
    })
}

/// Text in which nothing is markup, also inside a table.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' => out.extend(['\\', c]),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\r' | '\n' => out.push(' '),
            other => out.push(other),
        }
    }
    out
}

/// Text between backticks.
fn code(text: &str) -> String {
    text.replace(['`', '\r', '\n'], " ")
}
