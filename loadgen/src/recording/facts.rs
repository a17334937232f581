//! What is in a recording: the document `parallax.recording/1`.

use parallax_exchange::Request;
use serde::Serialize;
use std::collections::BTreeMap;

/// Hosts that are counted one by one; the rest is counted together, so that a hostile recording
/// cannot make the document as large as itself.
const HOSTS_MAX: usize = 100;

/// Damaged places that are listed one by one.
const DAMAGED_MAX: usize = 100;

/// What is in a recording. Times are RFC 3339 with nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecordingDocument {
    /// `parallax.recording/1`.
    pub schema: &'static str,
    /// `native`, `packed`, `gor`, `har`, `access-log`, `vegeta`, `h2load` or `json-lines`.
    pub format: &'static str,
    /// Requests that can be replayed.
    pub requests: u64,
    /// Recorded answers of the primary.
    pub responses: u64,
    /// Answers of other roles, or of an earlier replay.
    pub replayed: u64,
    /// Requests by method.
    pub methods: BTreeMap<String, u64>,
    /// Recorded answers by status.
    pub status: BTreeMap<u16, u64>,
    /// Requests by host; beyond 100 hosts the others are under `*`.
    pub hosts: BTreeMap<String, u64>,
    /// Time of the first request; absent where there is none.
    pub first: Option<String>,
    /// Time of the last request.
    pub last: Option<String>,
    /// Between these two.
    pub duration_ns: u64,
    /// Requests that lie behind one that came later.
    pub out_of_order: u64,
    /// Exchanges that were there before, by their id; they are not replayed twice.
    pub duplicates: u64,
    /// Requests whose body was cut when it was recorded; they are not replayed.
    pub cut: u64,
    /// Requests whose body the format does not hold; they are not replayed.
    pub without_body: u64,
    /// Damaged places, at most 100.
    pub damaged: Vec<Damage>,
    /// How many there are.
    pub damaged_count: u64,
}

/// A place that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// Byte offset in the file.
    pub offset: u64,
    /// What is wrong, with the file.
    pub reason: String,
}

/// Counts that are gathered while a recording is read.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    pub(super) format: &'static str,
    pub(super) responses: u64,
    pub(super) replayed: u64,
    pub(super) status: BTreeMap<u16, u64>,
    pub(super) duplicates: u64,
    pub(super) cut: u64,
    pub(super) examples: u64,
    pub(super) without_body: u64,
    /// When the recording begins, where less than the whole was read.
    pub(super) origin_ns: Option<u64>,
    methods: BTreeMap<String, u64>,
    hosts: BTreeMap<String, u64>,
    out_of_order: u64,
    latest_ns: u64,
    damaged: Vec<Damage>,
    damaged_count: u64,
}

impl Facts {
    pub(super) fn of(format: &'static str) -> Self {
        Self { format, ..Self::default() }
    }

    /// Another request, in the order of the file.
    pub(super) fn see(&mut self, at_ns: u64, request: &Request) {
        self.out_of_order += u64::from(at_ns < self.latest_ns);
        self.latest_ns = self.latest_ns.max(at_ns);
        *self.methods.entry(request.method.to_string()).or_default() += 1;
        let is_listed = self.hosts.len() < HOSTS_MAX || self.hosts.contains_key(&request.authority);
        let host = if is_listed { &request.authority } else { "*" };
        *self.hosts.entry(host.to_owned()).or_default() += 1;
    }

    /// How many places were damaged.
    pub(super) fn damaged_count(&self) -> u64 {
        self.damaged_count
    }

    pub(super) fn damage(&mut self, offset: u64, reason: String) {
        self.damaged_count += 1;
        if self.damaged.len() < DAMAGED_MAX {
            self.damaged.push(Damage { offset, reason });
        }
    }

    /// Adds what a walk over the file had to say.
    pub(super) fn walked(&mut self, walked: Self) {
        self.format = walked.format;
        self.origin_ns = walked.origin_ns;
        self.examples += walked.examples;
        self.without_body += walked.without_body;
        self.damaged_count += walked.damaged_count;
        self.damaged.extend(walked.damaged);
    }

    /// Why there is nothing to replay; begins with `: `, or is empty.
    pub(super) fn why_empty(&self) -> &'static str {
        match (self.cut, self.examples, self.damaged_count) {
            (1.., _, _) => ": every request's body was cut when it was recorded; raise the capture limit",
            (0, 1.., _) => ": it is the log of a run that kept examples only; record with `run --capture`",
            (0, 0, 1..) => ": everything in it is damaged",
            (0, 0, 0) if self.without_body > 0 => {
                ": it is an access log without GET and HEAD, and has no bodies of other methods"
            }
            (0, 0, 0) => "",
        }
    }

    pub(super) fn describe(&self, sorted: &[(u64, Request)]) -> RecordingDocument {
        let (first, last) = (sorted.first().map(|(at, _)| *at), sorted.last().map(|(at, _)| *at));
        RecordingDocument {
            schema: "parallax.recording/1",
            format: self.format,
            requests: sorted.len() as u64,
            responses: self.responses,
            replayed: self.replayed,
            methods: self.methods.clone(),
            status: self.status.clone(),
            hosts: self.hosts.clone(),
            first: first.map(time),
            last: last.map(time),
            duration_ns: last.unwrap_or_default() - first.unwrap_or_default(),
            out_of_order: self.out_of_order,
            duplicates: self.duplicates,
            cut: self.cut,
            without_body: self.without_body,
            damaged: self.damaged.clone(),
            damaged_count: self.damaged_count,
        }
    }
}

/// RFC 3339 with nanoseconds.
fn time(unix_ns: u64) -> String {
    let time = jiff::Timestamp::from_nanosecond(unix_ns.into()).expect("2^64 ns end in the year 2554");
    format!("{time:.9}")
}
