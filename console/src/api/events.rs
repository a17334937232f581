//! A stream of what changes: Server-Sent Events.
//!
//! An event says that a run has a newer publication and what its state is, not what is in it: a
//! reader that is slow misses events, never evidence. Nothing queues for it.

use super::Context;
use super::problem::Problem;
use super::select::{Parameters, Selection};
use crate::board::Snapshot;
use crate::limits;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::StatusCode;
use parallax_comparator::verdict;
use serde::Serialize;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant;

/// `GET /v1/events`: one event `verdict` now and after each publication, two a second at most; of the
/// newest run, or of what `?run=`, `?candidate=` and the labels of a slice select.
pub(crate) async fn stream(
    State(context): State<Context>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Response, Problem> {
    let parameters = Parameters::accept(parameters)?;
    if parameters.wait.is_some() {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "`wait` does not apply to a stream")
            .remedy("GET /v1/verdicts/{run}?wait=30s"));
    }
    let selection = parameters.select(parameters.run.clone());
    let permit = context
        .streams
        .clone()
        .try_acquire_owned()
        .map_err(|_| Problem::busy("event streams", limits::STREAMS))?;
    let reader = Reader {
        board: context.board.subscribe(),
        stopped: context.stopped.clone(),
        next: Instant::now(),
        end: Instant::now() + limits::STREAM_AGE,
        first: true,
        _permit: permit,
    };
    let events = stream::unfold((reader, selection), async |(mut reader, selection)| {
        let snapshot = reader.next().await?;
        Some((Ok::<_, Infallible>(event(&snapshot, &selection)), (reader, selection)))
    });
    let heartbeat = KeepAlive::new().interval(limits::HEARTBEAT);
    Ok(Sse::new(events).keep_alive(heartbeat).into_response())
}

struct Reader {
    board: watch::Receiver<Arc<Snapshot>>,
    stopped: watch::Receiver<bool>,
    /// The earliest time of the next event.
    next: Instant,
    /// When the stream ends.
    end: Instant,
    first: bool,
    _permit: OwnedSemaphorePermit,
}

impl Reader {
    /// The next state of the board worth telling; `None` ends the stream.
    async fn next(&mut self) -> Option<Arc<Snapshot>> {
        let wait = async {
            if !self.first {
                self.board.changed().await.ok()?;
                tokio::time::sleep_until(self.next).await;
            }
            Some(self.board.borrow_and_update().clone())
        };
        let snapshot = tokio::select! {
            snapshot = wait => snapshot?,
            () = tokio::time::sleep_until(self.end) => return None,
            _ = self.stopped.wait_for(|stopped| *stopped) => return None,
        };
        self.first = false;
        self.next = Instant::now() + limits::EVENT_GAP;
        Some(snapshot)
    }
}

/// The newest run's state; before there is one, a `null` run, so that a reader knows it is connected.
#[derive(Serialize)]
struct Update<'a> {
    version: u64,
    run: Option<&'a str>,
    verdict: Option<verdict::State>,
    #[serde(rename = "final")]
    is_final: bool,
    reason: Option<&'a str>,
    watermark: Option<&'a str>,
    sealed_windows: u64,
}

/// What is selected may come later: until then the run is `null`, as on an empty board.
fn event(snapshot: &Snapshot, selection: &Selection) -> Event {
    let found = selection.verdict(snapshot).ok();
    let verdict = found.as_deref();
    let update = Update {
        version: snapshot.version,
        run: verdict.map(|verdict| verdict.run.as_str()),
        verdict: verdict.map(|verdict| verdict.verdict),
        is_final: verdict.is_some_and(|verdict| verdict.is_final),
        reason: verdict.map(|verdict| verdict.reason.as_str()),
        watermark: verdict.and_then(|verdict| verdict.watermark.as_deref()),
        sealed_windows: verdict.map_or(0, |verdict| verdict.sealed_windows),
    };
    let event = Event::default().event("verdict").id(snapshot.version.to_string());
    let data = serde_json::to_string(&update).unwrap_or_else(|_| "{}".to_owned());
    event.data(data)
}
