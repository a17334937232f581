//! Recordings survive their file, and say what is wrong with it.

use super::*;
use http::Method;
use parallax_exchange::{Body, Exchange, Outcome};

fn get(target: &str) -> Request {
    Request { target: target.to_owned(), authority: "a.example".to_owned(), ..Request::default() }
}

/// A place for files that is removed again.
struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).expect("a file");
        path
    }
}

#[test]
fn requests_survive_the_native_format_and_are_sorted_by_time() {
    let scratch = Scratch::new();
    let path = scratch.path("a.plx");
    let post = Request { method: Method::POST, body: Body::whole("{\"ä\":1}"), ..get("/b") };
    let written = [(30, get("/c")), (10, post), (20, get("/d")), (10, get("/e"))];
    assert_eq!(write_requests(&path, written.clone(), None).unwrap(), 4);
    let recording = open(&path).unwrap();
    let [c, b, d, e] = written;
    assert_eq!(recording.requests(), [b, e, d, c]);
    let document = recording.describe();
    assert_eq!((document.requests, document.out_of_order, document.duration_ns), (4, 3, 20));
    assert_eq!(document.first.as_deref(), Some("1970-01-01T00:00:00.000000010Z"));
    assert_eq!(document.methods.get("POST"), Some(&1));
    assert_eq!(document.hosts.get("a.example"), Some(&4));
}

#[test]
fn whole_exchanges_are_replayed_by_their_requests() {
    let scratch = Scratch::new();
    let path = scratch.path("a.plx");
    let mut first = exchange_of(0, 5, get("/a"), None);
    first.outcomes.primary = Some(Outcome::Response(Box::default()));
    first.outcomes.candidate = first.outcomes.primary.clone();
    let mut cut = exchange_of(1, 6, get("/b"), None);
    cut.request.body = Body::cut("half", 100, 1);
    let exchanges: [&Exchange; 3] = [&first, &first, &cut];
    write(&path, exchanges).unwrap();
    let recording = open(&path).unwrap();
    assert_eq!(recording.requests(), [(5, get("/a"))]);
    let document = recording.describe();
    assert_eq!((document.responses, document.replayed), (1, 1));
    assert_eq!((document.duplicates, document.cut), (1, 1));
    assert_eq!(document.status.get(&200), Some(&1));
}

#[test]
fn a_recording_that_ends_inside_a_record_is_damaged_there() {
    let scratch = Scratch::new();
    let path = scratch.path("a.plx");
    write_requests(&path, (0..3).map(|number| (number, get("/"))), None).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let recording = open(&path).unwrap();
    assert_eq!((recording.requests().len(), recording.describe().damaged_count), (2, 1));
}

#[test]
fn damage_costs_one_record_and_is_told_by_offset() {
    let scratch = Scratch::new();
    let path = scratch.path("a.plx");
    write_requests(&path, (0..3).map(|number| (number, get(&format!("/{number}")))), None).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(2).position(|window| window == b"/1").expect("the path is stored as text");
    bytes[at + 1] = b'9';
    std::fs::write(&path, bytes).unwrap();
    let recording = open(&path).unwrap();
    assert_eq!(recording.requests().len(), 2);
    let document = recording.describe();
    assert_eq!(document.damaged_count, 1);
    assert!((document.damaged[0].offset as usize) < at, "{:?}", document.damaged);
}

#[test]
fn a_recording_is_not_overwritten_and_has_its_own_suffix() {
    let scratch = Scratch::new();
    let path = scratch.path("a.plx");
    write_requests(&path, [(1, get("/"))], None).unwrap();
    assert!(write_requests(&path, [(1, get("/"))], None).is_err());
    let error = write_requests(&scratch.path("a.json"), [(1, get("/"))], None).unwrap_err();
    assert!(error.to_string().contains(".plx"), "{error}");
}

#[test]
fn sessions_are_the_cluster_keys() {
    let name = http::HeaderName::from_static("x-session-id");
    let key = |sequence, session: Option<&'static str>| {
        let mut request = get("/");
        if let Some(session) = session {
            request.headers.insert(name.clone(), http::HeaderValue::from_static(session));
        }
        exchange_of(sequence, 0, request, Some(&name)).cluster_key
    };
    assert_eq!(key(0, Some("a")), key(1, Some("a")));
    assert_ne!(key(0, Some("a")), key(0, Some("b")));
    assert_ne!(key(0, None), key(1, None));
}

#[test]
fn json_lines_are_read_with_and_without_times() {
    let scratch = Scratch::new();
    let path = scratch.file(
        "a.jsonl",
        concat!(
            r#"{"id":"first","path":"/a"}"#,
            "\n\n",
            r#"{"method":"POST","path":"/b?c=d","headers":{"X-A":"1"},"body":"ü","at_ns":5000000}"#,
            "\n",
            r#"{"method":"PUT","path":"/e","headers":[["x-b","1"],["x-b","2"]],"b64":"AAH/","host":"h"}"#,
        ),
    );
    let recording = open(&path).unwrap();
    let times: Vec<u64> = recording.requests().iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [0, 5_000_000, 6_000_000]);
    let (_, b) = &recording.requests()[1];
    assert_eq!(
        (b.target.as_str(), b.body.bytes().as_ref(), &b.headers["x-a"]),
        ("/b?c=d", "ü".as_bytes(), &"1".parse().unwrap())
    );
    let (_, e) = &recording.requests()[2];
    assert_eq!((e.authority.as_str(), e.body.bytes().as_ref()), ("h", [0, 1, 255].as_slice()));
    assert_eq!(e.headers.get_all("x-b").iter().count(), 2);
    assert_eq!(recording.describe().format, "json-lines");
}

#[test]
fn a_line_that_is_no_request_is_named_with_its_place() {
    let scratch = Scratch::new();
    let bad = [
        ("{", "not a request"),
        (r#"{"path":"a"}"#, "is not a path"),
        (r#"{"path":"/","method":"G T"}"#, "is not a method"),
        (r#"{"path":"/","headers":{"a b":"c"}}"#, "is not a header's name"),
        (r#"{"path":"/","headers":{"a":1}}"#, "is not a string"),
        (r#"{"path":"/","headers":{"a":"\n"}}"#, "control character"),
        (r#"{"path":"/","body":"","b64":""}"#, "both"),
        (r#"{"path":"/","b64":"*"}"#, "not base64"),
        (r#"{"path":"/","url":"x"}"#, "unknown field"),
    ];
    for (line, expected) in bad {
        let path = scratch.file("a.jsonl", &format!("{{\"path\":\"/\"}}\n{line}\n"));
        let error = open(&path).unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains(expected), "{line}: {error}");
    }
}

#[test]
fn what_holds_nothing_is_an_error_with_the_reason() {
    let scratch = Scratch::new();
    assert!(matches!(open(&scratch.path("none.plx")), Err(RecordingError::Io { .. })));
    assert!(matches!(open(&scratch.path("none")), Err(RecordingError::Io { .. })));
    assert!(matches!(open(&scratch.file("e", "\n")), Err(RecordingError::Empty { .. })));
    let cut = scratch.path("cut.plx");
    let mut exchange = exchange_of(1, 6, get("/b"), None);
    exchange.request.body = Body::cut("half", 100, 1);
    write(&cut, [exchange]).unwrap();
    let error = open(&cut).unwrap_err().to_string();
    assert!(error.contains("capture limit"), "{error}");
}

#[test]
fn a_replay_keeps_the_recordings_time_and_order() {
    let recording = Recording::new([(5_000_000_000, get("/b")), (3_000_000_000, get("/a"))]);
    let target = Target::parse("127.0.0.1:1").unwrap();
    let replay = |pace, extent| {
        let run = recording.replay(target.clone(), pace, extent, &Rendering::default(), Options::default());
        run.unwrap().plan.stripe(0, 1).collect::<Vec<_>>()
    };
    assert_eq!(replay(Pace::RECORDED, Extent::Laps(1)), [(0, 0), (1, 2_000_000_000)]);
    let rate = Pace::Rate("2/s".parse().unwrap());
    assert_eq!(replay(rate, Extent::Lasting(Duration::from_secs(2))).len(), 4);
}

#[test]
fn the_content_tells_the_format_and_not_the_name() {
    let scratch = Scratch::new();
    let har = "\u{feff}{\"log\":{\"entries\":[{\"startedDateTime\":\"2026-01-01T00:00:00Z\",\"request\":\
               {\"method\":\"GET\",\"url\":\"http://a.example/\"}}]}}";
    for (text, format) in [
        (har, "har"),
        ("{\"method\":\"GET\",\"url\":\"http://a.example/\"}\n", "vegeta"),
        ("{\"path\":\"/\"}\n", "json-lines"),
        ("1.5\t/\n", "h2load"),
        ("1 ab 5\nGET / HTTP/1.1\r\n\r\n", "gor"),
        ("::1 - - [01/Jan/2026:00:00:00 +0000] \"GET / HTTP/1.1\" 200 5\n", "access-log"),
    ] {
        let recording =
            open(&scratch.file("recording", text)).unwrap_or_else(|error| panic!("{format}: {error}"));
        let document = recording.describe();
        assert_eq!((document.format, document.requests), (format, 1));
    }
    let posts = "::1 - - [01/Jan/2026:00:00:00 +0000] \"POST / HTTP/1.1\" 200 5\n";
    let error = open(&scratch.file("posts", posts)).unwrap_err().to_string();
    assert!(error.contains("without GET and HEAD"), "{error}");
}
