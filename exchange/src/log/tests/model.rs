//! The log against a model in memory, under random actions.
//!
//! The model knows of each record only where it lies and how long its frame is. A crash cuts the
//! last segment at any byte; what lies wholly before the cut must survive, and nothing else.

use super::*;
use crate::codec;
use proptest::collection::vec;
use std::collections::VecDeque;
use std::fs::{self, OpenOptions};

#[derive(Debug, Clone)]
enum Action {
    Append(Vec<Record>),
    Reopen,
    /// Cuts the last segment to this share of its length, in thousandths, and reopens.
    Crash(u64),
    Read,
}

fn action() -> impl Strategy<Value = Action> {
    let filler = (0usize..300).prop_map(filler);
    let record = prop_oneof![4 => filler, 1 => record()];
    prop_oneof![
        4 => vec(record, 0..8).prop_map(Action::Append),
        1 => Just(Action::Reopen),
        1 => (0u64..=1000).prop_map(Action::Crash),
        2 => Just(Action::Read),
    ]
}

#[derive(Debug, Clone)]
struct Entry {
    position: Position,
    end: u64,
    record: Record,
}

#[derive(Debug)]
struct Model {
    limits: Limits,
    entries: VecDeque<Entry>,
    segment: u64,
    length: u64,
    older: VecDeque<(u64, u64)>,
}

const HEADER: u64 = segment::HEADER_BYTES as u64;

impl Model {
    fn new(limits: Limits) -> Self {
        Self { limits, entries: VecDeque::new(), segment: 1, length: HEADER, older: VecDeque::new() }
    }

    fn append(&mut self, record: &Record) -> Position {
        let bytes = 16 + payload_bytes(record);
        if self.length > HEADER && self.length + bytes > self.limits.segment_bytes {
            self.older.push_back((self.segment, self.length));
            (self.segment, self.length) = (self.segment + 1, HEADER);
            let total = |older: &VecDeque<(u64, u64)>| older.iter().map(|(_, length)| length).sum::<u64>();
            while total(&self.older) + self.limits.segment_bytes > self.limits.total_bytes {
                let Some((removed, _)) = self.older.pop_front() else { break };
                self.entries.retain(|entry| entry.position.segment != removed);
            }
        }
        let position = Position { segment: self.segment, offset: self.length };
        self.length += bytes;
        self.entries.push_back(Entry { position, end: self.length, record: record.clone() });
        position
    }

    /// Cuts the last segment; gives the bytes that a writer has to cut off then.
    fn crash(&mut self, length: u64) -> u64 {
        let survives = |entry: &Entry| entry.position.segment != self.segment || entry.end <= length;
        self.entries.retain(survives);
        let last = self.entries.iter().rfind(|entry| entry.position.segment == self.segment);
        let end = last.map_or(if length < HEADER { 0 } else { HEADER }, |entry| entry.end);
        self.length = end.max(HEADER);
        length - end
    }

    fn expected(&self) -> Vec<(Position, Record)> {
        self.entries.iter().map(|entry| (entry.position, entry.record.clone())).collect()
    }
}

fn payload_bytes(record: &Record) -> u64 {
    let mut encoded = Vec::new();
    let payload = match record {
        Record::Exchange(exchange) | Record::Example(exchange) => {
            codec::encode(exchange, &mut encoded);
            &encoded[..]
        }
        Record::Run(json) | Record::Sealed(json) | Record::Verdict(json) | Record::End(json) => json,
    };
    payload.len() as u64
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_log_holds_what_its_model_holds(
        actions in vec(action(), 1..40), segment_bytes in 100u64..3000, segments in 1u64..6,
    ) {
        let place = Place::new();
        let limits = Limits { segment_bytes, total_bytes: segment_bytes * segments };
        let mut model = Model::new(limits);
        let mut writer = place.writer(limits);
        let mut follower = place.reader();
        let mut followed = Vec::new();
        for action in actions {
            match action {
                Action::Append(records) => {
                    let expected: Vec<_> = records.iter().map(|record| model.append(record)).collect();
                    prop_assert_eq!(writer.append_batch(&records).unwrap(), expected);
                }
                Action::Reopen => {
                    drop(writer);
                    writer = place.writer(limits);
                    prop_assert_eq!(writer.stats().torn_bytes, 0);
                }
                Action::Crash(thousandths) => {
                    drop(writer);
                    let path = place.segment(model.segment);
                    let length = fs::metadata(&path).unwrap().len() * thousandths / 1000;
                    OpenOptions::new().write(true).open(&path).unwrap().set_len(length).unwrap();
                    let torn = model.crash(length);
                    writer = place.writer(limits);
                    prop_assert_eq!(writer.stats().torn_bytes, torn);
                    follower = place.reader();
                    followed.clear();
                }
                Action::Read => {
                    prop_assert_eq!(read_undamaged(&place), model.expected());
                    // The follower may have seen what is removed by now, so its end is compared.
                    let (new, _) = read_all(&mut *follower);
                    followed.extend(new);
                    let expected = model.expected();
                    let tail = followed.len().saturating_sub(expected.len());
                    prop_assert_eq!(&followed[tail..], expected);
                }
            }
        }
    }

    #[test]
    fn a_flipped_bit_costs_the_record_it_lies_in_at_most(
        records in vec(record(), 1..12), segment_bytes in 100u64..3000, at in any::<prop::sample::Index>(), bit in 0u8..8,
    ) {
        let place = Place::new();
        let limits = Limits { segment_bytes, total_bytes: u64::MAX };
        let mut model = Model::new(limits);
        for record in &records {
            model.append(record);
        }
        place.writer(limits).append_batch(&records).unwrap();

        let numbers = segment::list(place.0.path()).unwrap();
        let number = *at.get(&numbers);
        let mut bytes = fs::read(place.segment(number)).unwrap();
        let byte = at.index(bytes.len());
        bytes[byte] ^= 1 << bit;
        fs::write(place.segment(number), &bytes).unwrap();

        let hit = |entry: &Entry| {
            let range = entry.position.offset..entry.end;
            entry.position.segment == number && range.contains(&(byte as u64))
        };
        model.entries.retain(|entry| !hit(entry));
        let (read, damage) = read_all(&mut *place.reader());
        prop_assert_eq!(read, model.expected());
        prop_assert_eq!(damage.len(), 1);
    }

    #[test]
    fn arbitrary_bytes_are_read_to_their_end(
        bytes in vec(any::<u8>(), 0..2000), kept in 0usize..=32, frames in vec(record(), 0..4),
    ) {
        // A good beginning, so that the search for frames is reached, and some good frames behind.
        let mut file = segment::header(1)[..kept].to_vec();
        file.extend(bytes);
        for frame in &frames {
            let offset = file.len() as u64;
            record::write(&mut file, offset, frame).unwrap();
        }
        let place = Place::new();
        fs::write(place.segment(1), &file).unwrap();
        let (mut reader, mut calls, mut read) = (place.reader(), 0, Vec::new());
        loop {
            match reader.next() {
                Ok(None) | Err(LogError::Unsupported { .. }) => break,
                Ok(Some((_, record))) => read.push(record),
                Err(_) => {}
            }
            calls += 1;
            prop_assert!(calls <= file.len() + 1, "every call takes something off");
        }
        if kept == segment::HEADER_BYTES {
            prop_assert_eq!(read, frames);
        }
    }
}
