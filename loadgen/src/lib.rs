//! Load and replay on an absolute clock, with honest latency records.
//!
//! An arrival plan says *when* each request is due, as a pure function of its index; the engine sends
//! it then, whatever the target does, and every latency counts from the instant at which the request
//! was due. A slow target therefore cannot slow the load down and look good (coordinated omission),
//! and a slow generator cannot hide: it condemns its own report.
//!
//! The crate also holds what the demo drives and is driven by: a bundled recording and a sample event
//! collector into which regressions can be planted.

pub mod collector;
pub mod plan;
mod rate;

pub use plan::Plan;
pub use rate::{ParseRateError, Rate};
