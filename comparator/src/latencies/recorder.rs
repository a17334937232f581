//! Recording without a search for each latency, and without memory for each.

use super::{Latencies, edge_at};
use foldhash::HashMap;

/// Takes latencies one by one and gives [`Latencies`].
///
/// Counts lie in a hash table by bucket: a latency in a bucket that was met before, as almost all
/// are, costs one look-up and no allocation. They are put in order when somebody asks.
#[derive(Debug, Clone, Default)]
pub struct Recorder {
    counts: HashMap<u64, u64>,
}

impl Recorder {
    /// Counts one latency in nanoseconds.
    pub fn record(&mut self, nanoseconds: u64) {
        self.record_edge(edge_at(nanoseconds));
    }

    /// Counts one latency by its [`edge_at`], for those who record it in several places.
    pub(crate) fn record_edge(&mut self, edge: u64) {
        *self.counts.entry(edge).or_default() += 1;
    }

    /// Adds the counts of another recorder.
    pub fn merge(&mut self, other: Self) {
        for (edge, count) in other.counts {
            *self.counts.entry(edge).or_default() += count;
        }
    }

    /// Everything recorded.
    #[must_use]
    pub fn finish(self) -> Latencies {
        self.so_far()
    }

    /// Everything recorded so far.
    #[must_use]
    pub fn so_far(&self) -> Latencies {
        let mut buckets: Vec<(u64, u64)> = self.counts.iter().map(|(edge, count)| (*edge, *count)).collect();
        buckets.sort_unstable();
        Latencies { buckets }
    }
}
