//! Runs of the judge itself: the code that gives verdicts, on drawn windows.

use parallax_comparator::check::Check;
use parallax_comparator::judge::Judge;
use parallax_comparator::judge::mixture::Counts;
use parallax_comparator::rows::{Row, SealedWindow, Signs};
use parallax_comparator::run::{Build, ControlMode, NORMALISER, Run};
use parallax_comparator::slice::Slice;
use parallax_comparator::verdict::State;
use parallax_config::{Policy, Span};
use std::collections::BTreeMap;

/// A run without floors of time and keys, of `windows` windows; `change` sets the rest.
pub(crate) fn run_of(
    windows: u64,
    checks: &[Check],
    slices: &[Slice],
    change: impl FnOnce(&mut Run),
) -> Judge {
    let policy = Policy {
        minimum_time: Span::secs(0),
        minimum_keys: 0,
        deadline: Span::secs(10 * windows),
        futility_looks: u64::MAX,
        ..Policy::default()
    };
    let mut run = Run {
        run: "simulated".to_owned(),
        continues: None,
        attempt: 1,
        carried_windows: 0,
        started_ns: 0,
        candidate: Build::default(),
        baseline: Build::default(),
        control: ControlMode::Paired,
        policy,
        rules: Vec::new(),
        profiles: Vec::new(),
        slices: slices.to_vec(),
        normaliser: NORMALISER,
        checks: checks.to_vec(),
        replicas: Vec::new(),
        history: Vec::new(),
        noise: Vec::new(),
        descriptors: None,
    };
    change(&mut run);
    Judge::new(&run).expect("simulated runs can be judged")
}

/// Which part of the burst guard is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guarding {
    /// Units alone count.
    Off,
    /// As the judge does.
    On,
    /// Windows are tested at all times.
    Always,
}

impl Guarding {
    /// Sets a run's policy so.
    pub(crate) fn set(self, run: &mut Run) {
        match self {
            Self::On => {}
            Self::Always => run.policy.guard_windows = u64::MAX,
            Self::Off => {
                run.policy.guard_windows = 0;
                run.policy.deff_limit = f64::MAX;
            }
        }
    }
}

/// The counts of a count check.
pub(crate) fn row(window: u64, slice: &Slice, check: &Check, counts: Counts) -> Row {
    Row {
        window,
        slice: slice.clone(),
        check: check.clone(),
        units: counts.n,
        signs: Some(signs(counts)),
        reject: None,
        promote: None,
        threshold_ns: None,
        control_bad: None,
        replicas: BTreeMap::new(),
    }
}

/// The counts of a latency check: the reject and the promote series over the same units.
pub(crate) fn latency_row(window: u64, check: &Check, reject: Counts, promote: Counts) -> Row {
    Row {
        signs: None,
        reject: Some(signs(reject)),
        promote: Some(signs(promote)),
        ..row(window, &Slice::all(), check, reject)
    }
}

pub(crate) fn signs(counts: Counts) -> Signs {
    Signs { worse: counts.worse, better: counts.better }
}

/// How a run ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    pub(crate) state: State,
    pub(crate) windows: u64,
}

impl End {
    /// Windows until this end; infinite for another one.
    pub(crate) fn windows_if(self, state: State) -> f64 {
        if self.state == state { self.windows as f64 } else { f64::INFINITY }
    }
}

/// Feeds a fresh copy of `judge` until it decides.
pub(crate) fn play(judge: &Judge, mut window: impl FnMut(u64) -> SealedWindow) -> End {
    let mut judge = judge.clone();
    while !judge.is_final() {
        let sealed = window(judge.watermark() + 1);
        judge.step(&sealed).expect("drawn counts are consistent");
    }
    End { state: judge.state(), windows: judge.watermark() }
}

/// The same for the mismatch check of the whole population alone.
pub(crate) fn play_mismatch(judge: &Judge, mut counts: impl FnMut(u64) -> Counts) -> End {
    let all = Slice::all();
    play(judge, |window| of_rows(window, vec![row(window, &all, &Check::Mismatch, counts(window))]))
}

/// A window that has rows and nothing else.
pub(crate) fn of_rows(window: u64, rows: Vec<Row>) -> SealedWindow {
    SealedWindow { window, rows, ..SealedWindow::default() }
}
