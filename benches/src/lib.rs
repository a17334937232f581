//! Benchmarks; each is a program or a criterion target of this package.
//!
//! What they share: a clock that other processes do not move.

mod cpu_time;

pub use cpu_time::ThreadCpu;
