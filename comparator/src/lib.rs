//! From exchanges to a verdict: compare, tally, judge.
//!
//! [`diff`], [`mask`], [`profile`], [`compare`], [`tally`], [`judge`] and [`verdict`] are pure: no I/O, no clock,
//! no randomness, so that any partitioning, order, restart or replay of one log gives a
//! byte-identical verdict. [`worker`] is the thin shell that drives them from a queue and keeps the
//! log. This crate never depends on the proxy.

pub mod check;
pub mod compare;
pub mod diff;
pub mod facts;
pub mod judge;
pub mod latencies;
pub mod lint;
pub mod mask;
pub mod outputs;
pub mod profile;
pub mod report;
pub mod resume;
pub mod rows;
pub mod run;
pub mod slice;
pub mod tally;
#[cfg(test)]
mod testing;
pub mod trial;
pub mod verdict;
pub mod verify;
pub mod worker;
