//! The way of exchanges from a proxy to their topic.
//!
//! Lives on a thread of its own, behind the bounded queue that keeps the live path free of everything
//! here. The client library has a bounded queue of its own (64 MiB unless the address says otherwise);
//! what does not fit is dropped and counted, and the number that it would have had is used up all the
//! same, so that a reader sees the gap. Until the topic has been found for the first time exchanges wait
//! here, some megabytes of them; what does not fit then is counted as well.

use super::client::{self, refused};
use super::topics::{self, EXCHANGES};
use crate::stamp::{HEADER, Kind, Mark, Stamp};
use crate::{KafkaUrl, PipelineError, Published};
use parallax_exchange::{Admissions, Exchange, codec};
use rdkafka::client::ClientContext;
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often the brokers are looked for until they are found.
const RETRY: Duration = Duration::from_secs(2);

/// Bytes of exchanges that wait until the topic is found.
const WAITING_MAX: usize = 16 << 20;

/// Counts what the brokers said.
#[derive(Debug, Default, Clone)]
struct Reports(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    acknowledged: AtomicU64,
    failed: AtomicU64,
}

impl ClientContext for Reports {
    fn error(&self, error: rdkafka::error::KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "the brokers cannot be written to just now; exchanges wait and are then dropped");
    }
}

impl ProducerContext for Reports {
    /// The exchanges in the record: 0 for a mark.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, exchanges: usize) {
        let counter = if result.is_ok() { &self.0.acknowledged } else { &self.0.failed };
        counter.fetch_add(exchanges as u64, Ordering::Relaxed);
    }
}

/// Writes exchanges to a topic.
pub struct Publisher {
    url: KafkaUrl,
    topic: String,
    producer: BaseProducer<Reports>,
    reports: Reports,
    identity: (u64, u64),
    /// The next number of each partition; empty until the topic is reached.
    sequences: Vec<u64>,
    /// Exchanges that came before the topic was found, encoded, with their cluster keys.
    waiting: Vec<(u64, Vec<u8>)>,
    waiting_bytes: usize,
    tried: Option<Instant>,
    looking: Option<JoinHandle<Result<i32, PipelineError>>>,
    /// Admissions that no mark has carried yet.
    untold: Vec<(u64, Admissions)>,
    queued: u64,
    full: u64,
    unreached: u64,
    buffer: Vec<u8>,
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publisher").field("topic", &self.topic).finish_non_exhaustive()
    }
}

impl Publisher {
    /// A publisher; brokers are looked for in the background, so that one can start while they are away.
    ///
    /// # Errors
    /// Settings that the client library refuses.
    pub fn new(url: KafkaUrl) -> Result<Self, PipelineError> {
        let mut config = client::config(&url);
        config.set("enable.idempotence", "true").set("acks", "all");
        let defaults = [
            ("compression.type", "lz4"),
            ("linger.ms", "20"),
            ("queue.buffering.max.kbytes", "65536"),
            ("queue.buffering.max.messages", "1000000"),
            // Evidence may be lost; nobody waits for it longer.
            ("message.timeout.ms", "30000"),
        ];
        for (name, value) in defaults {
            if !url.settings.iter().any(|(given, _)| given == name) {
                config.set(name, value);
            }
        }
        let reports = Reports::default();
        let producer = config.create_with_context(reports.clone()).map_err(refused)?;
        let epoch = now_ns();
        let salt = u64::from(std::process::id()).rotate_left(40) ^ epoch;
        Ok(Self {
            topic: url.part(EXCHANGES),
            url,
            producer,
            reports,
            identity: (salt.wrapping_mul(0x9E37_79B9_7F4A_7C15), epoch),
            sequences: Vec::new(),
            waiting: Vec::new(),
            waiting_bytes: 0,
            tried: None,
            looking: None,
            untold: Vec::new(),
            queued: 0,
            full: 0,
            unreached: 0,
            buffer: Vec::new(),
        })
    }

    /// Offers an exchange; never waits for a broker.
    pub fn exchange(&mut self, exchange: &Exchange) {
        let mut value = std::mem::take(&mut self.buffer);
        value.clear();
        codec::encode(exchange, &mut value);
        if self.sequences.is_empty() {
            self.wait(exchange.cluster_key, &value);
        } else {
            self.put(exchange.cluster_key, &value);
        }
        self.buffer = value;
    }

    /// Keeps an exchange until the topic is found, if there is room.
    fn wait(&mut self, cluster_key: u64, value: &[u8]) {
        if self.waiting_bytes + value.len() > WAITING_MAX {
            self.unreached += 1;
            return;
        }
        self.waiting_bytes += value.len();
        self.waiting.push((cluster_key, value.to_vec()));
    }

    /// Gives an exchange to the client library.
    fn put(&mut self, cluster_key: u64, value: &[u8]) {
        // The upper half: the lower one may already have chosen what is sampled.
        let partition = ((cluster_key >> 32) % self.sequences.len() as u64) as usize;
        let is_queued = self.send(Kind::Exchange, partition, value);
        *(if is_queued { &mut self.queued } else { &mut self.full }) += 1;
    }

    /// Writes a mark to every partition, with what the door counted in the first that takes it.
    pub fn mark(&mut self, admissions: Vec<(u64, Admissions)>) {
        self.marks(admissions, false);
    }

    /// Serves the client library and looks for the brokers; call it often.
    pub fn poll(&mut self) {
        self.producer.poll(Duration::ZERO);
        if self.sequences.is_empty() {
            self.look();
        }
    }

    /// What was done so far.
    #[must_use]
    pub fn published(&self) -> Published {
        Published {
            queued: self.queued,
            acknowledged: self.reports.0.acknowledged.load(Ordering::Relaxed),
            full: self.full,
            unreached: self.unreached,
            failed: self.reports.0.failed.load(Ordering::Relaxed),
        }
    }

    /// Says goodbye and waits for what is queued, `limit` at the longest.
    pub fn close(&mut self, admissions: Vec<(u64, Admissions)>, limit: Duration) -> Published {
        self.unreached += self.waiting.len() as u64;
        self.waiting.clear();
        self.marks(admissions, true);
        // What is not out by then is counted as neither acknowledged nor failed.
        if let Err(error) = self.producer.flush(limit) {
            tracing::warn!(%error, "not everything reached the brokers before the end");
        }
        self.published()
    }

    fn marks(&mut self, admissions: Vec<(u64, Admissions)>, closed: bool) {
        self.untold.extend(admissions);
        for partition in 0..self.sequences.len() {
            let carried = std::mem::take(&mut self.untold);
            let mark = Mark { admissions: carried, closed };
            let value = serde_json::to_vec(&mark).expect("counts always serialise");
            if !self.send(Kind::Mark, partition, &value) {
                self.untold = mark.admissions;
            }
        }
    }

    /// Whether the client library took the record.
    fn send(&mut self, kind: Kind, partition: usize, value: &[u8]) -> bool {
        let (producer, epoch) = self.identity;
        let stamp = Stamp { kind, producer, epoch, sequence: self.sequences[partition] };
        self.sequences[partition] += 1;
        let stamp = stamp.to_string();
        let header = Header { key: HEADER, value: Some(stamp.as_bytes()) };
        let record =
            BaseRecord::<(), [u8], usize>::with_opaque_to(&self.topic, usize::from(kind == Kind::Exchange))
                .partition(partition as i32)
                .payload(value)
                .timestamp(i64::try_from(now_ns() / 1_000_000).unwrap_or(i64::MAX))
                .headers(OwnedHeaders::new_with_capacity(1).insert(header));
        match self.producer.send(record) {
            Ok(()) => true,
            Err((error, _)) => {
                tracing::debug!(%error, "a record is dropped: the local queue does not take it");
                false
            }
        }
    }

    /// Looks for the topic on a thread of its own: an absent broker takes its time to be absent.
    fn look(&mut self) {
        if let Some(looking) = self.looking.take_if(|looking| looking.is_finished()) {
            match looking.join() {
                Ok(Ok(partitions)) => {
                    self.sequences = vec![0; usize::try_from(partitions).unwrap_or_default()];
                    self.waiting_bytes = 0;
                    for (cluster_key, value) in std::mem::take(&mut self.waiting) {
                        self.put(cluster_key, &value);
                    }
                    return;
                }
                Ok(Err(error)) => tracing::warn!(%error, "the log's topics are not reached; looking again"),
                Err(_) => tracing::error!("looking for the log's topics has panicked"),
            }
        }
        if self.looking.is_none() && self.tried.is_none_or(|tried| tried.elapsed() >= RETRY) {
            self.tried = Some(Instant::now());
            let url = self.url.clone();
            let look = move || topics::ensure(&url, &client::consumer(&url)?);
            self.looking = std::thread::Builder::new().name("kafka-look".to_owned()).spawn(look).ok();
        }
    }
}

/// Unix time in nanoseconds.
pub(super) fn now_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}
