//! Whether the process lives, and whether gates can be answered.

use super::problem::Problem;
use super::{Context, document};
use axum::extract::State;
use axum::response::Response;
use serde_json::json;

/// `GET /livez`: the console's thread answers.
pub(crate) async fn live() -> Response {
    document(&json!({"status": "live"}))
}

/// `GET /readyz`: a verdict can be read, be it `wait`, and the process is not about to end.
///
/// Readiness does not depend on traffic: a run publishes as soon as it starts. If it did, a proxy
/// that gets traffic only once it is ready would never be. From the moment on at which the proxy drains,
/// this says no, so that no new traffic is sent there; verdicts are told until the end.
pub(crate) async fn ready(State(context): State<Context>) -> Result<Response, Problem> {
    if context.board.is_draining() || *context.stopped.borrow() {
        return Err(Problem::draining());
    }
    let snapshot = context.board.snapshot();
    let entry = snapshot.latest().ok_or_else(Problem::not_ready)?;
    Ok(document(&json!({"status": "ready", "run": entry.verdict().run})))
}
