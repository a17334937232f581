//! Aligned text for a terminal, readable at 100 columns.

use super::checks::{seen, state_name, worst_first};
use super::text::{count, evidence, headline, percent};
use crate::run::Build;
use crate::verdict::{CheckLine, CheckState, State, Verdict};
use anstyle::{AnsiColor, Style};
use std::fmt::Write as _;

/// Checks shown; the others are counted.
const MOST_LINES: usize = 40;

pub(super) fn terminal(verdict: &Verdict, colour: bool) -> String {
    let mut out = String::new();
    let paint = Paint(colour);
    let _ = writeln!(out, "{}  {}", paint.state(verdict.verdict, &headline(verdict)), verdict.reason);
    out.push('\n');
    facts(&mut out, verdict);
    out.push('\n');
    table(&mut out, verdict, paint);
    out.push('\n');
    footer(&mut out, verdict);
    out
}

fn facts(out: &mut String, verdict: &Verdict) {
    let policy = &verdict.policy;
    let mut fact = |name: &str, value: String| {
        let _ = writeln!(out, "  {name:<11}{value}");
    };
    let attempt = if verdict.attempt > 1 { format!(", attempt {}", verdict.attempt) } else { String::new() };
    fact("run", format!("{}{attempt}", verdict.run));
    fact("candidate", build(&verdict.candidate));
    fact("baseline", build(&verdict.baseline));
    let until = verdict.watermark.as_deref().unwrap_or("nothing sealed yet");
    fact("watermark", format!("{until}, {} windows sealed", verdict.sealed_windows));
    let (alpha, beta, tau, delta) = (policy.alpha, policy.beta, policy.tau, policy.delta);
    fact("policy", format!("alpha {alpha}, beta {beta}, tau {tau}, delta {delta}, {}", policy.unit));
    fact(
        "evidence",
        format!(
            "worse than tolerated {} of {}",
            evidence(verdict.evidence.global_reject.log_e),
            evidence(verdict.evidence.global_reject.log_threshold)
        ),
    );
}

fn build(build: &Build) -> String {
    let parts: Vec<&str> =
        [&build.image, &build.digest, &build.revision].into_iter().flatten().map(String::as_str).collect();
    if parts.is_empty() { "not named".to_owned() } else { parts.join(" ") }
}

fn table(out: &mut String, verdict: &Verdict, paint: Paint) {
    let shown = shown(verdict);
    let slices: Vec<String> = shown.iter().map(|line| shorten(&line.slice.to_string(), 18)).collect();
    let wide = slices.iter().map(|slice| slice.chars().count()).max().unwrap_or(0).max(5);
    let _ = writeln!(
        out,
        "  {:<wide$}  {:<19} {:>6} {:>5} {:>6} {:>8} {:>7} {:>7}  state",
        "slice", "check", "units", "worse", "better", "excess", "reject", "promote"
    );
    for (line, slice) in shown.iter().zip(&slices) {
        let signs = line.signs.or(line.latency.map(|latency| latency.reject)).unwrap_or_default();
        let _ = writeln!(
            out,
            "  {slice:<wide$}  {:<19} {:>6} {:>5} {:>6} {:>8} {:>7} {:>7}  {}",
            shorten(&line.check.to_string(), 19),
            count(line.n),
            count(signs.worse),
            count(signs.better),
            size(line),
            evidence(line.log_e_reject),
            evidence(line.log_e_promote),
            state(line, paint),
        );
    }
    if shown.iter().any(|line| !line.required) {
        out.push_str("  (in brackets: a promote does not need it)\n");
    }
    let others = verdict.checks.len() - shown.len();
    if others > 0 {
        let _ = writeln!(out, "  {others} other checks, none with more against it");
    }
}

/// The checks that tell something, or the worst of them; in the order of the document.
fn shown(verdict: &Verdict) -> Vec<&CheckLine> {
    let mut lines = worst_first(seen(verdict).filter(|line| tells(line)).collect());
    lines.truncate(MOST_LINES);
    lines.sort_by(|a, b| (&a.slice, &a.check).cmp(&(&b.slice, &b.check)));
    lines
}

/// Whether a line tells a person something: a promote needs it, or it has something against it.
fn tells(line: &CheckLine) -> bool {
    let is_quiet = matches!(line.state, CheckState::Wait | CheckState::Promote | CheckState::Uncertified);
    line.required || !is_quiet
}

fn state(line: &CheckLine, paint: Paint) -> String {
    let state = paint.check(line.state);
    if line.required { state } else { format!("({state})") }
}

fn size(line: &CheckLine) -> String {
    match (line.excess, line.ratio) {
        (Some(excess), _) => excess.estimate.map_or("-".to_owned(), percent),
        (None, Some(ratio)) => ratio.estimate.map_or("-".to_owned(), |ratio| format!("x{ratio:.3}")),
        (None, None) => "-".to_owned(),
    }
}

fn footer(out: &mut String, verdict: &Verdict) {
    let law = &verdict.conservation;
    if let (Some(offered), Some(not_selected)) = (law.offered, law.not_selected) {
        let dropped: u64 = law.dropped.values().sum();
        let _ = writeln!(
            out,
            "  offered {offered} = not selected {not_selected} + dropped {dropped} + mirrored {}",
            law.mirrored
        );
    }
    let shed = verdict.exposure.shed;
    let _ = writeln!(
        out,
        "  mirrored {} = compared {} + shed {shed} + lost {} + late {}",
        law.mirrored, law.compared, law.lost, law.late
    );
    let (keys, units) = (verdict.exposure.clusters, verdict.exposure.units);
    let _ = writeln!(out, "  {units} units of {keys} keys; replica check: {}", verdict.replica_check);
    if let Some(eta) = &verdict.forecast.eta {
        let _ = writeln!(out, "  a promote is in reach at {eta}, going on as so far");
    }
    for slice in &verdict.not_individually_certified {
        let (name, n, upper) = (&slice.slice, slice.n, percent(slice.upper));
        let _ = writeln!(out, "  not certified on its own: {name}, {n} units, excess at most {upper}");
    }
    for gap in &verdict.not_checked {
        let _ = writeln!(out, "  not checked: {gap}");
    }
}

/// At most `most` characters; the cut is shown.
fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

#[derive(Clone, Copy)]
struct Paint(bool);

impl Paint {
    fn state(self, state: State, text: &str) -> String {
        self.with(
            text,
            match state {
                State::Promote => AnsiColor::Green,
                State::Reject => AnsiColor::Red,
                State::Wait | State::Inconclusive => AnsiColor::Yellow,
                State::Invalid => AnsiColor::Magenta,
            },
        )
    }

    fn check(self, state: CheckState) -> String {
        let name = if state == CheckState::Nondeterministic { "noisy" } else { state_name(state) };
        match state {
            CheckState::Promote => self.with(name, AnsiColor::Green),
            CheckState::Reject => self.with(name, AnsiColor::Red),
            CheckState::Suspect | CheckState::Nondeterministic => self.with(name, AnsiColor::Yellow),
            CheckState::Wait | CheckState::Uncertified => name.to_owned(),
        }
    }

    fn with(self, text: &str, colour: AnsiColor) -> String {
        let style = Style::new().bold().fg_color(Some(colour.into()));
        if self.0 { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}
