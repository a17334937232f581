//! What stands on every record of the topic of exchanges: who wrote it, and how many came before.
//!
//! A producer's idempotence ends with its process, and a group may read records twice. With a sequence
//! for each producer and partition a reader drops repeats and counts what is missing. Marks are records
//! too: they carry what the mirror's door counted, move time on where there is no traffic, and their
//! numbers show the loss of the last exchanges before them.

use parallax_exchange::Admissions;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The record header that holds a [`Stamp`].
pub const HEADER: &str = "parallax";

/// What a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One exchange, in protobuf.
    Exchange,
    /// A [`Mark`], in JSON.
    Mark,
}

/// Who wrote a record, and its number: `1 KIND PRODUCER EPOCH SEQUENCE` with numbers in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// What the record holds.
    pub kind: Kind,
    /// The process that wrote it.
    pub producer: u64,
    /// When that process started, in nanoseconds since the Unix epoch.
    pub epoch: u64,
    /// Counts from 0 in each partition.
    pub sequence: u64,
}

/// Written to every partition about once a second, and at a producer's end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// What the door counted since the mark before, by absolute window; in one partition only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub admissions: Vec<(u64, Admissions)>,
    /// Nothing comes from this producer any more.
    #[serde(default)]
    pub closed: bool,
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Exchange => "exchange",
            Kind::Mark => "mark",
        };
        write!(f, "1 {kind} {:x} {:x} {:x}", self.producer, self.epoch, self.sequence)
    }
}

impl Stamp {
    /// Reads a header's value.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(value: &[u8]) -> Result<Self, &'static str> {
        let text = std::str::from_utf8(value).map_err(|_| "its header `parallax` is no text")?;
        let mut words = text.split(' ');
        if words.next() != Some("1") {
            return Err("its header `parallax` is of another version than 1");
        }
        let kind = match words.next() {
            Some("exchange") => Kind::Exchange,
            Some("mark") => Kind::Mark,
            _ => return Err("it is neither an exchange nor a mark; a newer parallax wrote it"),
        };
        let mut number = || words.next().and_then(|word| u64::from_str_radix(word, 16).ok());
        match (number(), number(), number()) {
            (Some(producer), Some(epoch), Some(sequence)) => Ok(Self { kind, producer, epoch, sequence }),
            _ => Err("its header `parallax` does not name producer, epoch and sequence"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_as_it_was_written() {
        for kind in [Kind::Exchange, Kind::Mark] {
            let stamp = Stamp { kind, producer: u64::MAX, epoch: 7, sequence: 255 };
            assert_eq!(Stamp::read(stamp.to_string().as_bytes()), Ok(stamp));
        }
    }

    #[test]
    fn what_is_no_stamp_is_refused() {
        for text in ["", "2 mark 1 1 1", "1 sketch 1 1 1", "1 mark 1 1", "1 mark 1 1 x"] {
            assert!(Stamp::read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
