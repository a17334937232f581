//! Membership in a group of judges: who has the one partition of the cuts leads, the others stand by.
//!
//! The group only keeps two judges from doing the same work. That there is one verdict does not depend
//! on it: of two leaders' cuts the first stands.

use super::client::{self, refused, unreachable};
use super::topics::CUTS;
use crate::{KafkaUrl, PipelineError};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::time::Duration;

/// A member of the group.
pub(super) struct Member {
    url: KafkaUrl,
    group: String,
    name: Option<String>,
    consumer: BaseConsumer,
    is_classic: bool,
}

impl Member {
    /// Joins, by the protocol of KIP-848 where the brokers know it.
    pub(super) fn join(url: &KafkaUrl, group: &str, name: Option<&str>) -> Result<Self, PipelineError> {
        let consumer = consumer(url, group, name, false)?;
        let (url, group) = (url.clone(), group.to_owned());
        Ok(Self { url, group, name: name.map(str::to_owned), consumer, is_classic: false })
    }

    /// Whether this member leads; waits `wait` for news.
    pub(super) fn leads(&mut self, wait: Duration) -> Result<bool, PipelineError> {
        match self.consumer.poll(wait) {
            // The records themselves are read elsewhere, from their beginning.
            None | Some(Ok(_) | Err(KafkaError::PartitionEOF(_))) => {}
            Some(Err(error)) if !self.is_classic && is_unknown_protocol(&error) => {
                self.consumer = consumer(&self.url, &self.group, self.name.as_deref(), true)?;
                self.is_classic = true;
            }
            Some(Err(error)) => tracing::debug!(%error, "the group"),
        }
        // Only counted: a list that outlives the consumer would block its end.
        let assigned = self.consumer.assignment().map(|list| list.count());
        Ok(assigned.map_err(|error| unreachable(&self.url, &error))? > 0)
    }
}

fn is_unknown_protocol(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(Code::UnsupportedFeature | Code::UnsupportedVersion | Code::InvalidRequest)
    )
}

fn consumer(
    url: &KafkaUrl,
    group: &str,
    name: Option<&str>,
    is_classic: bool,
) -> Result<BaseConsumer, PipelineError> {
    let mut config = client::config(url);
    config.set("group.id", group).set("enable.auto.commit", "false").set("auto.offset.reset", "latest");
    if is_classic {
        config.set("partition.assignment.strategy", "cooperative-sticky").set("session.timeout.ms", "10000");
    } else {
        config.set("group.protocol", "consumer");
    }
    if let Some(name) = name {
        config.set("group.instance.id", name);
    }
    let consumer: BaseConsumer = config.create().map_err(refused)?;
    consumer.subscribe(&[&url.part(CUTS)]).map_err(|error| unreachable(url, &error))?;
    Ok(consumer)
}
