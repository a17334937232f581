//! The report as one page without anything from outside: to be attached to a ticket and opened years later.

use super::summary::{number, time};
use super::{LoadReport, Quantiles};
use hdrhistogram::Histogram;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::fmt::Write as _;

/// About a second of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Second {
    /// When it began, in seconds after the plan's time 0.
    pub start: f64,
    /// How long it lasted, in seconds.
    pub length: f64,
    /// Response times of what ended in it.
    pub response: Quantiles,
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 70.0;
const BOTTOM: f64 = 30.0;

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1c2430; --soft: #66707f; --line: #d8dde4; --a: #2563c9; --b: #c2570c; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --soft: #9aa4b2; --line: #39424e; --a: #7cabff; --b: #f0a35e; --bad: #ff8a80; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); margin: 2rem auto; max-width: 52rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; overflow-wrap: anywhere; } h2 { font-size: 1.05rem; margin-top: 2rem; }
table { border-collapse: collapse; } td, th { padding: .2rem .8rem .2rem 0; text-align: right; font-variant-numeric: tabular-nums; }
td:first-child, th:first-child { text-align: left; } th { color: var(--soft); font-weight: normal; }
.scroll { overflow-x: auto; } .bad { color: var(--bad); } .soft { color: var(--soft); }
svg { width: 100%; height: auto; } svg text { font: 11px system-ui, sans-serif; fill: var(--soft); }
.axis { stroke: var(--line); } .p50 { stroke: var(--a); fill: none; stroke-width: 1.6; } .p99 { stroke: var(--b); fill: none; stroke-width: 1.6; }
";

/// The page, whole and self-contained; `seconds` in the order of time.
#[must_use]
pub fn page(report: &LoadReport, seconds: &[Second]) -> String {
    let document = &report.document;
    let title = format!("{}: {}", document.target, document.plan.kind);
    let is_sound = document.integrity.reasons.is_empty();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (title) }
                p.soft {
                    (document.started) ", " (format!("{:.1} s", document.elapsed_ns as f64 / 1e9))
                    @if document.partial { ", " span.bad { "stopped early: a partial result" } }
                }
                (counts(report))
                h2 { "Response time by percentile" }
                (percentiles(&report.tally.whole_response()))
                h2 { "Response time over the run" }
                (timeline(seconds))
                h2 { "Times" }
                (times(report))
                h2 { "May it be believed?" }
                p class=(if is_sound { "" } else { "bad" }) {
                    (document.integrity.verdict.name())
                    @for reason in &document.integrity.reasons { br; (reason) }
                }
                @if !document.thresholds.is_empty() {
                    h2 { "Thresholds" }
                    ul {
                        @for outcome in &document.thresholds {
                            li class=(if outcome.held { "" } else { "bad" }) {
                                (if outcome.held { "held: " } else { "missed: " }) (outcome.threshold)
                            }
                        }
                    }
                }
            }
        }
    };
    page.into_string()
}

fn counts(report: &LoadReport) -> Markup {
    let document = &report.document;
    let failed: u64 = document.errors.values().sum();
    html! {
        div.scroll { table {
            tr { th { "planned" } th { "released" } th { "completed" } th { "failed" } th { "achieved" } }
            tr {
                td { (document.planned) } td { (document.released) } td { (document.completed) }
                td class=(if failed > 0 { "bad" } else { "" }) { (failed) }
                td { (number(document.achieved_rate)) "/s" }
            }
        } }
        p.soft {
            @for (status, count) in &document.status { (status) ": " (count) " " }
            @for (name, count) in &document.errors { span.bad { (name) ": " (count) " " } }
        }
    }
}

fn times(report: &LoadReport) -> Markup {
    let document = &report.document;
    let rows = [
        ("response", &document.latency_ns),
        ("service", &document.service_ns),
        ("send lag", &document.send_lag_ns),
        ("first byte", &document.first_byte_ns),
        ("connect", &document.connect_ns),
    ];
    html! {
        div.scroll { table {
            tr { th { "" } @for name in ["p50", "p90", "p99", "p99.9", "max", "mean"] { th { (name) } } }
            @for (name, quantiles) in rows.into_iter().filter(|(_, quantiles)| quantiles.count > 0) {
                tr {
                    td { (name) }
                    @let Quantiles { p50, p90, p99, p999, max, mean, .. } = *quantiles;
                    @for value in [p50, p90, p99, p999, max, mean] { td { (time(value)) } }
                }
            }
        } }
    }
}

/// A frame with a logarithmic axis of times.
struct Frame {
    low: f64,
    high: f64,
    svg: String,
}

impl Frame {
    /// Over the decades in which the values lie, in nanoseconds.
    fn new(values: impl Iterator<Item = u64> + Clone) -> Self {
        let low = values.clone().filter(|value| *value > 0).min().unwrap_or(1) as f64;
        let high = values.max().unwrap_or(1).max(1) as f64;
        let (low, high) = (low.log10().floor(), high.log10().ceil());
        let mut frame = Self { low, high: high.max(low + 1.0), svg: String::new() };
        let mut decade = frame.low;
        while decade <= frame.high {
            let y = frame.y(10f64.powf(decade));
            let label = time(10f64.powf(decade) as u64);
            frame.add(format_args!(
                "<line class='axis' x1='{LEFT}' x2='{WIDTH}' y1='{y:.1}' y2='{y:.1}'/>\
                 <text x='{:.1}' y='{:.1}' text-anchor='end'>{label}</text>",
                LEFT - 6.0,
                y + 4.0,
            ));
            decade += 1.0;
        }
        frame
    }

    fn y(&self, ns: f64) -> f64 {
        let share = (ns.max(1.0).log10() - self.low) / (self.high - self.low);
        (HEIGHT - BOTTOM) * (1.0 - share.clamp(0.0, 1.0)) + 8.0
    }

    fn x(share: f64) -> f64 {
        LEFT + (WIDTH - LEFT) * share
    }

    fn add(&mut self, part: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.svg.write_fmt(part);
    }

    fn label(&mut self, share: f64, text: &str) {
        let anchor = if share > 0.95 { "end" } else { "middle" };
        self.add(format_args!(
            "<text x='{:.1}' y='{:.1}' text-anchor='{anchor}'>{text}</text>",
            Self::x(share),
            HEIGHT - 4.0,
        ));
    }

    fn line(&mut self, class: &str, points: impl Iterator<Item = (f64, u64)>) {
        let points = points.map(|(share, ns)| format!("{:.1},{:.1} ", Self::x(share), self.y(ns as f64)));
        let points: String = points.collect();
        self.add(format_args!("<polyline class='{class}' points='{points}'/>"));
    }

    fn finish(self, title: &str) -> Markup {
        html! { svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(title) { (PreEscaped(self.svg)) } }
    }
}

/// Time over percentile; each step to the right leaves a tenth of the distribution.
fn percentiles(histogram: &Histogram<u64>) -> Markup {
    const STEPS: f64 = 4.0;
    const POINTS: u32 = 200;
    if histogram.is_empty() {
        return html! { p.soft { "nothing was measured" } };
    }
    let at = |share: f64| {
        let value = histogram.value_at_quantile(1.0 - 10f64.powf(-share * STEPS));
        value.min(histogram.max())
    };
    let shares = (0..=POINTS).map(|point| f64::from(point) / f64::from(POINTS));
    let mut frame = Frame::new(shares.clone().map(at));
    frame.line("p50", shares.map(|share| (share, at(share))));
    for (step, label) in ["0", "90 %", "99 %", "99.9 %", "99.99 %"].into_iter().enumerate() {
        frame.label(step as f64 / STEPS, label);
    }
    frame.finish("response time by percentile")
}

/// p50 and p99 of each second.
fn timeline(seconds: &[Second]) -> Markup {
    let seconds: Vec<&Second> = seconds.iter().filter(|second| second.response.count > 0).collect();
    let (Some(first), Some(last)) = (seconds.first(), seconds.last()) else {
        return html! { p.soft { "nothing was measured" } };
    };
    let (begin, end) = (first.start, last.start + last.length);
    let share = |second: &Second| (second.start + second.length / 2.0 - begin) / (end - begin).max(1e-9);
    let values = seconds.iter().flat_map(|second| [second.response.p50, second.response.p99]);
    let mut frame = Frame::new(values);
    frame.line("p50", seconds.iter().map(|second| (share(second), second.response.p50)));
    frame.line("p99", seconds.iter().map(|second| (share(second), second.response.p99)));
    frame.label(0.0, &format!("{begin:.0} s"));
    frame.label(1.0, &format!("{end:.0} s"));
    html! {
        (frame.finish("p50 and p99 of each second"))
        p.soft { "lower line: p50, upper line: p99 of each second" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::a_report;

    #[test]
    fn the_page_is_whole_and_asks_for_nothing() {
        let report = a_report();
        let second = |start: f64| Second { start, length: 1.0, response: report.document.latency_ns };
        let page = page(&report, &[second(0.0), second(1.0)]);
        assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>"), "{page}");
        assert_eq!(page.matches("<svg").count(), 2);
        for outside in ["src=", "href=", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(!page.contains("NaN") && !page.contains("inf"), "{page}");
    }
}
