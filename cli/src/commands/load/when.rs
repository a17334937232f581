//! When requests are due: the arguments that make an arrival plan.

use crate::exit::{Exit, Failure, OrExit as _};
use anyhow::Context as _;
use clap::{Args, ValueEnum};
use parallax_config::Span;
use parallax_loadgen::plan::shapes::{self, Ramp, Step, Wave};
use parallax_loadgen::plan::{Piece, Spacing};
use parallax_loadgen::{Plan, Rate};
use std::path::PathBuf;
use std::time::Duration;

/// Which requests are due when.
#[derive(Debug, Args)]
#[group(id = "when")]
pub(crate) struct When {
    /// How many requests in which time, such as `1000/s` or `50/m`.
    #[arg(long, value_name = "RATE", required_unless_present_any = ["ramp", "steps", "profile", "closed"])]
    rate: Option<Rate>,
    /// A rate that rises or falls over the duration, such as `100/s..1000/s` or `0..1000/s`.
    #[arg(long, value_name = "FROM..TO", conflicts_with_all = ["rate", "steps", "profile", "wave"])]
    ramp: Option<Ramp>,
    /// Rates one after another, such as `100/s:10s,200/s:10s`.
    #[arg(long, value_name = "RATE:DURATION,…", value_delimiter = ',', conflicts_with_all = ["rate", "profile", "wave", "duration"])]
    steps: Vec<Step>,
    /// A sine on top of the rate: amplitude and period, such as `50/s@10m`.
    #[arg(long, value_name = "RATE@PERIOD", requires = "rate")]
    wave: Option<Wave>,
    /// A file with one `seconds,rate per second` a line; straight lines between.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["rate", "wave", "duration"])]
    profile: Option<PathBuf>,
    /// How requests lie under the rate: evenly, or at random as independent clients send them.
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    arrivals: Arrivals,
    /// What random arrivals are drawn from: the same seed gives the same plan, on any number of cores.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// No plan: each of `--connections` sends its next request when the last was answered. Stalls of the
    /// target are missing in such latencies, and the report says so.
    #[arg(long, conflicts_with_all = ["rate", "ramp", "steps", "profile", "wave", "arrivals"])]
    closed: bool,
    /// How long.
    #[arg(long, value_name = "DURATION", default_value = "10s")]
    duration: Span,
}

/// How requests lie under a rate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Arrivals {
    /// Evenly.
    #[default]
    Even,
    /// At random: a Poisson process.
    Poisson,
}

impl When {
    /// The plan that was asked for.
    pub(crate) fn plan(&self) -> Result<Plan, Failure> {
        if self.closed {
            return Plan::closed(self.duration.0).or_exit(Exit::Usage);
        }
        let (kind, pieces) = match self.shape()? {
            Shape::Constant(rate) if self.arrivals == Arrivals::Even => {
                return Plan::constant(rate, self.duration.0).or_exit(Exit::Usage);
            }
            Shape::Constant(rate) => {
                return Plan::poisson(rate, self.duration.0, self.seed).or_exit(Exit::Usage);
            }
            Shape::Pieces(kind, pieces) => (kind, pieces),
        };
        let spacing = match self.arrivals {
            Arrivals::Even => Spacing::Even,
            Arrivals::Poisson => Spacing::Poisson { seed: self.seed },
        };
        Plan::profile(kind, pieces, spacing).or_exit(Exit::Usage)
    }

    /// The constant rate and its duration, where that is what was asked for.
    pub(crate) fn constant(&self) -> Result<(Rate, Duration), Failure> {
        if self.closed {
            return Err(Failure::new(Exit::Usage, "--knee raises a rate, and a closed loop has none"));
        }
        match self.shape()? {
            Shape::Constant(rate) if self.arrivals == Arrivals::Even => Ok((rate, self.duration.0)),
            _ => Err(Failure::new(
                Exit::Usage,
                "--knee raises a constant rate: give --rate and --duration alone",
            )),
        }
    }

    fn shape(&self) -> Result<Shape, Failure> {
        if let Some(file) = &self.profile {
            let place = file.display().to_string();
            let text = std::fs::read_to_string(file).with_context(|| format!("failed to read {place}"));
            let pieces = shapes::table(&place, &text.or_exit(Exit::Io)?).or_exit(Exit::Usage)?;
            return Ok(Shape::Pieces("table", pieces));
        }
        if let Some(Ramp { from, to }) = self.ramp {
            return Ok(Shape::Pieces("ramp", vec![Piece::between(from, to, self.duration.0)]));
        }
        match (self.rate, self.wave) {
            (Some(rate), None) => Ok(Shape::Constant(rate)),
            (Some(rate), Some(Wave { amplitude, period })) => {
                let pieces = shapes::sine(rate, amplitude, period, self.duration.0).or_exit(Exit::Usage)?;
                Ok(Shape::Pieces("sine", pieces))
            }
            (None, _) => {
                let levels = self.steps.iter().map(|step| Piece::level(step.rate, step.duration));
                Ok(Shape::Pieces("staircase", levels.collect()))
            }
        }
    }
}

enum Shape {
    Constant(Rate),
    Pieces(&'static str, Vec<Piece>),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        when: When,
    }

    fn planned(arguments: &str) -> Result<(&'static str, u64), String> {
        let line = Line::try_parse_from(std::iter::once("load").chain(arguments.split(' ')));
        let plan = line.map_err(|error| error.to_string())?.when.plan();
        let document = plan.map_err(|failure| failure.error.to_string())?.describe();
        Ok((document.kind, document.arrivals))
    }

    #[test]
    fn every_shape_can_be_asked_for() {
        assert_eq!(planned("--rate 10/s"), Ok(("constant", 100)));
        assert_eq!(planned("--rate 10/s --arrivals poisson --seed 3"), Ok(("poisson", 100)));
        assert_eq!(planned("--ramp 0..10/s --duration 4s"), Ok(("ramp", 20)));
        assert_eq!(planned("--steps 10/s:1s,20/s:2s"), Ok(("staircase", 50)));
        assert_eq!(planned("--rate 10/s --wave 5/s@2s --duration 4s"), Ok(("sine", 40)));
    }

    #[test]
    fn shapes_that_contradict_each_other_are_refused() {
        for arguments in
            ["--duration 4s", "--rate 1/s --ramp 0..2/s", "--steps 1/s:1s --duration 2s", "--wave 1/s@1s"]
        {
            assert!(planned(arguments).is_err(), "{arguments}");
        }
        let error = planned("--rate 1/s --wave 2/s@1s").unwrap_err();
        assert!(error.contains("above the mean rate"), "{error}");
    }
}
