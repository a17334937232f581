//! Resident memory over millions of requests whose copies nobody takes.

use crate::children::free;
use crate::cpu;
use crate::front::Front;
use crate::load::{self, Shape};
use crate::subjects::{Plan, Subject};
use anyhow::{Context, Result};
use serde::Serialize;

/// How long, and how much.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Settings {
    /// Requests in all.
    #[arg(long, default_value_t = 10_000_000)]
    requests: u64,
    /// Keep-alive connections of the load.
    #[arg(long, default_value_t = 64)]
    connections: usize,
}

/// Memory at one moment.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Mark {
    requests: u64,
    errors: u64,
    resident_kib: u64,
}

/// Loads Parallax with mirror, comparator and a shadow that refuses connections.
pub(crate) fn measure(settings: &Settings) -> Result<Vec<Mark>> {
    let plan = Plan::prepare(Some("compare"), Some("1 KiB"))?;
    // Nothing listens there any more.
    let dead = free()?;
    let (running, at) =
        plan.start_before(Subject::ParallaxCompare, Front::Plain, dead)?.context("it is a proxy")?;
    let (mut requests, mut errors, mut marks) = (0, 0, Vec::new());
    while requests < settings.requests {
        let seen = load::run(plan.folder.path(), at, Shape::Post, settings.connections, 10)?;
        requests += seen.requests;
        errors += seen.errors;
        let mark = Mark { requests, errors, resident_kib: cpu::resident(running.id())? };
        eprintln!("{requests} requests, {errors} errors, {} KiB resident", mark.resident_kib);
        marks.push(mark);
    }
    Ok(marks)
}

/// Prints the first, the largest and the last.
pub(crate) fn print(marks: &[Mark]) {
    println!("| requests | errors | MiB resident |");
    println!("| --- | --- | --- |");
    let largest = marks.iter().max_by_key(|mark| mark.resident_kib);
    for mark in [marks.first(), largest, marks.last()].into_iter().flatten() {
        println!("| {} | {} | {:.1} |", mark.requests, mark.errors, mib(mark.resident_kib));
    }
}

#[expect(clippy::cast_precision_loss, reason = "kibibytes")]
fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
