//! CPU time per request of Parallax beside nginx, HAProxy, Envoy and a relay that parses nothing, in one run.
//!
//! One proxy at a time stands between `wrk` and two nginx sinks (the primary and the shadow), all on
//! loopback; the proxy on one core, the rest on another where there are two. Inside the measurement:
//! the CPU time of all threads of the proxy's process, as the scheduler counts it. Outside: the load
//! generator and the sinks. Rounds are interleaved in random order, because a shared machine drifts;
//! ratios are taken inside a round and their medians reported.
//!
//! What is not installed is skipped with a word. Nothing leaves the machine.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the table goes to stdout, progress to stderr"
)]

mod cell;
mod children;
mod cpu;
mod envoy;
mod front;
mod haproxy;
mod hole;
mod load;
mod nginx;
mod relay;
mod report;
mod shield;
mod soak;
mod subjects;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Measures CPU time per request side by side with peers.
#[derive(Debug, Parser)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Rounds; each measures every subject once, in random order.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of load per cell.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// Keep-alive connections of the load.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Only subjects whose name contains this.
    #[arg(long)]
    only: Option<String>,
    /// Only loads whose name contains this.
    #[arg(long)]
    shape: Option<String>,
    /// Where raw results are kept.
    #[arg(long, default_value = "benches/results", global = true)]
    out: PathBuf,
}

/// Other measurements, and what this program does when it is measured itself.
#[derive(Debug, Clone, Subcommand)]
enum Command {
    /// The live path at a fixed rate while the shadow answers nothing, and after.
    Hole(hole::Settings),
    /// Resident memory over many requests whose copies nobody takes.
    Soak(soak::Settings),
    /// A relay that copies bytes and knows no HTTP.
    #[command(hide = true)]
    Relay(relay::Options),
    /// Parallax.
    #[command(hide = true)]
    Parallax(shield::Options),
}

fn main() -> Result<()> {
    let args = Args::parse();
    match args.command {
        Some(Command::Relay(options)) => relay::serve(&options),
        Some(Command::Parallax(options)) => shield::serve(&options),
        Some(Command::Hole(settings)) => {
            let phases = hole::measure(&settings)?;
            report::keep(&args.out, "hole", &phases)?;
            hole::print(&phases);
            Ok(())
        }
        Some(Command::Soak(settings)) => {
            let marks = soak::measure(&settings)?;
            report::keep(&args.out, "soak", &marks)?;
            soak::print(&marks);
            Ok(())
        }
        None => {
            let plan = subjects::Plan::prepare(args.only.as_deref(), args.shape.as_deref())?;
            let cells = cell::measure(&plan, args.rounds, args.seconds, args.connections)?;
            report::keep(&args.out, "peers", &cells)?;
            report::print(&cells)
        }
    }
}
