//! Webhooks of Flagger: each asks a yes-or-no question, and yes is any status up to 202.
//!
//! | hook | promote | wait, inconclusive | reject, final invalid | run unknown or not ready |
//! | --- | --- | --- | --- | --- |
//! | confirm-rollout, confirm-traffic-increase, confirm-promotion | yes | no | no | no |
//! | rollout | yes | **yes** | no | no |
//! | rollback | no | no | **yes** | no |
//!
//! The traps, from Flagger's code: a failing rollout hook counts towards the canary's rollback, so
//! waiting must not fail there; a succeeding rollback hook *does* roll back; a 5xx or 429 is retried
//! and its body lost, so "no" is 404 or 409; the body of a 4xx becomes the event that people read, so
//! it is one line of text. A candidate's digest is compared: a verdict about another build is a no.

use super::problem::Problem;
use super::select::{self, Selection};
use super::{Context, document, segment};
use crate::limits;
use axum::body::{Body, to_bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use parallax_comparator::verdict::{self, Verdict};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;

/// `POST /v1/flagger/{hook}`: the run is named by `metadata.run`, by `metadata.digest`, or by both;
/// `metadata.region`, `shard`, `tenant` and `route` name a slice of it.
pub(crate) async fn hook(
    State(context): State<Context>,
    hook: Result<Path<String>, PathRejection>,
    body: Body,
) -> Response {
    match decide(&context, hook, body).await {
        Ok(answer) => answer,
        Err(problem) => refusal(problem),
    }
}

/// What Flagger sends; other fields are ignored.
#[derive(Debug, Deserialize)]
struct Webhook {
    #[serde(default)]
    metadata: Option<BTreeMap<String, serde_json::Value>>,
}

/// What a verdict means to a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Promote,
    Undecided,
    Condemned,
}

impl Standing {
    fn of(verdict: &Verdict) -> Self {
        match verdict.verdict {
            verdict::State::Promote if verdict.is_final && verdict.promote == Some(true) => Self::Promote,
            verdict::State::Reject => Self::Condemned,
            // A blocking invalid may pass, so it counts as waiting.
            verdict::State::Invalid if verdict.is_final => Self::Condemned,
            _ => Self::Undecided,
        }
    }
}

/// Whether the hook's question is answered with yes; `None` for a hook that does not exist.
fn says_yes(hook: &str, standing: Standing) -> Option<bool> {
    match hook {
        "confirm-rollout" | "confirm-traffic-increase" | "confirm-promotion" => {
            Some(standing == Standing::Promote)
        }
        "rollout" => Some(standing != Standing::Condemned),
        "rollback" => Some(standing == Standing::Condemned),
        _ => None,
    }
}

async fn decide(
    context: &Context,
    hook: Result<Path<String>, PathRejection>,
    body: Body,
) -> Result<Response, Problem> {
    let hook = &*segment(hook)?;
    if says_yes(hook, Standing::Undecided).is_none() {
        let hooks = "confirm-rollout, confirm-traffic-increase, rollout, confirm-promotion or rollback";
        return Err(Problem::new(StatusCode::NOT_FOUND, format!("no hook is named `{hook}`: use {hooks}")));
    }
    let selection = selection(&read(body).await?)?;
    let snapshot = context.board.snapshot();
    let verdict = selection.verdict(&snapshot)?;
    let yes = says_yes(hook, Standing::of(&verdict)).unwrap_or(false);
    let word = verdict.verdict.name();
    if yes {
        return Ok(document(&json!({
            "run": verdict.run, "verdict": word, "final": verdict.is_final, "reason": verdict.reason,
        })));
    }
    Err(Problem::new(
        StatusCode::CONFLICT,
        format!("parallax run {}: {word}: {}", verdict.run, verdict.reason),
    ))
}

async fn read(body: Body) -> Result<Webhook, Problem> {
    let bad = |status, error: String| Problem::new(status, error);
    let read = tokio::time::timeout(limits::BODY, to_bytes(body, limits::BODY_BYTES)).await;
    let bytes = read
        .map_err(|_| {
            bad(StatusCode::REQUEST_TIMEOUT, "the webhook's body did not come within 10s".to_owned())
        })?
        .map_err(|error| {
            bad(StatusCode::PAYLOAD_TOO_LARGE, format!("the webhook's body cannot be read: {error}"))
        })?;
    serde_json::from_slice(&bytes).map_err(|error| {
        bad(StatusCode::BAD_REQUEST, format!("the webhook's body is not what Flagger sends: {error}"))
    })
}

fn selection(webhook: &Webhook) -> Result<Selection, Problem> {
    let text = |key: &str| {
        let value = webhook.metadata.as_ref()?.get(key)?;
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    let labels = ["route", "tenant", "region", "shard"].map(|name| (name, text(name)));
    let slice = select::slice(labels.each_ref().map(|(name, value)| (*name, value)));
    let selection = Selection { run: text("run"), candidate: text("digest"), slice };
    if selection.run.is_none() && selection.candidate.is_none() {
        // Falling back to the newest run would let one build pass on another's verdict.
        let error = "the webhook names no run: set metadata.digest or metadata.run in the Canary";
        return Err(Problem::new(StatusCode::NOT_FOUND, error));
    }
    Ok(selection)
}

/// A no: one line of text, never a status that Flagger retries.
fn refusal(problem: Problem) -> Response {
    let status = if problem.status.is_client_error() { problem.status } else { StatusCode::CONFLICT };
    let line: String =
        problem.error.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], line + "\n").into_response()
}
