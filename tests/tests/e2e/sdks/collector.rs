//! A collector that answers like the vendors' endpoints and writes down what it received.

use super::answers::answer;
use crate::harness::Upstream;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};

/// A running collector.
pub(super) struct Collector {
    upstream: Upstream,
    received: Arc<Mutex<Vec<Value>>>,
}

impl Collector {
    pub(super) fn start() -> Self {
        let received = Arc::<Mutex<Vec<Value>>>::default();
        let kept = Arc::clone(&received);
        let upstream = Upstream::start(move |request| {
            kept.lock().unwrap_or_else(PoisonError::into_inner).push(line(request));
            answer(request)
        });
        Self { upstream, received }
    }

    pub(super) fn url(&self) -> String {
        self.upstream.url()
    }

    /// Requests received so far.
    pub(super) fn received(&self) -> u64 {
        self.upstream.served()
    }

    /// Requests received so far on these routes, each a path or all below a prefix.
    pub(super) fn received_below(&self, routes: &[&str]) -> u64 {
        let received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        let is_below = |line: &&Value| {
            let target = line["path"].as_str().unwrap_or_default();
            let path = target.split('?').next().unwrap_or_default();
            routes.iter().any(|route| match route.strip_suffix("{*rest}") {
                Some(prefix) => path.starts_with(prefix),
                None => path == *route,
            })
        };
        received.iter().filter(is_below).count() as u64
    }

    /// What was received, as a recording of JSON lines.
    pub(super) fn requests(&self) -> String {
        let received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        received.iter().map(|line| format!("{line}\n")).collect()
    }
}

fn line(request: &Request<Bytes>) -> Value {
    let headers = request.headers().iter();
    let headers: Vec<_> =
        headers.map(|(name, value)| [name.as_str(), value.to_str().unwrap_or_default()]).collect();
    json!({
        "method": request.method().as_str(),
        "path": request.uri().path_and_query().map_or("/", |target| target.as_str()),
        "headers": headers,
        "b64": STANDARD.encode(request.body()),
    })
}
