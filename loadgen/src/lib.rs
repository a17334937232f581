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
pub mod demo;
pub mod engine;
pub mod events;
pub mod hdr;
mod json;
pub mod knee;
mod oracle;
pub mod plan;
mod random;
mod rate;
pub mod recording;
pub mod report;
pub mod selftest;
mod source;
mod target;
mod threshold;

pub use engine::{Failure, LoadError, Observer, Options, PairedRun, Progress, Run, Stop, WhenFull};
pub use plan::Plan;
pub use rate::{ParseRateError, Rate};
pub use report::{LoadReport, PairedReport, run, run_paired};
pub use source::{IdPlace, Rendering, SessionKey, SessionOrder, Source, SourceError};
pub use target::{Protocol, Speaks, Target, TargetError};
pub use threshold::{Threshold, ThresholdError, ThresholdOutcome};
