//! Simulates the procedure against known truths, beside the rules that other tools use.
//!
//! A guarantee such as "a candidate nowhere worse than tolerated is rejected in at most 5% of runs, however
//! often one looks" is a theorem with assumptions. This program checks the theorem on the code that judges,
//! shows what its assumptions cost where they fail, and prints the figures of the specification beside its own.
//! What is drawn are counts wherever a count says everything, so that thousands of runs take seconds.
//! Every replication has a seed of its own, made of the case's name and its number: which rows are chosen, and
//! how many threads there are, changes nothing.

mod bursts;
mod case;
mod cells;
mod draw;
mod grids;
mod guard;
mod histograms;
mod judged;
mod latency;
mod pairs;
mod report;
mod rivals;
mod run;
mod unsimulated;
mod whole;

use case::Case;
use clap::Parser;
use std::process::ExitCode;

/// Simulates the judge, and says where a guarantee does not hold.
#[derive(Debug, Parser)]
#[command(
    name = "simulate",
    after_help = "Examples:\n  simulate --list\n  simulate A1 G --replications 2000 --threads 2\n\n\
                  Exit codes: 0 every guarantee held, 10 one did not."
)]
struct Args {
    /// Rows whose name begins so, such as `A1` or `G/incident`; every row when absent.
    rows: Vec<String>,
    /// Replications of each row; each row's own number when absent.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
    replications: Option<u32>,
    /// Threads; one for each core when absent.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Changes every seed.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Names the rows and simulates none.
    #[arg(long)]
    list: bool,
}

/// Every row, in the order of the specification's tables; then what it lists as not simulated.
fn cases() -> Vec<Case> {
    [
        pairs::cases(),
        grids::cases(),
        latency::cases(),
        histograms::cases(),
        cells::cases(),
        bursts::cases(),
        whole::cases(),
        guard::cases(),
        unsimulated::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[expect(clippy::print_stdout, reason = "the table is the result")]
fn main() -> ExitCode {
    let args = Args::parse();
    let chosen = |case: &Case| args.rows.is_empty() || args.rows.iter().any(|row| case.name.starts_with(row));
    let threads = args.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let mut all_hold = true;
    println!("{}", report::HEAD);
    for case in cases().into_iter().filter(chosen) {
        if args.list {
            println!("{}", case.name);
            continue;
        }
        let found = run::run(&case, args.replications.unwrap_or(case.replications), threads, args.seed);
        all_hold &= found.all_hold();
        print!("{}", report::rows(&case, &found));
    }
    if all_hold { ExitCode::SUCCESS } else { ExitCode::from(10) }
}

#[cfg(test)]
mod tests;
