//! A watermark that touches every check of 10,000 slices, and the document after it.
//!
//! The windows are made before the clock starts: what is timed is the judge alone, from a sealed window in memory to
//! the decision. `goal`: 30 ms a watermark, so that 1,000 of them are judged again in 30 s. The document and the
//! fingerprint that a log keeps are timed apart, because only the fingerprint is made at every watermark.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use parallax_comparator::check::Check;
use parallax_comparator::judge::Judge;
use parallax_comparator::rows::{Exposure, Row, SealedWindow, Signs};
use parallax_comparator::run::{Build, ControlMode, NORMALISER, Run};
use parallax_comparator::slice::Slice;
use parallax_config::Policy;
use std::collections::BTreeMap;
use std::hint::black_box;

const SLICES: u64 = 10_000;

fn benches(criterion: &mut Criterion) {
    let run = run(SLICES);
    let mut judge = Judge::new(&run).expect("the default policy can be judged by");
    let checks: Vec<Check> = judge.checks().cloned().collect();
    let named: Vec<Slice> = std::iter::once(Slice::all()).chain(run.slices.clone()).collect();
    let mut index = 0;
    let mut group = criterion.benchmark_group("watermark");
    group.sample_size(20).throughput(Throughput::Elements((named.len() * checks.len()) as u64));
    group.bench_function("judge 10000 slices", |bencher| {
        bencher.iter_batched_ref(
            || {
                index += 1;
                window(index, &named, &checks)
            },
            |window| judge.step(window).expect("windows come in order"),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("fingerprint", |bencher| bencher.iter(|| black_box(judge.fingerprint())));
    group.sample_size(10);
    group.bench_function("document", |bencher| bencher.iter(|| black_box(judge.verdict().to_json().len())));
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);

fn run(slices: u64) -> Run {
    Run {
        run: "watermark".to_owned(),
        continues: None,
        attempt: 1,
        carried_windows: 0,
        started_ns: 0,
        candidate: Build::default(),
        baseline: Build::default(),
        control: ControlMode::Paired,
        policy: Policy::default(),
        rules: Vec::new(),
        profiles: Vec::new(),
        slices: (0..slices).map(|index| Slice::of("route", &format!("/r{index:05}"))).collect(),
        normaliser: NORMALISER,
        checks: Vec::new(),
        replicas: Vec::new(),
        history: Vec::new(),
        noise: Vec::new(),
        descriptors: None,
    }
}

/// 40 units a slice and check; a few of them worse or better.
fn window(index: u64, slices: &[Slice], checks: &[Check]) -> SealedWindow {
    let mut rows = Vec::with_capacity(slices.len() * checks.len());
    for (at, slice) in slices.iter().enumerate() {
        for (check_at, check) in checks.iter().enumerate() {
            let dice = (at as u64 * 31 + check_at as u64 * 17 + index * 7) % 100;
            let signs = Signs { worse: u64::from(dice == 0), better: u64::from(dice == 1) };
            let latency = matches!(check, Check::Latency(_) | Check::LatencySevere(_));
            rows.push(Row {
                window: index,
                slice: slice.clone(),
                check: check.clone(),
                units: 40,
                signs: (!latency).then_some(signs),
                reject: latency.then_some(signs),
                promote: latency.then_some(signs),
                threshold_ns: latency.then_some(41_222_144),
                control_bad: None,
                replicas: BTreeMap::new(),
            });
        }
    }
    let exposure = Exposure { mirrored: 100, compared: 100, ..Exposure::default() };
    SealedWindow { window: index, exposure: Some(exposure), rows, ..SealedWindow::default() }
}
