//! The bytes that layers hold on many threads until the mirror's thread takes them over.

use crate::capture::Purse;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A budget that many threads draw on.
#[derive(Debug)]
pub(crate) struct SharedBudget {
    limit: u64,
    held: AtomicU64,
}

impl SharedBudget {
    /// A budget of `limit` bytes.
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit: limit as u64, held: AtomicU64::new(0) })
    }

    /// Bytes held now.
    pub(crate) fn held(&self) -> u64 {
        self.held.load(Relaxed)
    }
}

/// Bytes taken from a [`SharedBudget`]; given back on drop.
#[derive(Debug)]
pub(crate) struct SharedHold {
    budget: Arc<SharedBudget>,
    bytes: u64,
}

impl SharedHold {
    /// Nothing yet.
    pub(crate) fn of(budget: &Arc<SharedBudget>) -> Self {
        Self { budget: Arc::clone(budget), bytes: 0 }
    }
}

impl Purse for SharedHold {
    fn pay(&mut self, bytes: usize) -> bool {
        let bytes = bytes as u64;
        // Added first and taken back where it was too much: two threads cannot both have the last byte.
        let fits = self.budget.held.fetch_add(bytes, Relaxed) + bytes <= self.budget.limit;
        if fits {
            self.bytes += bytes;
        } else {
            self.budget.held.fetch_sub(bytes, Relaxed);
        }
        fits
    }
}

impl Drop for SharedHold {
    fn drop(&mut self) {
        self.budget.held.fetch_sub(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_and_what_was_taken_comes_back() {
        let budget = SharedBudget::new(10);
        let (mut one, mut other) = (SharedHold::of(&budget), SharedHold::of(&budget));
        assert!(one.pay(6));
        assert!(!other.pay(5));
        assert!(other.pay(4));
        assert_eq!(budget.held(), 10);
        drop(one);
        assert_eq!(budget.held(), 4);
    }
}
