//! The mirror as a `tower` layer: in an axum server, and around a bare service.

use crate::client::{Client, PATIENCE};
use crate::h2::run;
use crate::rig::{bare, get, post, role, route};
use crate::server::{Server, ok};
use axum::Router;
use axum::body::Body;
use axum::routing::{any, post as on_post};
use http::StatusCode;
use http_body_util::BodyExt;
use parallax_config::Config;
use parallax_exchange::{Admissions, Exchange, Ledger, MissingReason, Outcome, QueueLimits, Receiver, queue};
use parallax_proxy::Stats;
use parallax_proxy::layer::Mirror;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;
use tower::{Layer, ServiceExt, service_fn};

/// A mirror, and what comes out of it.
struct Rig {
    mirror: Mirror,
    ledger: Ledger,
    exchanges: Receiver,
}

impl Rig {
    fn start(candidate: &Server, change: impl FnOnce(&mut Config)) -> Self {
        // It names the server that the layer is in; nobody connects to it.
        let mut config = bare("http://127.0.0.1:9");
        config.routes = vec![route("all", "/events/{*rest}")];
        config.roles.candidate = role(candidate.url());
        change(&mut config);
        let ledger = Ledger::new(1_000_000_000);
        let (sender, exchanges) = queue(QueueLimits { count: 1000, bytes: 1 << 24 });
        Self { mirror: Mirror::start(&config, &ledger, sender).expect("start"), ledger, exchanges }
    }

    fn exchange(&self) -> Exchange {
        *self.exchanges.receive(PATIENCE).expect("an exchange")
    }

    fn drain(self) -> (Stats, Admissions) {
        let stats = self.mirror.drain(PATIENCE);
        let admissions = self.ledger.take_through(u64::MAX);
        assert!(admissions.is_conserved(), "{admissions:?}");
        assert_eq!((stats.in_flight, stats.held_bytes), (0, 0), "{stats:#?}");
        (stats, admissions)
    }
}

/// An axum server with the layer, on a thread of its own that ends with the process.
fn serve(mirror: &Mirror) -> SocketAddr {
    let app = Router::new()
        .route("/events/echo", on_post(async |body: String| (StatusCode::CREATED, format!("got {body}"))))
        .route("/events/lazy", on_post(async || "I did not look"))
        .route("/events/plain", any(async || "plain"))
        .route("/other", any(async || "other"))
        .layer(mirror.layer());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), app).await.unwrap();
        });
    });
    address
}

#[test]
fn an_axum_server_mirrors_what_its_routes_select_and_answers_as_before() {
    let candidate = Server::start(|_| ok("candidate"));
    let rig = Rig::start(&candidate, |_| {});
    let address = serve(&rig.mirror);
    let ask = |request: String| Client::connect(address).send(request).response();

    let answer = ask(post("/events/echo?v=1", "hello"));
    assert_eq!((answer.status, &answer.body[..]), (201, b"got hello".as_slice()));
    let exchange = rig.exchange();
    assert_eq!(exchange.request.target, "/events/echo?v=1");
    assert_eq!(exchange.request.body.bytes(), "hello");
    let Some(Outcome::Response(primary)) = &exchange.outcomes.primary else { panic!("{exchange:?}") };
    assert_eq!((primary.status, &primary.body.bytes()[..]), (StatusCode::CREATED, b"got hello".as_slice()));
    assert!(primary.timing.sent_ns <= primary.timing.head_ns, "{:?}", primary.timing);
    assert!(primary.timing.head_ns <= primary.timing.done_ns, "{:?}", primary.timing);
    let Some(Outcome::Response(copied)) = &exchange.outcomes.candidate else { panic!("{exchange:?}") };
    assert_eq!(copied.body.bytes(), "candidate");
    let copy = candidate.received().remove(0);
    assert_eq!(
        (&copy.method[..], &copy.target[..], &copy.body[..]),
        ("POST", "/events/echo?v=1", b"hello".as_slice())
    );
    assert_eq!(copy.header("via"), None, "the primary got the request as it came, and so does the copy");

    // A HEAD's body is announced and never sent; it is an answer all the same.
    let head = Client::connect(address).send(get("/events/plain").replace("GET", "HEAD")).response_to("HEAD");
    assert_eq!(head.status, 200);
    assert!(matches!(rig.exchange().outcomes.primary, Some(Outcome::Response(_))));

    assert_eq!(ask(get("/other")).body, b"other");
    let (stats, admissions) = rig.drain();
    assert_eq!((admissions.offered, admissions.mirrored, admissions.not_selected), (3, 2, 1));
    assert_eq!((stats.requests, stats.not_selected, stats.exchanges), (3, 1, 2));
    // The layer outlives its mirror: requests are served, and counted as dropped.
    assert_eq!(ask(post("/events/echo", "late")).body, b"got late");
}

#[test]
fn a_body_that_the_handler_did_not_read_is_no_copy_and_is_counted() {
    let candidate = Server::start(|_| ok("candidate"));
    let rig = Rig::start(&candidate, |_| {});
    let address = serve(&rig.mirror);
    let answer = Client::connect(address).send(post("/events/lazy", "unread")).response();
    assert_eq!(answer.body, b"I did not look");
    let (stats, admissions) = rig.drain();
    assert_eq!(stats.dropped, [("request_cut", 1)].into());
    assert_eq!((admissions.offered, admissions.mirrored), (1, 0));
    assert!(candidate.received().is_empty());
}

#[test]
fn a_shadow_that_never_answers_and_bodies_beyond_the_cap_harm_nobody() {
    let candidate = Server::raw(|_| std::thread::park());
    let rig = Rig::start(&candidate, |config| {
        config.limits.body_bytes = 4;
        config.policy.shadow_timeout = parallax_config::Span::millis(50);
    });
    let address = serve(&rig.mirror);
    let mut client = Client::connect(address);
    for body in ["tiny", "too long"] {
        let answer = client.send(post("/events/echo", body)).response();
        assert_eq!(answer.body, format!("got {body}").as_bytes());
    }
    let exchange = rig.exchange();
    let Some(Outcome::Missing { reason, .. }) = exchange.outcomes.candidate else { panic!("{exchange:?}") };
    assert_eq!(reason, MissingReason::Timeout);
    let (stats, admissions) = rig.drain();
    assert_eq!(stats.shed, [("body_too_large", 1)].into());
    assert_eq!((admissions.offered, admissions.mirrored), (2, 2));
}

#[test]
fn a_call_that_is_dropped_or_fails_leaves_its_copy_and_its_reason() {
    let candidate = Server::start(|_| ok("candidate"));
    let rig = Rig::start(&candidate, |_| {});
    let request =
        || http::Request::post("/events/x").header("host", "a.example").body(Body::from("b")).unwrap();
    run(async {
        let hangs = rig.mirror.layer().layer(service_fn(async |request: http::Request<_>| {
            let _: Result<_, axum::Error> = BodyExt::collect(request.into_body()).await;
            std::future::pending::<Result<http::Response<Body>, Infallible>>().await
        }));
        let call = hangs.oneshot(request());
        assert!(tokio::time::timeout(Duration::from_millis(20), call).await.is_err());
        let fails = rig.mirror.layer().layer(service_fn(async |request: http::Request<_>| {
            let _: Result<_, axum::Error> = BodyExt::collect(request.into_body()).await;
            Err::<http::Response<Body>, _>("no")
        }));
        assert!(fails.oneshot(request()).await.is_err());
    });
    let mut reasons: Vec<_> = [rig.exchange(), rig.exchange()]
        .map(|exchange| {
            assert!(matches!(exchange.outcomes.candidate, Some(Outcome::Response(_))));
            let Some(Outcome::Missing { reason, .. }) = exchange.outcomes.primary else { panic!() };
            reason
        })
        .into();
    reasons.sort();
    assert_eq!(reasons, [MissingReason::Reset, MissingReason::ClientGone]);
    let (stats, _) = rig.drain();
    assert_eq!(stats.exchanges, 2);
}
