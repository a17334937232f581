//! What a running lane shows to the outside: a few atomics, and a histogram that changes hands.
//!
//! A lane must never wait for whoever watches it. Its counts are relaxed stores every few
//! milliseconds, and once a second it swaps its histogram of the interval for an empty one, if the
//! watcher has emptied the last; otherwise it goes on with the one it has.

use super::tally::{Counts, histogram};
use hdrhistogram::Histogram;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

const INTERVAL_NS: u64 = 1_000_000_000;

/// The lane's end.
#[derive(Debug)]
pub(crate) struct LiveLane {
    shown: Arc<Shown>,
    interval: Histogram<u64>,
    next_swap_ns: u64,
}

/// The watcher's end.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) released: AtomicU64,
    pub(crate) completed: AtomicU64,
    pub(crate) failed: AtomicU64,
    interval: Mutex<Histogram<u64>>,
}

impl LiveLane {
    /// A lane's end and the watcher's.
    pub(crate) fn new(start_ns: u64) -> (Self, Arc<Shown>) {
        let shown = Arc::new(Shown {
            released: AtomicU64::new(0),
            completed: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            interval: Mutex::new(histogram()),
        });
        let lane =
            Self { shown: Arc::clone(&shown), interval: histogram(), next_swap_ns: start_ns + INTERVAL_NS };
        (lane, shown)
    }

    /// Another response time.
    pub(crate) fn record(&mut self, response_ns: u64) {
        self.interval.saturating_record(response_ns);
    }

    /// Shows the counts, and the interval's histogram when its time has come.
    pub(crate) fn publish(&mut self, counts: &Counts, now_ns: u64) {
        self.show(counts);
        if now_ns < self.next_swap_ns {
            return;
        }
        let mut shown = self.shown.interval.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.is_empty() {
            std::mem::swap(&mut *shown, &mut self.interval);
            self.next_swap_ns = now_ns + INTERVAL_NS;
        }
    }

    /// Leaves everything to the watcher.
    pub(crate) fn finish(&mut self, counts: &Counts) {
        self.show(counts);
        let mut shown = self.shown.interval.lock().unwrap_or_else(PoisonError::into_inner);
        shown.add(&self.interval).expect("every histogram has the same bounds");
    }

    fn show(&self, counts: &Counts) {
        self.shown.released.store(counts.released, Ordering::Relaxed);
        self.shown.completed.store(counts.completed(), Ordering::Relaxed);
        self.shown.failed.store(counts.failed_in_all(), Ordering::Relaxed);
    }
}

impl Shown {
    /// Moves what the lane has shown into `sum`.
    pub(crate) fn take_interval(&self, sum: &mut Histogram<u64>) {
        let mut shown = self.interval.lock().unwrap_or_else(PoisonError::into_inner);
        sum.add(&*shown).expect("every histogram has the same bounds");
        shown.reset();
    }
}
