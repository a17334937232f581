//! Latency of the roles over the whole run, for tables and plots.

use super::RoleLatency;
use crate::facts::{Deed, Facts};
use crate::latencies::Recorder;
use parallax_exchange::Role;

/// Quantiles that are shown, in ten-thousandths.
const SHOWN: [u64; 14] = [100, 500, 1000, 2500, 5000, 7500, 9000, 9500, 9750, 9900, 9950, 9975, 9990, 9999];

/// Latencies of each role so far.
#[derive(Debug, Default)]
pub(super) struct RunLatency {
    roles: [Recorder; 3],
    missing: [u64; 3],
}

impl RunLatency {
    pub(super) fn record(&mut self, facts: &Facts<'_>) {
        for (index, deed) in facts.deeds.into_iter().enumerate() {
            match deed {
                Deed::Answered(latency_ns) => self.roles[index].record(latency_ns),
                Deed::Missing => self.missing[index] += 1,
                Deed::Nothing => {}
            }
        }
    }

    /// Adds what was timed of other exchanges.
    pub(super) fn merge(&mut self, other: Self) {
        for (own, theirs) in self.roles.iter_mut().zip(other.roles) {
            own.merge(theirs);
        }
        for (own, theirs) in self.missing.iter_mut().zip(other.missing) {
            *own += theirs;
        }
    }

    /// The roles that were sent anything, primary first.
    pub(super) fn report(&mut self) -> Vec<RoleLatency> {
        let roles = Role::ALL.into_iter().zip(&mut self.roles).zip(self.missing);
        let all = roles.map(|((role, recorder), missing)| {
            let latencies = recorder.so_far();
            let count = latencies.count();
            let at = |share: u64| {
                latencies.nth_smallest((u128::from(count) * u128::from(share)).div_ceil(10_000) as u64)
            };
            let quantiles = SHOWN.iter().filter_map(|share| Some((*share as f64 / 1e4, at(*share)?)));
            RoleLatency {
                role: role.name(),
                count,
                missing,
                quantiles: quantiles.collect(),
                max_ns: latencies.largest().unwrap_or(0),
            }
        });
        all.filter(|role| role.count + role.missing > 0).collect()
    }
}
