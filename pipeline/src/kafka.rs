//! The Kafka client: everything that needs librdkafka.

mod client;
mod range;
mod spool;

pub use spool::spool;
