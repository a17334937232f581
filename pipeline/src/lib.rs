//! Evidence over Kafka: what one process keeps in files, many keep in topics.
//!
//! Kafka is reached through librdkafka, whose C code takes two minutes of a core to build. So it is
//! behind the feature `kafka`: without it everything here compiles and is called the same, and says
//! [`PipelineError::NotBuilt`] when it is asked for a broker. Addresses and records, and the decisions
//! over them, are plain Rust and always there.

mod decision;
mod error;
mod judge;
mod lane;
mod stamp;
mod url;

use std::time::Duration;

#[cfg(not(feature = "kafka"))]
#[path = "absent.rs"]
mod kafka;
#[cfg(feature = "kafka")]
mod kafka;

pub use decision::{Decision, Decisions};
pub use error::PipelineError;
pub use judge::{Counts, Incoming, Judge};
pub use kafka::{Publisher, spool, work};
pub use stamp::{HEADER, Kind, Mark, Stamp};
pub use url::{KafkaUrl, Moment, is_kafka};

/// What was copied out of a topic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spooled {
    /// Records copied.
    pub records: u64,
    /// Bytes of their values.
    pub bytes: u64,
    /// Records without a value, which mark deletions: they are no output and are left out.
    pub without_value: u64,
    /// Partitions read.
    pub partitions: usize,
}

/// What a publisher has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Published {
    /// Exchanges handed to the client library.
    pub queued: u64,
    /// Exchanges that the brokers acknowledged.
    pub acknowledged: u64,
    /// Exchanges dropped because the local queue was full.
    pub full: u64,
    /// Exchanges dropped because the topic has not been reached yet.
    pub unreached: u64,
    /// Exchanges given up by the client library, such as after their time was over.
    pub failed: u64,
}

/// How a worker works.
#[derive(Debug, Clone)]
pub struct Work {
    /// The log: the first part of its topics' names, and where they are.
    pub url: KafkaUrl,
    /// The consumer group; judges of one group make one verdict.
    pub group: String,
    /// A name that this member keeps over restarts (static membership).
    pub member: Option<String>,
    /// A producer that said nothing for this long is not waited for.
    pub idle: Duration,
    /// End when every producer has closed and everything is read, instead of waiting for more.
    pub until_end: bool,
}

/// How a worker's work ended.
#[derive(Debug, Clone)]
pub struct Worked {
    /// The newest verdict and report; none where nothing was led.
    pub published: Option<parallax_comparator::report::Published>,
    /// What was read.
    pub counts: Counts,
    /// The run is over; otherwise the worker was stopped, and another goes on.
    pub is_over: bool,
}
