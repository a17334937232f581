//! Latencies as counts by HDR bucket, kept sparsely.
//!
//! A dense HDR histogram of 1 ns to 1 h with 3 significant digits takes 264 kB; there is one for each
//! role, slice and open window, and twenty windows of the control's are kept for thresholds. The
//! latencies of one slice in one window touch a few hundred buckets, so only those are kept here.
//! The buckets themselves, and the stored form, are those of the `hdrhistogram` crate.

mod recorder;
mod wire;

pub use recorder::Recorder;
pub use wire::WireError;

use hdrhistogram::Histogram;
use std::sync::OnceLock;

/// The longest latency told apart, in nanoseconds: 1 h. Longer ones count as this.
pub const LONGEST_NS: u64 = 3_600_000_000_000;

/// Counts by bucket; a bucket is named by its *edge*, the lowest latency in it (nanoseconds).
///
/// Merging is addition, so it may be done in any order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Latencies {
    /// Edges ascending, counts above 0.
    buckets: Vec<(u64, u64)>,
}

impl Latencies {
    /// Number of latencies.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| count).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// Edges, ascending, with their counts (above 0).
    #[must_use]
    pub fn buckets(&self) -> &[(u64, u64)] {
        &self.buckets
    }

    /// The edge of the bucket that holds the `rank`-th smallest latency, `rank` from 1;
    /// `None` where there are fewer.
    #[must_use]
    pub fn nth_smallest(&self, rank: u64) -> Option<u64> {
        let mut seen = 0;
        self.buckets
            .iter()
            .find(|(_, count)| {
                seen += count;
                seen >= rank.max(1)
            })
            .map(|(edge, _)| *edge)
    }

    /// The edge of the largest latency.
    #[must_use]
    pub fn largest(&self) -> Option<u64> {
        self.buckets.last().map(|(edge, _)| *edge)
    }

    /// Adds the counts of `other`.
    pub fn merge(&mut self, other: &Self) {
        if !other.is_empty() {
            self.buckets = combine(&self.buckets, &other.buckets);
        }
    }

    /// The same counts as a dense histogram, for tools that want one.
    #[must_use]
    pub fn to_histogram(&self) -> Histogram<u64> {
        let mut dense = empty_histogram();
        for (edge, count) in &self.buckets {
            dense.saturating_record_n(*edge, *count);
        }
        dense
    }
}

/// The lowest latency that shares a bucket with `nanoseconds`; 0 counts as 1.
#[must_use]
pub fn edge_at(nanoseconds: u64) -> u64 {
    layout().lowest_equivalent(nanoseconds.clamp(1, LONGEST_NS))
}

/// The lowest latency of the next bucket.
#[must_use]
pub fn edge_above(nanoseconds: u64) -> u64 {
    layout().next_non_equivalent(nanoseconds.clamp(1, LONGEST_NS))
}

/// A histogram that is asked for its buckets only.
fn layout() -> &'static Histogram<u64> {
    static LAYOUT: OnceLock<Histogram<u64>> = OnceLock::new();
    LAYOUT.get_or_init(empty_histogram)
}

fn empty_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_NS, 3).expect("1 ns to 1 h with 3 digits is a valid range")
}

/// Adds two ascending lists.
fn combine(left: &[(u64, u64)], right: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut joined = Vec::with_capacity(left.len() + right.len());
    let (mut l, mut r) = (0, 0);
    while l < left.len() || r < right.len() {
        let edge = |list: &[(u64, u64)], at: usize| list.get(at).map_or(u64::MAX, |(edge, _)| *edge);
        let next = edge(left, l).min(edge(right, r));
        let take = |list: &[(u64, u64)], at: &mut usize| {
            let hit = edge(list, *at) == next;
            let count = if hit { list[*at].1 } else { 0 };
            *at += usize::from(hit);
            count
        };
        joined.push((next, take(left, &mut l) + take(right, &mut r)));
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(values: &[u64]) -> Latencies {
        let mut recorder = Recorder::default();
        values.iter().for_each(|value| recorder.record(*value));
        recorder.finish()
    }

    #[test]
    fn edges_are_those_of_the_histogram_crate() {
        assert_eq!(edge_at(0), 1);
        assert_eq!(edge_at(2047), 2047);
        assert_eq!(edge_at(2049), 2048);
        assert_eq!(edge_above(2048), 2050);
        assert_eq!(edge_at(41_222_150), 41_222_144);
        assert!(edge_at(u64::MAX) <= LONGEST_NS);
    }

    proptest! {
        #[test]
        fn ranks_agree_with_sorting(mut values in proptest::collection::vec(0u64..20_000_000_000, 1..300)) {
            let latencies = of(&values);
            values.sort_unstable();
            for (rank, value) in values.iter().enumerate() {
                prop_assert_eq!(latencies.nth_smallest(rank as u64 + 1), Some(edge_at(*value)));
            }
            prop_assert_eq!(latencies.nth_smallest(values.len() as u64 + 1), None);
            prop_assert_eq!(latencies.count(), values.len() as u64);
            prop_assert_eq!(latencies.to_histogram().len(), values.len() as u64);
        }

        #[test]
        fn merging_is_recording_together(a in proptest::collection::vec(1u64..1_000_000, 0..200),
                                         b in proptest::collection::vec(1u64..1_000_000, 0..200)) {
            let mut merged = of(&a);
            merged.merge(&of(&b));
            let together: Vec<_> = a.iter().chain(&b).copied().collect();
            prop_assert_eq!(&merged, &of(&together));
        }
    }
}
