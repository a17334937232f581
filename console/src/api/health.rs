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

/// `GET /readyz`: a verdict can be read, be it `wait`.
///
/// Readiness does not depend on traffic: a run publishes as soon as it starts. If it did, a proxy
/// that gets traffic only once it is ready would never be.
pub(crate) async fn ready(State(context): State<Context>) -> Result<Response, Problem> {
    let snapshot = context.board.snapshot();
    let entry = snapshot.latest().ok_or_else(Problem::not_ready)?;
    Ok(document(&json!({"status": "ready", "run": entry.verdict().run})))
}
