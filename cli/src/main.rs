//! Parallax: may this candidate build be promoted?
//!
//! This binary is a table of contents: each command is a file in `commands/`, and each of them wires
//! the library crates together and prints what they say.

mod args;
mod commands;
mod control;
mod embedded;
mod exit;
mod http_get;
mod interrupt;
mod metrics;
mod output;
mod redaction;
mod report_file;
mod summary;
mod take_up;
mod telemetry;

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args = args::Args::parse();
    args.global.color.apply();
    start_logging(&args.global);
    match commands::run(args) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            failure.print();
            failure.exit.into()
        }
    }
}

/// Logs go to stderr; `PARALLAX_LOG` chooses what, as `RUST_LOG` does elsewhere.
fn start_logging(global: &args::Global) {
    use tracing_subscriber::EnvFilter;
    let default = if global.quiet { "error,rdkafka::client=off" } else { "warn,rdkafka::client=off" };
    let filter = EnvFilter::try_from_env("PARALLAX_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).compact().init();
}
