//! The conservation ledger: what happened to every request at the mirror's door.
//!
//! `offered = not_selected + dropped(reason…) + mirrored`, cut by admission time into windows.
//! The proxy writes it, the comparator reads a window once, when it seals it; neither depends on the
//! other. Each proxy lane owns a [`Lane`], so the lock it takes is never contended but by that read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Why an offered request was not mirrored although its route selects it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    /// It carried the mirror's marker: it is a copy already.
    Loop,
    /// An upgrade (WebSocket) or CONNECT: a byte stream, not an exchange.
    Upgrade,
    /// The client left before its request was complete, so there is nothing whole to copy.
    RequestCut,
    /// The mirror is draining for shutdown.
    Draining,
    /// Mirroring has come to its configured end.
    Expired,
    /// More copies a second than the configuration allows.
    CopyRate,
    /// More bytes a second than the configuration allows.
    ByteRate,
}

/// Why a mirrored request was given up for all roles before any outcome was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShedReason {
    /// Too many exchanges in flight.
    InFlight,
    /// Too many bytes held by exchanges in flight.
    Bytes,
    /// The request body is longer than the capture cap.
    BodyTooLarge,
}

/// Counts of one window of admission time.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Admissions {
    /// Requests that reached the mirror.
    pub offered: u64,
    /// Requests that no route selects, or that its sampling leaves out.
    pub not_selected: u64,
    /// Selected requests that were not mirrored, by reason.
    pub dropped: BTreeMap<DropReason, u64>,
    /// Selected and admitted, shed ones included.
    pub mirrored: u64,
    /// Admitted and at once given up for all roles, by reason.
    pub shed: BTreeMap<ShedReason, u64>,
    /// Copies offered to the candidate, refused ones included.
    pub candidate_offered: u64,
    /// Copies offered to the control, refused ones included.
    pub control_offered: u64,
}

impl Admissions {
    /// Adds the counts of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.offered += other.offered;
        self.not_selected += other.not_selected;
        self.mirrored += other.mirrored;
        self.candidate_offered += other.candidate_offered;
        self.control_offered += other.control_offered;
        add(&mut self.dropped, &other.dropped);
        add(&mut self.shed, &other.shed);
    }

    /// Whether `offered = not_selected + dropped + mirrored`.
    #[must_use]
    pub fn is_conserved(&self) -> bool {
        self.offered == self.not_selected + self.dropped.values().sum::<u64>() + self.mirrored
    }

    /// Shed requests, all reasons together.
    #[must_use]
    pub fn shed_total(&self) -> u64 {
        self.shed.values().sum()
    }
}

fn add<K: Ord + Copy>(into: &mut BTreeMap<K, u64>, from: &BTreeMap<K, u64>) {
    for (reason, count) in from {
        *into.entry(*reason).or_default() += count;
    }
}

type Windows = Mutex<BTreeMap<u64, Admissions>>;

/// The ledger of one process; cheap to clone.
#[derive(Debug, Clone)]
pub struct Ledger {
    window_ns: u64,
    lanes: Arc<Mutex<Vec<Arc<Windows>>>>,
}

impl Ledger {
    /// A ledger cut into windows of `window_ns` nanoseconds, at least 1.
    #[must_use]
    pub fn new(window_ns: u64) -> Self {
        Self { window_ns: window_ns.max(1), lanes: Arc::default() }
    }

    /// Adds a writer.
    #[must_use]
    pub fn lane(&self) -> Lane {
        let windows = Arc::<Windows>::default();
        locked(&self.lanes).push(Arc::clone(&windows));
        Lane { window_ns: self.window_ns, windows }
    }

    /// Takes everything counted in windows up to and including `window`
    /// (an index: admission time in nanoseconds divided by the window's length).
    ///
    /// What a lane counts later for such a window comes with the next call, so nothing is lost.
    #[must_use]
    pub fn take_through(&self, window: u64) -> Admissions {
        let mut sum = Admissions::default();
        for lane in locked(&self.lanes).iter() {
            let mut windows = locked(lane);
            let later = window.checked_add(1).map(|next| windows.split_off(&next)).unwrap_or_default();
            for counts in std::mem::replace(&mut *windows, later).values() {
                sum.merge(counts);
            }
        }
        sum
    }

    /// What has been counted and not taken, all windows together; takes nothing.
    #[must_use]
    pub fn untaken(&self) -> Admissions {
        let mut sum = Admissions::default();
        for lane in locked(&self.lanes).iter() {
            locked(lane).values().for_each(|counts| sum.merge(counts));
        }
        sum
    }
}

/// One writer's part of the [`Ledger`].
#[derive(Debug)]
pub struct Lane {
    window_ns: u64,
    windows: Arc<Windows>,
}

impl Lane {
    /// Changes the counts of the window in which `admitted_ns` (Unix time) lies.
    pub fn count(&self, admitted_ns: u64, change: impl FnOnce(&mut Admissions)) {
        change(locked(&self.windows).entry(admitted_ns / self.window_ns).or_default());
    }
}

/// Counting cannot leave a map half-changed, so a panic elsewhere does not spoil it.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    #[test]
    fn a_late_count_comes_with_the_next_window() {
        let ledger = Ledger::new(10);
        let (a, b) = (ledger.lane(), ledger.lane());
        a.count(5, |counts| counts.offered += 1);
        b.count(9, |counts| counts.offered += 2);
        b.count(10, |counts| counts.offered += 4);
        assert_eq!(ledger.take_through(0).offered, 3);
        a.count(7, |counts| counts.offered += 8);
        assert_eq!(ledger.untaken().offered, 12);
        assert_eq!(ledger.take_through(1).offered, 12);
        assert_eq!(ledger.take_through(u64::MAX), Admissions::default());
    }

    #[test]
    fn the_last_window_and_a_window_of_no_length_are_counted_too() {
        let ledger = Ledger::new(0);
        ledger.lane().count(u64::MAX, |counts| counts.offered += 1);
        assert_eq!(ledger.take_through(u64::MAX - 1).offered, 0);
        assert_eq!(ledger.take_through(u64::MAX).offered, 1);
    }

    #[test]
    fn counts_of_many_threads_are_all_taken() {
        let ledger = Ledger::new(10);
        let counting =
            |lane: Lane| move || (0..1000).for_each(|at| lane.count(at, |counts| counts.offered += 1));
        let threads = [(); 4].map(|()| std::thread::spawn(counting(ledger.lane())));
        let mut taken = 0;
        while threads.iter().any(|thread| !thread.is_finished()) {
            taken += ledger.take_through(u64::MAX).offered;
        }
        assert_eq!(taken + ledger.take_through(u64::MAX).offered, 4000);
    }

    /// What can happen to one request.
    #[derive(Debug, Clone, Copy)]
    enum Fate {
        NotSelected,
        Dropped(DropReason),
        Mirrored,
        Shed(ShedReason),
    }

    fn fate() -> impl Strategy<Value = Fate> {
        use {DropReason as D, ShedReason as S};
        prop_oneof![
            Just(Fate::NotSelected),
            prop::sample::select(vec![D::Loop, D::RequestCut, D::Expired, D::CopyRate])
                .prop_map(Fate::Dropped),
            Just(Fate::Mirrored),
            prop::sample::select(vec![S::InFlight, S::Bytes, S::BodyTooLarge]).prop_map(Fate::Shed),
        ]
    }

    fn note(counts: &mut Admissions, fate: Fate) {
        counts.offered += 1;
        match fate {
            Fate::NotSelected => counts.not_selected += 1,
            Fate::Dropped(reason) => *counts.dropped.entry(reason).or_default() += 1,
            Fate::Mirrored => counts.mirrored += 1,
            Fate::Shed(reason) => {
                counts.mirrored += 1;
                *counts.shed.entry(reason).or_default() += 1;
            }
        }
    }

    proptest! {
        /// However requests are spread over lanes and however often windows are taken, nothing is
        /// lost, nothing is counted twice, and each part that is taken is conserved.
        #[test]
        fn taking_windows_conserves_every_request(
            requests in vec((0u64..100, 0usize..3, fate(), any::<bool>()), 0..200),
        ) {
            let ledger = Ledger::new(10);
            let lanes = [ledger.lane(), ledger.lane(), ledger.lane()];
            let (mut expected, mut taken) = (Admissions::default(), Admissions::default());
            for (at, lane, fate, take) in requests {
                note(&mut expected, fate);
                lanes[lane].count(at, |counts| note(counts, fate));
                if take {
                    let part = ledger.take_through(at / 10);
                    prop_assert!(part.is_conserved());
                    taken.merge(&part);
                }
            }
            taken.merge(&ledger.take_through(u64::MAX));
            prop_assert!(expected.is_conserved());
            prop_assert_eq!(taken, expected);
        }
    }

    #[test]
    fn an_uncounted_request_breaks_the_conservation_law() {
        let mut counts = Admissions { offered: 3, not_selected: 1, mirrored: 1, ..Admissions::default() };
        assert!(!counts.is_conserved());
        counts.dropped.insert(DropReason::Loop, 1);
        assert!(counts.is_conserved());
        counts.shed.extend([(ShedReason::Bytes, 2), (ShedReason::InFlight, 3)]);
        assert_eq!(counts.shed_total(), 5);
    }
}
