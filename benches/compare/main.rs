//! Comparing two JSON bodies: Parallax against two `serde_json::Value`s and a recursive walk.
//!
//! Inside the timed part: everything from the two texts to the list of differences with their paths.
//! Outside: making the texts. CPU time of the thread, so that a busy machine does not show.
//! `PARALLAX_PORTABLE=1` measures the instructions that every processor of the architecture has.
//! Before anything is timed, both are held to the number of differences that was planted.

mod corpus;
mod trees;

use corpus::{Pair, pairs};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use parallax_benches::ThreadCpu;
use parallax_comparator::compare::Comparer;
use parallax_comparator::diff::{Limits, portable};
use std::hint::black_box;
use std::time::Duration;

fn compare(criterion: &mut Criterion<ThreadCpu>) {
    if std::env::var_os("PARALLAX_PORTABLE").is_some() {
        assert!(portable(), "nothing was compared before");
    }
    let limits = Limits { differences: 100_000, ..Limits::TRAFFIC };
    let comparer = Comparer::new(&[], &[]).expect("no rules can be wrong").with_limits(limits);
    let mut group = criterion.benchmark_group("json");
    for pair in [pairs("1K", 1), pairs("10K", 9), pairs("500K", 430)].into_iter().flatten() {
        let Pair { name, left, right, differences } = &pair;
        let (left, right) = (left.as_bytes(), right.as_bytes());
        assert_eq!(comparer.compare_json(None, left, right).differences.len(), *differences, "{name}");
        assert_eq!(trees::diff(left, right).len(), *differences, "{name}");
        group.throughput(Throughput::Bytes((left.len() + right.len()) as u64));
        group.bench_function(BenchmarkId::new("parallax", name), |bencher| {
            bencher.iter(|| told(&comparer.compare_json(None, black_box(left), black_box(right))));
        });
        group.bench_function(BenchmarkId::new("serde_json trees", name), |bencher| {
            bencher.iter(|| told(&trees::diff(black_box(left), black_box(right))));
        });
        if *differences == 0 && left == right {
            group.bench_function(BenchmarkId::new("memcmp", name), |bencher| {
                bencher.iter(|| black_box(black_box(left) == black_box(right)));
            });
        }
    }
    group.finish();
}

/// Has the whole result made, and leaves it where it is: moving it costs more than comparing 1 KiB.
fn told<T>(result: &T) {
    black_box(result);
}

fn settings() -> Criterion<ThreadCpu> {
    Criterion::default()
        .with_measurement(ThreadCpu)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
}

criterion_group!(name = benches; config = settings(); targets = compare);
criterion_main!(benches);
