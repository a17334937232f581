//! One POST to a collector, over HTTP/1.1 on a connection of its own: batches are few.

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use opentelemetry_http::{HttpClient, HttpError};
use tokio::net::TcpStream;

/// A collector answers with a few bytes.
const ANSWER_MAX: usize = 64 << 10;

/// The HTTP client of the exporter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Collector;

#[async_trait::async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (mut head, body) = request.into_parts();
        let authority = head.uri.authority().ok_or("the address has no host")?.clone();
        // The brackets of an IPv6 address belong to the URL.
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(80))).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        head.headers.insert(header::HOST, authority.as_str().parse()?);
        let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
        head.uri = target.parse()?;
        let response = sender.send_request(Request::from_parts(head, Full::new(body))).await?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_MAX).collect().await?.to_bytes();
        Ok(Response::from_parts(head, body))
    }
}
