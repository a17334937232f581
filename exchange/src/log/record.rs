//! What is inside a frame: a record, by kind.

use super::frame;
use super::{Entry, LogError, Record};
use crate::codec;
use bytes::Bytes;

/// Kinds from here on may be skipped by readers that do not know them (an index, say);
/// an unknown kind below is a record that this build cannot read.
const FIRST_OPTIONAL_KIND: u8 = 0x80;

const RUN: u8 = 1;
const EXCHANGE: u8 = 2;
const EXAMPLE: u8 = 3;
const SEALED: u8 = 4;
const VERDICT: u8 = 5;
const END: u8 = 6;

/// Appends the frame of `record` to `into`; it will lie at `offset` of its segment.
pub(crate) fn write(into: &mut Vec<u8>, offset: u64, record: &Record) -> Result<(), LogError> {
    let (kind, payload) = match record {
        Record::Run(json) => (RUN, Payload::Json(json)),
        Record::Exchange(exchange) => (EXCHANGE, Payload::Exchange(exchange)),
        Record::Example(exchange) => (EXAMPLE, Payload::Exchange(exchange)),
        Record::Sealed(json) => (SEALED, Payload::Json(json)),
        Record::Verdict(json) => (VERDICT, Payload::Json(json)),
        Record::End(json) => (END, Payload::Json(json)),
    };
    let written = frame::write(into, offset, kind, |into| match payload {
        Payload::Json(json) => into.extend_from_slice(json),
        Payload::Exchange(exchange) => codec::encode(exchange, into),
    });
    written.map_err(|bytes| LogError::TooLong { bytes })
}

enum Payload<'a> {
    Json(&'a Bytes),
    Exchange(&'a crate::Exchange),
}

/// The record of a whole frame; `None` for one that may be skipped.
///
/// # Errors
/// Why it cannot be read.
pub(crate) fn read(kind: u8, flags: u8, payload: Bytes) -> Result<Option<Record>, String> {
    if kind >= FIRST_OPTIONAL_KIND {
        return Ok(None);
    }
    if flags != 0 {
        return Err(format!("flags {flags:#04x} are unknown; a newer parallax wrote this record"));
    }
    let exchange = |payload| match codec::decode(payload) {
        Ok(exchange) => Ok(Box::new(exchange)),
        Err(error) => Err(format!("the exchange cannot be read: {error}")),
    };
    Ok(Some(match kind {
        RUN => Record::Run(payload),
        EXCHANGE => Record::Exchange(exchange(payload)?),
        EXAMPLE => Record::Example(exchange(payload)?),
        SEALED => Record::Sealed(payload),
        VERDICT => Record::Verdict(payload),
        END => Record::End(payload),
        _ => return Err(format!("kind {kind} is unknown; a newer parallax wrote this record")),
    }))
}

/// The exchange of a whole frame, not decoded; `None` for anything that [`read`] has to tell.
pub(crate) fn entry(kind: u8, flags: u8, payload: &Bytes) -> Option<Entry> {
    match (kind, flags) {
        (EXCHANGE, 0) => Some(Entry::Exchange(payload.clone())),
        (EXAMPLE, 0) => Some(Entry::Example(payload.clone())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_kind_is_an_error_below_and_skipped_above_the_boundary() {
        assert!(read(0x7f, 0, Bytes::new()).unwrap_err().contains("kind 127"));
        assert_eq!(read(0x80, 1, Bytes::new()), Ok(None));
        assert!(read(RUN, 1, Bytes::new()).unwrap_err().contains("flags 0x01"));
    }
}
