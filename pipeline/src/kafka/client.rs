//! Clients with the settings that all of them share.

use crate::{KafkaUrl, PipelineError};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::time::Duration;

/// How long a broker may take to answer a question before it counts as unreachable.
pub(super) const ANSWER: Duration = Duration::from_secs(15);

/// The settings for every client of this cluster.
pub(super) fn config(url: &KafkaUrl) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &url.brokers);
    config.set("client.id", "parallax");
    // The default, 10 s, is most of what an outage of a broker costs.
    config.set("reconnect.backoff.max.ms", "1000");
    for (name, value) in &url.settings {
        config.set(name, value);
    }
    config
}

/// A consumer without a group, which reads what it is told to.
pub(super) fn consumer(url: &KafkaUrl) -> Result<BaseConsumer, PipelineError> {
    let mut config = config(url);
    config.set("enable.auto.commit", "false").set("enable.auto.offset.store", "false");
    // Required by the library; nothing is ever committed under it.
    config.set("group.id", "parallax-reader");
    config.set("auto.offset.reset", "error").set("enable.partition.eof", "true");
    config.set("fetch.queue.backoff.ms", "20");
    config.create().map_err(refused)
}

/// The partitions of the topic, counted.
pub(super) fn partitions(consumer: &BaseConsumer, url: &KafkaUrl) -> Result<i32, PipelineError> {
    partitions_of(consumer, url, &url.topic)
}

/// The partitions of any topic at this cluster.
pub(super) fn partitions_of(
    consumer: &BaseConsumer,
    url: &KafkaUrl,
    topic: &str,
) -> Result<i32, PipelineError> {
    let metadata = consumer.fetch_metadata(Some(topic), ANSWER).map_err(|error| unreachable(url, &error))?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let count = found.map_or(0, |found| found.partitions().len());
    if count == 0 {
        let why = "there is no such topic at this cluster, or it may not be read".to_owned();
        return Err(PipelineError::Topic { topic: topic.to_owned(), why });
    }
    Ok(i32::try_from(count).unwrap_or(i32::MAX))
}

pub(super) fn refused(error: KafkaError) -> PipelineError {
    PipelineError::Setting { why: error.to_string() }
}

/// An error of a question to the cluster.
pub(super) fn unreachable(url: &KafkaUrl, error: &KafkaError) -> PipelineError {
    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::UnknownTopicOrPartition) {
        let why = "there is no such topic at this cluster".to_owned();
        return PipelineError::Topic { topic: url.topic.clone(), why };
    }
    PipelineError::Unreachable { brokers: url.brokers.clone(), why: error.to_string() }
}

/// As [`partitions_of`], for a topic that has just been made: the brokers hear of it one by one.
pub(super) fn partitions_settled(
    consumer: &BaseConsumer,
    url: &KafkaUrl,
    topic: &str,
) -> Result<i32, PipelineError> {
    let deadline = std::time::Instant::now() + ANSWER;
    loop {
        match partitions_of(consumer, url, topic) {
            Err(PipelineError::Topic { .. }) if std::time::Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(20));
            }
            answer => return answer,
        }
    }
}
