//! Exchanges, runs and logs for this crate's tests.

use crate::run::{Build, ControlMode, NORMALISER, Run};
use crate::slice::Slice;
use http::StatusCode;
use parallax_config::{Policy, Span};
use parallax_exchange::log::{LogError, Position, Reader, Record, Writer};
use parallax_exchange::{Body, CopyOrder, Exchange, ExchangeId, Label, Outcome, Outcomes, Response, Timing};
use std::sync::{Arc, Mutex};

/// Where the tests' time begins, in Unix nanoseconds; a whole number of windows and key blocks.
pub(crate) const START_NS: u64 = 1_763_000_400_000_000_000;
pub(crate) const SECOND: u64 = 1_000_000_000;

/// A run with windows of a second, sealed two seconds after their end.
pub(crate) fn run() -> Run {
    let policy = Policy {
        window: Span::secs(1),
        seal_delay: Some(Span::secs(2)),
        shadow_timeout: Span::secs(1),
        minimum_time: Span::secs(10),
        deadline: Span::secs(600),
        ..Policy::default()
    };
    Run {
        run: "test".into(),
        continues: None,
        attempt: 1,
        carried_windows: 0,
        started_ns: START_NS,
        candidate: Build::default(),
        baseline: Build::default(),
        control: ControlMode::Paired,
        policy,
        rules: Vec::new(),
        profiles: Vec::new(),
        slices: vec![Slice::of("route", "a")],
        normaliser: NORMALISER,
        checks: Vec::new(),
        replicas: Vec::new(),
        history: Vec::new(),
        noise: Vec::new(),
        descriptors: None,
    }
}

/// An exchange in which all roles answer alike after 5 ms; change what matters.
pub(crate) fn exchange(sequence: u64, admitted_ns: u64) -> Box<Exchange> {
    let id = ExchangeId { proxy: 1, epoch: 1, sequence };
    let order =
        if id.digest().is_multiple_of(2) { CopyOrder::CandidateFirst } else { CopyOrder::ControlFirst };
    Box::new(Exchange {
        id,
        admitted_ns,
        cluster_key: xxhash_rust::xxh3::xxh3_64(&sequence.to_le_bytes()),
        labels: vec![Label { name: "route".into(), value: "a".into() }],
        order,
        sample_ppm: 1_000_000,
        request: parallax_exchange::Request { target: "/a".into(), ..Default::default() },
        outcomes: Outcomes {
            primary: Some(answer(200, r#"{"ok":true}"#, 5_000_000)),
            candidate: Some(answer(200, r#"{"ok":true}"#, 5_000_000)),
            control: Some(answer(200, r#"{"ok":true}"#, 5_000_000)),
        },
    })
}

pub(crate) fn answer(status: u16, body: &str, latency_ns: u64) -> Outcome {
    let mut response = Response {
        status: StatusCode::from_u16(status).unwrap(),
        body: Body::whole(body.to_owned()),
        timing: Timing { sent_ns: 0, head_ns: latency_ns, done_ns: latency_ns },
        ..Response::default()
    };
    response.headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    Outcome::Response(Box::new(response))
}

/// A log in memory, which can be told to fail.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryLog {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    records: Vec<Record>,
    /// Appends that still succeed; `None` for all.
    room: Option<usize>,
}

impl MemoryLog {
    /// Takes `room` more records and refuses the others.
    pub(crate) fn limit(&self, room: Option<usize>) {
        self.shared.lock().unwrap().room = room;
    }

    pub(crate) fn records(&self) -> Vec<Record> {
        self.shared.lock().unwrap().records.clone()
    }

    pub(crate) fn reader(&self) -> MemoryReader {
        MemoryReader::of(self.records())
    }
}

impl Writer for MemoryLog {
    fn append(&mut self, record: &Record) -> Result<Position, LogError> {
        let mut shared = self.shared.lock().unwrap();
        if let Some(room) = &mut shared.room {
            if *room == 0 {
                let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
                return Err(LogError::Io { action: "write", place: "memory".into(), source });
            }
            *room -= 1;
        }
        shared.records.push(record.clone());
        Ok(Position { segment: 0, offset: shared.records.len() as u64 - 1 })
    }

    fn sync(&mut self) -> Result<(), LogError> {
        Ok(())
    }
}

/// Reads records as they were at some moment.
#[derive(Debug)]
pub(crate) struct MemoryReader {
    records: Vec<Record>,
    offset: u64,
}

impl MemoryReader {
    pub(crate) fn of(records: Vec<Record>) -> Self {
        Self { records, offset: 0 }
    }
}

impl Reader for MemoryReader {
    fn next(&mut self) -> Result<Option<(Position, Record)>, LogError> {
        let position = Position { segment: 0, offset: self.offset };
        let record = usize::try_from(self.offset).ok().and_then(|at| self.records.get(at).cloned());
        self.offset += 1;
        Ok(record.map(|record| (position, record)))
    }

    fn seek(&mut self, position: Position) -> Result<(), LogError> {
        self.offset = position.offset;
        Ok(())
    }
}
