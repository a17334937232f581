//! The API as its clients see it: statuses and bodies, in each state.

mod events;
mod flagger;
mod read;
mod signature;
mod wait;

use super::{Context, router};
use crate::board::Board;
use crate::canned;
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use parallax_comparator::report::{Published, Report};
use parallax_comparator::verdict::State;
use serde_json::Value;
use tokio::sync::watch;
use tower::ServiceExt;

pub(crate) const STATES: [State; 5] =
    [State::Promote, State::Reject, State::Wait, State::Inconclusive, State::Invalid];

/// A console without a socket.
pub(crate) struct Bench {
    pub(crate) board: Board,
    pub(crate) router: Router,
    pub(crate) stop: watch::Sender<bool>,
}

/// An answer in whole.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What a run in `state` publishes; every state but `wait` is final.
pub(crate) fn published(run: &str, state: State) -> Published {
    let report = Report { run: run.to_owned(), ..Report::default() };
    canned::publish(canned::verdict(run, state, state != State::Wait), report)
}

impl Bench {
    pub(crate) fn new() -> Self {
        let (stop, stopped) = watch::channel(false);
        let board = Board::new();
        let router = router(Context::new(board.clone(), stopped));
        Self { board, router, stop }
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.send(Request::get(target).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, body }
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.headers["content-type"], "application/json");
        let value: Value = serde_json::from_slice(&self.body).expect("the body is complete JSON");
        assert!(value.is_object(), "a gate cannot digest {value}");
        value
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}
