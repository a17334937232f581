//! Taking up a run that was cut off: its log, lived through again.
//!
//! A window whose exchanges are in the log is counted again, so that open windows, thresholds, keys and the
//! report come out as they were. One without them is taken as it was sealed, with the keys that its seal
//! keeps; what was open then is gone. Either way the judge must come to the state that the seal names.

use super::{EncodedError, Seal, StepError, Trial};
use crate::facts::Facts;
use crate::rows::Gap;
use crate::tally::{Entered, Fate};
use bytes::Bytes;
use parallax_exchange::Admissions;
use parallax_exchange::codec::{self, View};

/// A log that this run cannot go on from.
#[derive(Debug, thiserror::Error)]
pub enum RetakeError {
    /// Its windows cannot be added.
    #[error("window {window} cannot be taken up")]
    Step {
        /// Run index.
        window: u64,
        /// Why.
        #[source]
        source: StepError,
    },
    /// An exchange cannot be counted.
    #[error("an exchange cannot be taken up")]
    Exchange(#[from] EncodedError),
    /// It says something else than its exchanges or tallies.
    #[error(
        "window {0}: the log does not say what its evidence gives; `parallax verdict verify` shows where"
    )]
    Contradiction(u64),
    /// The keys that count no more are not known.
    #[error("window {0} keeps neither its exchanges nor its cluster keys")]
    Keys(u64),
}

/// What became of an exchange that was taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retaken {
    /// Its window, an absolute index; `None` where it is no evidence of an open window.
    pub window: Option<u64>,
    /// Whether copies were offered to candidate and control.
    pub offered: [bool; 2],
}

impl Retaken {
    /// Counts it at the door, as the door did before the process ended.
    pub fn admit(self, door: &mut Admissions) {
        door.offered += 1;
        door.mirrored += 1;
        door.candidate_offered += u64::from(self.offered[0]);
        door.control_offered += u64::from(self.offered[1]);
    }
}

impl Trial {
    /// Takes up an exchange from the log.
    ///
    /// # Errors
    /// [`RetakeError::Exchange`].
    pub fn retake_exchange(&mut self, bytes: &Bytes) -> Result<Retaken, RetakeError> {
        let fate = self.encoded(bytes)?.fate;
        let of = |facts: &Facts<'_>| {
            let offered = [facts.deeds[1], facts.deeds[2]].map(|deed| deed != crate::facts::Deed::Nothing);
            let is_open = matches!(fate, Fate::Compared | Fate::Lost) && facts.is_mirrored();
            Retaken { window: is_open.then(|| self.window_of(facts.admitted_ns)), offered }
        };
        Ok(match View::read(bytes) {
            Some(view) => of(&(&view).into()),
            None => of(&(&codec::decode(bytes.clone()).map_err(EncodedError::from)?).into()),
        })
    }

    /// Takes up a seal from the log.
    ///
    /// # Errors
    /// [`RetakeError`]; the trial cannot be used then.
    pub fn retake(&mut self, seal: &Seal) -> Result<(), RetakeError> {
        let window = seal.window.window;
        let step = |source: StepError| RetakeError::Step { window, source };
        if seal.captured {
            let absolute = (seal.window.end_ns / self.run.policy.window.nanos()).saturating_sub(1);
            self.tally.interrupted(seal.window.gap);
            let again = self
                .tally
                .seal(absolute, seal.window.admissions.clone())
                .map_err(|error| step(error.into()))?;
            if again != seal.window {
                return Err(RetakeError::Contradiction(window));
            }
        } else {
            let entered = seal.entered.as_ref().ok_or(RetakeError::Keys(window))?;
            if seal.carried {
                self.tally.carry(&seal.window, entered);
            } else {
                self.tally
                    .restore(&seal.window, seal.first_ns, entered)
                    .map_err(|error| step(error.into()))?;
            }
        }
        self.judge_window(&seal.window).map_err(step)?;
        if self.fingerprint() == seal.judge_sha256 { Ok(()) } else { Err(RetakeError::Contradiction(window)) }
    }

    /// The keys that the newest sealed window added to those that count no more.
    pub(crate) fn entered(&self) -> Entered {
        self.tally.entered()
    }

    /// Says that the process ended since the newest seal, and came back.
    pub(crate) fn interrupted(&mut self, gap: Gap) {
        self.tally.interrupted(Some(gap));
    }

    /// The window, an absolute index, in which an example lies that no seal counted; `None` for one that is counted,
    /// or that cannot be read. An example is no evidence, but it was mirrored.
    pub(crate) fn uncounted(&self, bytes: &Bytes) -> Option<Retaken> {
        let exchange = codec::decode(bytes.clone()).ok()?;
        let facts = Facts::from(&exchange);
        let window = self.window_of(facts.admitted_ns);
        let is_open = facts.is_mirrored() && self.tally.sealed().is_none_or(|sealed| window > sealed);
        let offered = [facts.deeds[1], facts.deeds[2]].map(|deed| deed != crate::facts::Deed::Nothing);
        is_open.then_some(Retaken { window: Some(window), offered })
    }

    /// The newest sealed run window; 0 before the first.
    #[must_use]
    pub(crate) fn watermark(&self) -> u64 {
        self.judge.watermark()
    }

    /// Takes a window of the run that this one continues, and gives the record of it for this run's log.
    ///
    /// # Errors
    /// [`RetakeError::Step`].
    pub(crate) fn carry(&mut self, mut seal: Seal) -> Result<Seal, RetakeError> {
        let window = seal.window.window;
        let entered = seal.entered.get_or_insert_default();
        self.tally.carry(&seal.window, entered);
        self.judge_window(&seal.window).map_err(|source| RetakeError::Step { window, source })?;
        Ok(Seal { judge_sha256: self.fingerprint(), captured: false, carried: true, ..seal })
    }
}
