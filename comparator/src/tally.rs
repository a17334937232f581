//! The tally: from observed exchanges to sealed windows of integers.
//!
//! Exchanges are cut by admission time into windows, inside a window into slices, and inside a slice
//! into *units*: all exchanges of one cluster key. A unit has one sign for each check, whatever the
//! number of its requests, because requests of one key share their fate (`verdict.md` 2.1).
//!
//! Everything kept is an integer and merging is addition, so the order in which the exchanges of a
//! window arrive, and the way they are spread over threads, change nothing. What does depend on the
//! past (thresholds, returning keys) reads sealed windows only, and a window is never opened before
//! the windows that it reads are sealed: [`Tally::next_to_seal`] and [`Unsealed`] see to that, so a
//! replay that seals where the live run sealed counts the same.
//!
//! Memory: one [`unit`](self) takes about 100 bytes for each slice and open window; a counted key 8
//! to 16 bytes per slice, up to the policy's `keys_max`; latencies a few kB per slice, role and window.

mod bounds;
mod keys;
mod marks;
mod plan;
mod replicas;
mod seal;
mod slicer;
mod unit;
mod window;

pub(crate) use keys::Entered;
pub use plan::PlanError;
pub(crate) use plan::field_paths;
pub use window::OpenWindow;

use crate::compare::Observation;
use crate::facts::Facts;
use crate::rows::{Gap, SealedWindow};
use crate::run::Run;
use bounds::History;
use keys::{KeySets, SmallestKeys};
use parallax_exchange::{Admissions, Exchange};
use plan::Plan;
use slicer::Slicer;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What became of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Compared, in the window that it was admitted in.
    Compared,
    /// Its window is sealed already: counted as late, in no check.
    Late,
    /// It has no copy: a recording, not evidence.
    NotMirrored,
    /// Comparing it failed by a fault of ours; it is missing from its window.
    Lost,
}

/// An exchange came before a window that its thresholds read was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("window {0} must be sealed before this exchange can be counted; the log lacks its seal")]
pub struct Unsealed(pub u64);

/// A window cannot be sealed now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Windows are sealed once, in ascending order.
    #[error("window {0} or a later one is sealed already; a log seals each window once, in order")]
    Again(u64),
    /// Exchanges of an earlier window wait.
    #[error("window {0} has exchanges and must be sealed first")]
    Earlier(u64),
    /// The run begins with its first exchange.
    #[error("window {0} ends before the first exchange of the run")]
    BeforeStart(u64),
}

/// The counts of a run's open windows, and what the next ones need of the past.
///
/// Windows are named by their absolute index: admission time (Unix) divided by the window's length.
///
/// Several threads may count at once: each takes a [`Tally::fork`], and the forks are merged back
/// before a window is sealed. The exchanges may be spread in any way.
#[derive(Debug)]
pub struct Tally {
    plan: Arc<Plan>,
    slicer: Slicer,
    open: BTreeMap<u64, OpenWindow>,
    /// Exchanges that came too late since the newest seal.
    late: u64,
    /// Window and time of the earliest exchange; fixed by the first seal.
    first: Option<First>,
    /// Windows of the run that this one continues; its own come after them.
    carried: u64,
    /// The process ended since the newest seal, and came back.
    gap: Option<Gap>,
    past: Arc<Past>,
}

#[derive(Debug, Clone, Copy)]
struct First {
    window: u64,
    admitted_ns: u64,
}

/// What sealed windows leave behind; shared with forks, which only read it.
#[derive(Debug, Clone)]
struct Past {
    sealed: Option<u64>,
    history: History,
    keys: KeySets,
    smallest: SmallestKeys,
}

impl Tally {
    /// An empty tally of `run`.
    ///
    /// # Errors
    /// A policy or slice that cannot be tallied.
    pub fn new(run: &Run) -> Result<Self, PlanError> {
        let plan = Arc::new(Plan::new(run)?);
        let past = Past {
            sealed: None,
            history: History::new(plan.slices.len()),
            keys: KeySets::new(&plan),
            smallest: SmallestKeys::default(),
        };
        Ok(Self {
            slicer: Slicer::new(&plan.slices),
            plan,
            open: BTreeMap::new(),
            late: 0,
            first: None,
            carried: 0,
            gap: None,
            past: Arc::new(past),
        })
    }

    /// An empty tally with the same past, to count a part of the next exchanges.
    ///
    /// Whoever spreads exchanges over forks lets this tally [`announce`](Self::announce) each of them
    /// first and heeds its [`read_by`](Self::read_by), as a fork sees a part only.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            plan: Arc::clone(&self.plan),
            slicer: Slicer::new(&self.plan.slices),
            open: BTreeMap::new(),
            late: 0,
            first: self.first,
            carried: self.carried,
            gap: None,
            past: Arc::clone(&self.past),
        }
    }

    /// Adds what a fork counted. Merging is addition: order and number of forks do not matter.
    ///
    /// # Panics
    /// When a window was sealed since the fork was made: its counts would come too late.
    pub fn merge(&mut self, fork: Self) {
        assert_eq!(self.past.sealed, fork.past.sealed, "forks are merged before a window is sealed");
        for (window, part) in fork.open {
            match self.open.get_mut(&window) {
                Some(mine) => mine.merge(part),
                None => drop(self.open.insert(window, part)),
            }
        }
        self.late += fork.late;
        if let Some(first) = fork.first {
            self.begin(first.admitted_ns);
        }
    }

    /// Hears of an exchange that is counted elsewhere, or later: the run may begin with it.
    ///
    /// Before the first seal an earlier exchange may still come, and then the run began with that one.
    pub fn announce(&mut self, exchange: &Exchange) {
        if exchange.outcomes.candidate.is_some() {
            self.begin(exchange.admitted_ns);
        }
    }

    /// The window in which `admitted_ns` lies.
    #[must_use]
    pub fn window_of(&self, admitted_ns: u64) -> u64 {
        admitted_ns / self.plan.window_ns
    }

    /// The newest sealed window.
    #[must_use]
    pub fn sealed(&self) -> Option<u64> {
        self.past.sealed
    }

    /// The run's index of a window, from 1; 0 for windows before the first exchange.
    #[must_use]
    pub fn run_index(&self, window: u64) -> u64 {
        self.first.map_or(0, |first| match (window + 1).saturating_sub(first.window) {
            0 => 0,
            own => self.carried + own,
        })
    }

    /// The newest window with exchanges that is not sealed.
    #[must_use]
    pub fn newest_open(&self) -> Option<u64> {
        self.open.keys().next_back().copied()
    }

    /// The window to seal next so that in the end everything up to `through` is sealed; `None` when it is.
    ///
    /// Windows without exchanges are passed over, except `through` itself.
    #[must_use]
    pub fn next_to_seal(&self, through: u64) -> Option<u64> {
        let first = self.first?;
        if through < first.window || self.past.sealed.is_some_and(|sealed| through <= sealed) {
            return None;
        }
        Some(self.open.keys().next().map_or(through, |oldest| through.min(*oldest)))
    }

    /// The newest window that must be sealed before an exchange admitted in `window` is counted.
    #[must_use]
    pub fn read_by(&self, window: u64) -> Option<u64> {
        let newest = window.checked_sub(self.plan.lag + 1)?;
        self.next_to_seal(newest).map(|_| newest)
    }

    /// Counts one exchange.
    ///
    /// # Errors
    /// [`Unsealed`] where [`Tally::read_by`] was not heeded; nothing is counted then.
    pub fn count(&mut self, exchange: &Exchange, seen: &Observation) -> Result<Fate, Unsealed> {
        self.count_facts(&exchange.into(), seen)
    }

    /// Counts one exchange by what is to be counted of it.
    ///
    /// # Errors
    /// As [`Tally::count`].
    pub fn count_facts(&mut self, facts: &Facts<'_>, seen: &Observation) -> Result<Fate, Unsealed> {
        if !facts.is_mirrored() {
            return Ok(Fate::NotMirrored);
        }
        let window = self.window_of(facts.admitted_ns);
        if let Some(unsealed) = self.read_by(window) {
            return Err(Unsealed(unsealed));
        }
        if self.past.sealed.is_some_and(|sealed| window <= sealed) {
            self.late += 1;
            return Ok(Fate::Late);
        }
        self.begin(facts.admitted_ns);
        let look = self.past.history.look(&self.plan, self.run_index(window), self.is_warm(window));
        let open = self.open.entry(window).or_insert_with(|| OpenWindow::new(Arc::clone(&self.plan)));
        let block = self.plan.block_of(window);
        let known = |slice: usize| self.past.keys.holds(slice, block, facts.cluster_key);
        open.count(facts, seen, self.slicer.slices_of(&facts.labels), &look, known);
        Ok(Fate::Compared)
    }

    /// Seals one window: closes its units and turns them into rows.
    ///
    /// # Errors
    /// [`SealError`] for any window that [`Tally::next_to_seal`] would not name.
    pub fn seal(&mut self, window: u64, admissions: Option<Admissions>) -> Result<SealedWindow, SealError> {
        let first = self.first.ok_or(SealError::BeforeStart(window))?;
        if window < first.window {
            return Err(SealError::BeforeStart(window));
        }
        if self.past.sealed.is_some_and(|sealed| window <= sealed) {
            return Err(SealError::Again(window));
        }
        if let Some(oldest) = self.open.keys().next().filter(|oldest| **oldest < window) {
            return Err(SealError::Earlier(*oldest));
        }
        let open = self.open.remove(&window).unwrap_or_else(|| OpenWindow::new(Arc::clone(&self.plan)));
        let past = Arc::make_mut(&mut self.past);
        past.sealed = Some(window);
        past.keys.begin_window();
        let block = self.plan.block_of(window);
        let mut sealed = open.close(&mut past.keys, block, &mut past.smallest);
        sealed.window = self.carried + (window + 1).saturating_sub(first.window);
        sealed.end_ns = (window + 1).saturating_mul(self.plan.window_ns);
        sealed.gap = self.gap.take();
        seal::expose(&mut sealed, admissions, std::mem::take(&mut self.late));
        past.history.add(&self.plan, &sealed);
        Ok(sealed)
    }

    /// Says that the process ended since the newest seal, and came back: the next seal tells.
    pub(crate) fn interrupted(&mut self, gap: Option<Gap>) {
        self.gap = gap;
    }

    /// Admission time of the first exchange, as far as is known.
    pub(crate) fn first_ns(&self) -> Option<u64> {
        self.first.map(|first| first.admitted_ns)
    }

    /// The keys that the newest sealed window added to those that count no more.
    pub(crate) fn entered(&self) -> Entered {
        let mut entered = self.past.keys.entered().clone();
        entered.iter_mut().for_each(|(_, keys)| keys.sort_unstable());
        entered
    }

    /// Takes a window as it was sealed before this process began, in place of its exchanges; `first_ns` is the admission
    /// time of the run's first one, `entered` what [`Tally::entered`] was.
    ///
    /// # Errors
    /// [`SealError::Again`] for a window that is sealed already.
    pub(crate) fn restore(
        &mut self,
        sealed: &SealedWindow,
        first_ns: u64,
        entered: &Entered,
    ) -> Result<(), SealError> {
        let window = self.absolute(sealed);
        if self.past.sealed.is_some_and(|newest| window <= newest) {
            return Err(SealError::Again(window));
        }
        self.open = self.open.split_off(&(window + 1));
        self.late = 0;
        let index = sealed.window.saturating_sub(self.carried);
        self.first = Some(First { window: (window + 1).saturating_sub(index), admitted_ns: first_ns });
        self.remember(sealed, entered);
        Arc::make_mut(&mut self.past).sealed = Some(window);
        Ok(())
    }

    /// Takes a window of the run that this one continues: its index, thresholds and keys go on.
    pub(crate) fn carry(&mut self, sealed: &SealedWindow, entered: &Entered) {
        self.carried = sealed.window;
        self.remember(sealed, entered);
    }

    fn remember(&mut self, sealed: &SealedWindow, entered: &Entered) {
        let block = self.plan.block_of(self.absolute(sealed));
        let past = Arc::make_mut(&mut self.past);
        past.history.add(&self.plan, sealed);
        for key in sealed.exposure.iter().flat_map(|exposure| &exposure.keys) {
            past.smallest.enter(*key);
        }
        past.keys.begin_window();
        for (slice, keys) in entered.iter().filter(|(slice, _)| *slice < self.plan.slices.len()) {
            past.keys.enter(*slice, block, keys.iter().copied());
        }
    }

    /// The absolute index of a sealed window.
    fn absolute(&self, sealed: &SealedWindow) -> u64 {
        (sealed.end_ns / self.plan.window_ns).saturating_sub(1)
    }

    fn begin(&mut self, admitted_ns: u64) {
        if self.past.sealed.is_none() && self.first.is_none_or(|first| admitted_ns < first.admitted_ns) {
            self.first = Some(First { window: self.window_of(admitted_ns), admitted_ns });
        }
    }

    /// Whether a window begins at least `warm_up` after the first exchange.
    fn is_warm(&self, window: u64) -> bool {
        let begins = window.saturating_mul(self.plan.window_ns);
        self.first.is_some_and(|first| begins.saturating_sub(first.admitted_ns) >= self.plan.warm_up_ns)
    }
}

#[cfg(test)]
mod tests;
