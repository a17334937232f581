//! gRPC through the proxy, with a client and servers that are not ours (tonic).

use crate::h2::run;
use crate::rig::{Rig, bare, route};
use bytes::{Buf, BufMut, Bytes};
use futures_util::{Stream, StreamExt};
use http::uri::PathAndQuery;
use parallax_config::{Protocol, Role as RoleConfig};
use parallax_exchange::{Exchange, Outcome, Role};
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Code, Request, Response, Status, Streaming};

/// Messages are bytes as they are: what they mean is not this proxy's business.
#[derive(Default, Clone)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

type Messages = Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;

/// One service: says messages back, and fails where it is asked to.
#[derive(Clone)]
struct Echo;

impl tonic::server::NamedService for Echo {
    const NAME: &'static str = "test.Echo";
}

impl tower::Service<http::Request<tonic::body::Body>> for Echo {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(Raw);
            Ok(match request.uri().path() {
                "/test.Echo/Unary" => grpc.unary(Unary, request).await,
                _ => grpc.streaming(Chat, request).await,
            })
        })
    }
}

struct Unary;

impl tonic::server::UnaryService<Bytes> for Unary {
    type Response = Bytes;
    type Future = Ready<Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let message = request.into_inner();
        ready(if message == "fail" {
            Err(Status::failed_precondition("as asked"))
        } else {
            Ok(Response::new(message))
        })
    }
}

struct Chat;

impl tonic::server::StreamingService<Bytes> for Chat {
    type Response = Bytes;
    type ResponseStream = Messages;
    type Future = Ready<Result<Response<Messages>, Status>>;

    fn call(&mut self, request: Request<Streaming<Bytes>>) -> Self::Future {
        ready(Ok(Response::new(Box::pin(request.into_inner()))))
    }
}

/// A server in a thread of its own.
fn serve() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let incoming = tonic::transport::server::TcpIncoming::from(listener);
            tonic::transport::Server::builder().add_service(Echo).serve_with_incoming(incoming).await
        })
    });
    address
}

fn rig() -> Rig {
    let role = || RoleConfig { protocol: Protocol::H2, ..RoleConfig::at(format!("http://{}", serve())) };
    let mut config = bare("http://127.0.0.1:9");
    config.roles.primary = role();
    config.roles.candidate = Some(role());
    config.routes = vec![route("grpc", "/test.Echo/{method}")];
    Rig::start(&config)
}

async fn client(rig: &Rig) -> tonic::client::Grpc<tonic::transport::Channel> {
    let url = format!("http://{}", rig.proxy.address());
    let channel = tonic::transport::Endpoint::try_from(url).unwrap().connect().await.unwrap();
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    client
}

fn path(method: &str) -> PathAndQuery {
    PathAndQuery::try_from(format!("/test.Echo/{method}")).unwrap()
}

/// What both roles answered: status of the call, and the framed messages.
fn answers(exchange: &Exchange) -> [(String, Bytes); 2] {
    [Role::Primary, Role::Candidate].map(|role| {
        let response = exchange.outcomes.of(role).and_then(Outcome::response).expect("a response");
        // A call that fails before its first message says so in the head alone.
        let status = response.trailers.get("grpc-status").or(response.headers.get("grpc-status"));
        (status.expect("a status").to_str().unwrap().to_owned(), response.body.bytes().clone())
    })
}

/// A message as it is framed: not compressed, four bytes of length.
fn framed(message: &str) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap();
    [&[0], &length.to_be_bytes()[..], message.as_bytes()].concat()
}

#[test]
fn a_unary_call_passes_and_is_captured_with_its_trailers() {
    let rig = rig();
    run(async {
        let mut client = client(&rig).await;
        let answer = client.unary(Request::new(Bytes::from("hello")), path("Unary"), Raw).await.unwrap();
        assert_eq!(answer.into_inner(), "hello");
    });
    let exchange = rig.exchange();
    assert_eq!(exchange.request.body.bytes(), &framed("hello"));
    for (status, body) in answers(&exchange) {
        assert_eq!((status.as_str(), &body[..]), ("0", &framed("hello")[..]));
    }
    rig.drain().assert_conserved(1);
}

#[test]
fn a_call_that_fails_fails_for_its_client_with_the_same_words() {
    let rig = rig();
    run(async {
        let mut client = client(&rig).await;
        let failed = client.unary(Request::new(Bytes::from("fail")), path("Unary"), Raw).await.unwrap_err();
        assert_eq!((failed.code(), failed.message()), (Code::FailedPrecondition, "as asked"));
    });
    for (status, body) in answers(&rig.exchange()) {
        assert_eq!((status.as_str(), body.len()), ("9", 0));
    }
    rig.drain().assert_conserved(1);
}

#[test]
fn a_conversation_streams_both_ways_and_is_captured_whole() {
    let rig = rig();
    run(async {
        let mut client = client(&rig).await;
        let (say, mut said) = tokio::sync::mpsc::unbounded_channel();
        let messages = futures_util::stream::poll_fn(move |cx| said.poll_recv(cx));
        say.send(Bytes::from("one")).unwrap();
        let answer = client.streaming(Request::new(messages), path("Chat"), Raw).await.unwrap();
        let mut answers = answer.into_inner();
        // Each answer comes before the next message is sent: nothing on the way waits for the end.
        assert_eq!(answers.next().await.unwrap().unwrap(), "one");
        say.send(Bytes::from("two")).unwrap();
        assert_eq!(answers.next().await.unwrap().unwrap(), "two");
        drop(say);
        assert!(answers.next().await.is_none());
    });
    let expected = [framed("one"), framed("two")].concat();
    for (status, body) in answers(&rig.exchange()) {
        assert_eq!((status.as_str(), &body[..]), ("0", &expected[..]));
    }
    rig.drain().assert_conserved(1);
}

#[test]
fn a_service_that_is_missing_says_so_through_the_proxy() {
    let rig = rig();
    run(async {
        let mut client = client(&rig).await;
        let other = PathAndQuery::from_static("/test.Other/Unary");
        let message = Request::new(Bytes::from("x"));
        let failed = client.unary(message, other, Raw).await.unwrap_err();
        assert_eq!(failed.code(), Code::Unimplemented);
    });
    // No route of the mirror selects it.
    assert_eq!(rig.drain().stats.not_selected, 1);
}
