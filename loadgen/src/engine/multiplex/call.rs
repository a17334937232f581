//! One request on its stream, from its first frame to the end of its answer.

use crate::engine::clock;
use crate::engine::connection::{Flight, KEPT_MAX};
use crate::engine::tally::{Class, Failure};
use crate::source::Source;
use crate::target::Protocol;
use bytes::Bytes;
use h2::RecvStream;
use h2::client::{ResponseFuture, SendRequest};
use http::{HeaderMap, response};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A request under way.
pub(super) struct Call {
    pub(super) flight: Flight,
    stage: Stage,
    status: u16,
    /// The answer as HTTP/1.1 would write it, where it is wanted.
    kept: Option<Vec<u8>>,
    is_grpc: bool,
    grpc: Option<u16>,
}

enum Stage {
    Head(ResponseFuture),
    /// After the last of the body come the trailers; asking for more of an ended body tells its end again.
    Body(RecvStream),
}

/// What a poll came to.
pub(super) enum Step {
    Waits,
    Ended(Result<Answer, (Failure, String)>),
}

/// A whole answer.
pub(super) struct Answer {
    pub(super) status: u16,
    /// Where gRPC is spoken: its own status; 2, unknown, where an answer has none.
    pub(super) grpc: Option<u16>,
    pub(super) done_ns: u64,
    pub(super) kept: Vec<u8>,
}

impl Call {
    /// Hands the request of an arrival to the connection.
    pub(super) fn begin(
        sender: &mut SendRequest<Bytes>,
        source: &Source,
        flight: Flight,
        keeps: bool,
        protocol: Protocol,
    ) -> Result<Self, h2::Error> {
        let (head, body) = source.shared(flight.arrival.index);
        let (answer, mut stream) = sender.send_request(head, body.is_empty())?;
        if !body.is_empty() {
            // What the window does not allow yet waits inside `h2`: no more than one body for each stream.
            stream.send_data(body, true)?;
        }
        Ok(Self {
            flight,
            stage: Stage::Head(answer),
            status: 0,
            kept: keeps.then(Vec::new),
            is_grpc: protocol == Protocol::Grpc,
            grpc: None,
        })
    }

    /// Carries it on as far as it goes; `now` is when what is read now was read.
    pub(super) fn poll(&mut self, context: &mut Context<'_>, now: u64) -> Step {
        match self.advance(context, now) {
            Poll::Pending => Step::Waits,
            Poll::Ready(Ok(())) => Step::Ended(Ok(Answer {
                status: self.status,
                grpc: self.is_grpc.then(|| self.grpc.unwrap_or(2)),
                done_ns: clock::now_ns(),
                kept: self.kept.take().unwrap_or_default(),
            })),
            Poll::Ready(Err(error)) => Step::Ended(Err((failure(&error), error.to_string()))),
        }
    }

    fn advance(&mut self, context: &mut Context<'_>, now: u64) -> Poll<Result<(), h2::Error>> {
        loop {
            match &mut self.stage {
                Stage::Head(answer) => {
                    let (head, body) = std::task::ready!(Pin::new(answer).poll(context))?.into_parts();
                    self.flight.first_ns = now;
                    self.read_head(&head);
                    self.stage = Stage::Body(body);
                }
                Stage::Body(body) => match std::task::ready!(body.poll_data(context)) {
                    Some(data) => {
                        let data = data?;
                        if let Some(kept) = &mut self.kept {
                            let room = (KEPT_MAX + 1).saturating_sub(kept.len());
                            kept.extend_from_slice(&data[..data.len().min(room)]);
                        }
                        body.flow_control().release_capacity(data.len())?;
                    }
                    None => {
                        if let Some(trailers) = std::task::ready!(body.poll_trailers(context))? {
                            self.grpc = grpc_status(&trailers).or(self.grpc);
                        }
                        return Poll::Ready(Ok(()));
                    }
                },
            }
        }
    }

    fn read_head(&mut self, head: &response::Parts) {
        self.status = head.status.as_u16();
        self.grpc = grpc_status(&head.headers);
        let Some(kept) = &mut self.kept else { return };
        kept.extend_from_slice(format!("HTTP/1.1 {} \r\n", self.status).as_bytes());
        for (name, value) in &head.headers {
            kept.extend_from_slice(name.as_str().as_bytes());
            kept.extend_from_slice(b": ");
            kept.extend_from_slice(value.as_bytes());
            kept.extend_from_slice(b"\r\n");
        }
        kept.extend_from_slice(b"\r\n");
    }
}

fn grpc_status(headers: &HeaderMap) -> Option<u16> {
    headers.get("grpc-status")?.to_str().ok()?.parse().ok()
}

/// What a status of gRPC is by HTTP's classes, as `google/rpc/code.proto` maps them.
pub(super) fn class_of_grpc(status: u16) -> Class {
    match status {
        0 => Class::Success,
        1 | 3 | 5..=7 | 9..=11 | 16 => Class::ClientError,
        // 8, resource exhausted, is 429 there.
        8 => Class::ClientError,
        _ => Class::ServerError,
    }
}

/// An error of ours about their bytes is the protocol's; a reset, a GOAWAY or the socket's is the connection's.
fn failure(error: &h2::Error) -> Failure {
    if error.is_io() || error.is_remote() || error.is_go_away() { Failure::Reset } else { Failure::Protocol }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_of_grpc_has_the_class_of_its_counterpart() {
        let class = |status| class_of_grpc(status);
        assert_eq!(class(0), Class::Success);
        for caller in [1, 3, 5, 6, 7, 8, 9, 10, 11, 16] {
            assert_eq!(class(caller), Class::ClientError, "{caller}");
        }
        for server in [2, 4, 12, 13, 14, 15, 99] {
            assert_eq!(class(server), Class::ServerError, "{server}");
        }
    }
}
