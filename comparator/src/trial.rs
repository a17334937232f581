//! One trial: compare, tally, judge and report in step.
//!
//! A pure state machine: no clock, no I/O. *When* a window is sealed is a decision of the driver, made
//! by the clock in a live run and read from the log in a replay; the trial only says what must be
//! sealed before an exchange may count ([`Trial::read_by`]). So a live run, a replay of its exchanges
//! and a replay of its sealed windows take the same inputs in the same order, and give verdicts that
//! are equal byte for byte.

mod records;
mod resume;

pub use records::{Header, Seal, SealFormatError};
pub use resume::{RetakeError, Retaken};

use crate::compare::{Comparer, Observation, RuleError};
use crate::facts::Facts;
use crate::judge::{Judge, JudgeError, TallyError};
use crate::report::{Published, Report, Reporter};
use crate::rows::SealedWindow;
use crate::run::{NORMALISER, Run};
use crate::tally::{Fate, PlanError, SealError, Tally, Unsealed, field_paths};
use crate::verdict::{State, Verdict};
use bytes::Bytes;
use parallax_exchange::codec::{self, DecodeError, View};
use parallax_exchange::{Admissions, Exchange, ExchangeId, Outcomes, Request};
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// A run that cannot be tried.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// A rule.
    #[error("a rule cannot be used")]
    Rule(#[from] RuleError),
    /// What is to be tallied.
    #[error("the policy cannot be tallied")]
    Plan(#[from] PlanError),
    /// What is to be judged.
    #[error("the policy cannot be judged")]
    Judge(#[from] JudgeError),
    /// Equal inputs may compare differently.
    #[error("the run was compared by version {found} of the comparison; this build has version {NORMALISER}")]
    Normaliser {
        /// The version in the run's header.
        found: u32,
    },
}

/// A window that cannot be added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// Out of order.
    #[error("the window cannot be sealed")]
    Seal(#[from] SealError),
    /// Contradictory.
    #[error("the window cannot be judged")]
    Judge(#[from] TallyError),
}

/// An encoded exchange that cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum EncodedError {
    /// It is none.
    #[error("the exchange cannot be read")]
    Decode(#[from] DecodeError),
    /// It came too early.
    #[error(transparent)]
    Unsealed(#[from] Unsealed),
}

/// What became of one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Whether it is evidence.
    pub fate: Fate,
    /// It became an example of a path that differs.
    pub is_example: bool,
}

/// The state of one run.
#[derive(Debug)]
pub struct Trial {
    run: Arc<Run>,
    comparer: Arc<Comparer>,
    tally: Tally,
    judge: Judge,
    reporter: Reporter,
    /// The document at the newest watermark, once somebody asked for it: with thousands of slices it costs
    /// far more than judging.
    document: Option<(Arc<Verdict>, Bytes)>,
}

/// The comparison that a run fixes.
pub(crate) fn comparer(run: &Run) -> Result<Comparer, RuleError> {
    let comparer = Comparer::new(&run.rules, &field_paths(run))?.with_profiles(&run.profiles);
    comparer.with_descriptors(run.descriptors.as_deref())
}

impl Trial {
    /// A trial before its first exchange.
    ///
    /// # Errors
    /// What in `run` cannot be used.
    pub fn new(run: Run) -> Result<Self, TrialError> {
        if run.normaliser != NORMALISER {
            return Err(TrialError::Normaliser { found: run.normaliser });
        }
        let judge = Judge::new(&run)?;
        Ok(Self {
            comparer: Arc::new(comparer(&run)?),
            tally: Tally::new(&run)?,
            reporter: Reporter::new(&run),
            run: Arc::new(run),
            judge,
            document: None,
        })
    }

    /// What was fixed at the start.
    #[must_use]
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// The comparison, for those who observe on other threads.
    #[must_use]
    pub fn comparer(&self) -> Arc<Comparer> {
        Arc::clone(&self.comparer)
    }

    /// The window in which `admitted_ns` (Unix time) lies: an absolute index.
    #[must_use]
    pub fn window_of(&self, admitted_ns: u64) -> u64 {
        self.tally.window_of(admitted_ns)
    }

    /// The newest window that must be sealed before an exchange admitted in `window` may come.
    #[must_use]
    pub fn read_by(&self, window: u64) -> Option<u64> {
        self.tally.read_by(window)
    }

    /// The window to seal next on the way to `through`; `None` when that is done.
    #[must_use]
    pub fn next_to_seal(&self, through: u64) -> Option<u64> {
        self.tally.next_to_seal(through)
    }

    /// The newest window with exchanges that is not sealed.
    #[must_use]
    pub fn newest_open(&self) -> Option<u64> {
        self.tally.newest_open()
    }

    /// Hears of an exchange that is counted later: the run may begin with it.
    pub fn announce(&mut self, exchange: &Exchange) {
        self.tally.announce(exchange);
    }

    /// Compares an exchange and counts it.
    ///
    /// # Errors
    /// [`Unsealed`] where [`Trial::read_by`] was not heeded; nothing is counted then.
    pub fn exchange(&mut self, exchange: &Exchange) -> Result<Taken, Unsealed> {
        match observe(&self.comparer, exchange) {
            Some(seen) => self.count(exchange, &seen),
            None => Ok(Taken { fate: Fate::Lost, is_example: false }),
        }
    }

    /// Counts an exchange that was compared elsewhere, by [`Trial::comparer`].
    ///
    /// # Errors
    /// As [`Trial::exchange`].
    pub fn count(&mut self, exchange: &Exchange, seen: &Observation) -> Result<Taken, Unsealed> {
        self.count_facts(&exchange.into(), seen, || Cow::Borrowed(exchange))
    }

    /// Compares an encoded exchange and counts it, decoding no more of it than has to be.
    ///
    /// The same as decoding it and [`Trial::exchange`]; where all answers are equal nothing is allocated.
    ///
    /// # Errors
    /// [`EncodedError`]; nothing is counted then.
    pub fn encoded(&mut self, bytes: &Bytes) -> Result<Taken, EncodedError> {
        let Some(view) = View::read(bytes) else {
            return Ok(self.exchange(&codec::decode(bytes.clone())?)?);
        };
        let Some(seen) = observe_encoded(&self.comparer, &view) else {
            return Ok(Taken { fate: Fate::Lost, is_example: false });
        };
        Ok(self.count_facts(&(&view).into(), &seen?, || Cow::Owned(whole(&view)))?)
    }

    fn count_facts<'a>(
        &mut self,
        facts: &Facts<'_>,
        seen: &Observation,
        whole: impl Fn() -> Cow<'a, Exchange>,
    ) -> Result<Taken, Unsealed> {
        let fate = self.tally.count_facts(facts, seen)?;
        Ok(Taken { fate, is_example: self.reporter.take_facts(facts, seen, fate, whole) })
    }

    /// Seals the window that [`Trial::next_to_seal`] names, and judges.
    ///
    /// `admissions` is what the mirror's door counted up to this window and did not tell before.
    ///
    /// # Errors
    /// [`StepError`] for another window.
    pub fn seal(&mut self, window: u64, admissions: Option<Admissions>) -> Result<SealedWindow, StepError> {
        let sealed = self.tally.seal(window, admissions)?;
        self.judge_window(&sealed)?;
        Ok(sealed)
    }

    /// The record of `window`, the newest sealed one.
    #[must_use]
    pub fn record(&self, window: SealedWindow, captured: bool) -> Seal {
        Seal {
            window,
            judge_sha256: self.fingerprint(),
            captured,
            carried: false,
            first_ns: self.tally.first_ns().unwrap_or_default(),
            entered: (!captured).then(|| self.tally.entered()),
        }
    }

    /// Takes a window that was sealed elsewhere; not to be mixed with [`Trial::seal`].
    ///
    /// # Errors
    /// [`StepError::Judge`] for a window out of order, or one that contradicts itself.
    pub fn replay(&mut self, sealed: &SealedWindow) -> Result<(), StepError> {
        self.judge_window(sealed)
    }

    /// Ends the run here: an undecided one stays undecided and says that it is partial.
    pub fn finish(&mut self) {
        self.judge.end();
        self.document = None;
    }

    /// What is decided at the newest watermark, and whether it stands for good; costs nothing.
    #[must_use]
    pub fn state(&self) -> (State, bool) {
        (self.judge.state(), self.judge.is_final())
    }

    /// Names the judge's state at the newest watermark: see [`Judge::fingerprint`].
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.judge.fingerprint()
    }

    /// The verdict at the newest watermark; built when it is first asked for.
    #[must_use]
    pub fn verdict(&mut self) -> Arc<Verdict> {
        Arc::clone(&self.document().0)
    }

    /// Its document, as bytes.
    #[must_use]
    pub fn verdict_json(&mut self) -> Bytes {
        self.document().1.clone()
    }

    fn document(&mut self) -> &(Arc<Verdict>, Bytes) {
        self.document.get_or_insert_with(|| {
            let verdict = self.judge.verdict();
            let json = verdict.to_json().into();
            (Arc::new(verdict), json)
        })
    }

    /// The display at `now_ns`; `unsealed` is what the door counted since the newest seal.
    #[must_use]
    pub fn report(&mut self, now_ns: u64, unsealed: &Admissions) -> Report {
        self.reporter.report(now_ns, unsealed)
    }

    /// Verdict and display at `now_ns`.
    #[must_use]
    pub fn published(&mut self, now_ns: u64, unsealed: &Admissions) -> Published {
        Published {
            verdict: self.verdict(),
            verdict_json: self.verdict_json(),
            report: Arc::new(self.report(now_ns, unsealed)),
        }
    }

    fn judge_window(&mut self, sealed: &SealedWindow) -> Result<(), StepError> {
        self.judge.step(sealed)?;
        self.reporter.seal(sealed);
        self.document = None;
        Ok(())
    }
}

/// Compares an exchange; `None` where that panics.
///
/// An answer that trips over a fault of ours must not end the run: the exchange is evidence that was
/// lost, which lowers the coverage, and a replay loses it too.
pub(crate) fn observe(comparer: &Comparer, exchange: &Exchange) -> Option<Observation> {
    caught(exchange.id, || comparer.observe(exchange))
}

/// [`observe`] for an exchange that is still encoded.
pub(crate) fn observe_encoded(
    comparer: &Comparer,
    view: &View<'_>,
) -> Option<Result<Observation, DecodeError>> {
    caught(view.id, || comparer.observe_encoded(view))
}

fn caught<T>(id: ExchangeId, compare: impl FnOnce() -> T) -> Option<T> {
    // The comparer is only read, and what was half made is dropped.
    let seen = catch_unwind(AssertUnwindSafe(compare));
    seen.map_err(|_| tracing::error!(%id, "an exchange cannot be compared: a fault of ours")).ok()
}

/// The exchange that a view shows, for people to look at; what cannot be decoded says so.
fn whole(view: &View<'_>) -> Exchange {
    view.decode().unwrap_or_else(|error| Exchange {
        id: view.id,
        admitted_ns: view.admitted_ns,
        cluster_key: view.cluster_key,
        labels: Vec::new(),
        order: view.order,
        sample_ppm: 0,
        request: Request { target: format!("(cannot be read: {error})"), ..Request::default() },
        outcomes: Outcomes::default(),
    })
}

#[cfg(test)]
mod tests;
