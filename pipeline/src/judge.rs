//! A run over partitions: records and cuts in, sealed windows and verdicts out.
//!
//! A pure state machine around [`Trial`]: no client, no clock. It drops repeats, counts gaps, and says
//! when a window could be sealed ([`Judge::propose`]); what is sealed is only what stands in the topic
//! of cuts ([`Judge::apply`]). Between two cuts the order of records does not matter: until the first
//! cut exchanges are only announced, since the run begins with the earliest of them, and from then on
//! counting is addition.

use crate::decision::Decision;
use crate::lane::{Arrival, Lane};
use crate::stamp::{Kind, Mark, Stamp};
use bytes::Bytes;
use parallax_comparator::report::Published;
use parallax_comparator::run::Run;
use parallax_comparator::trial::{EncodedError, Header, Trial, TrialError};
use parallax_exchange::{Admissions, codec};
use std::collections::BTreeMap;

/// Bytes of exchanges held until the first cut; beyond it the first window is sealed early, and what
/// comes too late for it is counted as late.
const HELD_MAX: usize = 256 << 20;

/// A record as it came from a partition.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// Where it lies.
    pub offset: i64,
    /// Its header `parallax`; none where it has no such header.
    pub stamp: Option<Bytes>,
    /// Its timestamp, in milliseconds since the Unix epoch.
    pub clock_ms: i64,
    /// Its value.
    pub value: Bytes,
}

/// What became of the records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Exchanges taken.
    pub exchanges: u64,
    /// Records that had been there before.
    pub repeats: u64,
    /// Records whose numbers are missing.
    pub missing: u64,
    /// Records that are not what the topic holds.
    pub damaged: u64,
    /// Cuts carried out.
    pub cuts: u64,
}

/// The state of one run.
#[derive(Debug)]
pub struct Judge {
    trial: Trial,
    lanes: Vec<Lane>,
    admissions: BTreeMap<u64, Admissions>,
    /// Exchanges before the first cut, and later those whose thresholds are not sealed yet.
    held: Vec<Bytes>,
    held_bytes: usize,
    number: u64,
    window_ns: u64,
    seal_delay_ns: u64,
    is_over: bool,
    counts: Counts,
}

/// A window that a cut sealed: the record of its tally.
pub(crate) type SealRecord = Bytes;

impl Judge {
    /// A run before its first record; `offsets` is where each partition begins.
    ///
    /// # Errors
    /// What in the run cannot be used.
    pub fn new(run: Run, offsets: &[i64]) -> Result<Self, TrialError> {
        Ok(Self {
            window_ns: run.policy.window.nanos(),
            seal_delay_ns: run.policy.seal_delay().nanos(),
            trial: Trial::new(run)?,
            lanes: offsets.iter().map(|offset| Lane::new(*offset)).collect(),
            admissions: BTreeMap::new(),
            held: Vec::new(),
            held_bytes: 0,
            number: 0,
            is_over: false,
            counts: Counts::default(),
        })
    }

    /// The header that begins such a run.
    #[must_use]
    pub fn header(run: Run) -> Header {
        Header { run, captured: true }
    }

    /// The next offset wanted of each partition.
    #[must_use]
    pub fn offsets(&self) -> Vec<i64> {
        self.lanes.iter().map(|lane| lane.next).collect()
    }

    /// The number of the next cut.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.number + 1
    }

    /// What was read so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Whether the verdict stands, or nothing comes any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// The document of the verdict at the newest cut.
    #[must_use]
    pub fn verdict_json(&mut self) -> Bytes {
        self.trial.verdict_json()
    }

    /// The run's name.
    #[must_use]
    pub fn run(&self) -> &str {
        &self.trial.run().run
    }

    /// Verdict and report, for people.
    #[must_use]
    pub fn published(&mut self, now_ns: u64) -> Published {
        let mut unsealed = Admissions::default();
        self.admissions.values().for_each(|counts| unsealed.merge(counts));
        self.trial.published(now_ns, &unsealed)
    }

    /// Hears that a partition has no record at `offset` or behind it yet.
    pub fn at_end(&mut self, partition: usize, offset: i64) {
        let lane = &mut self.lanes[partition];
        lane.is_at_end = offset <= lane.next;
    }

    /// Hears that a partition goes on at `offset`: below it there is nothing, such as after compaction.
    pub fn skip_to(&mut self, partition: usize, offset: i64) {
        let lane = &mut self.lanes[partition];
        lane.next = lane.next.max(offset);
    }

    /// Takes a record; one that was taken before is passed over.
    pub fn take(&mut self, partition: usize, record: Incoming, now_ns: u64) {
        let lane = &mut self.lanes[partition];
        if record.offset < lane.next {
            return;
        }
        lane.next = record.offset + 1;
        lane.is_at_end = false;
        let stamp = record.stamp.as_deref().map(Stamp::read);
        let Some(Ok(stamp)) = stamp else {
            self.counts.damaged += 1;
            return;
        };
        match lane.arrive(&stamp, record.clock_ms, now_ns) {
            Arrival::Repeat => {
                self.counts.repeats += 1;
                return;
            }
            Arrival::New { missing } => self.counts.missing += missing,
        }
        match stamp.kind {
            Kind::Exchange => self.exchange(record.value),
            Kind::Mark => match serde_json::from_slice::<Mark>(&record.value) {
                Ok(mark) => self.mark(partition, &stamp, mark),
                Err(_) => self.counts.damaged += 1,
            },
        }
    }

    /// The cut that could be made now, if there is one.
    ///
    /// `idle_ns` is how long a silent producer is waited for; with `until_end` the run ends when all
    /// producers have closed and everything is read.
    #[must_use]
    pub fn propose(&self, now_ns: u64, idle_ns: u64, until_end: bool) -> Option<Decision> {
        if self.is_over {
            return None;
        }
        let (run, number, offsets) = (self.run().to_owned(), self.next_number(), self.offsets());
        let is_known = self.lanes.iter().any(Lane::is_known);
        if until_end && is_known && self.lanes.iter().all(|lane| lane.is_over(now_ns, idle_ns)) {
            return Some(Decision::End { run, number, offsets });
        }
        let clock_ms = self.lanes.iter().map(|lane| lane.clock_ms(now_ns, idle_ns)).min()?;
        // Where nobody is waited for, time goes on as it does here.
        let clock_ns = u64::try_from(clock_ms).unwrap_or(0).saturating_mul(1_000_000).min(now_ns);
        let mut through = (clock_ns.saturating_sub(self.seal_delay_ns) / self.window_ns).checked_sub(1);
        if self.number == 0 && self.held_bytes > HELD_MAX {
            through = through.max(self.trial.window_of(clock_ns).checked_sub(1));
        }
        let through = through.filter(|through| self.trial.next_to_seal(*through).is_some())?;
        Some(Decision::Seal { run, number, through, offsets })
    }

    /// Carries out a cut that stands; every partition must have been read up to its offsets.
    ///
    /// Gives the records of the windows that it sealed.
    ///
    /// # Panics
    /// When it is not the next cut, or the offsets are others: the caller's fault.
    pub fn apply(&mut self, cut: &Decision) -> Vec<SealRecord> {
        assert_eq!(cut.number(), self.next_number(), "cuts are carried out in their order");
        assert_eq!(cut.offsets(), self.offsets(), "a cut is carried out where it was made");
        self.number = cut.number();
        self.counts.cuts += 1;
        self.count_held();
        let mut sealed = Vec::new();
        match cut {
            Decision::Seal { through, .. } => self.seal_through(*through, &mut sealed),
            Decision::End { .. } => {
                // What was held back for a seal may open later windows.
                while !self.trial.verdict().is_final
                    && let Some(newest) = self.trial.newest_open().or(self.newest_admitted())
                {
                    if self.held.is_empty() {
                        self.admit_all_by(newest);
                    }
                    if self.trial.next_to_seal(newest).is_none() {
                        break;
                    }
                    self.seal_through(newest, &mut sealed);
                }
                if !self.trial.verdict().is_final {
                    self.trial.finish();
                }
                self.is_over = true;
            }
            Decision::Begin { .. } => {}
        }
        self.is_over |= self.trial.verdict().is_final;
        sealed
    }

    fn newest_admitted(&self) -> Option<u64> {
        self.admissions.keys().next_back().copied()
    }

    /// What the door counted later belongs to the last window, so that it adds up.
    fn admit_all_by(&mut self, newest: u64) {
        let later = self.admissions.split_off(&(newest + 1));
        for counts in later.values() {
            self.admissions.entry(newest).or_default().merge(counts);
        }
    }

    fn seal_through(&mut self, through: u64, sealed: &mut Vec<SealRecord>) {
        // A verdict that stands is not moved by what a cut holds beyond it.
        while !self.trial.verdict().is_final
            && let Some(window) = self.trial.next_to_seal(through)
        {
            let later = self.admissions.split_off(&(window + 1));
            let mut admissions = Admissions::default();
            for counts in std::mem::replace(&mut self.admissions, later).values() {
                admissions.merge(counts);
            }
            match self.trial.seal(window, Some(admissions)) {
                Ok(rows) => sealed.push(self.trial.record(rows, true).to_bytes()),
                Err(error) => {
                    // The trial named the window itself, so this is a fault of ours.
                    tracing::error!(%error, window, "a window could not be sealed");
                    return;
                }
            }
            self.count_held();
        }
    }

    fn mark(&mut self, partition: usize, stamp: &Stamp, mark: Mark) {
        for (window, counts) in mark.admissions {
            self.admissions.entry(window).or_default().merge(&counts);
        }
        if mark.closed {
            self.lanes[partition].close(stamp);
        }
    }

    fn exchange(&mut self, value: Bytes) {
        self.counts.exchanges += 1;
        if self.number == 0 {
            match codec::decode(value.clone()) {
                Ok(exchange) => {
                    self.trial.announce(&exchange);
                    self.hold(value);
                }
                Err(_) => self.damaged(),
            }
        } else {
            self.count(value);
        }
    }

    fn hold(&mut self, value: Bytes) {
        self.held_bytes += value.len();
        self.held.push(value);
    }

    fn count(&mut self, value: Bytes) {
        match self.trial.encoded(&value) {
            Ok(_) => {}
            Err(EncodedError::Unsealed(_)) => self.hold(value),
            Err(EncodedError::Decode(_)) => self.damaged(),
        }
    }

    fn count_held(&mut self) {
        self.held_bytes = 0;
        for value in std::mem::take(&mut self.held) {
            self.count(value);
        }
    }

    fn damaged(&mut self) {
        self.counts.damaged += 1;
        self.counts.exchanges -= 1;
    }
}

#[cfg(test)]
mod tests;
