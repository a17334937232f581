//! Walking recordings with progress: exchange by exchange, nothing kept.

use crate::args::Global;
use crate::commands::recording::unreadable;
use crate::exit::{Exit, Failure, OrExit as _};
use crate::interrupt::Interrupt;
use crate::output::{self, note};
use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use parallax_comparator::run::Run;
use parallax_comparator::trial::Header;
use parallax_exchange::codec::DecodeError;
use parallax_exchange::log::{self, Entry, LogError, Position, Record};
use std::path::{Path, PathBuf};

/// How reading ended.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Read {
    /// Damaged places that were stepped over.
    pub(super) damaged: u64,
    /// The user asked to stop before the end.
    pub(super) interrupted: bool,
}

/// Records after which the bar moves and an interrupt is looked for.
const STRIDE: u64 = 256;

/// Gives every entry of the recordings, in their order.
pub(super) fn each(
    global: &Global,
    recordings: &[String],
    mut take: impl FnMut(&Entry) -> Result<(), DecodeError>,
) -> Result<Read, Failure> {
    let interrupt = Interrupt::listen()?;
    let sizes: Vec<Vec<Segment>> = recordings.iter().map(|name| segments(name)).collect();
    let bytes = |segments: &[Segment]| segments.iter().map(|segment| segment.bytes).sum::<u64>();
    let bar = bar(global, sizes.iter().map(|segments| bytes(segments)).sum());
    let (mut read, mut before, mut records) = (Read::default(), 0, 0_u64);
    for (name, segments) in recordings.iter().zip(&sizes) {
        let mut log = log::open_recording(name).map_err(|error| unreadable(error.into()))?;
        loop {
            let (position, entry) = match log.next_entry() {
                Ok(Some(next)) => next,
                Ok(None) => break,
                Err(error @ LogError::Damaged { .. }) => {
                    if read.damaged == 0 {
                        note!(global, "warning: {error}; see `parallax recording doctor`");
                    }
                    read.damaged += 1;
                    continue;
                }
                Err(error) => return Err(unreadable(error.into())),
            };
            if let Err(error) = take(&entry) {
                if read.damaged == 0 {
                    note!(global, "warning: {name}: the exchange at {position} cannot be read: {error}");
                }
                read.damaged += 1;
            }
            records += 1;
            if records.is_multiple_of(STRIDE) {
                bar.set_position(before + passed(segments, position));
                if interrupt.is_set() {
                    read.interrupted = true;
                    bar.finish_and_clear();
                    return Ok(read);
                }
            }
        }
        before += bytes(segments);
    }
    bar.finish_and_clear();
    Ok(read)
}

/// The run that the first recording holds, where it begins with one.
pub(super) fn run(recordings: &[String]) -> Result<Option<Run>, Failure> {
    let Some(name) = recordings.first() else { return Ok(None) };
    let mut log = log::open_recording(name).map_err(|error| unreadable(error.into()))?;
    loop {
        match log.next() {
            Ok(Some((_, Record::Run(bytes)))) => {
                let header = Header::from_bytes(&bytes);
                let header = header.context("the header of the recorded run is damaged");
                return Ok(Some(header.or_exit(Exit::Data)?.run));
            }
            // The header comes first; whatever else does is no run from its beginning.
            Ok(Some(_) | None) => return Ok(None),
            Err(LogError::Damaged { .. }) => {}
            Err(error) => return Err(unreadable(error.into())),
        }
    }
}

/// A part of a recording, for the bar.
struct Segment {
    /// `None` where the recording is one file.
    number: Option<u64>,
    bytes: u64,
}

fn segments(name: &str) -> Vec<Segment> {
    let path = Path::new(name.strip_prefix("file:").unwrap_or(name));
    let length = |path: &Path| path.metadata().map_or(0, |metadata| metadata.len());
    if !path.is_dir() {
        return vec![Segment { number: None, bytes: length(path) }];
    }
    let files = std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let segment = |path: PathBuf| {
        let number = path.file_stem()?.to_str()?.parse().ok()?;
        Some(Segment { number: Some(number), bytes: length(&path) })
    };
    files.filter_map(segment).collect()
}

fn passed(segments: &[Segment], position: Position) -> u64 {
    let whole =
        segments.iter().filter(|segment| segment.number.is_some_and(|number| number < position.segment));
    whole.map(|segment| segment.bytes).sum::<u64>() + position.offset
}

fn bar(global: &Global, bytes: u64) -> ProgressBar {
    if !output::is_live(global.quiet) {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(
        "{elapsed:>4} {bar:30} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} to go",
    );
    ProgressBar::new(bytes).with_style(style.expect("the template is a constant"))
}
