//! What one core counts: atomics with a single writer, read by whoever asks.
//!
//! One writer means that adding is a load and a store, not a locked instruction; a reader sees each
//! number whole, and all of them as of about the same moment.

use parallax_exchange::{DropReason, MissingReason, Outcome, Role, ShedReason};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// A number with one writer.
#[derive(Debug, Default)]
pub(crate) struct Number(AtomicU64);

impl Number {
    /// Adds; only the owning thread may.
    pub(crate) fn add(&self, count: u64) {
        self.set(self.get().wrapping_add(count));
    }

    /// Takes away what was added; only the owning thread may.
    pub(crate) fn subtract(&self, count: u64) {
        self.set(self.get().wrapping_sub(count));
    }

    /// Sets; only the owning thread may.
    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    /// Reads, from any thread.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Buckets of the overhead histogram: four to a power of two of nanoseconds.
pub(crate) const OVERHEAD_BUCKETS: usize = 4 * 40;

/// What one core counts.
#[derive(Debug)]
pub(crate) struct Counters {
    pub(crate) connections: Number,
    /// How often the configuration was replaced.
    pub(crate) generation: Number,
    pub(crate) connections_refused: Number,
    pub(crate) accept_errors: Number,
    pub(crate) tls_failures: Number,
    pub(crate) requests: Number,
    pub(crate) requests_refused: Number,
    pub(crate) primary_failures: Number,
    pub(crate) not_selected: Number,
    pub(crate) exchanges: Number,
    pub(crate) lost: Number,
    pub(crate) in_flight: Number,
    pub(crate) held_bytes: Number,
    /// What no access log and no collector is told, because too much waited.
    pub(crate) untold: Number,
    dropped: [Number; DROPS.len()],
    shed: [Number; SHEDS.len()],
    responses: [Number; Role::ALL.len()],
    missing: [[Number; MissingReason::ALL.len()]; Role::ALL.len()],
    copies: [Number; Role::ALL.len()],
    overhead: [Number; OVERHEAD_BUCKETS],
}

/// Every reason not to mirror a selected request, with its name in metrics.
pub(crate) const DROPS: [(DropReason, &str); 7] = [
    (DropReason::Loop, "loop"),
    (DropReason::Upgrade, "upgrade"),
    (DropReason::RequestCut, "request_cut"),
    (DropReason::Draining, "draining"),
    (DropReason::Expired, "expired"),
    (DropReason::CopyRate, "copy_rate"),
    (DropReason::ByteRate, "byte_rate"),
];

/// Every reason to give a request up for all roles, with its name in metrics.
pub(crate) const SHEDS: [(ShedReason, &str); 3] = [
    (ShedReason::InFlight, "in_flight"),
    (ShedReason::Bytes, "bytes"),
    (ShedReason::BodyTooLarge, "body_too_large"),
];

impl Default for Counters {
    fn default() -> Self {
        Self {
            connections: Number::default(),
            generation: Number::default(),
            connections_refused: Number::default(),
            accept_errors: Number::default(),
            tls_failures: Number::default(),
            requests: Number::default(),
            requests_refused: Number::default(),
            primary_failures: Number::default(),
            not_selected: Number::default(),
            exchanges: Number::default(),
            lost: Number::default(),
            in_flight: Number::default(),
            held_bytes: Number::default(),
            untold: Number::default(),
            dropped: Default::default(),
            shed: Default::default(),
            responses: Default::default(),
            missing: Default::default(),
            copies: Default::default(),
            overhead: std::array::from_fn(|_| Number::default()),
        }
    }
}

impl Counters {
    /// Counts a selected request that is not mirrored.
    pub(crate) fn dropped(&self, reason: DropReason) {
        self.drops(reason).add(1);
    }

    /// Counts a request given up for all roles.
    pub(crate) fn shed(&self, reason: ShedReason) {
        self.sheds(reason).add(1);
    }

    /// Counts what a role did.
    pub(crate) fn outcome(&self, role: Role, outcome: &Outcome) {
        match outcome {
            Outcome::Response(_) => self.responses(role).add(1),
            Outcome::Missing { reason, .. } => self.missing(role, *reason).add(1),
        }
    }

    /// Records the time that the proxy itself added to a live request.
    pub(crate) fn overhead(&self, added: Duration) {
        self.overhead[bucket(added)].add(1);
    }

    /// The number of a drop reason.
    pub(crate) fn drops(&self, reason: DropReason) -> &Number {
        &self.dropped[reason as usize]
    }

    /// The number of a shed reason.
    pub(crate) fn sheds(&self, reason: ShedReason) -> &Number {
        &self.shed[reason as usize]
    }

    /// Complete responses of a role.
    pub(crate) fn responses(&self, role: Role) -> &Number {
        &self.responses[role as usize]
    }

    /// Outcomes of a role without a response.
    pub(crate) fn missing(&self, role: Role, reason: MissingReason) -> &Number {
        &self.missing[role as usize][reason as usize]
    }

    /// Copies of a role in flight.
    pub(crate) fn copies(&self, role: Role) -> &Number {
        &self.copies[role as usize]
    }

    /// The overhead histogram; [`bucket_top`] says what a bucket means.
    pub(crate) fn overhead_buckets(&self) -> impl Iterator<Item = u64> {
        self.overhead.iter().map(Number::get)
    }
}

/// The bucket of a duration: its highest set bit and the two bits below it.
fn bucket(duration: Duration) -> usize {
    let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX).max(4);
    let exponent = nanos.ilog2();
    let fraction = (nanos >> (exponent - 2)) & 3;
    ((exponent - 2) as usize * 4 + fraction as usize).min(OVERHEAD_BUCKETS - 1)
}

/// The largest duration of a bucket, in nanoseconds: at most a quarter above the smallest.
pub(crate) fn bucket_top(bucket: usize) -> u64 {
    let (exponent, fraction) = (bucket / 4, bucket as u64 % 4);
    ((5 + fraction) << exponent) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_stand_at_their_numbers() {
        assert!(DROPS.iter().enumerate().all(|(number, (reason, _))| *reason as usize == number));
        assert!(SHEDS.iter().enumerate().all(|(number, (reason, _))| *reason as usize == number));
        assert!(MissingReason::ALL.iter().enumerate().all(|(number, reason)| *reason as usize == number));
        assert!(Role::ALL.iter().enumerate().all(|(number, role)| *role as usize == number));
    }

    #[test]
    fn a_duration_lies_in_a_bucket_at_most_a_quarter_wide() {
        for nanos in [4, 5, 7, 8, 9, 1_000, 1_023, 1_024, 123_456_789] {
            let top = bucket_top(bucket(Duration::from_nanos(nanos)));
            assert!(top >= nanos && top <= nanos + nanos / 4, "{nanos} in a bucket up to {top}");
        }
        assert_eq!(bucket(Duration::ZERO), 0);
        assert_eq!(bucket(Duration::MAX), OVERHEAD_BUCKETS - 1);
    }
}
