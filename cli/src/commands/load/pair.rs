//! The same load on two builds, ending in a verdict.
//!
//! Only the mirror is missing here: the generator itself sends every arrival to all targets, and what they
//! answer goes the way of mirrored traffic, to the same comparator and the same judge.

use super::{Sending, Watch, failed};
use crate::args::Global;
use crate::embedded::new_run;
use crate::exit::{Exit, Failure, OrExit as _, Outcome};
use crate::interrupt::Interrupt;
use crate::output::{self, Format, note};
use crate::summary;
use clap::Args;
use http::HeaderName;
use parallax_comparator::report::Published;
use parallax_comparator::worker::{Worker, WorkerOptions};
use parallax_config::{Config, Day, Policy, Rule, Span, UnitKind};
use parallax_exchange::{Ledger, QueueLimits, Request, queue};
use parallax_loadgen::report::IntegrityVerdict;
use parallax_loadgen::{LoadReport, PairedReport, PairedRun, Plan, Stop, Target, run_paired};
use serde_json::json;
use std::path::PathBuf;

/// The second build, and how to judge it.
#[derive(Debug, Args)]
pub(super) struct Pair {
    /// A second build: every request goes to both at the same time, and the run ends in a verdict.
    #[arg(long, value_name = "URL", conflicts_with_all = ["hlog", "hgrm", "html", "requests"])]
    candidate: Option<String>,
    /// A second copy of the target's build; without it noise is not measured and latency not judged.
    #[arg(long, value_name = "URL", requires = "candidate")]
    control: Option<String>,
    /// A file with the `[policy]` tables: what counts as worse.
    #[arg(long, value_name = "FILE", requires = "candidate")]
    policy: Option<PathBuf>,
    /// A file with `[[rules]]`: what may differ.
    #[arg(long, value_name = "FILE", requires = "candidate")]
    rules: Option<PathBuf>,
    /// The header that names a session: evidence is counted by session.
    #[arg(long, value_name = "NAME", requires = "candidate")]
    session_header: Option<HeaderName>,
}

const CONFIG: &str = include_str!("pair.toml");

/// Answers that wait for the comparator.
const WAITING: QueueLimits = QueueLimits { count: 16_384, bytes: 128 << 20 };

impl Pair {
    pub(super) fn is_wanted(&self) -> bool {
        self.candidate.is_some()
    }

    pub(super) fn run(
        &self,
        global: &Global,
        sending: &Sending,
        target: Target,
        plan: &Plan,
        requests: Vec<Request>,
        from: &str,
    ) -> Outcome {
        let config = self.config(sending)?;
        let others = [&self.candidate, &self.control].into_iter().flatten();
        let mut targets = vec![target];
        for url in others {
            targets.push(sending.target(url)?);
        }
        let session = self.session_header.clone();
        let run = PairedRun::new(targets, plan, requests, from, session, sending.options());
        let run = run.map_err(failed)?;
        let stop = Stop::default();
        Interrupt::listen_with({
            let stop = stop.clone();
            move || stop.set()
        })?;
        let (sender, receiver) = queue(WAITING);
        let ledger = Ledger::new(config.policy.window.nanos());
        let worker = Worker::start(
            new_run(&config),
            receiver,
            ledger.clone(),
            None,
            WorkerOptions::default(),
            Box::new(|_| ()),
        )
        .or_exit(Exit::Usage)?;
        let mut watch = Watch::new(global, plan.arrivals() * run.runs().len() as u64, None)?;
        let load = run_paired(&run, &stop, &mut watch, &ledger, sender);
        watch.finish()?;
        let mut load = load.map_err(failed)?;
        let published = worker.stop().or_exit(Exit::Io)?.published;
        let held = load.targets.iter_mut().all(|report| report.check(&sending.thresholds));
        self.print(global, sending.format, &published, &load)?;
        Ok(exit(&published, &load, held))
    }

    /// The policy and the rules, as a configuration of which nothing else is used.
    fn config(&self, sending: &Sending) -> Result<Config, Failure> {
        let parsed = Config::parse(CONFIG, "pair.toml", [], Day::today());
        let mut config = parsed.expect("a test parses the configuration of pairs").config;
        if self.control.is_none() {
            config.roles.control = None;
        }
        if self.session_header.is_some() {
            config.policy.unit = UnitKind::Session;
        }
        // An answer that may still come must not be late.
        config.policy.shadow_timeout = Span(sending.timeout.0);
        if let Some(file) = &self.policy {
            let policy = Policy::load(file, parallax_config::environment());
            config.policy = policy.map_err(crate::commands::config::refused)?;
        }
        if let Some(file) = &self.rules {
            config.rules = Rule::load(file, Day::today()).map_err(crate::commands::config::refused)?;
        }
        Ok(config)
    }

    fn print(
        &self,
        global: &Global,
        format: Format,
        published: &Published,
        load: &PairedReport,
    ) -> Result<(), Failure> {
        if self.control.is_none() {
            note!(
                global,
                "latency is shown and not judged: --control names no second copy of the target's build"
            );
        }
        match format {
            Format::Terminal => {
                output::result(&summary::terminal(published))?;
                output::result(&loads(load))
            }
            Format::Json => {
                let is_partial = load.targets.iter().any(|report| report.document.partial);
                let mut document = summary::document(published, is_partial);
                document["load"] = json!({
                    "compared": load.compared,
                    "lost": load.lost,
                    "targets": load.targets,
                });
                output::json(&document)
            }
        }
    }
}

/// One line for each target, below the verdict.
fn loads(load: &PairedReport) -> String {
    let mut text = String::from("\nload\n");
    for (role, report) in ["target", "candidate", "control"].iter().zip(&load.targets) {
        let LoadReport { document, .. } = report;
        let failed: u64 = document.errors.values().sum();
        text += &format!(
            "  {role:<9} {}: planned {}, completed {}, failed {failed}, p50 {}, p99 {}, generator {}\n",
            document.target,
            document.planned,
            document.completed,
            millis(document.latency_ns.p50),
            millis(document.latency_ns.p99),
            document.integrity.verdict.name(),
        );
    }
    text += &format!("  compared {}, lost {}\n", load.compared, load.lost);
    text
}

#[expect(clippy::cast_precision_loss, reason = "shown with three decimals")]
pub(super) fn millis(ns: u64) -> String {
    format!("{:.3} ms", ns as f64 / 1e6)
}

/// The verdict's exit code, unless the run that it rests on was stopped, missed a threshold, or measured the
/// generator instead of the targets.
fn exit(published: &Published, load: &PairedReport, held: bool) -> Exit {
    let all = |is: fn(&LoadReport) -> bool| load.targets.iter().all(is);
    if !all(|report| !report.document.partial) {
        return Exit::Interrupted;
    }
    match summary::exit(&published.verdict) {
        Exit::Ok if !held => Exit::Different,
        Exit::Ok if !all(|report| report.document.integrity.verdict == IntegrityVerdict::Trustworthy) => {
            Exit::Invalid
        }
        exit => exit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_of_pairs_is_a_policy() {
        let loaded = Config::parse(CONFIG, "pair.toml", [], Day::today()).expect("a configuration");
        assert_eq!(loaded.config.policy.unit, UnitKind::Request);
    }
}
