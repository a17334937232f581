//! One GET over HTTP/1.1: how the command line reads a console.

use crate::exit::{Exit, Failure, OrExit as _};
use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::net::TcpStream;

/// A verdict document is some hundred kilobytes at most; ten times that is somebody else's answer.
const ANSWER_MAX: usize = 16 << 20;

/// An answer in whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Fetches `path` below `base`; waits `limit` at the longest.
///
/// Any status is an answer; only a service that cannot be reached is a failure.
pub(crate) fn get(base: &str, path: &str, limit: Duration) -> Result<Answer, Failure> {
    let url: Uri = format!("{}{path}", base.trim_end_matches('/'))
        .parse()
        .with_context(|| format!("`{base}` is not a console's address such as http://127.0.0.1:8081"))
        .or_exit(Exit::Usage)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(async { tokio::time::timeout(limit, fetch(&url)).await });
    answer
        .unwrap_or_else(|_| Err(anyhow!("no answer within {limit:?}")))
        .with_context(|| format!("failed to read {url}; is the console running?"))
        .or_exit(Exit::Unavailable)
}

async fn fetch(url: &Uri) -> anyhow::Result<Answer> {
    let authority = url.authority().context("the address has no host")?;
    anyhow::ensure!(url.scheme_str() == Some("http"), "only http:// is spoken here");
    let stream = TcpStream::connect((authority.host(), authority.port_u16().unwrap_or(80))).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let target = url.path_and_query().map_or("/", |target| target.as_str());
    let request = Request::get(target).header(header::HOST, authority.as_str()).body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, ANSWER_MAX).collect().await.map_err(|error| anyhow!(error))?;
    Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes() })
}
