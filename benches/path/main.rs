//! What one exchange costs behind the proxy: decoding, comparing, masking, generalising, tallying.
//!
//! An exchange is a request with a body of 1 KiB and three answers of 1 KiB each, 23 header fields in
//! all, from one of 1,000 keys. `equal`: the answers differ in their dates only. `near-equal`: the
//! candidate's body differs in one value. Inside the timed part: everything from the encoded bytes to
//! the tally and the report. Outside: making and encoding the exchanges, sealing. CPU time of the thread.
//!
//! The steps go through as many exchanges as a reader's window holds, so that they are in the cache as
//! they are when they come from one. `log` reads 4,096 from a file in the page cache, checks them and
//! counts them: 20 MB, 1,000 keys.

mod traffic;

use bytes::Bytes;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use parallax_benches::ThreadCpu;
use parallax_comparator::trial::Trial;
use parallax_exchange::log::{self, Entry, Limits, Record};
use parallax_exchange::{Exchange, codec};
use std::hint::black_box;
use std::time::Duration;

/// Exchanges that are gone through in turn: those of a window of 256 KiB.
const COUNT: usize = 48;
/// Exchanges in the log.
const LOGGED: usize = 4096;

fn path(criterion: &mut Criterion<ThreadCpu>) {
    for (name, differs) in [("equal", false), ("near-equal", true)] {
        let exchanges: Vec<Exchange> = (0..COUNT).map(|index| traffic::exchange(index, differs)).collect();
        let encoded: Vec<Bytes> = exchanges.iter().map(encode).collect();
        let mut group = criterion.benchmark_group(format!("path/{name}"));
        let bytes = encoded[0].len() as u64;
        group.throughput(Throughput::ElementsAndBytes { elements: 1, bytes });

        let mut next = cycle();
        group.bench_function("decode", |bencher| {
            bencher.iter(|| codec::decode(encoded[next()].clone()).expect("it was just encoded"));
        });
        let comparer = trial().comparer();
        group.bench_function("compare", |bencher| {
            bencher.iter(|| black_box(comparer.observe(&exchanges[next()])));
        });
        let mut trial = trial();
        group.bench_function("compare and count", |bencher| {
            bencher.iter(|| trial.exchange(&exchanges[next()]).expect("nothing has to be sealed"));
        });
        let mut trial = self::trial();
        group.bench_function("encoded", |bencher| {
            bencher.iter(|| trial.encoded(&encoded[next()]).expect("nothing has to be sealed"));
        });
        let mut trial = self::trial();
        group.bench_function("decode, compare and count", |bencher| {
            bencher.iter(|| {
                let exchange = codec::decode(encoded[next()].clone()).expect("it was just encoded");
                trial.exchange(&exchange).expect("nothing has to be sealed")
            });
        });
        log(&mut group, differs);
        group.finish();
    }
}

/// From a file to the counts; the time is that of all exchanges.
fn log(group: &mut BenchmarkGroup<'_, ThreadCpu>, differs: bool) {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let file = directory.path().join("path.plx");
    let url = file.to_str().expect("temporary paths are UTF-8");
    let limits = Limits { segment_bytes: 1 << 40, total_bytes: 1 << 40 };
    let mut writer = log::open_writer(url, limits).expect("the directory is writable");
    for index in 0..LOGGED {
        let record = Record::Exchange(Box::new(traffic::exchange(index, differs)));
        writer.append(&record).expect("it fits");
    }
    let bytes = file.metadata().expect("it was just written").len();
    group.throughput(Throughput::ElementsAndBytes { elements: LOGGED as u64, bytes });
    let mut trial = trial();
    group.bench_function("log", |bencher| {
        bencher.iter(|| {
            let mut reader = log::open_recording(url).expect("it was just written");
            while let Some((_, entry)) = reader.next_entry().expect("it is whole") {
                if let Entry::Exchange(bytes) = entry {
                    black_box(trial.encoded(&bytes).expect("nothing has to be sealed"));
                }
            }
        });
    });
}

fn trial() -> Trial {
    Trial::new(traffic::run()).expect("the run can be judged")
}

/// Positions of the exchanges, again and again.
fn cycle() -> impl FnMut() -> usize {
    let mut at = 0;
    move || {
        at = (at + 1) % COUNT;
        at
    }
}

fn encode(exchange: &Exchange) -> Bytes {
    let mut bytes = Vec::new();
    codec::encode(exchange, &mut bytes);
    bytes.into()
}

fn settings() -> Criterion<ThreadCpu> {
    Criterion::default()
        .with_measurement(ThreadCpu)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
}

criterion_group!(name = benches; config = settings(); targets = path);
criterion_main!(benches);
