//! `parallax load run --knee`: the rate up to which the target keeps what was asked of it.

use super::pair::millis;
use super::{Sending, failed};
use crate::args::Global;
use crate::exit::{Exit, Failure, OrExit as _, Outcome};
use crate::interrupt::Interrupt;
use crate::output::{self, Format, note};
use clap::Args;
use parallax_loadgen::knee::{Knee, Search, Settings, Step};
use parallax_loadgen::report::IntegrityVerdict;
use parallax_loadgen::{LoadReport, Plan, Rate, Run, Source, Stop, Target};
use serde::Serialize;
use std::fmt::Write as _;
use std::time::Duration;

/// Whether and how to look for the knee.
#[derive(Debug, Args)]
pub(super) struct FindKnee {
    /// Raise the rate from --rate, a run of --duration at a time, until a --fail-if condition is missed, and
    /// close in on the highest rate that holds.
    #[arg(long, requires = "thresholds", conflicts_with_all = ["candidate", "requests", "html", "hlog", "hgrm"])]
    knee: bool,
    /// No higher rate is tried.
    #[arg(long, value_name = "RATE", default_value = "1M/s", requires = "knee")]
    knee_max: Rate,
    /// How close the held and the missed rate come, as a share.
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, requires = "knee", value_parser = share)]
    knee_precision: f64,
}

/// Each rate is tried until two of three agree.
const TRIES: u32 = 3;

/// By how much the rate is raised while it holds.
const FACTOR: f64 = 1.5;

/// The result: `parallax.knee/1`.
#[derive(Debug, Serialize)]
struct Document {
    schema: &'static str,
    partial: bool,
    target: String,
    conditions: Vec<String>,
    #[serde(flatten)]
    knee: Knee,
    steps: Vec<Step>,
    /// Whether the generator was the first to give up: then the target's knee is above `held`.
    generator_limited: bool,
}

impl FindKnee {
    pub(super) fn is_wanted(&self) -> bool {
        self.knee
    }

    pub(super) fn run(
        &self,
        global: &Global,
        sending: &Sending,
        target: &Target,
        source: &Source,
        from: Rate,
        duration: Duration,
    ) -> Outcome {
        let stop = Stop::default();
        Interrupt::listen_with({
            let stop = stop.clone();
            move || stop.set()
        })?;
        let mut search = Search::new(Settings {
            from: from.per_second(),
            factor: FACTOR,
            precision: self.knee_precision,
            tries: TRIES,
            to: self.knee_max.per_second(),
        });
        let mut generator_limited = false;
        while let Some(per_second) = search.next() {
            let plan = Plan::constant(rate(per_second)?, duration).or_exit(Exit::Usage)?;
            let options = sending.options();
            let run = Run { target: target.clone(), plan, source: source.clone(), options };
            let mut report = parallax_loadgen::run(&run, &stop, &mut ()).map_err(failed)?;
            if stop.is_set() {
                break;
            }
            let held = report.check(&sending.thresholds);
            generator_limited = report.document.integrity.verdict != IntegrityVerdict::Trustworthy;
            note!(global, "{}", line(per_second, held, generator_limited, &report));
            if generator_limited && !held {
                break; // What was missed may be the generator's fault: it says nothing of the target.
            }
            search.record(held);
        }
        let document = Document {
            schema: "parallax.knee/1",
            partial: stop.is_set(),
            target: target.to_string(),
            conditions: sending.thresholds.iter().map(ToString::to_string).collect(),
            knee: search.knee(),
            steps: search.steps().to_vec(),
            generator_limited,
        };
        match sending.format {
            Format::Terminal => output::result(&describe(&document))?,
            Format::Json => output::json(&document)?,
        }
        Ok(match (document.partial, document.generator_limited, document.knee.held) {
            (true, _, _) => Exit::Interrupted,
            (_, true, _) => Exit::Invalid,
            (_, _, None) => Exit::Different,
            (_, _, Some(_)) => Exit::Ok,
        })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is above 0 and at most 10^9"
)]
fn rate(per_second: f64) -> Result<Rate, Failure> {
    // A thousandth of a request is as exact as anybody needs.
    Rate::new((per_second * 1000.0).round() as u64, 1_000_000_000_000)
        .ok_or_else(|| Failure::new(Exit::Usage, "the rate must be above 0 and at most 10^9 per second"))
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().map_err(|error| format!("`{text}` is not a number: {error}"))?;
    if (0.001..=1.0).contains(&share) { Ok(share) } else { Err("must be from 0.001 to 1".to_owned()) }
}

fn line(per_second: f64, held: bool, generator_limited: bool, report: &LoadReport) -> String {
    let verdict = if held { "held  " } else { "missed" };
    let limited = if generator_limited { " (generator-limited)" } else { "" };
    let latency = &report.document.latency_ns;
    format!(
        "{verdict} {per_second:>10.1}/s  p50 {}  p99 {}  achieved {:.1}/s{limited}",
        millis(latency.p50),
        millis(latency.p99),
        report.document.achieved_rate,
    )
}

fn describe(document: &Document) -> String {
    let rate = |rate: f64| format!("{rate:.1}/s");
    let conditions = document.conditions.join(", ");
    let mut text = match (document.knee.held, document.knee.missed) {
        (Some(held), Some(missed)) => {
            format!("the knee is between {} (held) and {} (missed): {conditions}\n", rate(held), rate(missed))
        }
        (Some(held), None) => format!("{} held, the highest rate that was tried: {conditions}\n", rate(held)),
        (None, Some(missed)) => {
            format!("{} was missed, the first rate that was tried: {conditions}\n", rate(missed))
        }
        (None, None) => "no rate was decided\n".to_owned(),
    };
    if document.generator_limited {
        text += "the generator gave up before the target did: the target's knee lies higher\n";
    }
    if document.partial {
        text += "stopped early: a partial result\n";
    }
    for Step { rate, held, missed } in &document.steps {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {rate:>10.1}/s  held {held} of {}", held + missed);
    }
    text
}
