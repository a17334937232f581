//! The whole pipeline in one process: proxy, comparator, judge and console.
//!
//! Everything that `run` and `demo` share. The parts meet only here: the proxy writes the ledger and
//! the queue, the worker reads both and publishes, the console reads what is published.

use crate::commands::verdict::sign::signing_key;
use crate::exit::{Exit, Failure, OrExit as _};
use crate::redaction::redactor;
use crate::take_up::{TakenUp, take_up};
use crate::telemetry::Telemetry;
use anyhow::Context as _;
use parallax_comparator::diff::Schema;
use parallax_comparator::report::Published;
use parallax_comparator::run::{Build, ControlMode, NORMALISER, RouteProfile, Run};
use parallax_comparator::slice::Slice;
use parallax_comparator::verify;
use parallax_comparator::worker::{Publish, Worker, WorkerHandle, WorkerOptions};
use parallax_config::{Config, Role, Route};
use parallax_console::{Board, Console, Secret, Webhook};
use parallax_exchange::{Ledger, QueueLimits, log, queue};
use parallax_proxy::Proxy;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How this process runs; what it validates is in the [`Config`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// Keep every exchange in the log, as a recording.
    pub(crate) capture: bool,
    /// Serve the page and the API.
    pub(crate) console: bool,
    /// Keep evidence in the log of the configuration.
    pub(crate) log: bool,
    /// Begin a new run even if the log has one that was cut off.
    pub(crate) fresh: bool,
    /// Go on with a run that was cut off even if it names no digest.
    pub(crate) resume: bool,
    /// The undecided run to continue under a new name.
    pub(crate) continues: Option<String>,
}

/// A running pipeline.
#[derive(Debug)]
pub(crate) struct Embedded {
    proxy: parallax_proxy::Running,
    worker: WorkerHandle,
    console: Option<parallax_console::Running>,
    board: Board,
    telemetry: Telemetry,
    drain: Duration,
    /// What the start found in the log, for people.
    notes: Vec<String>,
}

/// What is left when the pipeline has stopped.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The last verdict and its report.
    pub(crate) published: Published,
    /// The console, still serving until it is dropped.
    pub(crate) console: Option<parallax_console::Running>,
}

impl Embedded {
    /// Starts every part; nothing is left running when one of them cannot start.
    pub(crate) fn start(config: &Config, options: Options) -> Result<Self, Failure> {
        let mut run = whole_run(config)?;
        if options.log {
            run.attempt += earlier_attempts(config);
        }
        let mut writer = options.log.then(|| open_log(config)).transpose()?;
        let taken = match &mut writer {
            Some(writer) => take_up(&config.log.url, &options, &run, &mut **writer)?,
            None => TakenUp::default(),
        };
        let limits = QueueLimits { count: config.limits.queue_exchanges, bytes: config.limits.queue_bytes };
        let (sender, receiver) = queue(limits);
        let receiver = receiver.redacted_by(redactor(&config.redact)?);
        let ledger = Ledger::new(config.policy.window.nanos());
        let mut board = Board::new().with_metrics(crate::metrics::install());
        if let Some(file) = &config.console.signing_key {
            board = board.with_signing_key(signing_key(file)?);
        }
        let webhook = webhook(&config.webhook)?;
        let console = options
            .console
            .then(|| Console::start_with(config.console.address, board.clone(), webhook))
            .transpose()
            .or_exit(Exit::Usage)?;
        let (telemetry, observer) = Telemetry::start(config)?;
        let proxy = Proxy::start_observed(config, ledger.clone(), sender, &observer).or_exit(Exit::Usage)?;
        // Only the proxy's own clones keep the threads that listen to it.
        drop(observer);
        let publisher = board.clone();
        let publish: Publish = Box::new(move |published| publisher.publish(published));
        let worker_options = WorkerOptions { capture: options.capture, ..WorkerOptions::default() };
        let worker = match (taken.resumed, writer) {
            (Some(resumed), Some(log)) => {
                Worker::resume(resumed, receiver, ledger, log, worker_options, publish)
            }
            (_, writer) => Worker::start(run, receiver, ledger, writer, worker_options, publish),
        };
        let worker = worker.or_exit(Exit::Usage)?;
        let drain = config.limits.drain_timeout.0;
        Ok(Self { proxy, worker, console, board, telemetry, drain, notes: taken.notes })
    }

    /// What the start found in the log, a line each.
    pub(crate) fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Where clients connect.
    pub(crate) fn address(&self) -> SocketAddr {
        self.proxy.address()
    }

    /// The proxy, to look at it and to change its configuration.
    pub(crate) fn handle(&self) -> parallax_proxy::Handle {
        self.proxy.handle()
    }

    /// Where the console listens.
    pub(crate) fn console(&self) -> Option<SocketAddr> {
        self.console.as_ref().map(parallax_console::Running::address)
    }

    /// The newest verdict and report.
    pub(crate) fn published(&self) -> Option<Published> {
        self.board.latest()
    }

    /// Whether the verdict stands for good.
    pub(crate) fn is_final(&self) -> bool {
        self.published().is_some_and(|published| published.verdict.is_final)
    }

    /// Drains the proxy, lets the comparator finish what is queued, and returns the last verdict.
    pub(crate) fn finish(self) -> Result<Finished, Failure> {
        // Before the proxy refuses its first connection: whoever routes traffic here looks at /readyz.
        self.board.drain();
        self.proxy.drain(self.drain);
        self.telemetry.finish();
        let outcome = self.worker.stop().or_exit(Exit::Io)?;
        Ok(Finished { published: outcome.published, console: self.console })
    }
}

/// The webhook of the configuration, with its secret from a file or from the environment.
fn webhook(settings: &parallax_config::Webhook) -> Result<Option<Webhook>, Failure> {
    let Some(url) = &settings.url else { return Ok(None) };
    let (place, text) = match (&settings.secret_file, &settings.secret_env) {
        (Some(file), _) => {
            let text = std::fs::read_to_string(file);
            let place = format!("{} (key webhook.secret_file)", file.display());
            (place.clone(), Some(text.with_context(|| format!("failed to read {place}")).or_exit(Exit::Io)?))
        }
        (None, Some(name)) => {
            let missing = || format!("the environment has no text variable {name} (key webhook.secret_env)");
            (format!("${name}"), Some(std::env::var(name).with_context(missing).or_exit(Exit::Usage)?))
        }
        (None, None) => (String::new(), None),
    };
    let webhook = Webhook::new(url, settings.timeout.0, settings.attempts).or_exit(Exit::Usage)?;
    let webhook = webhook.only_final(settings.only_final);
    let webhook = match &settings.roots {
        Some(file) => webhook.trusting(file).context("key webhook.roots").or_exit(Exit::Usage)?,
        None => webhook,
    };
    let secret = text.map(|text| Secret::read(&text)).transpose();
    let secret = secret.with_context(|| format!("{place} holds no usable secret")).or_exit(Exit::Usage)?;
    Ok(Some(match secret {
        Some(secret) => webhook.signed_with(secret),
        None => webhook,
    }))
}

/// Opens the log that the configuration names.
pub(crate) fn open_log(config: &Config) -> Result<Box<dyn log::Writer>, Failure> {
    let limits = log::Limits { segment_bytes: config.log.segment_bytes, total_bytes: config.log.total_bytes };
    log::open_writer(&config.log.url, limits)
        .with_context(|| format!("failed to open the log `{}` (key log.url)", config.log.url))
        .or_exit(Exit::Io)
}

/// Longest look into the log for earlier attempts: a start must not wait for gigabytes of recordings.
const LOOK_BACK: Duration = Duration::from_secs(2);

/// Runs of the same candidate digest that the log holds; 0 where the digest is not known.
///
/// A log that cannot be read is found out by the one who opens it for writing.
fn earlier_attempts(config: &Config) -> u64 {
    let digest = config.roles.candidate.as_ref().and_then(|role| role.digest.as_deref());
    let (Some(digest), Ok(mut reader)) = (digest, log::open_reader(&config.log.url)) else {
        return 0;
    };
    let until = Instant::now() + LOOK_BACK;
    let mut is_whole = true;
    let counted = verify::attempts(&mut *reader, digest, || {
        is_whole = Instant::now() < until;
        is_whole
    });
    if !is_whole || counted.is_err() {
        tracing::warn!(
            "the log was not read in whole: there may be more attempts at this digest than the verdict says"
        );
    }
    counted.unwrap_or(0)
}

/// A run with everything that its header needs, read from files where the configuration says so.
pub(crate) fn whole_run(config: &Config) -> Result<Run, Failure> {
    Ok(Run { descriptors: descriptors(config)?, ..new_run(config) })
}

/// Fixes what a run is: its name, its builds, its policy and its slices.
pub(crate) fn new_run(config: &Config) -> Run {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let started_ns = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
    let build = |role: Option<&Role>| {
        role.map_or_else(Build::default, |role| Build {
            image: role.image.clone(),
            digest: role.digest.clone(),
            revision: role.revision.clone(),
        })
    };
    Run {
        run: run_name(started_ns),
        continues: None,
        attempt: 1,
        carried_windows: 0,
        started_ns,
        candidate: build(config.roles.candidate.as_ref()),
        baseline: build(Some(&config.roles.primary)),
        control: if config.roles.control.is_some() { ControlMode::Paired } else { ControlMode::None },
        policy: config.policy.clone(),
        rules: config.rules_with_profiles(),
        profiles: profiles(config),
        slices: slices(config),
        normaliser: NORMALISER,
        checks: Vec::new(),
        replicas: Vec::new(),
        history: Vec::new(),
        noise: Vec::new(),
        descriptors: None,
    }
}

/// The descriptor set in base64: it becomes part of the run's header.
fn descriptors(config: &Config) -> Result<Option<String>, Failure> {
    let Some(file) = &config.descriptors else { return Ok(None) };
    let bytes = std::fs::read(file)
        .with_context(|| format!("failed to read {} (key descriptors)", file.display()))
        .or_exit(Exit::Usage)?;
    let portable = Schema::portable(&bytes);
    portable
        .with_context(|| format!("{} cannot be used (key descriptors)", file.display()))
        .or_exit(Exit::Usage)
        .map(Some)
}

/// The routes that carry a vendor's event API.
fn profiles(config: &Config) -> Vec<RouteProfile> {
    let of = |route: &Route| Some(RouteProfile { route: route.name.clone(), profile: route.profile? });
    config.routes.iter().filter_map(of).collect()
}

/// The named slices: the policy's, or else the routes.
fn slices(config: &Config) -> Vec<Slice> {
    // A policy that speaks of the whole only (its rate, its weight) names none.
    let stated = Slice::named(config.policy.slices.iter().map(|named| Slice::from(named.slice.clone())));
    match stated.is_empty() {
        true => Slice::named(config.routes.iter().map(|route| Slice::of("route", &route.name))),
        false => stated,
    }
}

/// A name such as `2026-11-22T14-02Z-a1b2`: the minute, and four digits that tell runs of one minute apart.
fn run_name(started_ns: u64) -> String {
    let time = jiff::Timestamp::from_nanosecond(i128::from(started_ns)).unwrap_or_default();
    let salt = started_ns ^ u64::from(std::process::id()).rotate_left(32);
    let suffix = salt.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 48;
    format!("{}-{suffix:04x}", time.strftime("%Y-%m-%dT%H-%MZ"))
}
