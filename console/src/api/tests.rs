//! The API as its clients see it: statuses and bodies, in each state.

mod events;
mod flagger;
mod read;
mod wait;

use super::{Context, router};
use crate::board::Board;
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use parallax_comparator::verdict::State;
use serde_json::Value;
use tokio::sync::watch;
use tower::ServiceExt;

pub(super) const STATES: [State; 5] =
    [State::Promote, State::Reject, State::Wait, State::Inconclusive, State::Invalid];

/// A console without a socket.
pub(super) struct Bench {
    pub(super) board: Board,
    pub(super) router: Router,
    pub(super) stop: watch::Sender<bool>,
}

/// An answer in whole.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Bench {
    pub(super) fn new() -> Self {
        let (stop, stopped) = watch::channel(false);
        let board = Board::new();
        let router = router(Context::new(board.clone(), stopped));
        Self { board, router, stop }
    }

    pub(super) async fn get(&self, target: &str) -> Answer {
        self.send(Request::get(target).body(Body::empty()).unwrap()).await
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, body }
    }
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        assert_eq!(self.headers["content-type"], "application/json");
        let value: Value = serde_json::from_slice(&self.body).expect("the body is complete JSON");
        assert!(value.is_object(), "a gate cannot digest {value}");
        value
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}
