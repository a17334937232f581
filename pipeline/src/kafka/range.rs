//! A closed range of a topic: where it begins and ends in each partition, and its records once.

use super::client::{self, ANSWER, unreachable};
use crate::{KafkaUrl, Moment, PipelineError};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::{Offset, TopicPartitionList};
use std::time::{Duration, Instant};

/// Offsets in each partition: the first wanted, and the first not wanted any more.
pub(super) type Bounds = Vec<(i64, i64)>;

/// Longest silence of the brokers in the middle of a range.
const SILENCE: Duration = Duration::from_secs(60);

/// Where the range of `url` lies now.
pub(super) fn bounds(consumer: &BaseConsumer, url: &KafkaUrl) -> Result<Bounds, PipelineError> {
    let count = client::partitions(consumer, url)?;
    let fail = |error: KafkaError| unreachable(url, &error);
    let mut all = Vec::new();
    for partition in 0..count {
        all.push(consumer.fetch_watermarks(&url.topic, partition, ANSWER).map_err(fail)?);
    }
    let from = places(consumer, url, count, url.from).map_err(fail)?;
    let to = places(consumer, url, count, url.to).map_err(fail)?;
    for (partition, (low, high)) in all.iter_mut().enumerate() {
        let end = to[partition].unwrap_or(*high).clamp(*low, *high);
        let begin = from[partition].unwrap_or(if url.from.is_some() { end } else { *low });
        (*low, *high) = (begin.clamp(*low, end), end);
    }
    Ok(all)
}

/// The offset of a moment in each partition; `None` where it lies behind everything, or none is given.
fn places(
    consumer: &BaseConsumer,
    url: &KafkaUrl,
    count: i32,
    moment: Option<Moment>,
) -> Result<Vec<Option<i64>>, KafkaError> {
    let count = usize::try_from(count).unwrap_or_default();
    let millis = match moment {
        None => return Ok(vec![None; count]),
        Some(Moment::Offset(offset)) => return Ok(vec![Some(offset); count]),
        Some(Moment::Time(millis)) => millis,
    };
    let mut asked = TopicPartitionList::new();
    for partition in 0..count {
        asked.add_partition_offset(&url.topic, partition as i32, Offset::Offset(millis))?;
    }
    let found = consumer.offsets_for_times(asked, ANSWER)?;
    let mut places = vec![None; count];
    for element in found.elements() {
        if let (Offset::Offset(offset), Ok(partition)) =
            (element.offset(), usize::try_from(element.partition()))
        {
            places[partition] = Some(offset);
        }
    }
    Ok(places)
}

/// Gives every record in `bounds` to `take`, in each partition in its order; ends early without an
/// error when `take` says so.
pub(super) fn read(
    consumer: &BaseConsumer,
    url: &KafkaUrl,
    bounds: &Bounds,
    mut take: impl FnMut(&BorrowedMessage<'_>) -> Result<bool, PipelineError>,
) -> Result<(), PipelineError> {
    let fail = |error: KafkaError| unreachable(url, &error);
    let mut wanted = TopicPartitionList::new();
    let mut open = 0;
    for (partition, (begin, _)) in bounds.iter().enumerate().filter(|(_, (begin, end))| begin < end) {
        wanted.add_partition_offset(&url.topic, partition as i32, Offset::Offset(*begin)).map_err(fail)?;
        open += 1;
    }
    if open == 0 {
        return Ok(());
    }
    consumer.assign(&wanted).map_err(fail)?;
    let mut is_done = vec![false; bounds.len()];
    let mut heard = Instant::now();
    while open > 0 {
        // A partition is done at its last record, or at its end: behind the last record there may be
        // offsets without one, such as those of transaction markers and of compacted records.
        let done = match consumer.poll(Duration::from_millis(200)) {
            None if heard.elapsed() > SILENCE => {
                let why = format!("nothing came for {SILENCE:?} in the middle of a topic");
                return Err(PipelineError::Unreachable { brokers: url.brokers.clone(), why });
            }
            None => continue,
            Some(Err(KafkaError::PartitionEOF(partition))) => usize::try_from(partition).ok(),
            // The client connects again by itself; silence is what ends its patience.
            Some(Err(error)) if is_passing(&error) => continue,
            Some(Err(error)) => return Err(fail(error)),
            Some(Ok(message)) => {
                heard = Instant::now();
                let partition = usize::try_from(message.partition()).unwrap_or_default();
                let end = bounds[partition].1;
                if message.offset() < end && !take(&message)? {
                    return Ok(());
                }
                (message.offset() + 1 >= end).then_some(partition)
            }
        };
        if let Some(partition) = done.filter(|partition| !std::mem::replace(&mut is_done[*partition], true)) {
            open -= 1;
            let mut finished = TopicPartitionList::new();
            finished.add_partition(&url.topic, partition as i32);
            consumer.pause(&finished).map_err(fail)?;
        }
    }
    Ok(())
}

/// Whether the client library goes on by itself after this.
pub(super) fn is_passing(error: &KafkaError) -> bool {
    use rdkafka::error::RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::BrokerTransportFailure
                | Code::AllBrokersDown
                | Code::OperationTimedOut
                | Code::Resolve
                | Code::NotLeaderForPartition
                | Code::LeaderNotAvailable
        )
    )
}
