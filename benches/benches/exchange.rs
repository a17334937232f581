//! The codec and the log in files: one exchange of 1 KiB in, three answers of 300 bytes, 23 headers.
//!
//! Timed: `encode` and `decode` touch memory only. `append` is one write a record, `append_batch` one
//! write for 64; both end with the bytes in the operating system. `read` includes decoding, from the
//! page cache. Not timed: making the exchange, syncing, opening. Throughput counts encoded bytes.

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use parallax_exchange::log::{self, Limits, Record};
use parallax_exchange::{
    Body, CopyOrder, Exchange, ExchangeId, Label, Outcome, Outcomes, Request, Response, Timing, codec,
};
use std::hint::black_box;

const BATCH: usize = 64;
const READ: usize = 64 * BATCH;
const LIMITS: Limits = Limits { segment_bytes: 64 << 20, total_bytes: 256 << 20 };

fn benches(criterion: &mut Criterion) {
    let exchange = exchange();
    let mut encoded = Vec::new();
    codec::encode(&exchange, &mut encoded);
    codec_benches(criterion, &exchange, &encoded.into());
    log_benches(criterion, Record::Exchange(Box::new(exchange)));
}

fn codec_benches(criterion: &mut Criterion, exchange: &Exchange, encoded: &Bytes) {
    let mut group = criterion.benchmark_group("codec");
    group.throughput(Throughput::ElementsAndBytes { elements: 1, bytes: encoded.len() as u64 });
    let mut buffer = Vec::new();
    group.bench_function("encode", |bencher| {
        bencher.iter(|| {
            buffer.clear();
            codec::encode(black_box(exchange), &mut buffer);
        });
    });
    group.bench_function("decode", |bencher| bencher.iter(|| codec::decode(black_box(encoded).clone())));
    group.finish();
}

fn log_benches(criterion: &mut Criterion, record: Record) {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let url = |name: &str| format!("file:{}", directory.path().join(name).display());
    let batch = vec![record; BATCH];
    let mut group = criterion.benchmark_group("log");

    group.throughput(Throughput::Elements(1));
    let mut writer = log::open_writer(&url("single"), LIMITS).expect("the directory is writable");
    group.bench_function("append", |bencher| bencher.iter(|| writer.append(&batch[0]).expect("it fits")));

    group.throughput(Throughput::Elements(BATCH as u64));
    let mut writer = log::open_writer(&url("batch"), LIMITS).expect("the directory is writable");
    group.bench_function("append_batch", |bencher| {
        bencher.iter(|| writer.append_batch(&batch).expect("it fits"));
    });

    group.throughput(Throughput::Elements(READ as u64));
    let mut writer = log::open_writer(&url("read"), LIMITS).expect("the directory is writable");
    for _ in 0..READ / BATCH {
        writer.append_batch(&batch).expect("it fits");
    }
    group.bench_function("read", |bencher| {
        bencher.iter(|| {
            let mut reader = log::open_reader(&url("read")).expect("it was just written");
            while let Some(record) = reader.next().expect("it is whole") {
                black_box(record);
            }
        });
    });
    group.finish();
}

fn exchange() -> Exchange {
    let request = Request {
        method: Method::POST,
        target: "/v1/log_event?k=client-key".to_owned(),
        authority: "events.example".to_owned(),
        headers: headers(&[
            ("host", "events.example"),
            ("content-type", "application/json"),
            ("content-length", "1024"),
            ("user-agent", "sample-sdk/1.0"),
            ("accept", "*/*"),
            ("accept-encoding", "gzip, br"),
            ("x-api-key", "client-abcdefghijklmnop"),
            ("x-client-time", "1900000000000"),
        ]),
        body: Body::whole(vec![b'r'; 1024]),
    };
    let outcomes =
        Outcomes { primary: Some(response()), candidate: Some(response()), control: Some(response()) };
    Exchange {
        id: ExchangeId { proxy: 77, epoch: 1_900_000_000, sequence: 123_456 },
        admitted_ns: 1_900_000_000_000_000_000,
        cluster_key: 0x1234_5678_90ab_cdef,
        labels: vec![Label { name: "route".into(), value: "ingest".into() }],
        order: CopyOrder::CandidateFirst,
        sample_ppm: 1_000_000,
        request,
        outcomes,
    }
}

fn response() -> Outcome {
    Outcome::Response(Box::new(Response {
        status: StatusCode::OK,
        headers: headers(&[
            ("content-type", "application/json"),
            ("content-length", "300"),
            ("date", "Tue, 10 Jun 2031 10:10:10 GMT"),
            ("server", "sample/1.0"),
            ("x-request-id", "8c9a7b6c-1234-4321-9876-aabbccddeeff"),
        ]),
        body: Body::whole(vec![b'a'; 300]),
        trailers: HeaderMap::new(),
        timing: Timing { sent_ns: 1_000, head_ns: 1_000_000, done_ns: 1_100_000 },
    }))
}

fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
    list.iter()
        .map(|&(name, value)| (name.parse().expect("a name"), HeaderValue::from_static(value)))
        .collect()
}

criterion_group!(all, benches);
criterion_main!(all);
