//! Going on from a log: with a run that was cut off, or with an undecided one under a new name.
//!
//! A process may be killed at any moment. Whatever it had written is evidence, so the same trial goes on from
//! there ([`resume`]): the same run, the same window index, the same capital. A run that ended undecided can be
//! *continued* by a new one ([`carry`]), which begins with the old one's windows. Neither gives a candidate a
//! second chance: a trial that was decided is never gone on with, and another build, policy or comparison is
//! another trial.

use crate::rows::Gap;
use crate::run::Run;
use crate::trial::{Header, RetakeError, Seal, SealFormatError, Trial, TrialError};
use crate::verdict::State;
use bytes::Bytes;
use parallax_exchange::Admissions;
use parallax_exchange::log::{Entry, LogError, Position, Reader, Record, Writer};
use std::collections::BTreeMap;

/// A run that is ready to go on.
#[derive(Debug)]
pub struct Resumed {
    /// As it was when the log ends.
    pub(crate) trial: Trial,
    /// All of its exchanges are in the log.
    pub(crate) captured: bool,
    /// Examples in the log.
    pub(crate) examples: u64,
    /// Exchanges taken up.
    pub(crate) exchanges: u64,
    /// What the door is known to have counted in open windows, by absolute index.
    pub(crate) open: BTreeMap<u64, Admissions>,
    /// The state that the log tells last.
    pub(crate) told: Option<(State, bool)>,
    ended: bool,
    /// Unix nanoseconds up to which windows are sealed.
    sealed_ns: u64,
    /// The process ended without sealing what was open after this moment, in Unix nanoseconds.
    cut_ns: Option<u64>,
    /// Exchanges of what was open then that are known to have been mirrored and cannot be counted.
    lost: u64,
}

/// A run in a log, as far as can be told without judging.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// What was fixed for it.
    pub header: Header,
    /// Whether it ended in good order; otherwise it was cut off.
    pub is_ended: bool,
    position: Position,
}

/// Why a run cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// The log cannot be read, or a part of it is damaged.
    #[error("the log cannot be read")]
    Log(#[from] LogError),
    /// It holds no such run.
    #[error("the log holds no run `{0}`; `parallax verdict show --log` names the newest one")]
    NoRun(String),
    /// A header is damaged.
    #[error("the header of a run is damaged")]
    Header(#[source] serde_json::Error),
    /// A seal is damaged.
    #[error("the seal after window {window} is damaged")]
    Seal {
        /// Run index of the newest window before it.
        window: u64,
        /// How.
        #[source]
        source: SealFormatError,
    },
    /// The run cannot be tried by this build.
    #[error("the run cannot be judged by this build")]
    Trial(#[from] TrialError),
    /// Its evidence does not add up.
    #[error("the evidence in the log cannot be taken up")]
    Retake(#[from] RetakeError),
    /// It is another trial.
    #[error("run `{run}` was another trial: {what} differs; without it, a new run begins")]
    Differs {
        /// Its name.
        run: String,
        /// What differs.
        what: &'static str,
    },
    /// Nobody can tell whether it is the same build.
    #[error(
        "run `{0}` names no digest of its candidate, so it cannot be told whether the build is the same; set roles.candidate.digest"
    )]
    NoDigest(String),
    /// It was decided.
    #[error(
        "run `{run}` ended with a final {state}: a decided trial is not continued; start a new run, which counts as another attempt"
    )]
    Decided {
        /// Its name.
        run: String,
        /// Its verdict.
        state: &'static str,
    },
    /// It has no windows to go on from.
    #[error("run `{0}` has no sealed window to go on from; start a new run")]
    Empty(String),
}

/// The newest run of the log, or the newest by the name of `run`. Damage is stepped over.
///
/// # Errors
/// [`ResumeError::Log`], [`ResumeError::Header`].
pub fn find(log: &mut dyn Reader, run: Option<&str>) -> Result<Option<Found>, ResumeError> {
    let (mut found, mut is_wanted) = (None::<Found>, false);
    loop {
        match log.next_entry() {
            Ok(None) => return Ok(found),
            Ok(Some((position, Entry::Other(Record::Run(bytes))))) => {
                let header = Header::from_bytes(&bytes).map_err(ResumeError::Header)?;
                is_wanted = run.is_none_or(|name| name == header.run.run);
                if is_wanted {
                    found = Some(Found { header, is_ended: false, position });
                }
            }
            Ok(Some((_, Entry::Other(Record::End(_))))) => {
                if let Some(found) = found.as_mut().filter(|_| is_wanted) {
                    found.is_ended = true;
                }
            }
            Ok(Some(_)) | Err(LogError::Damaged { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Takes up the run that [`find`] found, if it is the same trial as `run`.
///
/// `progress` hears of each window.
///
/// # Errors
/// [`ResumeError`]; the log is only read.
pub fn resume(
    log: &mut dyn Reader,
    found: &Found,
    run: &Run,
    progress: impl FnMut(u64),
) -> Result<Resumed, ResumeError> {
    if let Some(what) = found.header.run.differs_from(run) {
        return Err(ResumeError::Differs { run: found.header.run.run.clone(), what });
    }
    log.seek(found.position)?;
    take_up(log, progress, |_| {})
}

/// Continues the undecided run that [`find`] found as `run`, which gets its windows and its attempt; writes the
/// beginning of the new run to `out`.
///
/// # Errors
/// [`ResumeError`]; nothing is written then, unless it is `out` that failed.
pub fn carry(
    log: &mut dyn Reader,
    found: &Found,
    run: Run,
    captured: bool,
    out: &mut dyn Writer,
    progress: impl FnMut(u64),
) -> Result<Resumed, ResumeError> {
    let old = &found.header.run;
    let name = old.run.clone();
    if let Some(what) = old.differs_from(&run) {
        return Err(ResumeError::Differs { run: name, what });
    }
    if old.candidate.digest.is_none() {
        return Err(ResumeError::NoDigest(name));
    }
    log.seek(found.position)?;
    let mut seals = Vec::new();
    let mut last = take_up(log, progress, |seal| seals.push(seal))?;
    let cut_ns = last.cut_ns;
    last.close(|seal| seals.push(seal))?;
    let (state, is_final) = last.trial.state();
    if is_final && state != State::Inconclusive {
        return Err(ResumeError::Decided { run: name, state: state.name() });
    }
    let carried_windows = match seals.last() {
        Some(seal) => seal.window.window,
        None => return Err(ResumeError::Empty(name)),
    };
    let run = Run {
        continues: Some(name),
        attempt: old.attempt,
        history: old.history.clone(),
        carried_windows,
        ..run
    };
    let mut trial = Trial::new(run.clone())?;
    let mut records = vec![Record::Run(Header { run, captured }.to_bytes())];
    for seal in seals {
        records.push(Record::Sealed(trial.carry(seal)?.to_bytes()));
    }
    out.append_batch(&records)?;
    out.sync()?;
    // What the old run knows to have lost, the new one tells: its documents stand in for both.
    let lost = mirrored(&last.open);
    Ok(Resumed { captured, cut_ns, lost, open: last.open, ..Resumed::new(trial) })
}

/// Reads the records of one run, from its header on.
fn take_up(
    log: &mut dyn Reader,
    mut progress: impl FnMut(u64),
    mut sealed: impl FnMut(Seal),
) -> Result<Resumed, ResumeError> {
    let mut resumed = None::<Resumed>;
    while let Some((_, entry)) = log.next_entry()? {
        match (entry, &mut resumed) {
            (Entry::Other(Record::Run(_)), Some(_)) => break,
            (Entry::Other(Record::Run(bytes)), None) => {
                let header = Header::from_bytes(&bytes).map_err(ResumeError::Header)?;
                let trial = Trial::new(header.run)?;
                resumed = Some(Resumed { captured: header.captured, ..Resumed::new(trial) });
            }
            (_, None) => {}
            (Entry::Exchange(bytes), Some(resumed)) => resumed.exchange(&bytes)?,
            (Entry::Example(bytes), Some(resumed)) => resumed.example(&bytes),
            (Entry::Other(Record::Sealed(bytes)), Some(resumed)) => {
                let seal = resumed.seal(&bytes)?;
                progress(seal.window.window);
                sealed(seal);
            }
            (Entry::Other(Record::Verdict(_)), Some(resumed)) => resumed.told = Some(resumed.trial.state()),
            (Entry::Other(Record::End(_)), Some(resumed)) => resumed.ended = true,
            (Entry::Other(_), Some(_)) => {}
        }
    }
    let mut resumed = resumed.ok_or_else(|| ResumeError::NoRun(String::new()))?;
    resumed.cut_ns = (!resumed.ended).then_some(resumed.sealed_ns);
    // Exchanges in the log are counted again; what is known beside them is lost.
    resumed.lost = if resumed.captured { 0 } else { mirrored(&resumed.open) };
    Ok(resumed)
}

fn mirrored(open: &BTreeMap<u64, Admissions>) -> u64 {
    open.values().map(|door| door.mirrored).sum()
}

impl Resumed {
    fn new(trial: Trial) -> Self {
        Self {
            sealed_ns: trial.run().started_ns,
            trial,
            captured: false,
            examples: 0,
            exchanges: 0,
            open: BTreeMap::new(),
            told: None,
            ended: false,
            cut_ns: None,
            lost: 0,
        }
    }

    /// What was fixed for the run.
    #[must_use]
    pub fn run(&self) -> &Run {
        self.trial.run()
    }

    /// Windows taken up.
    #[must_use]
    pub fn windows(&self) -> u64 {
        self.trial.watermark()
    }

    /// Exchanges counted again; 0 where the log has only tallies.
    #[must_use]
    pub fn exchanges(&self) -> u64 {
        self.exchanges
    }

    /// Whether every exchange so far is in the log, and those to come will be.
    #[must_use]
    pub fn is_captured(&self) -> bool {
        self.captured
    }

    /// Goes on at `now_ns` (Unix): the next seal tells of the gap, if the process had ended with windows open.
    pub(crate) fn go_on(&mut self, now_ns: u64) {
        let Some(from_ns) = self.cut_ns.take() else { return };
        let window_ns = self.trial.run().policy.window.nanos();
        self.trial.interrupted(Gap::new(from_ns, now_ns, window_ns, self.lost));
    }

    /// An example of a window that was never sealed shows an exchange that was mirrored and is lost.
    fn example(&mut self, bytes: &Bytes) {
        self.examples += 1;
        if let Some(example) = self.trial.uncounted(bytes) {
            example.admit(self.open.entry(example.window.unwrap_or_default()).or_default());
        }
    }

    fn exchange(&mut self, bytes: &Bytes) -> Result<(), ResumeError> {
        if !self.captured {
            return Ok(()); // Capture ended before this one, so not all of its window is here.
        }
        self.exchanges += 1;
        let taken = self.trial.retake_exchange(bytes)?;
        if let Some(window) = taken.window {
            taken.admit(self.open.entry(window).or_default());
        }
        Ok(())
    }

    fn seal(&mut self, bytes: &[u8]) -> Result<Seal, ResumeError> {
        let damaged = |source| ResumeError::Seal { window: self.trial.watermark(), source };
        let mut seal = Seal::from_bytes(bytes).map_err(damaged)?;
        self.captured &= seal.captured || seal.carried;
        self.trial.retake(&seal)?;
        self.sealed_ns = self.sealed_ns.max(seal.window.end_ns);
        let absolute = (seal.window.end_ns / self.trial.run().policy.window.nanos()).saturating_sub(1);
        self.open = self.open.split_off(&(absolute + 1));
        // Who continues this run needs the keys, also where the exchanges were kept in their place.
        seal.entered.get_or_insert_with(|| self.trial.entered());
        Ok(seal)
    }

    /// Seals what a run that was cut off left open.
    fn close(&mut self, mut sealed: impl FnMut(Seal)) -> Result<(), ResumeError> {
        let Some(newest) = self.trial.newest_open().filter(|_| !self.ended) else { return Ok(()) };
        while let Some(window) = self.trial.next_to_seal(newest) {
            let later = self.open.split_off(&(window + 1));
            let mut door = Admissions::default();
            std::mem::replace(&mut self.open, later).values().for_each(|counts| door.merge(counts));
            let step = |source| RetakeError::Step { window, source };
            let done = self.trial.seal(window, Some(door)).map_err(step)?;
            sealed(self.trial.record(done, false));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
