//! One POST over HTTP/1.1, on a connection of its own: events are rare.

use super::Webhook;
use super::event::Event;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// What the receiver said; its body is not read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// How long it asks us to wait.
    pub(crate) retry_after: Option<Duration>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PostError {
    #[error("it cannot be reached: {0}")]
    Connect(#[from] std::io::Error),
    #[error("the exchange broke off: {0}")]
    Exchange(#[from] hyper::Error),
    #[error("the request cannot be written: {0}")]
    Request(#[from] http::Error),
}

/// Sends the event once. A redirect is an answer like any other: a secret's signature goes to the
/// address that was configured and nowhere else.
pub(crate) async fn post(webhook: &Webhook, event: &Event) -> Result<Answer, PostError> {
    let url = &webhook.url;
    // The brackets of an IPv6 address belong to the URL.
    let host = url.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let usual = if webhook.tls.is_some() { 443 } else { 80 };
    let stream = TcpStream::connect((host, url.port_u16().unwrap_or(usual))).await?;
    match &webhook.tls {
        Some(tls) => send(tls.connect(stream).await?, webhook, event).await,
        None => send(stream, webhook, event).await,
    }
}

async fn send<S>(stream: S, webhook: &Webhook, event: &Event) -> Result<Answer, PostError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let url = &webhook.url;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let target = url.path_and_query().map_or("/", |target| target.as_str());
    let authority = url.authority().map_or("", |authority| authority.as_str());
    let mut request = Request::post(target)
        .header(header::HOST, authority)
        .header(header::USER_AGENT, concat!("parallax/", env!("CARGO_PKG_VERSION")));
    for (name, value) in event.headers(webhook.secret.as_ref(), now) {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(event.body.clone()))?;
    let exchange = async {
        let answer = sender.send_request(request).await?;
        Ok(Answer { status: answer.status(), retry_after: retry_after(answer.headers()) })
    };
    tokio::pin!(exchange);
    // The connection is driven here, not by a task of its own: a time-out ends it as well.
    tokio::select! {
        biased;
        answer = &mut exchange => return answer,
        ended = connection => ended?,
    }
    // A receiver may close the connection with its answer, which is then there already.
    exchange.await
}

/// The form in seconds; the form with a date is rare, and our own pauses then hold.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}
