//! Each fault changes what it says, and nothing else.

use super::*;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

const BATCH: &str = r#"{"client":{"name":"web","version":"2.4.0"},"events":[
    {"id":"e1","name":"purchase","user":"u-1","time":1767225600000,
     "properties":{"price_cents":1999,"quantity":2,"discount_cents":500}},
    {"id":"e2","name":"page_view","user":"guest-7","time":1767225601000,"properties":{"path":"/ä"}},
    {"id":"e3","user":"u-1","time":1}]}"#;

fn start(fault: Fault) -> Handle {
    Collector::start((Ipv4Addr::LOCALHOST, 0).into(), fault, 1).expect("a free port")
}

/// Sends one request on a connection of its own; the whole answer as text, empty if there is none.
fn ask(server: &Handle, method: &str, target: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).expect("it listens");
    write!(
        stream,
        "{method} {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("it reads");
    let mut answer = Vec::new();
    // A reset is as good as an end: both mean that nothing more comes.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).expect("JSON is UTF-8")
}

fn status(answer: &str) -> u16 {
    answer[9..12].parse().expect("a status line")
}

fn json(answer: &str) -> Value {
    let (_, body) = answer.split_once("\r\n\r\n").expect("a head");
    serde_json::from_str(body).expect("JSON")
}

#[test]
fn two_instances_answer_alike_but_for_the_date() {
    let (one, two) = (start(Fault::None), start(Fault::None));
    let without_date = |answer: String| {
        answer.lines().filter(|line| !line.starts_with("date:")).map(str::to_owned).collect::<Vec<_>>()
    };
    let asked = [
        ("POST", "/v1/events", BATCH),
        ("POST", "/v1/events", "{"),
        ("GET", "/v1/config?client=ios", ""),
        ("GET", "/v1/sessions/s-0042", ""),
        ("GET", "/v1/sessions/nobody", ""),
        ("PUT", "/v1/events", ""),
        ("GET", "/nowhere", ""),
    ];
    let statuses = [202, 400, 200, 200, 404, 405, 404];
    for ((method, target, body), expected) in asked.into_iter().zip(statuses) {
        let (left, right) = (ask(&one, method, target, body), ask(&two, method, target, body));
        assert_eq!(status(&left), expected, "{method} {target}");
        assert_eq!(without_date(left), without_date(right), "{method} {target}");
    }
    assert_eq!(one.served(), 7);
}

#[test]
fn a_batch_is_answered_event_by_event() {
    let answer = json(&ask(&start(Fault::None), "POST", "/v1/events", BATCH));
    assert_eq!((&answer["accepted"], &answer["rejected"]), (&2.into(), &1.into()));
    // 175 for commerce, a tenth of 2 * 1999 - 500.
    assert_eq!(answer["results"][0]["score"], 5.24);
    assert_eq!(answer["results"][2]["reason"], "missing field `name`");
}

#[test]
fn faults_of_the_body_change_one_path() {
    let sound = json(&ask(&start(Fault::None), "POST", "/v1/events", BATCH));
    let mut field = json(&ask(&start(Fault::Field), "POST", "/v1/events", BATCH));
    assert_eq!(field["results"][0]["score"], 5.74);
    field["results"][0]["score"] = 5.24.into();
    assert_eq!(field, sound);

    let mut typed = json(&ask(&start(Fault::Type), "POST", "/v1/events", BATCH));
    let cohort = typed["results"][1]["cohort"].as_str().expect("a string now").to_owned();
    typed["results"][1]["cohort"] = cohort.parse::<u64>().expect("of digits").into();
    assert_eq!(typed, sound);
}

#[test]
fn a_status_fault_hits_old_clients_only() {
    let server = start(Fault::Status);
    assert_eq!(status(&ask(&server, "POST", "/v1/events", BATCH)), 202);
    assert_eq!(status(&ask(&server, "POST", "/v1/events", &BATCH.replace("2.4.0", "1.9.3"))), 500);
}

#[test]
fn a_drop_closes_the_connection_without_an_answer() {
    let server = start(Fault::Drop);
    assert_eq!(ask(&server, "POST", "/v1/events", &BATCH.replace('ä', "🛒")), "");
    assert_eq!(status(&ask(&server, "POST", "/v1/events", BATCH)), 202);
}

#[test]
fn a_slow_build_is_at_least_4_ms_slower_on_ingestion() {
    let server = start(Fault::Slow);
    let asked = Instant::now();
    assert_eq!(status(&ask(&server, "POST", "/v1/events", BATCH)), 202);
    assert!(asked.elapsed() >= Duration::from_millis(4));
    assert_eq!(Fault::Slow.delay(&http::Method::GET, Duration::from_secs(1)), None);
    assert_eq!(
        Fault::Slow.delay(&http::Method::POST, Duration::from_secs(1)),
        Some(Duration::from_millis(600))
    );
}

#[test]
fn noise_comes_once_in_a_thousand_and_is_drawn_per_seed() {
    let draw = |seed| {
        let mut noise = fastrand::Rng::with_seed(seed);
        (0..100_000).filter(|_| Fault::Flaky.is_noisy(&mut noise)).collect::<Vec<_>>()
    };
    let (one, two) = (draw(1), draw(2));
    assert!((60..160).contains(&one.len()), "{}", one.len());
    assert_ne!(one, two);
    assert!(!Fault::None.is_noisy(&mut fastrand::Rng::with_seed(1)));
}

#[test]
fn names_of_faults_survive_parsing() {
    for fault in Fault::ALL {
        assert_eq!(fault.name().parse(), Ok(fault));
    }
    assert!("slowly".parse::<Fault>().unwrap_err().to_string().contains("choose one of"));
}

#[test]
fn an_address_in_use_is_an_error_at_once() {
    let server = start(Fault::None);
    assert_eq!(
        Collector::start(server.address(), Fault::None, 1).unwrap_err().kind(),
        io::ErrorKind::AddrInUse
    );
}

/// Requests of the bundled recording that a build with `fault` answers otherwise, and the differing
/// members of their answers; `None` stands for a closed connection.
fn caught_by(fault: Fault) -> Vec<Option<(StatusCode, Vec<String>)>> {
    let recording = crate::demo::recording().expect("it is compiled in");
    let changed = recording.requests().iter().filter_map(|(_, request)| {
        let uri = request.target.parse().expect("a path");
        let asked = Asked { method: &request.method, uri: &uri, body: request.body.bytes() };
        let sound = reply::to(&asked, Fault::None, false).expect("a sound build answers");
        let Some(faulty) = reply::to(&asked, fault, false) else { return Some(None) };
        let paths = differing(&sound.body, &faulty.body, String::new());
        (sound.status != faulty.status || !paths.is_empty()).then_some(Some((faulty.status, paths)))
    });
    changed.collect()
}

fn differing(left: &Value, right: &Value, path: String) -> Vec<String> {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) if left.keys().eq(right.keys()) => {
            let members = left
                .iter()
                .flat_map(|(name, value)| differing(value, &right[name], format!("{path}/{name}")));
            members.collect()
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => left
            .iter()
            .zip(right)
            .flat_map(|(left, right)| differing(left, right, format!("{path}/*")))
            .collect(),
        _ if left == right => Vec::new(),
        _ => vec![path],
    }
}

#[test]
fn each_fault_meets_a_few_percent_of_the_bundled_recording_at_its_own_path() {
    let requests = crate::demo::recording().expect("it is compiled in").requests().len();
    for fault in [Fault::Field, Fault::Type, Fault::Drop, Fault::Status] {
        let caught = caught_by(fault);
        let percent = caught.len() * 100 / requests;
        assert!((2..=8).contains(&percent), "{fault}: {} of {requests}", caught.len());
        for answer in caught {
            let Some((status, paths)) = answer else {
                assert_eq!(fault, Fault::Drop);
                continue;
            };
            if fault == Fault::Status {
                assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
            } else {
                let expected = fault.expected_path().and_then(|path| path.strip_prefix("body:"));
                assert!(paths.iter().all(|path| Some(path.as_str()) == expected), "{fault}: {paths:?}");
            }
        }
    }
    for fault in [Fault::None, Fault::Slow, Fault::Flaky] {
        assert_eq!(caught_by(fault).len(), 0, "{fault}");
    }
}
