//! What goes wrong, as JSON with a status outside 2xx.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

/// A failed request: what failed, and what to do about it.
#[derive(Debug, Serialize)]
pub(crate) struct Problem {
    schema: &'static str,
    #[serde(serialize_with = "as_number")]
    pub(crate) status: StatusCode,
    pub(crate) error: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'static str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    paths: &'static [&'static str],
    #[serde(skip)]
    retry_after: Option<&'static str>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, error: impl Into<String>) -> Self {
        debug_assert!(!status.is_success() && !status.is_redirection(), "a problem is never a success");
        let error = error.into();
        Self { schema: "parallax.problem/1", status, error, remedy: None, paths: &[], retry_after: None }
    }

    pub(crate) fn remedy(mut self, remedy: &'static str) -> Self {
        self.remedy = Some(remedy);
        self
    }

    pub(crate) const fn paths(mut self, paths: &'static [&'static str]) -> Self {
        self.paths = paths;
        self
    }

    /// Nothing has been published yet.
    pub(crate) fn not_ready() -> Self {
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "no run has published a verdict yet")
            .remedy("ask again in a few seconds, or wait with `?wait=30s`");
        problem.retry_after = Some("5");
        problem
    }

    /// The process finishes what it has begun and takes nothing new.
    pub(crate) fn draining() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "this process is draining and will end")
            .remedy("send traffic elsewhere; the verdict can still be read here")
    }

    /// A bound of the console is reached.
    pub(crate) fn busy(what: &str, limit: usize) -> Self {
        let error = format!("{limit} {what} are open already");
        let mut problem =
            Self::new(StatusCode::SERVICE_UNAVAILABLE, error).remedy("ask again without waiting, or later");
        problem.retry_after = Some("5");
        problem
    }

    /// Our own fault.
    pub(crate) fn internal(error: String) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error)
            .remedy("this is a bug of parallax: please report it")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_else(|_| b"{\"error\":\"unknown\"}".to_vec());
        let mut response = (self.status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(seconds));
        }
        response
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn as_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}
