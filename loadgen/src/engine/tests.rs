//! Runs against a scripted server: every arrival is accounted for, whatever the server does.

use super::*;
use crate::oracle::{Act, Oracle};
use crate::plan::{Pace, Recorded};
use crate::{LoadReport, Plan, Rate, Rendering, Source, Target};
use http::header::{HeaderName, HeaderValue};
use parallax_exchange::{Body, Request};

fn oracle(script: impl Fn(u64) -> Act + Send + Sync + 'static) -> Oracle {
    Oracle::start(script).expect("a free port")
}

fn plan(rate: &str, milliseconds: u64) -> Plan {
    let rate: Rate = rate.parse().expect("a rate");
    Plan::constant(rate, Duration::from_millis(milliseconds)).expect("a plan")
}

fn a_request(target: &str, name: &'static str, value: &str) -> Request {
    let mut request = Request { target: target.to_owned(), ..Request::default() };
    let value = HeaderValue::from_str(value).expect("printable");
    request.headers.insert(HeaderName::from_static(name), value);
    request
}

fn source(target: &Target) -> Source {
    let mut request = a_request("/a?b=c", "x-k", "v");
    request.method = http::Method::POST;
    request.body = Body::whole("body");
    Source::new([request], target, &Rendering::default(), "the test").expect("a source")
}

fn a_run(oracle: &Oracle, plan: Plan, options: Options) -> Run {
    let target = Target::parse(&oracle.url()).expect("a target");
    Run { source: source(&target), target, plan, options }
}

fn run(oracle: &Oracle, plan: Plan, options: Options) -> LoadReport {
    crate::run(&a_run(oracle, plan, options), &Stop::default(), &mut ()).expect("the server is there")
}

#[test]
fn a_sound_server_gets_every_request_and_every_reply_is_counted() {
    let oracle = oracle(|_| Act::Reply(200, 2));
    let report = run(&oracle, plan("500/s", 400), Options { lanes: 2, ..Options::default() });
    let document = &report.document;
    assert_eq!((document.planned, document.released, document.completed), (200, 200, 200));
    assert_eq!(document.status.get(&200), Some(&200));
    assert_eq!(document.latency_ns.count, 200);
    assert_eq!(document.service_ns.count, 200);
    assert_eq!(document.first_byte_ns.count, 200);
    assert!(document.errors.is_empty(), "{:?}", document.errors);
    let seen = oracle.seen();
    assert_eq!(seen.len(), 200);
    let expected = format!("POST /a?b=c HTTP/1.1\r\nhost: {}\r\nx-k: v\r\ncontent-length: 4", oracle.address);
    assert!(seen.iter().all(|(_, head)| *head == expected), "{}", seen[0].1);
    let sent = 200 * (expected.len() as u64 + 8);
    assert_eq!(document.bytes.sent, sent);
}

#[test]
fn nothing_is_sent_before_it_is_due() {
    let oracle = oracle(|_| Act::Reply(200, 0));
    let before = clock::now_ns();
    run(&oracle, plan("100/s", 200), Options::default());
    let seen = oracle.seen();
    assert_eq!(seen.len(), 20);
    for (index, (arrived, _)) in seen.iter().enumerate() {
        let due = (5 + 10 * index as u64) * 1_000_000;
        assert!(arrived - before >= due, "request {index} came after {} ns", arrived - before);
    }
}

#[test]
fn statuses_and_framings_are_told_apart() {
    let script = |number| match number % 4 {
        0 => Act::Reply(202, 100_000),
        1 => Act::Reply(404, 0),
        2 => Act::Reply(503, 7),
        _ => Act::ChunkedAndClose(301),
    };
    let oracle = oracle(script);
    let document = run(&oracle, plan("200/s", 200), Options::default()).document;
    let expected = [(202, 10), (301, 10), (404, 10), (503, 10)];
    assert_eq!(document.status.into_iter().collect::<Vec<_>>(), expected);
    assert_eq!((document.completed, document.http_errors), (40, 20));
    assert!(document.connections.opened > 2, "closed connections were not replaced");
    let classes: Vec<_> = document.latency_by_class_ns.keys().copied().collect();
    assert_eq!(classes, ["2xx", "3xx", "4xx", "5xx"]);
}

#[test]
fn failures_are_counted_by_kind_and_timed() {
    let script = |number| match number % 5 {
        0 => Act::Reset,
        1 => Act::Truncate,
        2 => Act::Garbage,
        _ => Act::Reply(200, 1),
    };
    let oracle = oracle(script);
    let document = run(&oracle, plan("200/s", 250), Options::default()).document;
    assert_eq!(document.errors.into_iter().collect::<Vec<_>>(), [("protocol", 10), ("reset", 20)]);
    assert_eq!((document.completed, document.latency_ns.count), (20, 50));
    assert_eq!(document.latency_by_class_ns["failed"].count, 30);
    assert!(document.first_errors["protocol"].contains("HTTP/1"), "{:?}", document.first_errors);
}

#[test]
fn a_server_that_hangs_costs_a_timeout_each_and_the_time_is_recorded() {
    let oracle = oracle(|_| Act::Hang);
    let options = Options { timeout: Duration::from_millis(100), ..Options::default() };
    let document = run(&oracle, plan("100/s", 200), options).document;
    assert_eq!(document.errors.into_iter().collect::<Vec<_>>(), [("timeout", 20)]);
    assert_eq!(document.latency_ns.count, 20);
    // A histogram tells the lower edge of a bucket, which is a thousandth wide.
    assert!(document.latency_ns.min >= 99_900_000, "{:?}", document.latency_ns);
}

#[test]
fn a_slow_server_does_not_slow_the_plan_down() {
    // One connection that takes 20 ms per request, at 100 requests per second: the queue grows by one
    // request every 20 ms, and the last of 20 requests waits for 19 others.
    let oracle = oracle(|_| Act::After(Duration::from_millis(20)));
    let options = Options { connections: 1, ..Options::default() };
    let document = run(&oracle, plan("100/s", 200), options).document;
    assert_eq!(document.completed, 20);
    assert!(document.connections.queued >= 15, "{:?}", document.connections);
    assert_eq!(document.connections.opened, 1);
    // Due at 195 ms, and not answered before 20 times 20 ms have passed.
    assert!(document.latency_ns.max >= 200_000_000, "{:?}", document.latency_ns);
    assert!(document.service_ns.p50 < document.latency_ns.max / 2, "{:?}", document.service_ns);
    assert!(document.send_lag_ns.max >= 150_000_000, "{:?}", document.send_lag_ns);
    assert!(document.generator_lag_ns_max() < document.send_lag_ns.max);
}

impl crate::report::LoadDocument {
    fn generator_lag_ns_max(&self) -> u64 {
        self.integrity.generator_lag_ns.max
    }
}

#[test]
fn a_freeze_shows_in_every_arrival_that_fell_into_it() {
    // One connection; the 20th of 100 requests takes 400 ms. At 200 requests per second some 80 arrivals
    // fall into the freeze, and their response times go down from 400 ms to nothing: the quantile q
    // above 1 - S/D lies at S (q - (1 - S/D)) / (S/D) with S = 0.4 and D = 0.5.
    let freeze = Duration::from_millis(400);
    let oracle = oracle(move |number| if number == 19 { Act::After(freeze) } else { Act::Reply(200, 0) });
    let options = Options { connections: 1, ..Options::default() };
    let report = run(&oracle, plan("200/s", 500), options);
    assert_eq!(report.document.completed, 100);
    let response = report.tally.whole_response();
    for quantile in [0.5, 0.75, 0.9] {
        let expected = 0.4 * (quantile - 0.2) / 0.8;
        let found = response.value_at_quantile(quantile) as f64 / 1e9;
        assert!(found > expected - 0.02, "{quantile}: {found} s instead of {expected} s");
        // Upwards a busy machine may add anything; a third of a second is no longer the same formula.
        assert!(found < expected + 0.3, "{quantile}: {found} s instead of {expected} s");
    }
    // The closed-loop view of the same run: one slow request in a hundred.
    assert!(report.document.service_ns.p90 < 200_000_000, "{:?}", report.document.service_ns);
}

#[test]
fn shedding_is_counted_and_censored() {
    let oracle = oracle(|_| Act::After(Duration::from_millis(300)));
    let options = Options { connections: 1, when_full: WhenFull::Shed, ..Options::default() };
    let document = run(&oracle, plan("100/s", 200), options).document;
    let shed = document.errors["shed"];
    assert!(shed > 10, "{document:?}");
    assert_eq!(document.censored, shed);
    assert_eq!(document.completed + shed, 20);
    // Given up at once, and yet not recorded as fast: the run went on for at least 300 ms.
    assert!(document.latency_by_class_ns["censored"].max >= 280_000_000, "{document:?}");
}

#[test]
fn a_full_backlog_sheds_even_when_queueing() {
    let oracle = oracle(|_| Act::After(Duration::from_millis(100)));
    let options = Options { connections: 1, backlog: 2, ..Options::default() };
    let document = run(&oracle, plan("200/s", 100), options).document;
    assert!(document.errors["shed"] > 5, "{document:?}");
    assert!(document.first_errors["shed"].contains("backlog"), "{document:?}");
    assert_eq!(document.completed + document.errors["shed"], 20);
}

#[test]
fn a_stopped_run_accounts_for_everything() {
    let oracle = oracle(|number| if number < 10 { Act::Reply(200, 0) } else { Act::Hang });
    let stop = Stop::default();
    let run = a_run(&oracle, plan("100/s", 60_000), Options { connections: 4, ..Options::default() });
    let mut observer = |progress: &Progress| {
        if progress.released >= 20 {
            stop.set();
        }
    };
    let document = crate::run(&run, &stop, &mut observer).unwrap().document;
    assert!(document.partial);
    assert_eq!((document.planned, document.completed), (6000, 10));
    assert!(document.in_flight_at_end >= 10, "{document:?}");
    assert_eq!(document.planned, document.released + document.unreleased + document.not_due);
    assert!(document.not_due > 4000, "{document:?}");
    assert_eq!(document.latency_ns.count, document.planned - document.not_due);
}

#[test]
fn nobody_listening_is_an_error_that_names_the_place() {
    let oracle = oracle(|_| Act::Reply(200, 0));
    let mut run = a_run(&oracle, plan("10/s", 100), Options::default());
    // A bound socket that does not listen refuses connections and keeps its port to itself.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    run.target = Target::parse(&address.to_string()).unwrap();
    let error = crate::run(&run, &Stop::default(), &mut ()).unwrap_err();
    assert!(matches!(error, LoadError::Unreachable { .. }));
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[test]
fn a_target_that_goes_away_costs_connect_errors_and_ends_in_time() {
    // Accepts one connection, answers once and is gone, listener included.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        drop(listener);
        let _ = std::io::Read::read(&mut stream, &mut [0; 1024]);
        let reply = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        std::io::Write::write_all(&mut stream, reply).unwrap();
    });
    let target = Target::parse(&address.to_string()).unwrap();
    let options = Options { warm: 1, ..Options::default() };
    let run = Run { source: source(&target), target, plan: plan("100/s", 200), options };
    let document = crate::run(&run, &Stop::default(), &mut ()).unwrap().document;
    server.join().unwrap();
    assert_eq!(document.completed, 1);
    assert_eq!(document.errors.values().sum::<u64>(), 19);
    assert!(document.errors["connect"] >= 10, "{:?}", document.errors);
    assert!(document.first_errors["connect"].contains("refused"), "{:?}", document.first_errors);
}

#[test]
fn a_replay_sends_the_recording_in_order_and_rewrites_sessions_in_each_lap() {
    let oracle = oracle(|_| Act::Reply(200, 0));
    let target = Target::parse(&oracle.url()).unwrap();
    let requests =
        (0..5).map(|number| a_request(&format!("/{number}"), "x-session-id", &format!("s{number}")));
    let lap_header = Some(HeaderName::from_static("x-session-id"));
    let rendering = Rendering { lap_header, ..Rendering::default() };
    let source = Source::new(requests, &target, &rendering, "the test").unwrap();
    let offsets = vec![0, 1_000_000, 11_000_000, 12_000_000, 16_000_000];
    let plan = Plan::recorded(Recorded::laps(offsets, Pace::RECORDED, 2)).unwrap();
    // One connection, so that the server's order is the order of sending.
    let options = Options { connections: 1, ..Options::default() };
    let run = Run { target, plan, source, options };
    let document = crate::run(&run, &Stop::default(), &mut ()).unwrap().document;
    assert_eq!((document.completed, document.plan.kind), (10, "recorded"));
    let seen: Vec<String> = oracle.seen().into_iter().map(|(_, head)| head).collect();
    for (index, head) in seen.iter().enumerate() {
        let (number, lap) = (index % 5, index / 5);
        assert!(head.starts_with(&format!("GET /{number} ")), "{index}: {head}");
        let session = if lap == 0 { format!("s{number}") } else { format!("s{number}-{lap}") };
        assert!(head.ends_with(&format!("x-session-id: {session}")), "{index}: {head}");
    }
}

#[test]
fn watchers_see_progress_and_every_response_time_once() {
    #[derive(Default)]
    struct Watcher {
        seen: u64,
        recorded: u64,
        end: Duration,
    }
    impl Observer for Watcher {
        fn progress(&mut self, progress: &Progress) {
            assert!(progress.completed >= self.seen && progress.planned == 600);
            self.seen = progress.completed;
        }
        fn interval(&mut self, interval: &Interval<'_>) {
            assert_eq!(interval.start, self.end);
            self.end = interval.start + interval.length;
            self.recorded += interval.response.len();
        }
    }
    let oracle = oracle(|_| Act::Reply(200, 0));
    let run = a_run(&oracle, plan("500/s", 1200), Options { lanes: 2, ..Options::default() });
    let mut watcher = Watcher::default();
    crate::run(&run, &Stop::default(), &mut watcher).unwrap();
    assert_eq!((watcher.seen, watcher.recorded), (600, 600));
}

#[test]
fn a_closed_loop_asks_as_fast_as_it_is_answered_and_says_what_that_hides() {
    // Four connections, 20 ms an answer, 300 ms: some 15 answers each, and one that takes 200 ms keeps
    // its connection from sending nine others, which no latency shows.
    let script = |number| Act::After(Duration::from_millis(if number == 5 { 200 } else { 20 }));
    let oracle = oracle(script);
    let options = Options { connections: 4, ..Options::default() };
    let report = run(&oracle, Plan::closed(Duration::from_millis(300)).unwrap(), options);
    let document = &report.document;
    assert!(document.coordinated_omission && document.plan.kind == "closed");
    assert_eq!(document.planned, document.completed, "what was sent was answered before the end");
    assert!((8..=60).contains(&document.completed), "{} answers", document.completed);
    assert_eq!((document.connections.opened, document.connections.queued), (4, 0));
    assert!(document.latency_ns.p50 < document.latency_ns.max, "{:?}", document.latency_ns);
    assert!(report.summary().contains("coordinated omission"), "{}", report.summary());
    assert_eq!(oracle.seen().len() as u64, document.completed);
}

#[test]
fn a_closed_loop_replaces_connections_that_end() {
    let oracle = oracle(|number| if number % 3 == 0 { Act::Reset } else { Act::Reply(200, 1) });
    let options = Options { connections: 2, lanes: 1, ..Options::default() };
    let document = run(&oracle, Plan::closed(Duration::from_millis(100)).unwrap(), options).document;
    assert!(document.completed > 10 && document.errors["reset"] > 5, "{document:?}");
    assert!(document.connections.opened > 5, "{:?}", document.connections);
}

#[test]
fn a_spinning_lane_sends_what_is_planned_and_not_early() {
    let oracle = oracle(|_| Act::Reply(200, 0));
    let options = Options { spin: true, ..Options::default() };
    let before = clock::now_ns();
    let document = run(&oracle, plan("100/s", 100), options).document;
    assert_eq!(document.completed, 10);
    for (index, (arrived, _)) in oracle.seen().iter().enumerate() {
        assert!(arrived - before >= (5 + 10 * index as u64) * 1_000_000, "request {index} came early");
    }
}
