//! What two builds wrote: 200-byte records in two files, joined by id.
//!
//! Timed: a whole comparison from the page cache, both sides read in full. `equal` closes on
//! fingerprints; `one in a thousand` differs in 1 of 1,000 records, which are resolved one by one.
//! Criterion's elements are the records of both sides and its time is wall time; `per core-second` is
//! printed beside it, from the CPU time of all threads. Not timed: writing the files.

#![expect(clippy::print_stderr, reason = "criterion has no place for a rate per core-second")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use parallax_comparator::outputs::{Progress, Settings, Sources, compare};
use rustix::time::{ClockId, clock_gettime};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const RECORDS: u64 = 200_000;

fn benches(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut group = criterion.benchmark_group("outputs");
    group.sample_size(10).throughput(Throughput::Elements(2 * RECORDS));
    let settings = Settings {
        id: vec!["/id".parse().expect("a pointer")],
        time: Some("/ts".parse().expect("a pointer")),
        ..Settings::default()
    };
    let primary = write(directory.path(), "primary", u64::MAX);
    for (name, every) in [("equal", u64::MAX), ("one in a thousand", 1_000)] {
        let candidate = write(directory.path(), name, every);
        let sources = Sources { primary: primary.clone(), candidate, control: None };
        let run = || compare(&sources, &settings, &Progress::default()).expect("a comparison").0;
        let (before, found) = (cpu_seconds(), run());
        let seconds = cpu_seconds() - before;
        assert_eq!(found.counts.different, if every == u64::MAX { 0 } else { RECORDS.div_ceil(every) });
        eprintln!("outputs/{name}: {:.0} records per core-second", 2.0 * RECORDS as f64 / seconds);
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| bencher.iter(run));
    }
    group.finish();
}

/// CPU time of all threads so far.
fn cpu_seconds() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

/// Writes the records; each `every`-th is changed.
fn write(directory: &Path, name: &str, every: u64) -> PathBuf {
    let mut text = String::new();
    for n in 0..RECORDS {
        let value = if every != u64::MAX && n.is_multiple_of(every) { "changed" } else { "as ever" };
        writeln!(
            text,
            r#"{{"id":"3f2504e0-4f89-11d3-9a0c-{n:012}","ts":{},"user":"user-{:06}","event":"purchase","value":"{value}","amount":{}.5,"tags":["a","b"],"page":"/checkout/confirm"}}"#,
            1_764_000_000_000 + n,
            n % 10_000,
            n % 1_000,
        )
        .expect("a String takes any text");
    }
    let path = directory.join(name);
    std::fs::write(&path, text).expect("a file");
    path
}

criterion_group!(all, benches);
criterion_main!(all);
