//! Recording without a search for each latency.

use super::{Latencies, edge_at};

/// Latencies held back until they are folded together; bounds memory at 8 kB beside the buckets.
const PENDING: usize = 1024;

/// Takes latencies one by one and gives [`Latencies`].
///
/// A record costs a push; folding 1,024 of them sorts once, which is cheaper than finding a place for
/// each.
#[derive(Debug, Clone, Default)]
pub struct Recorder {
    folded: Latencies,
    pending: Vec<u64>,
}

impl Recorder {
    /// Counts one latency in nanoseconds.
    pub fn record(&mut self, nanoseconds: u64) {
        self.record_edge(edge_at(nanoseconds));
    }

    /// Counts one latency by its [`edge_at`], for those who record it in several places.
    pub(crate) fn record_edge(&mut self, edge: u64) {
        self.pending.push(edge);
        if self.pending.len() >= PENDING {
            self.fold();
        }
    }

    /// Adds the counts of another recorder.
    pub fn merge(&mut self, other: Self) {
        self.folded.merge(&other.finish());
    }

    /// Everything recorded.
    #[must_use]
    pub fn finish(mut self) -> Latencies {
        self.fold();
        self.folded
    }

    /// Everything recorded so far.
    pub fn so_far(&mut self) -> &Latencies {
        self.fold();
        &self.folded
    }

    fn fold(&mut self) {
        self.pending.sort_unstable();
        let runs = self.pending.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as u64)).collect();
        self.folded.merge(&Latencies { buckets: runs });
        self.pending.clear();
    }
}
