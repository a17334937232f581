//! What two builds wrote: their output records joined by id, whatever the order.
//!
//! An event endpoint answers almost a constant, so that agreement of answers proves little; what the
//! builds *wrote* proves more. Sources are read in passes:
//!
//! 1. Each side in a thread of its own: every record adds to a fingerprint of its range of ids
//!    (`cells`). Ranges with equal fingerprints are done, in constant memory.
//! 2. The records of unequal ranges are gathered again, as many ranges at a time as the memory allows,
//!    sorted by id, and paired (`pairs`). Only pairs whose hashes differ are read and compared in full.
//!
//! The result depends on the records alone: not on their order, on how they are spread over files, nor
//! on the memory. Only lateness looks at the order, which is what it is about.

mod canon;
mod cells;
mod document;
mod error;
mod files;
mod findings;
mod pairs;
mod pass;
mod place;
mod recipe;
mod record;
mod resolve;
mod time;
mod units;

pub use document::Outputs;
pub use error::OutputsError;
pub use findings::{Class, Counts, Finding, Findings};
pub use pass::Totals;
pub use place::RecordPlace;

use crate::rows::Tallies;
use cells::Cells;
use files::Files;
use parallax_config::Rule;
use recipe::Recipe;
use record::Decoder;
use resolve::Resolver;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// What to compare; files, or directories of files.
#[derive(Debug, Clone)]
pub struct Sources {
    /// What the primary wrote.
    pub primary: PathBuf,
    /// What the candidate wrote.
    pub candidate: PathBuf,
    /// What a second copy of the primary's build wrote: how much identical builds differ.
    pub control: Option<PathBuf>,
}

/// How files hold records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A JSON value a line.
    Ndjson,
    /// Rows below a header row; each row is compared as an object of strings.
    Csv,
}

/// How to compare.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The parts of a record's id; a record that lacks one is compared whole.
    pub id: Vec<RecordPlace>,
    /// The event time; without one all records are in one window.
    pub time: Option<RecordPlace>,
    /// The length of an event-time window.
    pub window: Duration,
    /// How much older than the newest record before it in its file a record may be; `None` allows all.
    pub lateness: Option<Duration>,
    /// The share of ids that is compared, chosen by hash: the same ids on all sides.
    pub sample: f64,
    /// What may differ, as in bodies.
    pub rules: Vec<Rule>,
    /// How files hold records; by their names when absent (`.csv`, anything else is NDJSON).
    pub format: Option<Format>,
    /// A regular expression that takes lines apart: its group `value` is JSON, others are headers.
    pub line: Option<String>,
    /// Bytes for the records of unequal ranges; see [`compare`].
    pub memory: usize,
    /// Examples kept of each class.
    pub examples: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            id: Vec::new(),
            time: None,
            window: Duration::from_secs(10),
            lateness: None,
            sample: 1.0,
            rules: Vec::new(),
            format: None,
            line: None,
            memory: 512 << 20,
            examples: 100,
        }
    }
}

/// How far a comparison is, seen from another thread, and the way to stop it.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes to read, as far as is known: more are needed where sides differ.
    pub bytes: AtomicU64,
    /// Bytes read.
    pub read: AtomicU64,
    /// Set to stop early; the result is then partial.
    pub stop: AtomicBool,
}

impl Progress {
    fn going(&self, bytes: u64) -> bool {
        self.read.fetch_add(bytes, Ordering::Relaxed);
        !self.stop.load(Ordering::Relaxed)
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Compares what the sides wrote; tallies of the check `outputs` come along where there is a control.
///
/// Memory: 24 bytes for each range of ids and side (up to 2^20 ranges), 1 MiB for reading each side, about
/// 50 bytes for each event-time window, and `settings.memory` for the records of unequal ranges at 64
/// bytes each. Where these need more than that, the sources are read several times.
///
/// # Errors
/// A setting, rule or source that cannot be used; the error names it.
pub fn compare(
    sources: &Sources,
    settings: &Settings,
    progress: &Progress,
) -> Result<(Outputs, Option<Tallies>), OutputsError> {
    let recipe = Recipe::new(settings)?;
    let line = settings.line.as_deref().map(Decoder::line).transpose().map_err(OutputsError::Setting)?;
    let paths = [Some(&sources.primary), Some(&sources.candidate), sources.control.as_ref()];
    let open = |path: &PathBuf| Files::open(path, settings.format, line.as_ref());
    let mut sides = paths.into_iter().flatten().map(open).collect::<Result<Vec<_>, _>>()?;
    progress.bytes.store(sides.iter().map(Files::bytes).sum(), Ordering::Relaxed);

    /// Only the number of ranges depends on this guess.
    const BYTES_A_RECORD: u64 = 200;
    let most = sides.iter().map(Files::bytes).max().unwrap_or_default();
    let cells = Cells::for_records(most / BYTES_A_RECORD);
    let surveys = in_threads(&sides, |_, files| {
        pass::survey(files, &recipe, cells.emptied(), &mut |bytes| progress.going(bytes))
    })?;
    let mut resolver = Resolver::new(&recipe, &surveys, settings.examples);
    for wanted in resolver.rounds(settings.memory)? {
        progress.bytes.fetch_add(sides.iter().map(Files::bytes).sum(), Ordering::Relaxed);
        let entries = in_threads(&sides, |side, files| {
            pass::gather(files, &recipe, &surveys[side].cells, &wanted, &mut |bytes| progress.going(bytes))
        })?;
        if progress.is_stopped() {
            break;
        }
        resolver.round(&mut sides, &entries)?;
    }
    Ok(resolver.finish(settings, progress.is_stopped()))
}

/// Does `work` for each side in a thread of its own.
fn in_threads<T: Send>(
    sides: &[Files],
    work: impl Fn(usize, &Files) -> Result<T, OutputsError> + Sync,
) -> Result<Vec<T>, OutputsError> {
    std::thread::scope(|scope| {
        let work = &work;
        let start = |(side, files)| scope.spawn(move || work(side, files));
        let threads: Vec<_> = sides.iter().enumerate().map(start).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, Result<T, OutputsError>>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        // All are joined, also after an error.
        let results: Vec<_> = threads.into_iter().map(join).collect();
        results.into_iter().collect()
    })
}

#[cfg(test)]
mod tests;
