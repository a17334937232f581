//! Verdicts, as the judge wrote them.
//!
//! The status says only whether there is a document; what it says is in the document, in every state.

use super::problem::Problem;
use super::select::{Parameters, Selection};
use super::{Context, document, json, segment};
use crate::board::{Change, Entry, Snapshot};
use crate::{limits, signed};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use http::StatusCode;
use parallax_comparator::run::Build;
use parallax_comparator::verdict::{self, SliceDocument, Verdict};
use serde::Serialize;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// `GET /v1/verdicts`: every run on the board, the newest first; `?candidate=` keeps those of one digest,
/// labels those with evidence of that slice, and tells its verdict. `changes` are always the run's.
pub(crate) async fn list(
    State(context): State<Context>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Response, Problem> {
    let parameters = accept(parameters)?;
    if parameters.wait.is_some() {
        return Err(bad_request("`wait` applies to one run").remedy("GET /v1/verdicts/{run}?wait=30s"));
    }
    let snapshot = context.board.snapshot();
    let wanted = |entry: &&Entry| {
        parameters.candidate.is_none() || entry.verdict().candidate.digest == parameters.candidate
    };
    let slice = parameters.slice();
    let mut found: Vec<(Cow<'_, Verdict>, &Entry)> = Vec::new();
    for entry in snapshot.runs.iter().filter(wanted) {
        let verdict = entry.verdict();
        if slice.is_all() {
            found.push((Cow::Borrowed(verdict), entry));
        } else if let Some(part) = verdict.of_slice(&slice) {
            found.push((Cow::Owned(part), entry));
        }
    }
    let verdicts = found.iter().map(|(verdict, entry)| Summary::of(verdict, &entry.changes)).collect();
    Ok(document(&List { schema: "parallax.verdicts/1", verdicts }))
}

/// `GET /v1/verdicts/latest`: the newest run's document, or with `?candidate=` that digest's newest.
pub(crate) async fn latest(
    State(context): State<Context>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Response, Problem> {
    answer(context, None, accept(parameters)?).await
}

/// `GET /v1/verdicts/{run}`: the run's document.
pub(crate) async fn one(
    State(context): State<Context>,
    run: Result<Path<String>, PathRejection>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Response, Problem> {
    answer(context, Some(segment(run)?), accept(parameters)?).await
}

/// `GET /v1/verdicts/{run}/signature`: the signature over the run's document as it is now; `latest` names
/// the newest run here too.
pub(crate) async fn signature(
    State(context): State<Context>,
    run: Result<Path<String>, PathRejection>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Response, Problem> {
    let parameters = accept(parameters)?;
    if parameters.wait.is_some() {
        return Err(bad_request("`wait` applies to the verdict, whose answer carries its signature")
            .remedy("read the headers of GET /v1/verdicts/{run}?wait=30s"));
    }
    let run = Some(segment(run)?).filter(|run| run != "latest");
    let snapshot = context.board.snapshot();
    let selection = parameters.select(run);
    if !selection.slice.is_all() {
        return Err(bad_request("a slice's verdict is read off the run's, whose document is what is signed")
            .remedy("read the signature of the run, without labels"));
    }
    let entry = selection.find(&snapshot)?;
    let signed = entry.signed.as_ref().ok_or_else(|| {
        Problem::new(StatusCode::NOT_FOUND, "this console signs nothing").remedy("set `console.signing_key`")
    })?;
    Ok(json(signed.document.clone()))
}

#[derive(Serialize)]
struct List<'a> {
    schema: &'static str,
    verdicts: Vec<Summary<'a>>,
}

/// The head of a verdict, and how it came about.
#[derive(Serialize)]
struct Summary<'a> {
    run: &'a str,
    continues: Option<&'a str>,
    attempt: u64,
    verdict: verdict::State,
    #[serde(rename = "final")]
    is_final: bool,
    code: u8,
    promote: Option<bool>,
    reject: bool,
    reason: &'a str,
    candidate: &'a Build,
    baseline: &'a Build,
    watermark: Option<&'a str>,
    sealed_windows: u64,
    changes: &'a [Change],
}

impl<'a> Summary<'a> {
    fn of(verdict: &'a Verdict, changes: &'a [Change]) -> Self {
        Self {
            run: &verdict.run,
            continues: verdict.continues.as_deref(),
            attempt: verdict.attempt,
            verdict: verdict.verdict,
            is_final: verdict.is_final,
            code: verdict.code,
            promote: verdict.promote,
            reject: verdict.reject,
            reason: &verdict.reason,
            candidate: &verdict.candidate,
            baseline: &verdict.baseline,
            watermark: verdict.watermark.as_deref(),
            sealed_windows: verdict.sealed_windows,
            changes,
        }
    }
}

async fn answer(context: Context, run: Option<String>, parameters: Parameters) -> Result<Response, Problem> {
    let selection = parameters.select(run);
    let snapshot = match parameters.wait.as_deref().map(duration).transpose()? {
        Some(wait) => changed(&context, &selection, wait).await?,
        None => context.board.snapshot(),
    };
    if !selection.slice.is_all() {
        return Ok(document(&SliceDocument {
            verdict: &*selection.verdict(&snapshot)?,
            slice: &selection.slice,
        }));
    }
    let entry = selection.find(&snapshot)?;
    let body = entry.published.verdict_json.clone();
    // A gate takes a 200 with anything but a complete object for a success, so never send one.
    if body.first() != Some(&b'{') || body.trim_ascii_end().last() != Some(&b'}') {
        return Err(Problem::internal(format!(
            "the document of run `{}` is not an object",
            entry.verdict().run
        )));
    }
    let mut response = json(body);
    if let Some(signed) = &entry.signed {
        let headers = response.headers_mut();
        headers.insert(signed::SIGNATURE_HEADER, signed.signature.clone());
        headers.insert(signed::KEY_HEADER, signed.key.clone());
    }
    Ok(response)
}

/// The board once the selected run's state differs from now, is final, or `wait` has passed.
///
/// On an empty board the first publication counts as a change.
async fn changed(context: &Context, selection: &Selection, wait: Duration) -> Result<Arc<Snapshot>, Problem> {
    let _permit = context.polls.try_acquire().map_err(|_| Problem::busy("long polls", limits::POLLS))?;
    let deadline = Instant::now() + wait;
    let mut board = context.board.subscribe();
    let mut stopped = context.stopped.clone();
    let before = board.borrow_and_update().clone();
    if before.latest().is_some() {
        // An unknown run is an answer at once, not something to wait for.
        if selection.verdict(&before)?.is_final {
            return Ok(before);
        }
    }
    let mark = |snapshot: &Snapshot| {
        let verdict = selection.verdict(snapshot).ok()?;
        Some((verdict.run.clone(), verdict.verdict, verdict.is_final))
    };
    let started = mark(&before);
    loop {
        let ended = tokio::select! {
            changed = board.changed() => changed.is_err(),
            () = tokio::time::sleep_until(deadline) => true,
            _ = stopped.wait_for(|stopped| *stopped) => true,
        };
        let now = board.borrow_and_update().clone();
        if ended || mark(&now) != started {
            return Ok(now);
        }
    }
}

/// The run is in the path, so it is no parameter here.
fn accept(parameters: Result<Query<Parameters>, QueryRejection>) -> Result<Parameters, Problem> {
    let parameters = Parameters::accept(parameters)?;
    if parameters.run.is_some() {
        return Err(bad_request("`run` is no parameter here").remedy("GET /v1/verdicts/{run}"));
    }
    Ok(parameters)
}

fn duration(text: &str) -> Result<Duration, Problem> {
    let wait = humantime::parse_duration(text).map_err(|error| {
        bad_request(format!("`wait={text}` is not a time: {error}")).remedy("write 30s or 2m")
    })?;
    if wait > limits::WAIT {
        return Err(bad_request(format!("`wait={text}` is longer than 10m")).remedy("ask again after 10m"));
    }
    Ok(wait)
}

fn bad_request(error: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, error)
}
