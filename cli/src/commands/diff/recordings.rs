//! `parallax diff` of two recordings: read side by side, joined by request.

use super::super::recording::unreadable;
use crate::args::Global;
use crate::exit::Failure;
use crate::interrupt::Interrupt;
use crate::output::{self, note};
use indicatif::{ProgressBar, ProgressStyle};
use parallax_comparator::compare::Comparer;
use parallax_comparator::diff::recordings::{Join, JoinLimits, Recordings, Side};
use parallax_exchange::log::{self, LogError, Reader, Record};
use parallax_exchange::{Exchange, Role};
use parallax_loadgen::recording;
use std::io::Read as _;
use std::path::Path;

/// What was read, and how it ended.
pub(super) struct Compared {
    pub(super) recordings: Recordings,
    /// Damaged places that were stepped over, both sides together.
    pub(super) damaged: u64,
}

/// Whether a name stands for a recording: a log, or a file that begins as a format with answers does.
pub(super) fn is_recording(name: &Path) -> bool {
    let text = name.to_string_lossy();
    if text.starts_with("file:") || name.is_dir() {
        return true;
    }
    if [".plx", ".gor", ".gor.gz", ".har", ".har.gz"].into_iter().any(|suffix| text.ends_with(suffix)) {
        return true;
    }
    let mut begin = [0; 4];
    let read = std::fs::File::open(name).and_then(|mut file| file.read_exact(&mut begin));
    read.is_ok() && begin == *b"\x89PLX"
}

/// Exchanges after which the line moves and an interrupt is looked for.
const STRIDE: u64 = 256;

/// Compares the answers of `roles` in two recordings.
pub(super) fn compare(
    global: &Global,
    names: [&Path; 2],
    roles: [Role; 2],
    comparer: &Comparer,
) -> Result<Compared, Failure> {
    let interrupt = Interrupt::listen()?;
    let line = line(global);
    let mut sources = [Source::open(global, names[0])?, Source::open(global, names[1])?];
    let mut join = Join::new(comparer, roles, JoinLimits::default());
    let (mut open, mut partial, mut steps) = ([true; 2], false, 0_u64);
    // One from each side in turn, so that little waits where the order is about the same.
    while open != [false; 2] && !partial {
        for (at, side) in [Side::Left, Side::Right].into_iter().enumerate() {
            let next = if open[at] { sources[at].next()? } else { None };
            open[at] = next.is_some();
            next.into_iter().for_each(|exchange| join.add(side, exchange));
        }
        steps += 1;
        if steps.is_multiple_of(STRIDE) {
            let tally = join.tally();
            line.set_message(format!("{} exchanges joined, {} differ", tally.joined, tally.different));
            partial = interrupt.is_set();
        }
    }
    line.finish_and_clear();
    let mut recordings = join.finish();
    recordings.partial = partial;
    Ok(Compared { recordings, damaged: sources.iter().map(|source| source.damaged).sum() })
}

/// The exchanges of one recording. The native format is read as it goes; other formats are held whole.
struct Source {
    from: From,
    damaged: u64,
    quiet: bool,
}

enum From {
    Log(Box<dyn Reader>),
    List(std::vec::IntoIter<Exchange>),
}

impl Source {
    fn open(global: &Global, name: &Path) -> Result<Self, Failure> {
        let name = name.to_string_lossy();
        let is_native = Path::new(&*name).is_dir() || name.starts_with("file:") || name.ends_with(".plx");
        let quiet = global.quiet;
        if is_native {
            let reader = log::open_recording(&name).map_err(|error| unreadable(error.into()))?;
            return Ok(Self { from: From::Log(reader), damaged: 0, quiet });
        }
        let mut list = Vec::new();
        let damaged = recording::each(&name, |exchange| list.push(exchange)).map_err(unreadable)?;
        Ok(Self { from: From::List(list.into_iter()), damaged, quiet })
    }

    fn next(&mut self) -> Result<Option<Exchange>, Failure> {
        let reader = match &mut self.from {
            From::List(list) => return Ok(list.next()),
            From::Log(reader) => reader,
        };
        loop {
            match reader.next() {
                Ok(Some((_, Record::Exchange(exchange)))) => return Ok(Some(*exchange)),
                Ok(Some(_)) => {}
                Ok(None) => return Ok(None),
                Err(error @ LogError::Damaged { .. }) => {
                    if self.damaged == 0 && !self.quiet {
                        anstream::eprintln!("warning: {error}; see `parallax recording doctor`");
                    }
                    self.damaged += 1;
                }
                Err(error) => return Err(unreadable(error.into())),
            }
        }
    }
}

fn line(global: &Global) -> ProgressBar {
    if !output::is_live(global.quiet) {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{elapsed:>4} {spinner} {wide_msg}");
    ProgressBar::new_spinner().with_style(style.expect("the template is a constant"))
}

/// Says on stderr why the result may say less than it seems to.
pub(super) fn warn(global: &Global, recordings: &Recordings) {
    let tally = &recordings.exchanges;
    if tally.given_up > 0 {
        note!(
            global,
            "warning: {} exchanges were given up: their counterparts, if any, lie too far apart in the files",
            tally.given_up
        );
    }
}
