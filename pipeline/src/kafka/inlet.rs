//! Records of all partitions, kept apart, so that a cut can be made between any two of them.

use super::client::{self, ANSWER, unreachable};
use super::range::is_passing;
use super::topics::EXCHANGES;
use crate::judge::{Incoming, Judge};
use crate::stamp::HEADER;
use crate::{KafkaUrl, PipelineError};
use bytes::Bytes;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::VecDeque;
use std::time::Duration;

/// Records of one partition that wait for a cut, before it is read no further.
const WAITING_MAX: usize = 20_000;

/// Records taken at a time, so that decisions are looked at in between.
const BATCH: usize = 4096;

/// Reads the topic of exchanges.
pub(super) struct Inlet {
    url: KafkaUrl,
    topic: String,
    reader: BaseConsumer,
    partitions: Vec<Waiting>,
}

#[derive(Default)]
struct Waiting {
    records: VecDeque<Incoming>,
    /// Where the broker said that the partition ends.
    end: Option<i64>,
    is_paused: bool,
    /// The offset behind the newest record read.
    read: i64,
}

impl Inlet {
    /// Begins at these offsets.
    pub(super) fn open(url: &KafkaUrl, offsets: &[i64]) -> Result<Self, PipelineError> {
        let reader = client::consumer(url)?;
        let topic = url.part(EXCHANGES);
        let fail = |error: KafkaError| unreachable(url, &error);
        let mut list = TopicPartitionList::new();
        for (partition, offset) in offsets.iter().enumerate() {
            let partition = partition as i32;
            let (low, _) = reader.fetch_watermarks(&topic, partition, ANSWER).map_err(fail)?;
            if low > *offset {
                let why = format!(
                    "partition {partition} begins at offset {low}, but the run needs {offset} on: the \
                     retention is shorter than the run; keep records longer and begin another run"
                );
                return Err(PipelineError::Topic { topic, why });
            }
            list.add_partition_offset(&topic, partition, Offset::Offset(*offset)).map_err(fail)?;
        }
        reader.assign(&list).map_err(fail)?;
        let partitions =
            offsets.iter().map(|offset| Waiting { read: *offset, ..Waiting::default() }).collect();
        Ok(Self { url: url.clone(), topic, reader, partitions })
    }

    /// Reads a batch, waiting `wait` for its first record.
    pub(super) fn fill(&mut self, wait: Duration) -> Result<(), PipelineError> {
        let mut wait = wait;
        for _ in 0..BATCH {
            match self.reader.poll(wait) {
                None => return Ok(()),
                Some(Ok(message)) => {
                    let waiting =
                        &mut self.partitions[usize::try_from(message.partition()).unwrap_or_default()];
                    waiting.end = None;
                    waiting.read = message.offset() + 1;
                    waiting.records.push_back(incoming(&message));
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    let waiting = &mut self.partitions[usize::try_from(partition).unwrap_or_default()];
                    waiting.end = Some(waiting.read);
                }
                Some(Err(error)) if is_passing(&error) => return Ok(()),
                Some(Err(error)) => return Err(unreachable(&self.url, &error)),
            }
            wait = Duration::ZERO;
        }
        self.hold_back()
    }

    /// Gives the judge what was read: everything, or what lies before `cut`.
    pub(super) fn feed(&mut self, judge: &mut Judge, cut: Option<&[i64]>, now_ns: u64) {
        for (partition, waiting) in self.partitions.iter_mut().enumerate() {
            let limit = cut.map_or(i64::MAX, |cut| cut[partition]);
            while let Some(record) = waiting.records.pop_front_if(|record| record.offset < limit) {
                judge.take(partition, record, now_ns);
            }
            // Between the last record and the cut there was none for its author either.
            if cut.is_some() && waiting.read >= limit {
                judge.skip_to(partition, limit);
            }
            if let Some(end) = waiting.end {
                judge.at_end(partition, end);
            }
        }
    }

    fn hold_back(&mut self) -> Result<(), PipelineError> {
        for (partition, waiting) in self.partitions.iter_mut().enumerate() {
            let is_full = waiting.records.len() > WAITING_MAX;
            if is_full == waiting.is_paused || (waiting.is_paused && waiting.records.len() > WAITING_MAX / 2)
            {
                continue;
            }
            let mut list = TopicPartitionList::new();
            list.add_partition(&self.topic, partition as i32);
            let done = if is_full { self.reader.pause(&list) } else { self.reader.resume(&list) };
            done.map_err(|error| unreachable(&self.url, &error))?;
            waiting.is_paused = is_full;
        }
        Ok(())
    }
}

fn incoming(message: &BorrowedMessage<'_>) -> Incoming {
    let stamp = message.headers().and_then(|headers| {
        let found = headers.iter().find(|header| header.key == HEADER)?;
        found.value.map(Bytes::copy_from_slice)
    });
    Incoming {
        offset: message.offset(),
        stamp,
        clock_ms: message.timestamp().to_millis().unwrap_or_default(),
        value: Bytes::copy_from_slice(message.payload().unwrap_or_default()),
    }
}
