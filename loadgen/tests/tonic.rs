//! Unary gRPC against a server that is not ours (tonic).

use bytes::{Buf, BufMut, Bytes};
use http::Method;
use parallax_exchange::{Body, Request};
use parallax_loadgen::{Options, Plan, Protocol, Rendering, Run, Source, Speaks, Stop, Target};
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Response, Status};

/// Messages are bytes as they are.
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

/// Says a message back, and refuses the one that asks for it.
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
        Box::pin(async move { Ok(tonic::server::Grpc::new(Raw).unary(Unary, request).await) })
    }
}

struct Unary;

impl tonic::server::UnaryService<Bytes> for Unary {
    type Response = Bytes;
    type Future = Ready<Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let message = request.into_inner();
        ready(match &message[..] {
            b"refuse" => Err(Status::failed_precondition("as asked")),
            _ => Ok(Response::new(message)),
        })
    }
}

fn serve() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("a socket");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            let incoming = tonic::transport::server::TcpIncoming::from(listener);
            tonic::transport::Server::builder().add_service(Echo).serve_with_incoming(incoming).await
        })
    });
    address
}

#[test]
fn a_tonic_server_answers_every_call_and_its_refusals_are_counted_as_such() {
    let url = format!("http://{}/test.Echo/Unary", serve());
    let speaks = Speaks { protocol: Protocol::Grpc, ..Speaks::default() };
    let target = Target::speaking(&url, &speaks).expect("a target");
    let large = Bytes::from(vec![b'x'; 200_000]); // Above the windows that flow control begins with.
    let requests =
        [Bytes::from_static(b"hello"), Bytes::from_static(b"refuse"), large].map(|message| Request {
            method: Method::POST,
            target: target.path_and_query(),
            body: Body::whole(message),
            ..Request::default()
        });
    let source = Source::new(requests, &target, &Rendering::default(), "the test").expect("a source");
    let plan = Plan::constant("300/s".parse().expect("a rate"), Duration::from_secs(1)).expect("a plan");
    let run = Run { target, plan, source, options: Options::default() };
    let document =
        parallax_loadgen::run(&run, &Stop::default(), &mut ()).expect("the server is there").document;
    assert_eq!((document.planned, document.completed, document.http_errors), (300, 300, 100));
    assert_eq!(document.grpc_status.into_iter().collect::<Vec<_>>(), [(0, 200), (9, 100)]);
    assert!(document.errors.is_empty(), "{:?}", document.errors);
    assert!(document.bytes.received > 100 * 200_000, "messages came back: {:?}", document.bytes);
}
