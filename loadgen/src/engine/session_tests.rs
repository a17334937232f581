//! Replays in session order: nothing overtakes within a session, and what answers give is sent back.

use super::*;
use crate::plan::Pace;
use crate::recording::{self, Extent, Recording};
use crate::source::{Rendering, SessionKey, SessionOrder};
use crate::{IdPlace, LoadReport, Target};
use http::header::{HeaderName, HeaderValue};
use parallax_exchange::{Body, Exchange, Outcome, Request, Response};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Mutex;

/// A request as a server saw it: connection, first line and session, body.
type Seen = (usize, String, String);

/// Answers one request after another on each connection, after `delay`.
fn serve(delay: Duration, answer: fn(&str) -> String) -> (String, Arc<Mutex<Vec<Seen>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let seen = Arc::<Mutex<Vec<Seen>>>::default();
    let all = Arc::clone(&seen);
    std::thread::spawn(move || {
        for (number, socket) in listener.incoming().enumerate() {
            let (mut socket, all) = (socket.expect("a connection"), Arc::clone(&all));
            std::thread::spawn(move || {
                let mut reader = BufReader::new(socket.try_clone().expect("a socket"));
                loop {
                    let (mut head, mut length) = (String::new(), 0);
                    loop {
                        let mut line = String::new();
                        if reader.read_line(&mut line).unwrap_or(0) == 0 {
                            return;
                        }
                        if let Some(digits) = line.strip_prefix("content-length: ") {
                            length = digits.trim().parse().expect("digits");
                        }
                        if line == "\r\n" {
                            break;
                        }
                        head += &line;
                    }
                    let mut body = vec![0; length];
                    reader.read_exact(&mut body).expect("a body as long as it says");
                    let body = String::from_utf8(body).expect("text");
                    let reply = answer(&format!("{head}\r\n{body}"));
                    all.lock().expect("no panic").push((number, head, body));
                    std::thread::sleep(delay);
                    if socket.write_all(reply.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    (url, seen)
}

fn replay(recording: &Recording, url: &str, rendering: &Rendering, laps: u64, lanes: usize) -> LoadReport {
    let target = Target::parse(url).expect("a target");
    let options = Options { lanes, connections: 8, ..Options::default() };
    let run =
        recording.replay(target, Pace::RECORDED, Extent::Laps(laps), rendering, options).expect("a run");
    crate::run(&run, &Stop::default(), &mut ()).expect("the server is there")
}

fn by(header: &'static str, remap: bool) -> Option<SessionOrder> {
    Some(SessionOrder { by: SessionKey::Header(HeaderName::from_static(header)), remap })
}

#[test]
fn a_sessions_requests_are_in_order_on_one_connection_however_slow_the_answers() {
    let (url, seen) =
        serve(Duration::from_millis(3), |_| "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned());
    // 20 sessions of 10 requests, 1 ms apart in each session: every one but the first has to wait.
    let requests = (0..200u64).map(|number| {
        let mut request = Request { target: format!("/{:03}", number / 20), ..Request::default() };
        let session = HeaderValue::from_str(&format!("s{}", number % 20)).expect("a value");
        request.headers.insert("x-s", session);
        (number / 20 * 1_000_000, request)
    });
    let recording = Recording::new(requests);
    let rendering = Rendering { order: by("x-s", false), ..Rendering::default() };
    for lanes in [1, 2] {
        seen.lock().expect("no panic").clear();
        let document = replay(&recording, &url, &rendering, 1, lanes).document;
        assert_eq!(document.completed, 200, "{document:?}");
        let waited = document.session_wait_ns.expect("sessions were kept in order");
        assert!(waited.count >= 150 && waited.max >= 2_000_000, "{waited:?}");
        let seen = seen.lock().expect("no panic");
        for session in 0..20 {
            let of: Vec<&Seen> =
                seen.iter().filter(|(_, head, _)| head.contains(&format!("x-s: s{session}\r"))).collect();
            let paths: Vec<&str> = of.iter().map(|(_, head, _)| &head[4..8]).collect();
            let expected: Vec<String> = (0..10).map(|number| format!("/{number:03}")).collect();
            assert_eq!(paths, expected, "session {session}, {lanes} lanes");
            assert!(
                of.iter().all(|(connection, ..)| *connection == of[0].0),
                "session {session} moved: {of:?}"
            );
        }
    }
}

fn answered(
    number: u64,
    target: &str,
    headers: &[(&'static str, &str)],
    body: &str,
    answer: Response,
) -> Exchange {
    let mut request =
        Request { target: target.to_owned(), body: Body::whole(body.to_owned()), ..Request::default() };
    request.method = if body.is_empty() { http::Method::GET } else { http::Method::POST };
    for (name, value) in headers {
        request.headers.append(*name, HeaderValue::from_str(value).expect("a value"));
    }
    let mut exchange = recording::exchange_of(number, number * 5_000_000, request, None);
    exchange.cluster_key = 1;
    exchange.outcomes.primary = Some(Outcome::Response(Box::new(answer)));
    exchange
}

#[test]
fn cookies_tokens_and_ids_of_live_answers_replace_the_recorded_ones() {
    let (url, seen) = serve(Duration::ZERO, |request| {
        let (head, body) = if request.starts_with("POST /login") {
            (
                "set-cookie: sid=live-session; Path=/\r\n",
                r#"{"auth":{"token":"live-token-longer"},"user":"ann-client"}"#,
            )
        } else if request.starts_with("POST /orders") {
            ("location: /orders/987654321\r\n", r#"{"id":987654321}"#)
        } else {
            ("", "{}")
        };
        format!("HTTP/1.1 200 OK\r\n{head}content-length: {}\r\n\r\n{body}", body.len())
    });
    let answer = |headers: &[(&'static str, &'static str)], body: &'static str| Response {
        headers: headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect(),
        body: Body::whole(body),
        ..Response::default()
    };
    let login = answer(
        &[("set-cookie", "sid=old-session; Path=/")],
        r#"{"auth":{"token":"old-token"},"user":"ann-client"}"#,
    );
    let order = answer(&[("location", "/orders/4711")], r#"{"id":4711}"#);
    let known = [("cookie", "sid=old-session"), ("authorization", "Bearer old-token")];
    let exchanges = [
        answered(0, "/login", &[], r#"{"user":"ann-client"}"#, login),
        answered(1, "/orders", &known, r#"{"by":"ann-client","token":"old-token"}"#, order),
        answered(2, "/orders/4711?t=old-token", &known, "", answer(&[], "{}")),
        answered(3, "/orders/47110", &known, r#"{"id":4711,"n":47112}"#, answer(&[], "{}")),
    ];
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.plr").display().to_string();
    let mut writer = recording::PackedWriter::create(&path).expect("a file");
    exchanges.iter().for_each(|exchange| writer.push(exchange).expect("room"));
    writer.finish().expect("room");
    let reading = recording::Reading { answers: true, ..recording::Reading::default() };
    let recording = recording::open_as(&path, reading).expect("a recording");

    let order = Some(SessionOrder { by: SessionKey::Recorded, remap: true });
    let report = replay(&recording, &url, &Rendering { order, ..Rendering::default() }, 2, 1);
    let remap = report.document.remap.expect("there are values to learn");
    assert_eq!((remap.live, remap.recorded), (20, 0), "{:?}", seen.lock());
    let seen = seen.lock().expect("no panic");
    assert_eq!(seen.len(), 8);
    for lap in seen.chunks(4) {
        let heads: Vec<&str> = lap.iter().map(|(_, head, _)| head.lines().next().expect("a line")).collect();
        let expected = ["/login", "/orders", "/orders/987654321?t=live-token-longer", "/orders/47110"];
        assert!(
            heads.iter().zip(expected).all(|(line, path)| line.contains(&format!(" {path} "))),
            "{heads:?}"
        );
        assert_eq!(lap[0].2, r#"{"user":"ann-client"}"#, "what the client had first is its own");
        assert_eq!(lap[1].2, r#"{"by":"ann-client","token":"live-token-longer"}"#);
        assert_eq!(lap[3].2, r#"{"id":987654321,"n":47112}"#, "part of a number is another number");
        for (_, head, _) in &lap[1..] {
            assert!(head.contains("cookie: sid=live-session\r\n"), "{head}");
            assert!(head.contains("authorization: Bearer live-token-longer\r\n"), "{head}");
        }
    }
}

#[test]
fn every_lap_has_ids_of_its_own_in_bodies_too_and_lengths_follow() {
    let (url, seen) = serve(Duration::ZERO, |_| "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned());
    let body = r#"{"events":[{"id":"e1","n":7},{"id":"e2","n":8}]}"#;
    let request = Request {
        method: http::Method::POST,
        target: "/a?k=v".to_owned(),
        body: Body::whole(body),
        ..Request::default()
    };
    let ids = ["body:/events/*/id", "query:k"].map(|place| place.parse::<IdPlace>().expect("a place"));
    let recording = Recording::new([(0, request)]);
    let rendering = Rendering { ids: ids.to_vec(), ..Rendering::default() };
    let target = Target::parse(&url).expect("a target");
    let pace = Pace::times(1e3).expect("a pace");
    let run =
        recording.replay(target, pace, Extent::Laps(12), &rendering, Options::default()).expect("a run");
    assert_eq!(crate::run(&run, &Stop::default(), &mut ()).expect("a server").document.completed, 12);
    let mut found: Vec<(String, String)> = seen
        .lock()
        .expect("no panic")
        .iter()
        .map(|(_, head, body)| (head.lines().next().expect("a line").to_owned(), body.clone()))
        .collect();
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 12, "every lap is another");
    assert!(found.contains(&("POST /a?k=v HTTP/1.1".to_owned(), body.to_owned())));
    let last = r#"{"events":[{"id":"e1-11","n":7},{"id":"e2-11","n":8}]}"#;
    assert!(found.contains(&("POST /a?k=v-11 HTTP/1.1".to_owned(), last.to_owned())), "{found:?}");
}
