//! `parallax proxy`: the data plane alone, which records what it sees.
//!
//! Nothing is compared here: every exchange goes to the log, where it can be replayed or looked into
//! on another machine. A thread of its own writes; where the disk is slower than the traffic, the
//! bounded queue before it drops, and what is dropped is counted and makes the recording unfit as
//! evidence. A log in Kafka is written the same way, by `topic`.

mod topic;

use crate::args::Global;
use crate::commands::config::load;
use crate::control::Control;
use crate::embedded::open_log;
use crate::exit::{Exit, Failure, OrExit as _, Outcome};
use crate::interrupt::{Interrupt, Waited};
use crate::output::{self, Format, note};
use crate::redaction::redactor;
use crate::telemetry::Telemetry;
use clap::Args;
use parallax_config::{Config, Running, Span};
use parallax_exchange::log::{Record, Writer};
use parallax_exchange::{Admissions, Empty, Ledger, QueueLimits, Receiver, queue};
use parallax_pipeline::is_kafka;
use parallax_proxy::Stats;
use serde::Serialize;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::Duration;

/// Exchanges that are written at once, at most.
const BATCH: usize = 256;

/// The longest that a recorded exchange waits to be made durable, and the end of all is waited for.
const LOOK: Duration = Duration::from_millis(200);

/// The proxy alone: mirrors traffic and records every exchange in the log.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  parallax proxy --config config/minimal.toml\n  \
                        parallax proxy --config parallax.toml --for 10m --format json > proxy.json")]
pub(crate) struct Proxy {
    /// The configuration.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// End after this time; on Ctrl-C when absent.
    #[arg(long = "for", value_name = "DURATION")]
    duration: Option<Span>,
    /// How to print what was done at the end.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

impl Proxy {
    pub(crate) fn run(self, global: &Global) -> Outcome {
        let config = load(&self.config, global)?;
        let interrupt = Interrupt::listen()?;
        let limits = QueueLimits { count: config.limits.queue_exchanges, bytes: config.limits.queue_bytes };
        let (sender, receiver) = queue(limits);
        let receiver = receiver.redacted_by(redactor(&config.redact)?);
        let ledger = Ledger::new(config.policy.window.nanos());
        let recorder = Recorder::start(&config, receiver, &ledger)?;
        crate::metrics::install();
        let (telemetry, observer) = Telemetry::start(&config)?;
        let proxy = parallax_proxy::Proxy::start_observed(&config, ledger.clone(), sender, &observer)
            .or_exit(Exit::Usage)?;
        // Only the proxy's own clones keep the threads that listen to it.
        drop(observer);
        let control = Control::start(self.config, &config, Running::Proxy, proxy.handle())?;
        note!(global, "proxy    {}", proxy.address());
        if let Some(admin) = control.address() {
            note!(global, "admin    http://{admin}");
        }
        note!(global, "log      {}", config.log.url);
        let mut admissions = Admissions::default();
        let waited = interrupt.wait_until(self.duration.map(|span| span.0), || {
            // Taken as it comes, so that the ledger does not grow with every window.
            if recorder.leaves_admissions() {
                admissions.merge(&ledger.take_through(u64::MAX));
            }
            false
        });
        drop(control);
        let stats = proxy.drain(config.limits.drain_timeout.0);
        telemetry.finish();
        let (recorded, told) = recorder.finish()?;
        admissions.merge(&told);
        admissions.merge(&ledger.take_through(u64::MAX));
        let partial = waited == Waited::Interrupted;
        let document =
            Document { schema: "parallax.proxy/1", partial, admissions, recorded, stats: Totals::of(&stats) };
        match self.format {
            Format::Terminal => output::result(&document.terminal())?,
            Format::Json => output::json(&document)?,
        }
        Ok(document.exit())
    }
}

/// `parallax.proxy/1`: what became of every request.
#[derive(Debug, Serialize)]
struct Document {
    schema: &'static str,
    partial: bool,
    admissions: Admissions,
    recorded: Recorded,
    stats: Totals,
}

/// What the proxy did for its clients.
#[derive(Debug, Serialize)]
struct Totals {
    requests: u64,
    requests_refused: u64,
    primary_failures: u64,
    /// Exchanges that the queue before the log could not take, or whose bytes the budget could not.
    lost: u64,
    overhead_ns_p50: u64,
    overhead_ns_p99: u64,
}

/// What went into the log.
#[derive(Debug, Default, Clone, Serialize)]
struct Recorded {
    exchanges: u64,
    /// Exchanges that the log did not take.
    failed: u64,
}

impl Totals {
    fn of(stats: &Stats) -> Self {
        Self {
            requests: stats.requests,
            requests_refused: stats.requests_refused,
            primary_failures: stats.primary_failures,
            lost: stats.lost,
            overhead_ns_p50: stats.overhead_ns_p50,
            overhead_ns_p99: stats.overhead_ns_p99,
        }
    }
}

impl Document {
    fn exit(&self) -> Exit {
        if self.recorded.failed > 0 {
            Exit::Io
        } else if self.stats.lost > 0 {
            Exit::Invalid
        } else if self.partial {
            Exit::Interrupted
        } else {
            Exit::Ok
        }
    }

    fn terminal(&self) -> String {
        let Self { admissions, recorded, stats, .. } = self;
        let mut text = format!(
            "requests   {}, of them {} refused and {} not answered by the primary\n\
             offered    {} = {} not selected + {} dropped + {} mirrored\n\
             mirrored   {} = {} recorded + {} shed + {} lost + {} refused by the log",
            stats.requests,
            stats.requests_refused,
            stats.primary_failures,
            admissions.offered,
            admissions.not_selected,
            admissions.dropped.values().sum::<u64>(),
            admissions.mirrored,
            admissions.mirrored,
            recorded.exchanges,
            admissions.shed_total(),
            stats.lost,
            recorded.failed,
        );
        if stats.lost + recorded.failed > 0 {
            // Writing to a String cannot fail.
            let _ = write!(text, "\nThe recording has holes: it is no evidence.");
        }
        text
    }
}

/// The thread that writes the log.
enum Recorder {
    File(JoinHandle<Recorded>),
    /// Writes what the door counted as well.
    Topic(JoinHandle<(Recorded, Admissions)>),
}

impl Recorder {
    fn start(config: &Config, receiver: Receiver, ledger: &Ledger) -> Result<Self, Failure> {
        let thread = std::thread::Builder::new().name("recorder".to_owned());
        if is_kafka(&config.log.url) {
            let topic = topic::Topic::new(config, receiver, ledger.clone())?;
            return Ok(Self::Topic(thread.spawn(move || topic.record())?));
        }
        let log = open_log(config)?;
        Ok(Self::File(thread.spawn(move || record(&receiver, log))?))
    }

    /// Whether the door's counts are the caller's to take.
    fn leaves_admissions(&self) -> bool {
        matches!(self, Self::File(_))
    }

    /// Waits until everything that was queued has been written; also gives the counts that were told.
    fn finish(self) -> Result<(Recorded, Admissions), Failure> {
        let done = match self {
            Self::File(thread) => thread.join().map(|recorded| (recorded, Admissions::default())),
            Self::Topic(thread) => thread.join(),
        };
        done.map_err(|_| anyhow::anyhow!("the thread that writes the log has panicked")).or_exit(Exit::Io)
    }
}

fn record(receiver: &Receiver, mut log: Box<dyn Writer>) -> Recorded {
    let mut recorded = Recorded::default();
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let received = receiver.receive(if batch.is_empty() { LOOK } else { Duration::ZERO });
        let is_closed = matches!(received, Err(Empty::Closed));
        let is_idle = received.is_err();
        batch.extend(received.ok().map(Record::Exchange));
        if batch.len() == BATCH || (is_idle && !batch.is_empty()) {
            recorded.take(log.as_mut(), &mut batch);
        }
        if is_closed {
            return recorded;
        }
    }
}

impl Recorded {
    fn take(&mut self, log: &mut dyn Writer, batch: &mut Vec<Record>) {
        let count = batch.len() as u64;
        match log.append_batch(batch).and_then(|_| log.sync()) {
            Ok(()) => self.exchanges += count,
            Err(error) => {
                if self.failed == 0 {
                    tracing::error!(%error, "the log does not take exchanges; they are counted and gone");
                }
                self.failed += count;
            }
        }
        batch.clear();
    }
}
