//! The exchange: one request with the outcome of each role, and the log that keeps it.
//!
//! Every other crate speaks in these types, so they are plain values without I/O: the proxy makes
//! an [`Exchange`], the comparator reads it, a recording is a sequence of them.
//! The transports behind the log are the only part that touches a disk or a network.
//! Nothing here compares.

#[cfg(test)]
mod arbitrary;
mod body;
pub mod codec;
mod exchange;
mod id;
mod ledger;
pub mod log;
mod outcome;
mod queue;
pub mod redact;

pub use body::Body;
pub use exchange::{CopyOrder, Exchange, Label, Outcomes, Request};
pub use id::{ExchangeId, ParseIdError, Role};
pub use ledger::{Admissions, DropReason, Lane, Ledger, ShedReason};
pub use outcome::{MissingReason, Outcome, Response, Timing};
pub use queue::{Empty, Full, QueueLimits, Receiver, Sender, queue};
