//! A snapshot of what a proxy has done, all cores together.

use crate::counters::{Counters, DROPS, Number, OVERHEAD_BUCKETS, SHEDS, bucket_top};
use parallax_exchange::{MissingReason, Role};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a proxy has done since it started, and what it holds now.
///
/// Counters only grow; what is held "now" (`connections`, `in_flight`, `held_bytes`, `queue_bytes`)
/// goes up and down. Read while the proxy works, the numbers are of about the same moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Client connections open now.
    pub connections: u64,
    /// Client connections closed at once because of `limits.connections`.
    pub connections_refused: u64,
    /// Times that the operating system could not give a connection, such as for want of descriptors.
    pub accept_errors: u64,
    /// Clients with which TLS could not be agreed on, such as for want of a certificate.
    pub tls_failures: u64,
    /// Live requests, refused ones included.
    pub requests: u64,
    /// Live requests that the proxy refused as malformed; they never reach the mirror.
    pub requests_refused: u64,
    /// Live requests that the proxy answered itself because the primary did not.
    pub primary_failures: u64,
    /// Requests that no route selects, or that its sampling leaves out.
    pub not_selected: u64,
    /// Selected requests that were not mirrored, by reason.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Mirrored requests that were given up at once for all roles, by reason.
    pub shed: BTreeMap<&'static str, u64>,
    /// Outcomes by role.
    pub roles: BTreeMap<&'static str, RoleStats>,
    /// Exchanges handed on.
    pub exchanges: u64,
    /// Exchanges that were complete and then lost: the queue was full, or a capture ran out of budget.
    pub lost: u64,
    /// Exchanges in flight now.
    pub in_flight: u64,
    /// Bytes that exchanges in flight hold now.
    pub held_bytes: u64,
    /// Requests and copies of which neither access log nor collector was told: too much waited.
    pub untold: u64,
    /// Bytes that wait for the comparator now.
    pub queue_bytes: u64,
    /// Time that the proxy's own code added to a live request, in nanoseconds: median.
    pub overhead_ns_p50: u64,
    /// The same: 99 of 100 requests are not above it.
    pub overhead_ns_p99: u64,
}

/// Outcomes of one role.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RoleStats {
    /// Copies in flight now; 0 for the primary, which gets none.
    pub in_flight: u64,
    /// Complete responses.
    pub responses: u64,
    /// No response, by reason.
    pub missing: BTreeMap<&'static str, u64>,
}

impl Stats {
    /// The sum over all cores.
    pub(crate) fn gather(cores: &[Arc<Counters>], queue_bytes: usize) -> Self {
        let sum = |number: fn(&Counters) -> &Number| cores.iter().map(|core| number(core).get()).sum();
        let overhead = overhead(cores);
        Self {
            connections: sum(|core| &core.connections),
            connections_refused: sum(|core| &core.connections_refused),
            accept_errors: sum(|core| &core.accept_errors),
            tls_failures: sum(|core| &core.tls_failures),
            requests: sum(|core| &core.requests),
            requests_refused: sum(|core| &core.requests_refused),
            primary_failures: sum(|core| &core.primary_failures),
            not_selected: sum(|core| &core.not_selected),
            dropped: named(&DROPS, |reason| cores.iter().map(|core| core.drops(reason).get()).sum()),
            shed: named(&SHEDS, |reason| cores.iter().map(|core| core.sheds(reason).get()).sum()),
            roles: Role::ALL.into_iter().map(|role| (role.name(), RoleStats::gather(cores, role))).collect(),
            exchanges: sum(|core| &core.exchanges),
            lost: sum(|core| &core.lost),
            in_flight: sum(|core| &core.in_flight),
            held_bytes: sum(|core| &core.held_bytes),
            untold: sum(|core| &core.untold),
            queue_bytes: queue_bytes as u64,
            overhead_ns_p50: quantile(&overhead, 50),
            overhead_ns_p99: quantile(&overhead, 99),
        }
    }
}

impl RoleStats {
    fn gather(cores: &[Arc<Counters>], role: Role) -> Self {
        let missing = MissingReason::ALL.map(|reason| (reason, reason.name()));
        Self {
            in_flight: cores.iter().map(|core| core.copies(role).get()).sum(),
            responses: cores.iter().map(|core| core.responses(role).get()).sum(),
            missing: named(&missing, |reason| {
                cores.iter().map(|core| core.missing(role, reason).get()).sum()
            }),
        }
    }
}

/// The reasons that occurred, by name.
fn named<R: Copy>(reasons: &[(R, &'static str)], count: impl Fn(R) -> u64) -> BTreeMap<&'static str, u64> {
    reasons.iter().map(|&(reason, name)| (name, count(reason))).filter(|&(_, count)| count > 0).collect()
}

/// The overhead histogram of all cores.
pub(crate) fn overhead(cores: &[Arc<Counters>]) -> [u64; OVERHEAD_BUCKETS] {
    let mut sum = [0; OVERHEAD_BUCKETS];
    for core in cores {
        for (total, count) in sum.iter_mut().zip(core.overhead_buckets()) {
            *total += count;
        }
    }
    sum
}

fn quantile(histogram: &[u64], percent: u64) -> u64 {
    let rank = (histogram.iter().sum::<u64>() * percent).div_ceil(100);
    let mut seen = 0;
    let reached = histogram.iter().position(|count| {
        seen += count;
        rank > 0 && seen >= rank
    });
    reached.map_or(0, bucket_top)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn quantiles_of_the_overhead_are_exact_to_a_bucket() {
        let counters = Arc::new(Counters::default());
        assert_eq!(Stats::gather(&[Arc::clone(&counters)], 0).overhead_ns_p50, 0);
        (0..98).for_each(|_| counters.overhead(Duration::from_micros(2)));
        (0..2).for_each(|_| counters.overhead(Duration::from_millis(1)));
        let stats = Stats::gather(&[counters], 7);
        assert!((2_000..=2_500).contains(&stats.overhead_ns_p50), "{stats:?}");
        assert!((1_000_000..=1_250_000).contains(&stats.overhead_ns_p99), "{stats:?}");
        assert_eq!(stats.queue_bytes, 7);
    }
}
