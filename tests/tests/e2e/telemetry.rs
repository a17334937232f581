//! What operators see of live traffic: the access log, traces at a collector, the metrics of each role.

use crate::harness::{
    Answer, Document, Load, Outcome, Process, Request, Upstream, alone, free_port, get, local, parallax,
    send, wait_for,
};
use bytes::Bytes;
use http::Response;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// Requests that a server was sent, with their `traceparent` and `tracestate`.
type Contexts = Arc<Mutex<Vec<(String, String)>>>;

fn locked<T: Clone>(shared: &Arc<Mutex<T>>) -> T {
    shared.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// A server that keeps the contexts of its requests.
fn role(status: u16) -> (Upstream, Contexts) {
    let contexts = Contexts::default();
    let kept = Arc::clone(&contexts);
    let server = Upstream::start(move |request| {
        let text = |name| {
            let value = request.headers().get(name).map(http::HeaderValue::to_str);
            value.map_or(String::new(), |value| value.expect("text").to_owned())
        };
        let context = (text("traceparent"), text("tracestate"));
        kept.lock().unwrap_or_else(PoisonError::into_inner).push(context);
        Response::builder().status(status).body(Bytes::from("12345")).expect("a response")
    });
    (server, contexts)
}

type Spans = Arc<Mutex<Vec<Span>>>;

/// A collector: it keeps the spans that it is sent, and the names of the services that sent them.
fn collector() -> (Upstream, Spans, Arc<Mutex<Vec<String>>>) {
    let (spans, services) = (Spans::default(), Arc::<Mutex<Vec<String>>>::default());
    let kept = (Arc::clone(&spans), Arc::clone(&services));
    let server = Upstream::start(move |request| {
        assert_eq!(request.headers()["content-type"], "application/x-protobuf");
        let export = ExportTraceServiceRequest::decode(request.body().clone()).expect("OTLP");
        for resource in export.resource_spans {
            let attributes = resource.resource.expect("a resource").attributes;
            let service = attributes.into_iter().find(|one| one.key == "service.name").expect("a name");
            kept.1.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{:?}", service.value));
            let all = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            kept.0.lock().unwrap_or_else(PoisonError::into_inner).extend(all);
        }
        Response::new(Bytes::new())
    });
    (server, spans, services)
}

struct Rig {
    process: Process,
    port: u16,
    admin: u16,
    directory: tempfile::TempDir,
}

impl Rig {
    /// `roles` are primary, candidate and control.
    fn start(roles: [&str; 3], tables: &str) -> Self {
        let (port, console, admin) = (free_port(), free_port(), free_port());
        let directory = tempfile::tempdir().expect("a temporary directory");
        let [primary, candidate, control] = roles;
        let config = format!(
            "[listen]\naddress = \"127.0.0.1:{port}\"\nthreads = 1\n[console]\naddress = \"127.0.0.1:{console}\"\n\
             [admin]\naddress = \"127.0.0.1:{admin}\"\n[log]\nurl = \"file:log\"\n[roles.primary]\nurl = \"{primary}\"\n\
             [roles.candidate]\nurl = \"{candidate}\"\n[roles.control]\nurl = \"{control}\"\n{tables}",
        );
        std::fs::write(directory.path().join("parallax.toml"), config).expect("a file");
        let args = ["proxy", "--config", "parallax.toml", "--format", "json"];
        let process = parallax(args).dir(directory.path()).start();
        let process = process.listening(port, SOON).listening(admin, SOON);
        Self { process, port, admin, directory }
    }

    fn send(&self, request: &Request) -> Answer {
        send(local(self.port), request).expect("an answer")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn end(mut self) -> Outcome {
        self.process.interrupt();
        Outcome::of(&mut self.process, SOON).expect_code(130)
    }
}

fn lines(file: &Path) -> Vec<Document> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().map(|line| Document::parse(line).expect("a line is a document")).collect()
}

#[test]
fn each_live_request_is_a_line_of_the_access_log_which_can_be_rotated() {
    let ((primary, contexts), (candidate, _)) = (role(201), role(200));
    let dead = format!("http://127.0.0.1:{}", free_port());
    let roles = [&*primary.url(), &*candidate.url(), &*dead];
    let rig = Rig::start(roles, "[access_log]\nfile = \"access.log\"\n");
    rig.send(&Request::get("/a/b?token=secret"));
    rig.send(&Request::new("POST", "/write").header("traceparent", format!("00-{TRACE}-{CALLER}-01")));
    let file = rig.path("access.log");
    let seen = wait_for("two lines", SOON, || Some(lines(&file)).filter(|lines| lines.len() == 2));
    for (pointer, text) in
        [("/method", "GET"), ("/path", "/a/b"), ("/client", "127.0.0.1"), ("/version", "1.1")]
    {
        assert_eq!(seen[0].text(pointer), text, "{}", seen[0]);
    }
    assert_eq!(seen[0].text("/host"), format!("127.0.0.1:{}", rig.port));
    assert_eq!((seen[0].count("/status"), seen[0].count("/bytes")), (201, 5), "{}", seen[0]);
    assert!(seen[0].count("/duration_ns") > 0 && seen[0].text("/time").ends_with('Z'), "{}", seen[0]);
    assert_eq!(*seen[0].at("/complete"), true);
    // Without a route a method with side effects is not mirrored.
    assert_eq!(
        (seen[0].at("/mirrored").clone(), seen[1].at("/mirrored").clone()),
        (true.into(), false.into())
    );
    // Without [traces] a context passes as it came.
    let expected = [(String::new(), String::new()), (format!("00-{TRACE}-{CALLER}-01"), String::new())];
    assert_eq!(locked(&contexts), expected);

    std::fs::rename(&file, rig.path("access.log.1")).expect("it can be moved");
    wait_for("a new file", SOON, || file.exists().then_some(()));
    rig.send(&Request::get("/later"));
    wait_for("its line", SOON, || {
        lines(&file).first().filter(|line| line.text("/path") == "/later").cloned()
    });
    drop(primary);
    rig.send(&Request::get("/failing"));
    let failing = wait_for("the failure's line", SOON, || lines(&file).get(1).cloned());
    assert_eq!((failing.count("/status"), failing.text("/failure")), (502, "connect"), "{failing}");
    rig.end();
}

#[test]
fn traces_go_on_through_every_role_and_their_spans_go_to_a_collector() {
    let ((primary, at_primary), (candidate, at_candidate), (control, at_control)) =
        (role(200), role(503), role(200));
    let (collector, spans, services) = collector();
    let tables = format!(
        "[traces]\nurl = \"{}/v1/traces\"\nsample = 0.0\nservice = \"shop-mirror\"\n",
        collector.url()
    );
    let rig = Rig::start([&*primary.url(), &*candidate.url(), &*control.url()], &tables);
    let kept = Request::get("/kept")
        .header("traceparent", format!("00-{TRACE}-{CALLER}-01"))
        .header("tracestate", "vendor=1");
    rig.send(&kept);
    let spans = wait_for("three spans", SOON, || Some(locked(&spans)).filter(|spans| spans.len() == 3));
    let id = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert!(spans.iter().all(|span| id(&span.trace_id) == TRACE), "{spans:?}");
    // 2 is a server's span, 3 a client's.
    let (server, copies): (Vec<_>, Vec<_>) = spans.iter().partition(|span| span.kind == 2);
    assert_eq!((id(&server[0].parent_span_id), copies.len()), (CALLER.to_owned(), 2));
    assert!(
        copies.iter().all(|copy| copy.kind == 3 && copy.parent_span_id == server[0].span_id),
        "{spans:?}"
    );
    assert!(spans.iter().all(|span| span.end_time_unix_nano > span.start_time_unix_nano), "{spans:?}");
    let has = |span: &Span, key: &str, value: &str| {
        span.attributes.iter().any(|one| one.key == key && format!("{:?}", one.value).contains(value))
    };
    assert!(has(server[0], "url.path", "/kept") && has(server[0], "http.response.status_code", "200"));
    let failed = copies.iter().find(|copy| has(copy, "parallax.role", "candidate")).expect("the candidate's");
    assert!(has(failed, "http.response.status_code", "503"), "{failed:?}");
    assert_eq!(failed.status.as_ref().map(|status| status.code), Some(2), "an error");
    assert!(locked(&services)[0].contains("shop-mirror"));
    // Every role was told the same: the trace, and the proxy's span.
    let told = vec![(format!("00-{TRACE}-{}-01", id(&server[0].span_id)), "vendor=1".to_owned())];
    for contexts in [&at_primary, &at_candidate, &at_control] {
        assert_eq!(locked(contexts), told);
    }
    // A trace that is not kept goes on as well, one that begins here too.
    rig.send(&Request::get("/other").header("traceparent", format!("00-{TRACE}-{CALLER}-00")));
    rig.send(&Request::get("/new").header("tracestate", "of=nothing"));
    let contexts = wait_for("the copies", SOON, || Some(locked(&at_control)).filter(|all| all.len() == 3));
    assert!(
        contexts[1].0.starts_with(&format!("00-{TRACE}-")) && contexts[1].0.ends_with("-00"),
        "{contexts:?}"
    );
    assert!(!contexts[2].0.contains(TRACE) && contexts[2].0.len() == 55, "{contexts:?}");
    assert_eq!(contexts[2].1, "", "a state without a context belongs to nothing");
    rig.end();
    assert_eq!(collector.served(), 1, "what is not kept is not sent");
}

#[test]
fn a_collector_that_hangs_or_is_not_there_costs_spans_and_nothing_else() {
    let ((primary, _), (candidate, _), (control, _)) = (role(200), role(200), role(200));
    let silent = std::net::TcpListener::bind(local(0)).expect("a port");
    let silent = (silent.local_addr().expect("an address").port(), silent);
    for (port, reason) in [(free_port(), "export"), (silent.0, "export")] {
        let tables = format!("[traces]\nurl = \"http://127.0.0.1:{port}/v1/traces\"\nsample = 1.0\n");
        let rig = Rig::start([&*primary.url(), &*candidate.url(), &*control.url()], &tables);
        for _ in 0..20 {
            assert_eq!(rig.send(&Request::get("/a")).status, 200);
        }
        let dropped = format!("parallax_spans_dropped_total{{reason=\"{reason}\"}}");
        wait_for("the loss to be counted", SOON, || {
            get(local(rig.admin), "/metrics").text().contains(&dropped).then_some(())
        });
        rig.end();
    }
}

#[test]
fn an_access_log_that_hangs_costs_lines_and_nothing_else() {
    let _alone = alone();
    let ((primary, _), (candidate, _), (control, _)) = (role(200), role(200), role(200));
    let directory = tempfile::tempdir().expect("a temporary directory");
    let pipe = directory.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|status| status.success()), "a pipe can be made");
    // Open, so that the proxy can open it too, and never read.
    let _held = std::fs::OpenOptions::new().read(true).write(true).open(&pipe).expect("a pipe");
    let tables = format!("[access_log]\nfile = \"{}\"\n[mirror]\ndry = true\n", pipe.display());
    let rig = Rig::start([&*primary.url(), &*candidate.url(), &*control.url()], &tables);
    let untold = || {
        Document::parse(&get(local(rig.admin), "/v1/state").text())
            .expect("a document")
            .count("/stats/untold")
    };
    // What the pipe, the writer and the queue hold is some nine thousand lines.
    let load = Load::times(local(rig.port), vec![Request::get("/a"); 10_000], 8);
    let sent = load.finish();
    assert_eq!((sent.status.get(&200), sent.failed.len()), (Some(&10_000), 0), "{sent:?}");
    assert!(untold() > 0, "{}", untold());
    rig.end();
}

#[test]
fn metrics_name_each_role_and_reason_and_hold_a_histogram_of_what_the_proxy_adds() {
    let ((primary, _), (control, _)) = (role(200), role(200));
    let dead = format!("http://127.0.0.1:{}", free_port());
    let rig = Rig::start(
        [&*primary.url(), &*dead, &*control.url()],
        "[limits]\nbody_bytes = 10\n[[routes]]\nname = \"all\"\npath = \"/{*rest}\"\nmethods = [\"GET\", \"POST\"]\n\
         [policy]\nshadow_timeout = \"2s\"\n",
    );
    rig.send(&Request::get("/a"));
    rig.send(&Request::new("POST", "/large").body("01234567890"));
    rig.send(&Request::get("/b").header("x-parallax-copy", "candidate"));
    rig.send(&Request::new("PUT", "/c"));
    let text = wait_for("the counts", SOON, || {
        let text = get(local(rig.admin), "/metrics").text();
        text.contains("parallax_proxy_requests_total 4").then_some(text)
    });
    for line in [
        "# TYPE parallax_proxy_overhead_seconds histogram",
        "parallax_proxy_overhead_seconds_bucket{le=\"+Inf\"} 4",
        "parallax_proxy_overhead_seconds_count 4",
        "parallax_exchanges_total{outcome=\"handed_on\"} 1",
        "parallax_exchanges_total{outcome=\"not_selected\"} 1",
        "parallax_exchanges_total{outcome=\"dropped\"} 1",
        "parallax_exchanges_total{outcome=\"shed\"} 1",
        "parallax_copies_dropped_total{role=\"all\",reason=\"loop\"} 1",
        "parallax_copies_dropped_total{role=\"all\",reason=\"body_too_large\"} 1",
        "parallax_outcomes_total{role=\"primary\",outcome=\"response\"} 1",
        "parallax_outcomes_total{role=\"candidate\",outcome=\"connect\"} 1",
        "parallax_outcomes_total{role=\"control\",outcome=\"response\"} 1",
        "parallax_copies_in_flight{role=\"candidate\"} 0",
        "parallax_copies_in_flight{role=\"control\"} 0",
        "parallax_proxy_exchanges_in_flight 0",
        "parallax_proxy_held_bytes 0",
        "parallax_proxy_queue_bytes",
        "parallax_proxy_connections",
        "parallax_proxy_requests_refused_total 0",
        "parallax_proxy_primary_failures_total 0",
        "parallax_proxy_accept_errors_total 0",
        "parallax_telemetry_dropped_total 0",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    // Names are unlike each other by more than a label's order, and each is described.
    for name in
        text.lines().filter_map(|line| line.split(['{', ' ']).next()).filter(|name| !["#", ""].contains(name))
    {
        let name = ["_bucket", "_sum", "_count"].iter().fold(name, |name, end| name.trim_end_matches(end));
        assert!(name.starts_with("parallax_"), "{name}");
        assert!(text.contains(&format!("# HELP {name} ")), "{name} is not described\n{text}");
    }
    rig.end();
}
