//! The topic of cuts, as a judge reads and writes it.

use super::client::{self, ANSWER, refused, unreachable};
use super::range::is_passing;
use super::topics::CUTS;
use crate::decision::{Decision, Decisions};
use crate::{KafkaUrl, PipelineError};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer as _};
use rdkafka::{Offset, TopicPartitionList};
use std::time::{Duration, Instant};

/// Reads decisions in their one order, and proposes new ones.
pub(super) struct Cuts {
    url: KafkaUrl,
    topic: String,
    group: String,
    reader: BaseConsumer,
    writer: BaseProducer<DefaultProducerContext>,
    /// The offset of the next decision.
    next: i64,
    pub(super) decisions: Decisions,
}

impl Cuts {
    /// Reads every decision of `group` that there is now.
    pub(super) fn open(url: &KafkaUrl, group: &str) -> Result<Self, PipelineError> {
        let reader = client::consumer(url)?;
        let mut config = client::config(url);
        config.set("enable.idempotence", "true").set("acks", "all").set("linger.ms", "0");
        let writer = config.create().map_err(refused)?;
        let topic = url.part(CUTS);
        let fail = |error: KafkaError| unreachable(url, &error);
        let (low, high) = reader.fetch_watermarks(&topic, 0, ANSWER).map_err(fail)?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&topic, 0, Offset::Offset(low)).map_err(fail)?;
        reader.assign(&list).map_err(fail)?;
        let (url, group) = (url.clone(), group.to_owned());
        let mut cuts = Self { url, topic, group, reader, writer, next: low, decisions: Decisions::default() };
        let deadline = Instant::now() + ANSWER;
        while cuts.next < high {
            cuts.listen(Duration::from_millis(100))?;
            if Instant::now() > deadline {
                let why = format!("its {high} decisions cannot be read within {ANSWER:?}");
                return Err(PipelineError::Topic { topic: cuts.topic, why });
            }
        }
        Ok(cuts)
    }

    /// Reads what is decided by now, waiting `wait` for the first.
    pub(super) fn listen(&mut self, wait: Duration) -> Result<(), PipelineError> {
        let mut wait = wait;
        while let Some(answer) = self.reader.poll(wait) {
            wait = Duration::ZERO;
            let message = match answer {
                Ok(message) => message,
                Err(KafkaError::PartitionEOF(_)) => {
                    // Behind the last record there may be none but markers.
                    return Ok(());
                }
                Err(error) if is_passing(&error) => return Ok(()),
                Err(error) => return Err(unreachable(&self.url, &error)),
            };
            self.next = message.offset() + 1;
            if message.key() != Some(self.group.as_bytes()) {
                continue;
            }
            let decision = serde_json::from_slice(message.payload().unwrap_or_default());
            let decision: Decision = decision.map_err(|error| PipelineError::Record {
                topic: self.topic.clone(),
                partition: 0,
                offset: message.offset(),
                why: format!("it is no decision that this version knows: {error}"),
            })?;
            self.decisions.hear(decision);
        }
        Ok(())
    }

    /// Writes a decision down, and reads until the one with its number stands, which may be another's.
    pub(super) fn propose(
        &mut self,
        decision: &Decision,
        stop: &dyn Fn() -> bool,
    ) -> Result<bool, PipelineError> {
        let value = serde_json::to_vec(decision).expect("a decision has text keys and finite numbers");
        let record = BaseRecord::to(&self.topic).partition(0).key(self.group.as_bytes()).payload(&value);
        self.writer.send(record).map_err(|(error, _)| unreachable(&self.url, &error))?;
        let stands = |decisions: &Decisions| match decision {
            Decision::Begin { .. } => decisions.begin().is_some() && !decisions.is_over(),
            cut => decisions.get(cut.number()).is_some(),
        };
        // While the brokers are away nothing can be decided, and nothing is lost by waiting.
        while !stands(&self.decisions) {
            if stop() {
                return Ok(false);
            }
            self.writer.poll(Duration::ZERO);
            self.listen(Duration::from_millis(50))?;
        }
        Ok(true)
    }

    /// Writes a result beside the decisions: the same key always gets the same value.
    pub(super) fn publish(&self, part: &str, key: &str, value: &[u8]) {
        let topic = self.url.part(part);
        let record = BaseRecord::to(&topic).partition(0).key(key.as_bytes()).payload(value);
        if let Err((error, _)) = self.writer.send(record) {
            tracing::warn!(%error, topic, "a result is not published; the next one is");
        }
        self.writer.poll(Duration::ZERO);
    }

    /// Waits until everything written is acknowledged.
    pub(super) fn flush(&self, limit: Duration) {
        if let Err(error) = self.writer.flush(limit) {
            tracing::warn!(%error, "not every result reached the brokers");
        }
    }
}
