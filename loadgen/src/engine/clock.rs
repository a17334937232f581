//! The one clock of a run: `CLOCK_MONOTONIC` in integer nanoseconds.
//!
//! `Instant` hides its number, and the timer that wakes a lane wants that number.

use rustix::time::{ClockId, Timespec, clock_gettime};

/// Nanoseconds since some fixed moment before this process.
pub(crate) fn now_ns() -> u64 {
    nanos(clock_gettime(ClockId::Monotonic))
}

/// Processor time of the calling thread, in nanoseconds.
pub(crate) fn thread_cpu_ns() -> u64 {
    nanos(clock_gettime(ClockId::ThreadCPUTime))
}

/// A moment of [`now_ns`] as the kernel wants it.
pub(crate) fn timespec(ns: u64) -> Timespec {
    Timespec { tv_sec: (ns / 1_000_000_000) as i64, tv_nsec: (ns % 1_000_000_000) as i64 }
}

fn nanos(time: Timespec) -> u64 {
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
