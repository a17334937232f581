//! What a run says at its end, and while it goes on.

use crate::args::Global;
use crate::exit::Exit;
use indicatif::{ProgressBar, ProgressStyle};
use parallax_comparator::report::{Conservation, Example, PathCount, Published, Report, RoleLatency};
use parallax_comparator::verdict::{State, Verdict, render};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::time::Duration;

/// The exit code of a verdict.
pub(crate) fn exit(verdict: &Verdict) -> Exit {
    match verdict.verdict {
        State::Promote => Exit::Ok,
        State::Reject => Exit::Different,
        State::Wait | State::Inconclusive => Exit::Undecided,
        State::Invalid => Exit::Invalid,
    }
}

/// The verdict document with the display beside it: `report` is added, and a run that was interrupted
/// is `partial`.
pub(crate) fn document(published: &Published, interrupted: bool) -> Value {
    let mut document: Value =
        serde_json::from_slice(&published.verdict_json).expect("the verdict document is JSON");
    document["partial"] = json!(published.verdict.partial || interrupted);
    document["report"] = json!(*published.report);
    document
}

/// The verdict alone.
pub(crate) fn verdict(verdict: &Verdict) -> String {
    render::render(verdict, render::Format::Terminal, crate::output::colours())
}

/// The verdict, then what differs, how fast each role was, and where the requests went.
pub(crate) fn terminal(published: &Published) -> String {
    let mut text = verdict(&published.verdict);
    let report = &published.report;
    let mut section = |title: &str, body: String| {
        if !body.is_empty() {
            let _ = write!(text, "\n{title}\n{body}");
        }
    };
    section("differences (candidate and control against primary)", differences(&report.differences));
    section("example", culprit_example(report).map(example).unwrap_or_default());
    section("latency (ms)", latency(&report.latency));
    section("requests of the whole run", conservation(&report.conservation));
    text
}

const PATHS_SHOWN: usize = 10;

fn differences(paths: &[PathCount]) -> String {
    let mut text = String::new();
    if paths.is_empty() {
        return text;
    }
    let _ = writeln!(text, "  {:>10} {:>10} {:>10}  where", "candidate", "control", "compared");
    for path in paths.iter().take(PATHS_SHOWN) {
        let route = path.route.as_deref().unwrap_or("-");
        let _ = writeln!(
            text,
            "  {:>10} {:>10} {:>10}  {} ({}, route {route})",
            path.raw,
            path.noise,
            path.exchanges,
            place(path),
            name(path.kind),
        );
    }
    if paths.len() > PATHS_SHOWN {
        let _ = writeln!(text, "  and {} more", paths.len() - PATHS_SHOWN);
    }
    text
}

/// A place as rules write it: `body:/a/*`, `header:etag`, `status`.
fn place(path: &PathCount) -> String {
    let part = name(path.part);
    if path.pattern.is_empty() { part } else { format!("{part}:{}", path.pattern) }
}

/// The name that serde gives a unit variant.
fn name(value: impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// An example of the path with the largest excess, or any.
fn culprit_example(report: &Report) -> Option<&Example> {
    let wanted = report.differences.first().and_then(|path| path.examples.first());
    wanted
        .and_then(|id| report.examples.iter().find(|example| example.id == *id))
        .or_else(|| report.examples.first())
        .map(AsRef::as_ref)
}

const VALUE_WIDTH: usize = 70;
const DIFFERENCES_SHOWN: usize = 5;

fn example(example: &Example) -> String {
    let mut text = format!("  {} (exchange {})\n", example.request, example.id);
    for difference in example.differences.iter().take(DIFFERENCES_SHOWN) {
        let part = name(difference.part);
        let _ = writeln!(text, "  {part} {} ({})", difference.path, name(difference.kind));
        let _ = writeln!(text, "    - primary    {}", side(difference.left.as_deref()));
        let _ = writeln!(text, "    + candidate  {}", side(difference.right.as_deref()));
    }
    if example.differences.len() > DIFFERENCES_SHOWN {
        let _ = writeln!(text, "  and {} more", example.differences.len() - DIFFERENCES_SHOWN);
    }
    match &example.curl {
        Some(curl) if curl.len() <= CURL_SHOWN && !curl.contains(char::is_control) => {
            let _ = writeln!(text, "  send it again: {curl}");
        }
        Some(_) => text.push_str("  send it again: the command is in the report (curl)\n"),
        None => {}
    }
    text
}

/// Longest command that is shown; the document has every one.
const CURL_SHOWN: usize = 1_000;

fn side(value: Option<&str>) -> String {
    let Some(value) = value else { return "(nothing)".to_owned() };
    let line: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match line.char_indices().nth(VALUE_WIDTH) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

const QUANTILES_SHOWN: [f64; 4] = [0.5, 0.9, 0.99, 0.999];

fn latency(roles: &[RoleLatency]) -> String {
    let mut text = String::new();
    if roles.iter().all(|role| role.count == 0) {
        return text;
    }
    let _ = writeln!(
        text,
        "  {:<10} {:>9} {:>8} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "role", "answers", "missing", "p50", "p90", "p99", "p99.9", "max"
    );
    for role in roles {
        let _ = write!(text, "  {:<10} {:>9} {:>8}", role.role, role.count, role.missing);
        for wanted in QUANTILES_SHOWN {
            let _ = write!(text, " {:>9.3}", millis(at_quantile(role, wanted)));
        }
        let _ = writeln!(text, " {:>9.3}", millis(role.max_ns));
    }
    text
}

/// The latency at the first published quantile that is not below `wanted`.
fn at_quantile(role: &RoleLatency, wanted: f64) -> u64 {
    let found = role.quantiles.iter().find(|(quantile, _)| *quantile >= wanted - 1e-9);
    found.map_or(role.max_ns, |(_, ns)| *ns)
}

#[expect(clippy::cast_precision_loss, reason = "shown with three decimals")]
fn millis(ns: u64) -> f64 {
    ns as f64 / 1e6
}

fn conservation(counts: &Conservation) -> String {
    let reasons = |total: u64, parts: Vec<String>| {
        if parts.is_empty() { total.to_string() } else { format!("{total} ({})", parts.join(", ")) }
    };
    let dropped = reasons(
        counts.dropped.values().sum(),
        counts.dropped.iter().map(|(reason, n)| format!("{} {n}", name(reason))).collect(),
    );
    let shed = reasons(
        counts.shed.values().sum(),
        counts.shed.iter().map(|(reason, n)| format!("{} {n}", name(reason))).collect(),
    );
    format!(
        "  offered {} = not selected {} + dropped {dropped} + mirrored {}\n  \
           mirrored {} = compared {} + shed {shed} + lost {} + late {}\n",
        counts.offered,
        counts.not_selected,
        counts.mirrored,
        counts.mirrored,
        counts.compared,
        counts.lost,
        counts.late,
    )
}

/// A line on stderr that follows the evidence; silent where stderr is no terminal.
#[derive(Debug)]
pub(crate) struct Progress(Option<ProgressBar>);

impl Progress {
    /// Over `length`, where the end is known.
    pub(crate) fn new(global: &Global, length: Option<Duration>) -> Self {
        if !crate::output::is_live(global.quiet) {
            return Self(None);
        }
        let bar = length.map_or_else(ProgressBar::new_spinner, |length| ProgressBar::new(length.as_secs()));
        let template = if length.is_some() {
            "{elapsed:>4} {bar:30} {wide_msg}"
        } else {
            "{elapsed:>4} {spinner} {wide_msg}"
        };
        bar.set_style(ProgressStyle::with_template(template).expect("the template is a constant"));
        bar.enable_steady_tick(Duration::from_millis(250));
        Self(Some(bar))
    }

    /// Shows the state of the evidence.
    pub(crate) fn show(&mut self, published: &Published) {
        if let Some(bar) = &self.0 {
            bar.set_position(bar.elapsed().as_secs().min(bar.length().unwrap_or(u64::MAX)));
            let compared = published.report.conservation.compared;
            bar.set_message(format!(
                "{} after {compared} exchanges: {}",
                name(published.verdict.verdict),
                published.verdict.reason
            ));
        }
    }

    /// Takes the line away.
    pub(crate) fn clear(&mut self) {
        if let Some(bar) = self.0.take() {
            bar.finish_and_clear();
        }
    }
}
