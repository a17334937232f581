//! The admin listener: a few requests of operators, each asked for its token where there is one.

use super::State;
use axum::Router;
use axum::extract::{Request, State as Held};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Json, Response};
use axum::routing::{get, post};
use std::net::TcpListener;
use std::sync::Arc;

/// Serves until the runtime ends.
pub(super) async fn serve(listener: TcpListener, state: Arc<State>, token: Option<String>) {
    let guarded = Router::new()
        .route("/v1/reload", post(reload))
        .route("/v1/state", get(show))
        .route("/metrics", get(scrape))
        .layer(from_fn_with_state(Arc::new(token), admit));
    // Probes know no token, and learn nothing.
    let router = guarded
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(|| async { "ready\n" }))
        .with_state(state);
    let served = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => axum::serve(listener, router).await,
        Err(error) => Err(error),
    };
    if let Err(error) = served {
        tracing::error!(%error, "the admin listener has failed");
    }
}

async fn admit(Held(token): Held<Arc<Option<String>>>, request: Request, next: Next) -> Response {
    if token.as_ref().as_ref().is_none_or(|token| knows(request.headers(), token)) {
        return next.run(request).await;
    }
    (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")], "send the admin token as a bearer token\n")
        .into_response()
}

/// Compares in a time that does not depend on how much of the token is right.
fn knows(headers: &HeaderMap, token: &str) -> bool {
    let sent = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    sent.is_some_and(|sent| {
        let differing = sent.iter().zip(token.as_bytes()).fold(0, |sum, (left, right)| sum | (left ^ right));
        differing == 0 && sent.len() == token.len()
    })
}

async fn reload(Held(state): Held<Arc<State>>) -> Response {
    // Reading a file and resolving hosts blocks; signals wait for it no longer than other requests do.
    match tokio::task::spawn_blocking(move || state.reload()).await {
        Ok(done) if done.applied => Json(done).into_response(),
        Ok(refused) => (StatusCode::UNPROCESSABLE_ENTITY, Json(refused)).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// The proxy's counts, at most a second old.
async fn scrape() -> Response {
    let text = crate::metrics::install().render();
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

async fn show(Held(state): Held<Arc<State>>) -> Response {
    Json(state.dump()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_the_token() {
        let is_let_in = |sent: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, sent.parse().unwrap());
            knows(&headers, "s3cret")
        };
        assert!(is_let_in("Bearer s3cret"));
        for wrong in ["Bearer s3cre", "Bearer s3cret1", "Bearer ", "s3cret", "Basic s3cret"] {
            assert!(!is_let_in(wrong), "{wrong}");
        }
        assert!(!knows(&HeaderMap::new(), "s3cret"));
    }
}
