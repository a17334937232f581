//! Cost of a watermark that touches every check of many slices.
//!
//! `cargo run --release -p parallax-comparator --example watermark -- 10000 20` judges 20 windows of
//! 10,000 slices and prints time for each part, per window and per cell. The windows are made before
//! the clock starts; documents are built apart, because a judge builds them only when asked.

use parallax_comparator::check::Check;
use parallax_comparator::judge::Judge;
use parallax_comparator::rows::{Exposure, Row, SealedWindow, Signs};
use parallax_comparator::run::{Build, ControlMode, NORMALISER, Run};
use parallax_comparator::slice::Slice;
use parallax_config::Policy;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|argument| argument.parse::<u64>().ok());
    let slices = arguments.next().unwrap_or(10_000);
    let windows = arguments.next().unwrap_or(20);
    let run = run(slices);
    let mut judge = Judge::new(&run).expect("the default policy can be judged by");
    let checks: Vec<Check> = judge.checks().cloned().collect();
    let named: Vec<Slice> = std::iter::once(Slice::all()).chain(run.slices.clone()).collect();
    let cells = named.len() * checks.len();

    let mut times = Vec::new();
    for index in 1..=windows {
        let window = window(index, &named, &checks);
        let begin = Instant::now();
        judge.step(&window).expect("windows come in order");
        times.push(begin.elapsed());
    }
    times.sort();
    let begin = Instant::now();
    let document = judge.verdict();
    let built = begin.elapsed();
    let json = document.to_json();
    let written = begin.elapsed() - built;
    let median = times[times.len() / 2];
    report(&format!("{cells} cells touched, median of {windows} windows"), median, cells);
    report("building the document", built, cells);
    report(&format!("writing it ({} MB)", json.len() / 1_000_000), written, cells);
}

#[expect(clippy::print_stdout, reason = "the result of the example")]
fn report(what: &str, time: Duration, cells: usize) {
    println!("{what}: {time:.2?}, {:.0} ns a cell", time.as_nanos() as f64 / cells as f64);
}

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
