//! What can go wrong between this process and a broker.

use std::path::PathBuf;

/// Why something with Kafka cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The address.
    #[error("`{url}` is no Kafka address: {why}; expected kafka://HOST:PORT[,HOST:PORT]/TOPIC")]
    Url {
        /// As given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The feature is missing.
    #[error("this build has no Kafka client; build it with `cargo build --release --features kafka`")]
    NotBuilt,
    /// The client library refuses a setting.
    #[error("the Kafka client refuses its settings: {why}")]
    Setting {
        /// Its reason.
        why: String,
    },
    /// Nobody answers.
    #[error("no broker answers at {brokers}: {why}; is it running, and is its advertised address reachable?")]
    Unreachable {
        /// As given.
        brokers: String,
        /// The client's reason.
        why: String,
    },
    /// The topic is not there, or not what it must be.
    #[error("topic `{topic}`: {why}")]
    Topic {
        /// Its name.
        topic: String,
        /// What is wrong, and what to do.
        why: String,
    },
    /// A record that is not what the topic holds.
    #[error("topic `{topic}`, partition {partition}, offset {offset}: {why}")]
    Record {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The offset.
        offset: i64,
        /// What is wrong with it.
        why: String,
    },
    /// A file.
    #[error("failed to write {}", path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The run cannot be judged.
    #[error("the run cannot be judged")]
    Judge(#[from] parallax_comparator::trial::TrialError),
}

impl PipelineError {
    /// A fault of what the user wrote, rather than of the broker or the disk.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Url { .. } | Self::NotBuilt | Self::Setting { .. } | Self::Judge(_))
    }
}
