//! The HTTP API: routes, what they share, and the manners that gates rely on.
//!
//! Measured on the gates themselves: Argo Rollouts takes any 2xx whose body is not complete JSON for
//! a success and dies of a bare `null`; Flagger takes 200, 201 and 202 for a success and reads no
//! body; both follow redirects. So there is no redirect here, no 204, and a 2xx from a `/v1` path
//! carries one complete JSON object. Whatever goes wrong is a [`Problem`].

mod events;
mod flagger;
mod health;
mod metrics;
mod problem;
mod report;
mod select;
mod verdicts;

pub(crate) use problem::Problem;
pub(crate) use select::Selection;

use crate::board::Board;
use crate::webhook::Counters;
use crate::{limits, page};
use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{DefaultBodyLimit, Path, Request};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderValue, StatusCode, Uri, header};
use std::sync::Arc;
use tokio::sync::{Semaphore, watch};

/// What handlers share; clones are cheap.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) board: Board,
    /// Turns true when the console is told to stop.
    pub(crate) stopped: watch::Receiver<bool>,
    /// Where there is a webhook.
    pub(crate) webhook: Option<Arc<Counters>>,
    polls: Arc<Semaphore>,
    streams: Arc<Semaphore>,
}

/// Every path, as `interface.md` lists them; told to whoever asks for another.
const PATHS: [&str; 17] = [
    "GET /",
    "GET /v1/verdicts",
    "GET /v1/verdicts/latest",
    "GET /v1/verdicts/{run}",
    "GET /v1/verdicts/{run}/signature",
    "GET /v1/events",
    "GET /v1/differences",
    "GET /v1/examples/{id}",
    "GET /v1/report",
    "POST /v1/flagger/confirm-rollout",
    "POST /v1/flagger/confirm-traffic-increase",
    "POST /v1/flagger/rollout",
    "POST /v1/flagger/confirm-promotion",
    "POST /v1/flagger/rollback",
    "GET /metrics",
    "GET /livez",
    "GET /readyz",
];

impl Context {
    pub(crate) fn new(board: Board, stopped: watch::Receiver<bool>) -> Self {
        Self {
            board,
            stopped,
            webhook: None,
            polls: Arc::new(Semaphore::new(limits::POLLS)),
            streams: Arc::new(Semaphore::new(limits::STREAMS)),
        }
    }
}

/// All routes over one context.
pub(crate) fn router(context: Context) -> Router {
    Router::new()
        .route("/", get(page::page))
        .route("/console.css", get(page::style))
        .route("/console.js", get(page::script))
        .route("/v1/verdicts", get(verdicts::list))
        .route("/v1/verdicts/latest", get(verdicts::latest))
        .route("/v1/verdicts/{run}", get(verdicts::one))
        .route("/v1/verdicts/{run}/signature", get(verdicts::signature))
        .route("/v1/events", get(events::stream))
        .route("/v1/differences", get(report::differences))
        .route("/v1/examples/{id}", get(report::example))
        .route("/v1/report", get(report::whole))
        .route("/v1/flagger/{hook}", post(flagger::hook))
        .route("/metrics", get(metrics::scrape))
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(limits::BODY_BYTES))
        .layer(middleware::from_fn(common_headers))
        .with_state(context)
}

/// A complete JSON document.
fn json(body: impl Into<axum::body::Body>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body.into()).into_response()
}

/// The document of a value; a value that cannot be written is our own fault, and no 2xx.
fn document(value: &impl serde::Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => json(body),
        Err(error) => Problem::internal(format!("the document cannot be written: {error}")).into_response(),
    }
}

/// The variable segment of a path.
fn segment(segment: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    segment
        .map(|Path(text)| text)
        .map_err(|rejection| Problem::new(rejection.status(), rejection.body_text()))
}

async fn unknown_path(uri: Uri) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("nothing is served at `{}`", uri.path()))
        .remedy("use one of `paths`")
        .paths(&PATHS)
}

async fn wrong_method(request: Request) -> Problem {
    let message = format!("`{}` does not answer {}", request.uri().path(), request.method());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, message)
        .remedy("webhooks of Flagger are POST, everything else is GET")
        .paths(&PATHS)
}

/// Answers change with every window, and no browser may guess another type for them.
async fn common_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
pub(crate) mod tests;
