//! One measurement: a subject under one shape of load.

use crate::cpu;
use crate::load::{self, Shape};
use crate::subjects::{Plan, Subject};
use anyhow::Result;
use serde::Serialize;

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Cell {
    pub(crate) round: usize,
    pub(crate) subject: Subject,
    pub(crate) shape: Shape,
    pub(crate) requests: u64,
    pub(crate) seconds: f64,
    pub(crate) errors: u64,
    pub(crate) p99_ms: Option<f64>,
    /// CPU time of the subject's process; 0 where there is none.
    pub(crate) cpu_ns: u64,
    pub(crate) resident_kib: u64,
    /// Requests that the shadow answered, per live request.
    pub(crate) copied: f64,
}

impl Cell {
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds of seconds are exact in a float")]
    pub(crate) fn cpu_us_per_request(&self) -> f64 {
        self.cpu_ns as f64 / 1e3 / self.requests.max(1) as f64
    }
}

/// Measures every subject in every round, in random order.
pub(crate) fn measure(plan: &Plan, rounds: usize, seconds: u64, connections: usize) -> Result<Vec<Cell>> {
    let mut cells = Vec::new();
    for round in 0..rounds {
        let mut order = plan.cells();
        fastrand::shuffle(&mut order);
        for (subject, shape) in order {
            let cell = one(plan, round, subject, shape, seconds, connections)?;
            eprintln!(
                "round {} {:36} {:15} {:6.1} us/request, {:6.0}/s",
                round + 1,
                subject.name(),
                shape.name(),
                cell.cpu_us_per_request(),
                per_second(&cell)
            );
            cells.push(cell);
        }
    }
    Ok(cells)
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
pub(crate) fn per_second(cell: &Cell) -> f64 {
    cell.requests as f64 / cell.seconds
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn one(
    plan: &Plan,
    round: usize,
    subject: Subject,
    shape: Shape,
    seconds: u64,
    connections: usize,
) -> Result<Cell> {
    let started = plan.start(subject, shape.front())?;
    let address = started.as_ref().map_or(plan.primary, |(_, address)| *address);
    let folder = plan.folder.path();
    // Fills the pools and warms the caches; not measured.
    load::run(folder, address, shape, connections, 1)?;
    let process = started.as_ref().map(|(running, _)| running.id());
    let cpu = |process: Option<u32>| process.map_or(Ok(0), cpu::run_time);
    let (before, copied) = (cpu(process)?, plan.copied()?);
    let seen = load::run(folder, address, shape, connections, seconds)?;
    let cpu_ns = cpu(process)? - before;
    Ok(Cell {
        round,
        subject,
        shape,
        requests: seen.requests,
        seconds: seen.seconds,
        errors: seen.errors,
        p99_ms: seen.p99_ms,
        cpu_ns,
        resident_kib: process.map_or(Ok(0), cpu::resident)?,
        copied: (plan.copied()? - copied - 1) as f64 / seen.requests.max(1) as f64,
    })
}
