//! Evidence over Kafka: what one process keeps in files, many keep in topics.
//!
//! Kafka is reached through librdkafka, whose C code takes two minutes of a core to build. So it is
//! behind the feature `kafka`: without it everything here compiles and is called the same, and says
//! [`PipelineError::NotBuilt`] when it is asked for a broker. Addresses and records, and the decisions
//! over them, are plain Rust and always there.

mod error;
mod url;

#[cfg(not(feature = "kafka"))]
#[path = "absent.rs"]
mod kafka;
#[cfg(feature = "kafka")]
mod kafka;

pub use error::PipelineError;
pub use kafka::spool;
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
