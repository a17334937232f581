//! Metrics in Prometheus text: the process's recorder, then the verdicts.
//!
//! The verdict's gauges are written from the board at scrape time: they cannot lag behind the
//! document, and a run that leaves the board leaves no gauge behind.

use super::Context;
use crate::board::Snapshot;
use axum::extract;
use axum::response::{IntoResponse, Response};
use http::header;
use metrics_exporter_prometheus::PrometheusHandle;
use parallax_comparator::verdict::State;
use std::fmt::Write as _;

/// `GET /metrics`.
pub(crate) async fn scrape(extract::State(context): extract::State<Context>) -> Response {
    let mut text = context.board.metrics().map(PrometheusHandle::render).unwrap_or_default();
    write_verdicts(&mut text, &context.board.snapshot());
    if let Some(webhook) = &context.webhook {
        webhook.write(&mut text);
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

const STATES: [State; 5] = [State::Promote, State::Reject, State::Wait, State::Inconclusive, State::Invalid];

fn write_verdicts(text: &mut String, snapshot: &Snapshot) {
    head(text, "parallax_verdict", "1 for the state that the run is in, 0 for the others.");
    for entry in &snapshot.runs {
        let run = Label(&entry.verdict().run);
        for state in STATES {
            let value = u8::from(entry.verdict().verdict == state);
            let _ = writeln!(text, "parallax_verdict{{run=\"{run}\",state=\"{}\"}} {value}", state.name());
        }
    }
    head(text, "parallax_verdict_final", "1 once the run's verdict stands for good.");
    for entry in &snapshot.runs {
        let value = u8::from(entry.verdict().is_final);
        let _ = writeln!(text, "parallax_verdict_final{{run=\"{}\"}} {value}", Label(&entry.verdict().run));
    }
    head(text, "parallax_log_e_reject", "Natural logarithm of the global reject evidence.");
    for entry in &snapshot.runs {
        let (run, value) = (Label(&entry.verdict().run), entry.verdict().evidence.global_reject.log_e);
        let _ = writeln!(text, "parallax_log_e_reject{{run=\"{run}\"}} {value}");
    }
    head(
        text,
        "parallax_log_e_promote",
        "Natural logarithm of the least promote evidence of the required checks.",
    );
    for entry in &snapshot.runs {
        if let Some(weakest) = &entry.verdict().evidence.weakest_promote {
            let (run, value) = (Label(&entry.verdict().run), weakest.log_e);
            let _ = writeln!(text, "parallax_log_e_promote{{run=\"{run}\"}} {value}");
        }
    }
    head(text, "parallax_sealed_windows", "Windows sealed so far, empty ones included.");
    for entry in &snapshot.runs {
        let (run, value) = (Label(&entry.verdict().run), entry.verdict().sealed_windows);
        let _ = writeln!(text, "parallax_sealed_windows{{run=\"{run}\"}} {value}");
    }
}

fn head(text: &mut String, name: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
}

/// A label value, with what the text format reserves escaped.
struct Label<'a>(&'a str);

impl std::fmt::Display for Label<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for character in self.0.chars() {
            match character {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}
