//! The Kafka client: everything that needs librdkafka.

mod client;
mod cuts;
mod inlet;
mod member;
mod publisher;
mod range;
mod spool;
mod topics;
mod worker;

pub use publisher::Publisher;
pub use spool::spool;
pub use worker::work;
