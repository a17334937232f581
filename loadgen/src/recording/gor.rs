//! GoReplay's `.gor` files.
//!
//! ```text
//! file   = *( meta LF payload LF MARK LF )        MARK is three emoji
//! meta   = type SP id SP time [ SP latency ]      type 1 request, 2 answer, 3 answer of a replay
//! ```
//!
//! Times are Unix nanoseconds, the id is hexadecimal and common to a request and its answers, the
//! payload is the raw HTTP/1.x message. Nothing is escaped and no length is given, so a body that holds
//! the mark looks like the end of its record. The reader therefore asks the message where it ends: a
//! mark counts where the HTTP framing says so. Only where no mark does (GoReplay cuts long messages)
//! does the first one count that a meta line follows, and the record counts as cut.

pub(crate) mod message;
mod write;

pub use write::{GorError, write_gor};

use super::facts::Facts;
use parallax_exchange::{CopyOrder, Exchange, ExchangeId, Outcome, Outcomes, Response, Timing};
use std::collections::HashMap;

/// U+1F435 U+1F648 U+1F649.
pub(super) const MARK: &[u8] = "\u{1f435}\u{1f648}\u{1f649}".as_bytes();

/// How the end of a record is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GorMode {
    /// By the message's own framing.
    #[default]
    Framed,
    /// At the first mark, as GoReplay itself does: a body that holds the mark is cut there.
    Lenient,
}

/// The first line of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Meta<'a> {
    kind: Kind,
    id: &'a str,
    time_ns: u64,
    latency_ns: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Request,
    Answer,
    Replayed,
}

/// A record as it lies in the file.
#[derive(Debug, Clone, Copy)]
struct Record<'a> {
    offset: u64,
    meta: Meta<'a>,
    payload: &'a [u8],
    is_cut: bool,
}

/// Reads whole exchanges from the bytes of a file, in the order of their requests.
///
/// An answer of type 2 becomes the primary's outcome, one of type 3 the candidate's. What cannot be
/// read is noted in `facts` with its offset; an answer without a request is dropped and noted too.
pub(super) fn read(bytes: &[u8], mode: GorMode, facts: &mut Facts) -> Vec<Exchange> {
    let mut exchanges = Exchanges::default();
    let mut records = Records { bytes, at: 0, mode };
    while let Some(found) = records.next() {
        let result = found.and_then(|record| exchanges.add(&record));
        if let Err((offset, reason)) = result {
            facts.damage(offset, reason);
        }
    }
    exchanges.list
}

/// What is wrong, and where.
type Damaged = (u64, String);

/// Whether the first line is one of a record.
pub(super) fn is_gor(bytes: &[u8]) -> bool {
    bytes.split(|&byte| byte == b'\n').next().and_then(parse_meta).is_some()
}

/// Walks over the records of a file.
struct Records<'a> {
    bytes: &'a [u8],
    at: usize,
    mode: GorMode,
}

impl<'a> Records<'a> {
    fn next(&mut self) -> Option<Result<Record<'a>, Damaged>> {
        while matches!(self.bytes.get(self.at), Some(b'\n' | b'\r')) {
            self.at += 1; // GoReplay tolerates blank lines between records, and so do we.
        }
        let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
        let offset = self.at as u64;
        let line = rest.iter().position(|&byte| byte == b'\n');
        let meta = line.and_then(|end| Some((end, parse_meta(&rest[..end])?)));
        let Some((end, meta)) = meta else {
            self.resynchronise();
            return Some(Err((offset, "no record begins here".to_owned())));
        };
        let begin = self.at + end + 1;
        let (length, is_cut) = self.payload_length(begin);
        self.at = begin + length;
        if self.bytes[self.at..].starts_with(b"\n") {
            self.at += 1 + MARK.len();
        }
        Some(Ok(Record { offset, meta, payload: &self.bytes[begin..begin + length], is_cut }))
    }

    /// How long the payload at `begin` is, and whether its end is a guess.
    fn payload_length(&self, begin: usize) -> (usize, bool) {
        let rest = &self.bytes[begin..];
        let framed = message::length(rest);
        if self.mode == GorMode::Framed
            && let Some(length) = framed
            && length <= rest.len()
            && ends_record(&rest[length..])
        {
            return (length, false);
        }
        let mut marks = marks(rest);
        let end = match self.mode {
            GorMode::Lenient => marks.next(),
            GorMode::Framed => marks.find(|&at| begins_record(&rest[at + 1 + MARK.len()..])),
        };
        let length = end.unwrap_or(rest.len());
        // An answer without a length ends where its record ends.
        (length, framed != Some(length) && !message::ends_with_connection(&rest[..length]))
    }

    /// Goes to the next record behind a mark.
    fn resynchronise(&mut self) {
        let rest = &self.bytes[self.at..];
        let next = marks(rest).map(|at| at + 1 + MARK.len()).find(|&at| begins_record(&rest[at..]));
        self.at += next.unwrap_or(rest.len());
    }
}

/// Places of `LF MARK` with a line's end behind it.
fn marks(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let found = memchr::memmem::find_iter(bytes, MARK);
    found.filter_map(|at| at.checked_sub(1)).filter(|&at| bytes[at] == b'\n' && ends_record(&bytes[at..]))
}

/// Whether a record may end before these bytes: at a mark on a line of its own, or at the end.
fn ends_record(bytes: &[u8]) -> bool {
    match bytes.strip_prefix(b"\n").and_then(|line| line.strip_prefix(MARK)) {
        Some(behind) => matches!(behind.first(), None | Some(b'\n' | b'\r')),
        // GoReplay drops a last record without a mark; it is as good as the others.
        None => bytes.iter().all(|byte| matches!(byte, b'\n' | b'\r')),
    }
}

/// Whether a meta line follows, or nothing does.
fn begins_record(bytes: &[u8]) -> bool {
    let bytes = bytes.trim_ascii_start();
    let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    bytes.is_empty() || parse_meta(line).is_some()
}

fn parse_meta(line: &[u8]) -> Option<Meta<'_>> {
    let line = std::str::from_utf8(line).ok()?.trim_end_matches('\r');
    let mut fields = line.split(' ');
    let kind = match fields.next()? {
        "1" => Kind::Request,
        "2" => Kind::Answer,
        "3" => Kind::Replayed,
        _ => return None,
    };
    let id = fields.next()?;
    let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let time_ns = fields.next()?.parse().ok()?;
    // Recordings of before 1.0 have no latency; -1 and 0 stand for an unknown one.
    let latency_ns = match fields.next() {
        None => 0,
        Some(latency) => u64::try_from(latency.parse::<i64>().ok()?).unwrap_or(0),
    };
    (is_id && fields.next().is_none()).then_some(Meta { kind, id, time_ns, latency_ns })
}

/// Requests, joined with their answers by id.
#[derive(Default)]
struct Exchanges {
    list: Vec<Exchange>,
    /// Where the latest request of an id is.
    by_id: HashMap<String, usize>,
}

impl Exchanges {
    fn add(&mut self, record: &Record<'_>) -> Result<(), Damaged> {
        let at = |reason: String| (record.offset, reason);
        let Meta { kind, id, time_ns, .. } = record.meta;
        if kind == Kind::Request {
            let request = message::request(record.payload, record.is_cut).map_err(at)?;
            self.by_id.insert(id.to_owned(), self.list.len());
            self.list.push(Exchange {
                id: exchange_id(id, time_ns),
                admitted_ns: time_ns,
                cluster_key: xxhash_rust::xxh3::xxh3_64(id.as_bytes()),
                labels: Vec::new(),
                order: CopyOrder::default(),
                sample_ppm: 1_000_000,
                request,
                outcomes: Outcomes::default(),
            });
            return Ok(());
        }
        let Some(exchange) = self.by_id.get(id).and_then(|&index| self.list.get_mut(index)) else {
            return Err(at(format!("an answer without its request {id}")));
        };
        let mut response = message::response(record.payload, record.is_cut).map_err(at)?;
        response.timing = timing(exchange.admitted_ns, &record.meta);
        let outcome = Some(Outcome::Response(Box::<Response>::new(response)));
        match kind {
            Kind::Replayed => exchange.outcomes.candidate = outcome,
            _ => exchange.outcomes.primary = outcome,
        }
        Ok(())
    }
}

/// An answer's time is when it came, a replayed answer's is when its request was sent.
fn timing(admitted_ns: u64, meta: &Meta<'_>) -> Timing {
    let after = meta.time_ns.saturating_sub(admitted_ns);
    match meta.kind {
        Kind::Replayed => {
            let done_ns = after + meta.latency_ns;
            Timing { sent_ns: after, head_ns: done_ns, done_ns }
        }
        _ => Timing { sent_ns: 0, head_ns: after, done_ns: after },
    }
}

/// An id of our own writing comes back as it was; another is digested, with the time because ids of
/// connections come back.
fn exchange_id(text: &str, time_ns: u64) -> ExchangeId {
    let number = |range: std::ops::Range<usize>| u64::from_str_radix(text.get(range)?, 16).ok();
    let own = || {
        let (proxy, epoch) = (number(0..8)? as u32, number(8..16)? as u32);
        Some(ExchangeId { proxy, epoch, sequence: number(16..32)? })
    };
    own().filter(|_| text.len() == 32).unwrap_or_else(|| ExchangeId {
        proxy: u32::MAX,
        epoch: 0,
        sequence: xxhash_rust::xxh3::xxh3_64_with_seed(text.as_bytes(), time_ns),
    })
}

#[cfg(test)]
mod tests;
