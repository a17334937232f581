//! The table, and the raw cells with the machine and the command that made them.

use crate::cell::{Cell, per_second};
use crate::load::{BATCH, Shape};
use crate::subjects::Subject;
use anyhow::{Context, Result};
use serde::Serialize;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Keeps every cell of a measurement as one JSON document.
pub(crate) fn keep(folder: &Path, name: &str, cells: &impl Serialize) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let file = folder.join(format!("{name}-{seconds}.json"));
    let document = serde_json::json!({
        "schema": format!("parallax.bench.{name}/2"),
        "command": std::env::args().skip(1).collect::<Vec<_>>(),
        "unix_seconds": seconds,
        "machine": machine(),
        "cells": cells,
    });
    std::fs::write(&file, serde_json::to_string_pretty(&document)? + "\n")
        .with_context(|| format!("failed to write {}", file.display()))?;
    eprintln!("raw results: {}", file.display());
    Ok(())
}

fn machine() -> serde_json::Value {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map(|text| text.trim_start_matches([' ', '\t', ':']));
    serde_json::json!({
        "cpu": model,
        "cores": std::thread::available_parallelism().map_or(1, usize::from),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "load": read("/proc/loadavg").trim(),
    })
}

/// Prints one table: medians over the rounds, and medians of ratios inside a round.
pub(crate) fn print(cells: &[Cell]) -> Result<()> {
    for shape in Shape::ALL.into_iter().filter(|&shape| cells.iter().any(|cell| cell.shape == shape)) {
        println!(
            "\n{}, CPU us per request of the proxy's process: median (range); x = median ratio inside a round",
            shape.name()
        );
        println!(
            "| | us | x nginx mirror | x Envoy mirror | x relay + mirror | req/s | p99 ms | copied | MiB | errors |"
        );
        println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
        for subject in Subject::ALL {
            let of: Vec<_> =
                cells.iter().filter(|cell| cell.subject == subject && cell.shape == shape).collect();
            if !of.is_empty() {
                println!("{}", row(cells, subject, shape, &of));
            }
        }
        if shape == Shape::Events {
            events(cells);
        }
    }
    Ok(())
}

/// What the batches come to, beside two trillion events a day.
#[expect(clippy::cast_precision_loss, reason = "a hundred")]
fn events(cells: &[Cell]) {
    const A_SECOND: f64 = 2e12 / 86_400.0;
    for subject in Subject::ALL {
        let of = cells.iter().filter(|cell| (cell.subject, cell.shape) == (subject, Shape::Events));
        let cpu: Vec<_> = of.map(Cell::cpu_us_per_request).filter(|&us| us > 0.0).collect();
        if !cpu.is_empty() {
            let rate = BATCH as f64 / (median(cpu) / 1e6);
            println!(
                "{}: {BATCH} events / CPU time = {rate:.0} events per core-second = {:.2} % of {A_SECOND:.0} a second (2T a day): {:.0} cores",
                subject.name(),
                rate / A_SECOND * 100.0,
                A_SECOND / rate
            );
        }
    }
}

fn row(cells: &[Cell], subject: Subject, shape: Shape, of: &[&Cell]) -> String {
    let median_of = |number: &dyn Fn(&Cell) -> f64| median(of.iter().map(|cell| number(cell)).collect());
    let cpu: Vec<_> = of.iter().map(|cell| cell.cpu_us_per_request()).collect();
    let (low, high) = cpu.iter().fold((f64::MAX, 0.0_f64), |(low, high), &us| (low.min(us), high.max(us)));
    let against =
        |peer| ratio(cells, of, peer, shape).map_or("–".to_owned(), |ratio| format!("{ratio:.2}"));
    let errors: u64 = of.iter().map(|cell| cell.errors).sum();
    let copied =
        if subject.copies() { format!("{:.3}", median_of(&|cell| cell.copied)) } else { "–".to_owned() };
    let told: Option<Vec<_>> = of.iter().map(|cell| cell.p99_ms).collect();
    let p99 = told.map_or("–".to_owned(), |numbers| format!("{:.1}", median(numbers)));
    #[expect(clippy::cast_precision_loss, reason = "kibibytes")]
    let resident = median_of(&|cell| cell.resident_kib as f64 / 1024.0);
    format!(
        "| {} | {:.1} ({low:.1}–{high:.1}) | {} | {} | {} | {:.0} | {} | {copied} | {resident:.0} | {errors} |",
        subject.name(),
        median(cpu),
        against(Subject::NginxMirror),
        against(Subject::EnvoyMirror),
        against(Subject::RelayMirror),
        median_of(&per_second),
        p99,
    )
}

/// The median over the rounds of the CPU time per request over that of `peer` in the same round.
fn ratio(cells: &[Cell], of: &[&Cell], peer: Subject, shape: Shape) -> Option<f64> {
    let ratios: Vec<_> = of
        .iter()
        .filter_map(|cell| {
            let same = |other: &&Cell| (other.subject, other.shape, other.round) == (peer, shape, cell.round);
            let base = cells.iter().find(same)?.cpu_us_per_request();
            (base > 0.0 && cell.cpu_ns > 0).then(|| cell.cpu_us_per_request() / base)
        })
        .collect();
    (!ratios.is_empty()).then(|| median(ratios))
}

/// The median; 0 of nothing.
pub(crate) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    match numbers.len() {
        0 => 0.0,
        length if length % 2 == 1 => numbers[middle],
        _ => f64::midpoint(numbers[middle - 1], numbers[middle]),
    }
}
