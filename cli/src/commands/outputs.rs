//! `parallax outputs`: what two builds wrote.

pub(crate) mod topics;

use crate::args::Global;
use crate::exit::{Exit, Failure, OrExit as _, Outcome};
use crate::interrupt::Interrupt;
use crate::output::{self, Format};
use anyhow::Context as _;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use parallax_comparator::outputs::{self, OutputsError, Progress, RecordPlace, Settings, Sources};
use parallax_config::{Day, Rule, Span};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Compare what two builds wrote: output records joined by id, whatever their order.
///
/// A source is a file, or a directory of files: NDJSON, or CSV with a header row (`.csv`). Or it is a topic,
/// `kafka://HOST:PORT/TOPIC`, of JSON values; `?from=` and `&to=` with offsets or times cut a range out of it.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  parallax outputs --primary old/ --candidate new/ --id /event_id --time /ts\n  \
                        parallax outputs --primary kafka://localhost:9092/old --candidate kafka://localhost:9092/new \
                        --id /id --format json"
)]
pub(crate) struct Outputs {
    /// What the primary wrote.
    #[arg(long, value_name = "SOURCE")]
    primary: PathBuf,
    /// What the candidate wrote.
    #[arg(long, value_name = "SOURCE")]
    candidate: PathBuf,
    /// What a second copy of the primary's build wrote: how much identical builds differ.
    #[arg(long, value_name = "SOURCE")]
    control: Option<PathBuf>,
    /// Where a record's id stands: `/json/pointer` or `header:name`; more than once for an id of parts.
    #[arg(long, value_name = "PATH", required = true)]
    id: Vec<RecordPlace>,
    /// Where its event time stands; without it all records are in one window.
    #[arg(long, value_name = "PATH")]
    time: Option<RecordPlace>,
    /// The length of an event-time window.
    #[arg(long, value_name = "DURATION", default_value = "10s")]
    window: Span,
    /// A record older than the newest before it in its file by more than this is late.
    #[arg(long, value_name = "DURATION", requires = "time")]
    lateness: Option<Span>,
    /// Compare this share of the ids, chosen by hash.
    #[arg(long, value_name = "SHARE", default_value_t = 1.0)]
    sample: f64,
    /// A file with `[[rules]]`: what may differ.
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// How files hold records; told by their names when absent.
    #[arg(long, value_enum, value_name = "FORMAT")]
    input: Option<Input>,
    /// Takes lines apart: the group `(?<value>…)` is JSON, other named groups are headers.
    #[arg(long, value_name = "REGEX", conflicts_with = "input")]
    line: Option<String>,
    /// MiB for records that are compared one by one; where they need more, sources are read again.
    #[arg(long, value_name = "MIB", default_value_t = 512)]
    memory: usize,
    /// Where topics are copied to, to be read more than once; the system's directory for such files when absent.
    #[arg(long, value_name = "DIRECTORY")]
    spool: Option<PathBuf>,
    /// Examples of each class in the document.
    #[arg(long, value_name = "N", default_value_t = 100)]
    examples: usize,
    /// Also write the counts of the check `outputs` (`parallax.tally/1`), for `verdict judge`.
    #[arg(long, value_name = "FILE", requires = "control")]
    tallies: Option<PathBuf>,
    /// How to print.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

/// How files hold records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Input {
    /// A JSON value a line.
    Ndjson,
    /// Rows below a header row.
    Csv,
}

impl Outputs {
    pub(crate) fn run(self, global: &Global) -> Outcome {
        let settings = self.settings()?;
        let given = Sources {
            primary: self.primary.clone(),
            candidate: self.candidate.clone(),
            control: self.control.clone(),
        };
        let (sources, _spool) = topics::fetch(global, given, self.spool.as_deref())?;
        let (document, tallies) =
            watched(global, |progress| outputs::compare(&sources, &settings, progress))?;
        if let (Some(file), Some(tallies)) = (&self.tallies, &tallies) {
            let lines = tallies.to_lines();
            std::fs::write(file, lines)
                .with_context(|| format!("failed to write {}", file.display()))
                .or_exit(Exit::Io)?;
        }
        match self.format {
            Format::Terminal => output::result(&document.to_text())?,
            Format::Json => output::json(&document)?,
        }
        Ok(if document.partial {
            Exit::Interrupted
        } else if document.is_damaged() {
            Exit::Data
        } else if document.equal {
            Exit::Ok
        } else {
            Exit::Different
        })
    }

    fn settings(&self) -> Result<Settings, Failure> {
        let rules = match &self.rules {
            Some(file) => Rule::load(file, Day::today()).map_err(super::config::refused)?,
            None => Vec::new(),
        };
        Ok(Settings {
            id: self.id.clone(),
            time: self.time.clone(),
            window: self.window.0,
            lateness: self.lateness.map(|span| span.0),
            sample: self.sample,
            rules,
            format: self.input.map(|input| match input {
                Input::Ndjson => outputs::Format::Ndjson,
                Input::Csv => outputs::Format::Csv,
            }),
            line: self.line.clone(),
            memory: self.memory << 20,
            examples: self.examples,
        })
    }
}

/// Does `work` with a bar on a terminal; the first Ctrl-C ends it early.
fn watched<T: Send>(
    global: &Global,
    work: impl FnOnce(&Progress) -> Result<T, OutputsError> + Send,
) -> Result<T, Failure> {
    let interrupt = Interrupt::listen()?;
    let progress = Progress::default();
    let done = AtomicBool::new(false);
    let result = std::thread::scope(|scope| {
        let (progress, done) = (&progress, &done);
        let bar = bar(global);
        let watcher = scope.spawn(move || {
            while !done.load(Ordering::Acquire) {
                if interrupt.is_set() {
                    progress.stop.store(true, Ordering::Relaxed);
                }
                bar.set_length(progress.bytes.load(Ordering::Relaxed));
                bar.set_position(progress.read.load(Ordering::Relaxed));
                std::thread::park_timeout(Duration::from_millis(100));
            }
            bar.finish_and_clear();
        });
        let result = work(progress);
        done.store(true, Ordering::Release);
        watcher.thread().unpark();
        result
    });
    result.map_err(|error| {
        let exit = match &error {
            OutputsError::Io { .. } => Exit::Io,
            usage if usage.is_usage() => Exit::Usage,
            _ => Exit::Data,
        };
        Failure { exit, error: error.into() }
    })
}

fn bar(global: &Global) -> ProgressBar {
    if !output::is_live(global.quiet) {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {bytes_per_sec} eta {eta}");
    ProgressBar::new(0).with_style(style.expect("the template is a constant"))
}
