//! Recomputing a verdict from a log.
//!
//! A log holds each sealed window's tally and, with capture, every exchange. The verdict is always
//! judged again from the tallies; where the exchanges are there, the tallies are made again too. What
//! the log says must then come out, byte for byte. The first place where it does not is reported.

mod replay;

use crate::rows::Tallies;
use crate::run::Run;
use crate::trial::{Header, Seal, SealFormatError, StepError, TrialError};
use bytes::Bytes;
use parallax_exchange::log::{Entry, LogError, Position, Reader, Record};
use replay::Replay;
use std::io::Write;

/// What came of it.
#[derive(Debug, Clone)]
pub struct Verification {
    /// The run's name.
    pub run: String,
    /// Windows judged again.
    pub windows: u64,
    /// Windows whose tally was made again from exchanges.
    pub recounted: u64,
    /// Exchanges compared again.
    pub exchanges: u64,
    /// Whether the run ended in good order; otherwise it was cut off, or goes on.
    pub is_ended: bool,
    /// Damaged parts of the log, which were stepped over.
    pub damage: Vec<String>,
    /// The newest verdict document in the log.
    pub stored: Option<Bytes>,
    /// The verdict document that the log's tallies give.
    pub recomputed: Bytes,
    /// The first place where log and recomputation differ.
    pub difference: Option<FirstDifference>,
}

impl Verification {
    /// Whether everything came out as the log says.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.difference.is_none()
    }
}

/// Where log and recomputation part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FirstDifference {
    /// The exchanges give another tally.
    #[error(
        "window {window}: the exchanges give another tally than the log has; first in `{ours}`, in the log `{stored}`"
    )]
    Tally {
        /// Run index.
        window: u64,
        /// First line that differs, as recomputed; empty where there is none.
        ours: String,
        /// The same line in the log.
        stored: String,
    },
    /// The exchanges cannot be counted as the log says.
    #[error("window {window}: {why}")]
    Order {
        /// Run index of the newest sealed window.
        window: u64,
        /// What does not fit.
        why: String,
    },
    /// The tallies give another verdict.
    #[error("window {window}: the tallies give another verdict than the log has")]
    Verdict {
        /// Run index.
        window: u64,
    },
}

/// Why a log cannot be verified at all.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The log cannot be read.
    #[error("the log cannot be read")]
    Log(#[from] LogError),
    /// It holds no run by that name.
    #[error("the log holds no {}; was its beginning removed because the log reached its total size?", .0.as_deref().map_or_else(|| "run".to_owned(), |name| format!("run `{name}`")))]
    NoRun(Option<String>),
    /// The header is damaged.
    #[error("the header of a run is damaged")]
    Header(#[source] serde_json::Error),
    /// The run cannot be tried by this build.
    #[error("run `{run}` cannot be judged by this build")]
    Trial {
        /// Its name.
        run: String,
        /// Why.
        #[source]
        source: TrialError,
    },
    /// A seal is damaged.
    #[error("the seal after window {window} is damaged")]
    Seal {
        /// Run index of the newest window before it.
        window: u64,
        /// How.
        #[source]
        source: SealFormatError,
    },
    /// A tally contradicts itself or the ones before.
    #[error("window {window} of the log cannot be judged")]
    Step {
        /// Run index.
        window: u64,
        /// Why.
        #[source]
        source: StepError,
    },
    /// It was stopped before the end.
    #[error("stopped after {windows} windows; nothing is said of the rest")]
    Stopped {
        /// Windows read.
        windows: u64,
    },
    /// Tallies cannot be written.
    #[error("failed to write tallies")]
    Write(#[source] std::io::Error),
}

/// Recomputes the verdict of a run, by default of the log's last one.
///
/// # Errors
/// [`VerifyError`] where that is not possible. A verdict that comes out otherwise is no error: it is
/// in [`Verification::difference`].
pub fn verify(log: &mut dyn Reader, run: Option<&str>) -> Result<Verification, VerifyError> {
    verify_while(log, run, |_| true)
}

/// [`verify`], as long as `go_on` says so; it is asked after each record with the number of windows so far.
///
/// # Errors
/// As [`verify`], and [`VerifyError::Stopped`].
pub fn verify_while(
    log: &mut dyn Reader,
    run: Option<&str>,
    mut go_on: impl FnMut(u64) -> bool,
) -> Result<Verification, VerifyError> {
    let mut windows = 0;
    let mut damage = Vec::new();
    let mut unread = Vec::new();
    let mut replay = None;
    walk(log, run, &mut damage, |position, entry| {
        windows += u64::from(matches!(entry, Entry::Other(Record::Sealed(_))));
        match (entry, &mut replay) {
            (Entry::Other(Record::Run(bytes)), slot) => {
                *slot = Some(Replay::new(Header::from_bytes(&bytes).map_err(VerifyError::Header)?)?);
            }
            (Entry::Other(record), Some(replay)) => replay.take(record)?,
            (Entry::Exchange(bytes), Some(replay)) => {
                if let Err(error) = replay.exchange(&bytes) {
                    unread.push(format!("{position}: the exchange cannot be read: {error}"));
                }
            }
            (Entry::Example(_), Some(_)) | (_, None) => {}
        }
        if go_on(windows) { Ok(()) } else { Err(VerifyError::Stopped { windows }) }
    })?;
    damage.append(&mut unread);
    let replay = replay.ok_or_else(|| VerifyError::NoRun(run.map(str::to_owned)))?;
    Ok(replay.end(damage))
}

/// How many runs of the candidate build `digest` the log holds, as far as `go_on` lets it be read.
///
/// Each attempt at one build may promote it wrongly with probability beta, so a verdict says how many there were.
/// Damage is stepped over.
///
/// # Errors
/// [`VerifyError::Log`] when the log cannot be read.
pub fn attempts(
    log: &mut dyn Reader,
    digest: &str,
    mut go_on: impl FnMut() -> bool,
) -> Result<u64, VerifyError> {
    let mut runs = std::collections::BTreeSet::new();
    while go_on() {
        match log.next() {
            Ok(None) => break,
            Ok(Some((_, Record::Run(bytes)))) => {
                // A header of another version is an attempt too, but not one that this build can read.
                let header = Header::from_bytes(&bytes).ok();
                let same = header.filter(|header| {
                    // A run that continues another one spends that one's alpha and beta, not its own.
                    header.run.continues.is_none() && header.run.candidate.digest.as_deref() == Some(digest)
                });
                runs.extend(same.map(|header| header.run.run));
            }
            Ok(Some(_)) | Err(LogError::Damaged { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(runs.len() as u64)
}

/// Writes the tallies of a run, by default of the log's last one, as `parallax.tally/1`.
///
/// Returns the number of windows.
///
/// # Errors
/// [`VerifyError`] when the log cannot be read, holds no such run, or `out` cannot be written.
pub fn export_tallies(
    log: &mut dyn Reader,
    run: Option<&str>,
    out: &mut dyn Write,
) -> Result<u64, VerifyError> {
    struct Found {
        run: Run,
        seals: Vec<Bytes>,
        ended: bool,
    }
    let mut found = None;
    walk(log, run, &mut Vec::new(), |_, entry| {
        let Entry::Other(record) = entry else { return Ok(()) };
        match (record, &mut found) {
            (Record::Run(bytes), found) => {
                let header = Header::from_bytes(&bytes).map_err(VerifyError::Header)?;
                *found = Some(Found { run: header.run, seals: Vec::new(), ended: false });
            }
            (Record::Sealed(bytes), Some(found)) => found.seals.push(bytes),
            (Record::End(_), Some(found)) => found.ended = true,
            _ => {}
        }
        Ok(())
    })?;
    let found = found.ok_or_else(|| VerifyError::NoRun(run.map(str::to_owned)))?;
    let mut put = |lines: &[u8]| out.write_all(lines).map_err(VerifyError::Write);
    put(&Tallies::run_line(&found.run))?;
    for seal in &found.seals {
        put(Seal::tally_lines(seal))?;
    }
    if found.ended {
        put(&Tallies::end_line())?;
    }
    Ok(found.seals.len() as u64)
}

/// Gives the records of the wanted run, or of every run, in their order; steps over damage.
fn walk(
    log: &mut dyn Reader,
    run: Option<&str>,
    damage: &mut Vec<String>,
    mut take: impl FnMut(Position, Entry) -> Result<(), VerifyError>,
) -> Result<(), VerifyError> {
    let mut wanted = false;
    loop {
        let (position, entry) = match log.next_entry() {
            Ok(Some(next)) => next,
            Ok(None) => return Ok(()),
            Err(error @ LogError::Damaged { .. }) => {
                damage.push(error.to_string());
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        if let Entry::Other(Record::Run(bytes)) = &entry {
            let header = Header::from_bytes(bytes).map_err(VerifyError::Header)?;
            wanted = run.is_none_or(|name| name == header.run.run);
        }
        if wanted {
            take(position, entry)?;
        }
    }
}

#[cfg(test)]
mod tests;
