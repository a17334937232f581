//! The page: what the verdict rests on, for people.
//!
//! Rendered on the server from one snapshot, so it is whole without a script and consistent in
//! itself; a small script replaces the parts that changed when an event says so. Templates are
//! `maud`'s, which escapes every value: whatever traffic put into a path, a header or a body stays
//! text. Style and script come from this server alone, and the page's policy allows nothing else.

mod assets;
mod conservation;
mod differences;
mod example;
mod format;
mod history;
mod latency;
mod verdict;

pub(crate) use assets::{script, style};

use crate::api::{Context, Problem, Selection};
use crate::board::Entry;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use maud::{DOCTYPE, Markup, html};
use parallax_comparator::report::{Example, Report};
use parallax_comparator::verdict::Verdict;
use serde::Deserialize;

/// `?run=ID&example=ID`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameters {
    run: Option<String>,
    example: Option<String>,
}

/// `GET /`: the page of the newest run, or of `?run=`.
///
/// Only for those who accept HTML. A gate that is pointed here by mistake sends no `Accept` and gets
/// 406: Argo Rollouts would take a page with 200 for a promote.
pub(crate) async fn page(
    State(context): State<Context>,
    parameters: Result<Query<Parameters>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if !accepts_html(&headers) {
        return Err(Problem::new(StatusCode::NOT_ACCEPTABLE, "this is a page for browsers")
            .remedy("gates read GET /v1/verdicts/{run}"));
    }
    let Query(parameters) = parameters.map_err(|rejection| {
        Problem::new(StatusCode::BAD_REQUEST, rejection.body_text())
            .remedy("the parameters are `run` and `example`")
    })?;
    let snapshot = context.board.snapshot();
    let markup = if snapshot.latest().is_none() {
        empty()
    } else {
        let entry = Selection { run: parameters.run.clone(), ..Selection::default() }.find(&snapshot)?;
        View::new(entry, snapshot.version, &parameters).page()
    };
    Ok(document(markup))
}

/// What the parts of a page are drawn from.
struct View<'a> {
    entry: &'a Entry,
    verdict: &'a Verdict,
    report: &'a Report,
    version: u64,
    parameters: &'a Parameters,
}

impl<'a> View<'a> {
    fn new(entry: &'a Entry, version: u64, parameters: &'a Parameters) -> Self {
        Self { entry, verdict: entry.verdict(), report: &entry.published.report, version, parameters }
    }

    /// The example asked for, else that of the first difference, else any.
    fn example(&self) -> Option<&'a Example> {
        let kept = || self.report.examples.iter().map(AsRef::as_ref);
        let by_id = |id: &str| kept().find(|example| example.id == id);
        let asked = self.parameters.example.as_deref().and_then(by_id);
        let of_differences =
            || self.report.differences.iter().flat_map(|path| &path.examples).find_map(|id| by_id(id));
        asked.or_else(of_differences).or_else(|| kept().next())
    }

    /// The same page with another example.
    fn example_link(&self, id: &str) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        if let Some(run) = &self.parameters.run {
            query.append_pair("run", run);
        }
        query.append_pair("example", id);
        format!("?{}#example", query.finish())
    }

    fn page(&self) -> Markup {
        let title = format!("{} · {}", verdict::word(self.verdict.verdict), self.verdict.run);
        shell(
            &title,
            self.version,
            &html! {
                (verdict::banner(self))
                div.pair {
                    div.column { (verdict::progress(self)) (history::section(self)) }
                    div.column { (verdict::identity(self)) }
                }
                (differences::section(self))
                (example::section(self))
                (verdict::checks(self))
                (latency::section(&self.report.latency))
                (conservation::section(&self.report.conservation))
            },
        )
    }
}

fn empty() -> Markup {
    shell(
        "no verdict yet",
        0,
        &html! {
            section.card.verdict.state-wait data-part="verdict" {
                div.headline {
                    span.icon aria-hidden="true" { "…" }
                    div { h1 { "No verdict yet" } p.reason { "No run has published anything. This page fills itself once one does." } }
                }
            }
        },
    )
}

/// The document around the parts; `version` is that of the board, as in the ids of events.
fn shell(title: &str, version: u64, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                title { (title) " · Parallax" }
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                link rel="icon" href=(assets::ICON);
                link rel="stylesheet" href="console.css";
                noscript { meta http-equiv="refresh" content="10"; }
                script src="console.js" defer {}
            }
            body {
                header.top {
                    div.inner {
                        span.name { (assets::mark()) "Parallax" }
                        span.live id="live" role="status" {}
                    }
                }
                main id="content" data-version=(version) { (content) }
                footer {
                    "Documents: " a href="v1/verdicts" { "verdicts" } " · " a href="v1/report" { "report" } " · "
                    a href="v1/differences" { "differences" } " · " a href="metrics" { "metrics" }
                }
            }
        }
    }
}

/// The page may load its own style and script, talk to its own server, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
                      img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

fn document(markup: Markup) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, markup.into_string()).into_response()
}

fn accepts_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|range| {
        let range = range.split(';').next().unwrap_or_default().trim();
        ["text/html", "text/*", "*/*"].iter().any(|html| range.eq_ignore_ascii_case(html))
    })
}

#[cfg(test)]
mod tests;
