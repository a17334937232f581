//! `rules lint` on a recording in a file: reading alone, and reading with ten rules.
//!
//! Each exchange has a request of 1 KiB and three answers of 1 KiB with 8 and 5 headers; in one of a
//! hundred a time differs on both copies. Timed from the page cache to the counts, one thread.
//! Throughput counts bytes of the recording. Not timed: writing it, opening it, the findings.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use http::{HeaderMap, HeaderValue, Method};
use parallax_comparator::lint::Lint;
use parallax_config::{Action, Place, Rule};
use parallax_exchange::log::{self, Entry, Limits, Record};
use parallax_exchange::{
    Body, CopyOrder, Exchange, ExchangeId, Label, Outcome, Outcomes, Request, Response, Timing,
};
use std::hint::black_box;

const EXCHANGES: u64 = 20_000;

fn benches(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let file = directory.path().join("lint.plx");
    let url = file.to_str().expect("temporary paths are UTF-8");
    let limits = Limits { segment_bytes: 1 << 40, total_bytes: 1 << 40 };
    let mut writer = log::open_writer(url, limits).expect("the directory is writable");
    for sequence in 0..EXCHANGES {
        writer.append(&Record::Exchange(Box::new(exchange(sequence)))).expect("it fits");
    }
    let bytes = file.metadata().expect("it was just written").len();

    let mut group = criterion.benchmark_group("rules lint");
    group.throughput(Throughput::Bytes(bytes)).sample_size(10);
    group.bench_function("read", |bencher| bencher.iter(|| each(url, |entry| _ = black_box(entry))));
    let rules = rules();
    group.bench_function("lint", |bencher| {
        bencher.iter(|| {
            let mut lint = Lint::new(&rules).expect("usable rules");
            each(url, |entry| lint.take_entry(entry).expect("it was just written"));
            lint
        });
    });
    group.finish();
}

fn each(url: &str, mut take: impl FnMut(&Entry)) {
    let mut reader = log::open_recording(url).expect("it was just written");
    while let Some((_, entry)) = reader.next_entry().expect("it is whole") {
        take(&entry);
    }
}

fn rules() -> Vec<Rule> {
    let places = ["body:/at", "body:/**/id", "body:/events/*/time", "body:/x", "header:x-request-id"];
    let more = ["header:x-a", "cookie:session", "trailer:x-checksum", "query:nonce", "body:/y/*"];
    let rule = |at: &&str| Rule {
        at: Place::try_from((*at).to_owned()).expect("a place"),
        action: Action::Ignore,
        route: None,
        owner: None,
        expires: None,
    };
    places.iter().chain(&more).map(rule).collect()
}

fn exchange(sequence: u64) -> Exchange {
    let fields = [
        ("host", "events.example"),
        ("content-type", "application/json"),
        ("content-length", "1024"),
        ("user-agent", "sample-sdk/1.0"),
        ("accept", "*/*"),
        ("accept-encoding", "gzip, br"),
        ("x-api-key", "client-abcdefghijklmnop"),
        ("x-client-time", "1900000000000"),
    ];
    let apart = u64::from(sequence.is_multiple_of(100));
    Exchange {
        id: ExchangeId { proxy: 77, epoch: 1_900_000_000, sequence },
        admitted_ns: 1_900_000_000_000_000_000 + sequence,
        cluster_key: sequence,
        labels: vec![Label { name: "route".into(), value: "ingest".into() }],
        order: CopyOrder::CandidateFirst,
        sample_ppm: 1_000_000,
        request: Request {
            method: Method::POST,
            target: "/v1/log_event?k=client-key".to_owned(),
            authority: "events.example".to_owned(),
            headers: headers(&fields),
            body: Body::whole(vec![b'r'; 1024]),
        },
        outcomes: Outcomes {
            primary: Some(response(sequence)),
            candidate: Some(response(sequence + apart)),
            control: Some(response(sequence + 2 * apart)),
        },
    }
}

fn response(at: u64) -> Outcome {
    let filler = "e".repeat(960);
    Outcome::Response(Box::new(Response {
        headers: headers(&[
            ("content-type", "application/json"),
            ("content-length", "1024"),
            ("date", "Tue, 10 Jun 2031 10:10:10 GMT"),
            ("server", "sample/1.0"),
            ("x-request-id", "8c9a7b6c-1234-4321-9876-aabbccddeeff"),
        ]),
        body: Body::whole(format!(r#"{{"success":true,"at":{},"note":"{filler}"}}"#, 1_900_000_000_000 + at)),
        timing: Timing { sent_ns: 1_000, head_ns: 1_000_000, done_ns: 1_100_000 },
        ..Response::default()
    }))
}

fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
    list.iter()
        .map(|&(name, value)| (name.parse().expect("a name"), HeaderValue::from_static(value)))
        .collect()
}

criterion_group!(all, benches);
criterion_main!(all);
