//! Runs the replications of a case on several threads, and sums them up.

use crate::case::{Case, Column, Kind};
use crate::draw::Random;
use std::sync::atomic::{AtomicU32, Ordering};

/// What came of a case.
pub(crate) struct Found {
    pub(crate) replications: u32,
    pub(crate) figures: Vec<Figure>,
}

/// One figure with its error.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    /// Infinite for a median that less than half of the runs reached.
    pub(crate) value: f64,
    /// Standard error.
    pub(crate) error: f64,
    /// Whether a guarantee holds, as far as the error lets one say.
    pub(crate) holds: Option<bool>,
    /// Whether it is the published figure, within the errors of both; `None` where none is published.
    pub(crate) agrees: Option<bool>,
}

/// Standard errors within which two figures count as the same, and beyond which a guarantee has failed.
const ERRORS: f64 = 3.0;

impl Found {
    pub(crate) fn all_hold(&self) -> bool {
        self.figures.iter().all(|figure| figure.holds != Some(false))
    }
}

/// Simulates `replications` runs of `case`.
pub(crate) fn run(case: &Case, replications: u32, threads: usize, seed: u64) -> Found {
    let values = replicate(case, replications, threads, seed);
    let figure = |(at, column): (usize, &Column)| {
        let values: Vec<f64> = values.iter().map(|row| row[at]).collect();
        summary(column, values, case.published_replications)
    };
    Found { replications, figures: case.columns.iter().enumerate().map(figure).collect() }
}

fn replicate(case: &Case, replications: u32, threads: usize, seed: u64) -> Vec<Vec<f64>> {
    let next = AtomicU32::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= replications {
                return done;
            }
            let values = (case.trial)(&mut Random::new(seed_of(&case.name, at, seed)));
            assert_eq!(values.len(), case.columns.len(), "{}: a value for each column", case.name);
            done.push((at, values));
        }
    };
    let mut rows: Vec<(u32, Vec<f64>)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a replication panicked")).collect()
    });
    rows.sort_by_key(|(at, _)| *at);
    rows.into_iter().map(|(_, values)| values).collect()
}

/// FNV-1a over the name and both numbers.
fn seed_of(name: &str, replication: u32, seed: u64) -> u64 {
    let numbers = replication.to_le_bytes().into_iter().chain(seed.to_le_bytes());
    name.bytes()
        .chain(numbers)
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn summary(column: &Column, mut values: Vec<f64>, published_replications: u32) -> Figure {
    let n = values.len() as f64;
    let (value, error) = match column.kind {
        Kind::Share => {
            let p = values.iter().sum::<f64>() / n;
            (p, share_error(p, n))
        }
        Kind::Mean => {
            let mean = values.iter().sum::<f64>() / n;
            let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
            (mean, (variance / n).sqrt())
        }
        Kind::Median => {
            values.sort_by(f64::total_cmp);
            // The ranks that hold the median with probability 0.68.
            let at = |rank: f64| values[(rank.max(0.0) as usize).min(values.len() - 1)];
            let half = n.sqrt() / 2.0;
            (at(n / 2.0), (at(n / 2.0 + half) - at(n / 2.0 - half)) / 2.0)
        }
    };
    let holds = column.limit.map(|limit| value - ERRORS * error <= limit);
    let agrees = column.published.map(|published| {
        let theirs = match column.kind {
            Kind::Share => share_error(published, f64::from(published_replications)),
            // The error of a median or a mean shrinks with the root of the number of runs.
            Kind::Median | Kind::Mean => error * (n / f64::from(published_replications)).sqrt(),
        };
        // Published figures are rounded, and medians lie on a grid of looks.
        let grid = match column.kind {
            Kind::Median => column.step.max(0.03 * published.abs().max(34.0)),
            Kind::Mean => 0.03 * published.abs(),
            Kind::Share => 5e-4,
        };
        // Medians that neither reached are equal, and have no error.
        value == published || (value - published).abs() <= ERRORS * error.hypot(theirs) + grid
    });
    Figure { value, error, holds, agrees }
}

/// The standard error of a share, by the rule of succession where it is 0 or 1.
fn share_error(p: f64, n: f64) -> f64 {
    let p = p.clamp(1.0 / (n + 2.0), 1.0 - 1.0 / (n + 2.0));
    (p * (1.0 - p) / n).sqrt()
}
