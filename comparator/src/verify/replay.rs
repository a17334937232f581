//! One run of a log, lived through again.

use super::{FirstDifference, Verification, VerifyError};
use crate::compare::Comparer;
use crate::rows::SealedWindow;
use crate::tally::{Tally, Unsealed};
use crate::trial::{Header, Seal, Trial, TrialError, comparer, observe, observe_encoded};
use bytes::Bytes;
use parallax_exchange::codec::{self, DecodeError, View};
use parallax_exchange::log::Record;

/// The state of the replay.
pub(super) struct Replay {
    trial: Trial,
    window_ns: u64,
    /// Makes tallies of exchanges, as long as all of them are in the log.
    recount: Option<Recount>,
    windows: u64,
    newest: u64,
    recounted: u64,
    exchanges: u64,
    is_ended: bool,
    stored: Option<Bytes>,
    /// A stored verdict and ours at that moment: the last one before the end is that of the end.
    pending: Option<[Bytes; 2]>,
    difference: Option<FirstDifference>,
}

struct Recount {
    comparer: Comparer,
    tally: Tally,
}

impl Replay {
    pub(super) fn new(header: Header) -> Result<Self, VerifyError> {
        let run = header.run.run.clone();
        let wrong = |source: TrialError| VerifyError::Trial { run: run.clone(), source };
        let recount = header.captured.then(|| Recount::new(&header)).transpose().map_err(wrong)?;
        Ok(Self {
            window_ns: header.run.policy.window.nanos(),
            trial: Trial::new(header.run).map_err(wrong)?,
            recount,
            windows: 0,
            newest: 0,
            recounted: 0,
            exchanges: 0,
            is_ended: false,
            stored: None,
            pending: None,
            difference: None,
        })
    }

    pub(super) fn take(&mut self, record: Record) -> Result<(), VerifyError> {
        match record {
            Record::Sealed(bytes) => self.seal(&bytes)?,
            Record::Verdict(bytes) => {
                self.settle();
                self.stored = Some(bytes.clone());
                self.pending = Some([bytes, self.trial.verdict_json()]);
            }
            Record::End(_) => {
                self.trial.finish();
                self.is_ended = true;
                if let Some([_, ours]) = &mut self.pending {
                    *ours = self.trial.verdict_json();
                }
                self.settle();
            }
            Record::Run(_) | Record::Exchange(_) | Record::Example(_) => {}
        }
        Ok(())
    }

    /// Takes an encoded exchange.
    ///
    /// # Errors
    /// It is none; nothing is counted then.
    pub(super) fn exchange(&mut self, bytes: &Bytes) -> Result<(), DecodeError> {
        let Some(recount) = &mut self.recount else { return Ok(()) };
        let counted = recount.count(bytes)?;
        self.exchanges += 1;
        if let Err(unsealed) = counted {
            self.recount = None;
            self.part(FirstDifference::Order { window: self.newest, why: unsealed.to_string() });
        }
        Ok(())
    }

    pub(super) fn end(mut self, damage: Vec<String>) -> Verification {
        self.settle();
        Verification {
            run: self.trial.run().run.clone(),
            windows: self.windows,
            recounted: self.recounted,
            exchanges: self.exchanges,
            is_ended: self.is_ended,
            damage,
            stored: self.stored,
            recomputed: self.trial.verdict_json(),
            difference: self.difference,
        }
    }

    fn seal(&mut self, bytes: &[u8]) -> Result<(), VerifyError> {
        self.settle();
        let seal =
            Seal::from_bytes(bytes).map_err(|source| VerifyError::Seal { window: self.newest, source })?;
        let window = &seal.window;
        match &mut self.recount {
            Some(recount) if seal.carried => {
                recount.tally.carry(window, seal.entered.as_ref().unwrap_or(&Vec::new()));
            }
            Some(_) if seal.captured => self.recount(window),
            _ => self.recount = None,
        }
        self.trial.replay(window).map_err(|source| VerifyError::Step { window: window.window, source })?;
        self.windows += 1;
        self.newest = window.window;
        if self.trial.fingerprint() != seal.judge_sha256 {
            self.part(FirstDifference::Verdict { window: window.window });
        }
        Ok(())
    }

    /// Makes the window's tally again; what the door counted is taken from the log.
    fn recount(&mut self, stored: &SealedWindow) {
        let Some(recount) = &mut self.recount else { return };
        recount.tally.interrupted(stored.gap);
        let absolute = (stored.end_ns / self.window_ns).saturating_sub(1);
        match recount.tally.seal(absolute, stored.admissions.clone()) {
            Ok(ours) if ours == *stored => self.recounted += 1,
            Ok(ours) => {
                let [ours, stored_line] = first_line_apart(&ours, stored);
                let window = stored.window;
                self.recount = None;
                self.part(FirstDifference::Tally { window, ours, stored: stored_line });
            }
            Err(error) => {
                self.recount = None;
                self.part(FirstDifference::Order { window: stored.window, why: error.to_string() });
            }
        }
    }

    /// Compares the newest stored verdict with ours.
    fn settle(&mut self) {
        if let Some([stored, ours]) = self.pending.take()
            && stored != ours
        {
            self.part(FirstDifference::Verdict { window: self.newest });
        }
    }

    fn part(&mut self, difference: FirstDifference) {
        self.difference.get_or_insert(difference);
    }
}

impl Recount {
    fn new(header: &Header) -> Result<Self, TrialError> {
        let run = &header.run;
        let comparer = comparer(run)?;
        Ok(Self { comparer, tally: Tally::new(run)? })
    }
}

impl Recount {
    /// Counts an exchange as it lies, or decoded where it must be. One that cannot be compared is lost.
    fn count(&mut self, bytes: &Bytes) -> Result<Result<(), Unsealed>, DecodeError> {
        if let Some(view) = View::read(bytes) {
            let Some(seen) = observe_encoded(&self.comparer, &view).transpose()? else { return Ok(Ok(())) };
            return Ok(self.tally.count_facts(&(&view).into(), &seen).map(drop));
        }
        let exchange = codec::decode(bytes.clone())?;
        let Some(seen) = observe(&self.comparer, &exchange) else { return Ok(Ok(())) };
        Ok(self.tally.count(&exchange, &seen).map(drop))
    }
}

/// The first lines of `parallax.tally/1` that differ, bounded.
fn first_line_apart(ours: &SealedWindow, stored: &SealedWindow) -> [String; 2] {
    const SHOWN: usize = 300;
    let (ours, stored) = (ours.to_lines(), stored.to_lines());
    let mut lines = (ours.split(|byte| *byte == b'\n'), stored.split(|byte| *byte == b'\n'));
    loop {
        let pair = [lines.0.next(), lines.1.next()];
        if pair == [None, None] || pair[0] != pair[1] {
            return pair.map(|line| {
                let line = line.unwrap_or_default();
                String::from_utf8_lossy(&line[..line.len().min(SHOWN)]).into_owned()
            });
        }
    }
}
