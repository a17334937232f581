//! `parallax load selftest`: whether this generator may be believed on this machine.

use crate::args::Global;
use crate::exit::{Exit, Failure, Outcome};
use crate::interrupt::Interrupt;
use crate::output::{self, Format, note};
use clap::Args;
use parallax_config::Span;
use parallax_loadgen::Stop;
use parallax_loadgen::selftest::{self, Check, Peer, Settings};
use std::fmt::Write as _;
use std::time::Duration;

/// Prove the generator against a server that knows the truth, and beside others where installed.
///
/// The server runs in this process, stamps every request and plays a script: an even rate, a freeze, a queue
/// with constant and with random service, failures of every kind. What the generator found is printed beside
/// what the script and the textbook say. The exit code is 0 if all of it agrees, 10 if not, and 30 if it
/// does not because this machine is too busy.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  parallax load selftest\n  \
                        parallax load selftest --part 10s --format json")]
pub(crate) struct Selftest {
    /// How long each part takes; there are nine, and one for each other generator.
    #[arg(long, value_name = "DURATION", default_value = "3s")]
    part: Span,
    /// Run no other generator, whatever is installed.
    #[arg(long)]
    no_peers: bool,
    /// How to print the result.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

impl Selftest {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        if self.part.0 < Duration::from_secs(1) {
            return Err(Failure::new(Exit::Usage, "--part must be 1s or more: less shows nothing"));
        }
        let stop = Stop::default();
        Interrupt::listen_with({
            let stop = stop.clone();
            move || stop.set()
        })?;
        note!(global, "about {} seconds", self.part.0.as_secs() * if self.no_peers { 8 } else { 12 });
        let settings = Settings { part: self.part.0, peers: !self.no_peers };
        let found = selftest::selftest(settings, &stop)
            .map_err(|error| Failure { exit: Exit::Io, error: error.into() })?;
        match self.format {
            Format::Terminal => output::result(&describe(&found))?,
            Format::Json => output::json(&found)?,
        }
        Ok(match (stop.is_set(), found.held, found.trustworthy) {
            (true, _, _) => Exit::Interrupted,
            (_, true, _) => Exit::Ok,
            (_, false, true) => Exit::Different,
            (_, false, false) => Exit::Invalid,
        })
    }
}

fn describe(found: &selftest::Selftest) -> String {
    let mut text = format!("{:<44} {:>10} {:>10} {:>10}\n", "check", "expected", "found", "tolerance");
    // Writing to a String cannot fail.
    for Check { name, expected, found, tolerance, unit, held } in &found.checks {
        let number =
            |value: f64| if *unit == "requests" { format!("{value:.0}") } else { format!("{value:.1}") };
        let verdict = if *held { "held" } else { "MISSED" };
        let (expected, found, tolerance) = (number(*expected), number(*found), number(*tolerance));
        let _ = writeln!(text, "{name:<44} {expected:>10} {found:>10} {tolerance:>10} {unit:<8} {verdict}");
    }
    if !found.trustworthy {
        text += "\nThis machine was too busy for the generator to keep its schedule: times say little.\n";
    }
    if found.peers.is_empty() {
        return text;
    }
    let _ = writeln!(
        text,
        "\n{:<10} {:>9} {:>10} {:>14} {:>12} {:>12}",
        "generator", "requests", "per second", "median gap us", "empty slots", "cpu us/req"
    );
    for Peer { name, arrivals, cpu_us_per_request, note } in &found.peers {
        let _ = match arrivals {
            None => writeln!(text, "{name:<10} {note}"),
            Some(seen) => writeln!(
                text,
                "{name:<10} {:>9} {:>10.0} {:>14.0} {:>11.1}% {cpu_us_per_request:>12.1}  {note}",
                seen.count,
                seen.rate,
                seen.median_gap_us,
                seen.empty_slots * 100.0,
            ),
        };
    }
    text
}
