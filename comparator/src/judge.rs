//! The judge: from sealed windows of integers to a verdict.
//!
//! Pure: no I/O, no clock, no randomness. What it computes and why is `verdict.md` 2; each part has a
//! file of its own.

pub mod latency;
