//! The log as a whole: what was appended comes back, whatever happened in between.

use super::*;
use crate::arbitrary;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::path::PathBuf;

mod damage;
mod model;
mod samples;

const LARGE: Limits = Limits { segment_bytes: 64 << 20, total_bytes: 4 << 30 };

/// A directory that holds a log and goes away with this value.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory can be made"))
    }

    fn url(&self) -> String {
        format!("file:{}", self.0.path().display())
    }

    fn writer(&self, limits: Limits) -> Box<dyn Writer> {
        open_writer(&self.url(), limits).unwrap()
    }

    fn reader(&self) -> Box<dyn Reader> {
        open_reader(&self.url()).unwrap()
    }

    fn segment(&self, number: u64) -> PathBuf {
        segment::path(self.0.path(), number)
    }
}

fn json(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// A record that is `payload` bytes long.
fn filler(payload: usize) -> Record {
    Record::Sealed(vec![b'.'; payload].into())
}

/// Everything that can be read now, and the damage met.
fn read_all(reader: &mut dyn Reader) -> (Vec<(Position, Record)>, Vec<LogError>) {
    let (mut records, mut damage) = (Vec::new(), Vec::new());
    loop {
        match reader.next() {
            Ok(Some(record)) => records.push(record),
            Ok(None) => return (records, damage),
            Err(error @ LogError::Damaged { .. }) => damage.push(error),
            Err(error) => panic!("{error}"),
        }
    }
}

fn read_undamaged(place: &Place) -> Vec<(Position, Record)> {
    let (records, damage) = read_all(&mut *place.reader());
    assert!(damage.is_empty(), "{damage:?}");
    records
}

fn record() -> impl Strategy<Value = Record> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..200).prop_map(Bytes::from);
    let exchange = || arbitrary::exchange().prop_map(Box::new);
    prop_oneof![
        bytes().prop_map(Record::Run),
        exchange().prop_map(Record::Exchange),
        exchange().prop_map(Record::Example),
        bytes().prop_map(Record::Sealed),
        bytes().prop_map(Record::Verdict),
        bytes().prop_map(Record::End),
    ]
}

fn some_records(count: usize) -> Vec<Record> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| record().new_tree(&mut runner).unwrap().current()).collect()
}

#[test]
fn what_was_appended_is_read_in_order_at_the_positions_given() {
    let place = Place::new();
    let records = some_records(50);
    let mut writer = place.writer(LARGE);
    let mut positions = vec![writer.append(&records[0]).unwrap()];
    positions.extend(writer.append_batch(&records[1..]).unwrap());
    writer.sync().unwrap();
    let read = read_undamaged(&place);
    assert_eq!(read, positions.iter().copied().zip(records.iter().cloned()).collect::<Vec<_>>());
    assert_eq!(writer.stats().records, 50);
    let length = place.segment(1).metadata().unwrap().len();
    assert_eq!(writer.stats().bytes + segment::HEADER_BYTES as u64, length);

    let mut reader = place.reader();
    reader.seek(positions[30]).unwrap();
    assert_eq!(reader.next().unwrap().unwrap(), (positions[30], records[30].clone()));
}

#[test]
fn a_reopened_log_is_continued() {
    let place = Place::new();
    place.writer(LARGE).append(&Record::Run(json("{}"))).unwrap();
    let mut writer = place.writer(LARGE);
    writer.append(&Record::End(json("{}"))).unwrap();
    assert_eq!(writer.stats().torn_bytes, 0);
    let records: Vec<_> = read_undamaged(&place).into_iter().map(|(_, record)| record).collect();
    assert_eq!(records, [Record::Run(json("{}")), Record::End(json("{}"))]);
}

#[test]
fn segments_are_rolled_and_the_oldest_removed() {
    let place = Place::new();
    let mut writer = place.writer(Limits { segment_bytes: 1000, total_bytes: 3500 });
    let batch: Vec<_> = (0..100).map(|_| filler(284)).collect(); // 300 bytes each: three a segment
    let positions = writer.append_batch(&batch).unwrap();
    assert_eq!((positions[2].segment, positions[3].segment, positions[99].segment), (1, 2, 34));
    assert_eq!(writer.stats().segments_removed, 31);
    assert_eq!(writer.stats().bytes_removed, 31 * 932);
    assert_eq!(segment::list(place.0.path()).unwrap(), [32, 33, 34]);
    assert_eq!(read_undamaged(&place).len(), 7);
    drop(writer);

    let mut writer = place.writer(Limits { segment_bytes: 1000, total_bytes: 1 });
    assert_eq!(writer.append(&filler(284)).unwrap().segment, 34);
    assert_eq!(writer.append(&filler(284)).unwrap().segment, 34);
    assert_eq!(writer.append(&filler(284)).unwrap().segment, 35);
    assert_eq!(segment::list(place.0.path()).unwrap(), [35]);

    let mut reader = place.reader();
    let gone = reader.seek(positions[99]).unwrap_err().to_string();
    assert!(gone.contains("this segment is gone"), "{gone}");
}

#[test]
fn a_record_longer_than_a_segment_has_one_to_itself() {
    let place = Place::new();
    let mut writer = place.writer(Limits { segment_bytes: 100, total_bytes: 1 << 20 });
    let batch = [filler(10), filler(1_000_000), filler(10)];
    let positions = writer.append_batch(&batch).unwrap();
    assert_eq!(positions.iter().map(|position| position.segment).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(read_undamaged(&place).len(), 3);
}

#[test]
fn a_reader_follows_a_growing_log_over_segments() {
    let place = Place::new();
    let mut writer = place.writer(Limits { segment_bytes: 100, total_bytes: 1 << 20 });
    let mut reader = place.reader();
    for size in 0..50 {
        assert_eq!(reader.next().unwrap(), None);
        let position = writer.append(&filler(size)).unwrap();
        assert_eq!(reader.next().unwrap(), Some((position, filler(size))));
    }
    assert_eq!((reader.next().unwrap(), reader.unfinished_bytes()), (None, 0));
}

#[test]
fn a_second_writer_is_refused_and_a_reader_is_not() {
    let place = Place::new();
    let _writer = place.writer(LARGE);
    let refused = open_writer(&place.url(), LARGE).err().unwrap();
    assert!(matches!(refused, LogError::Locked { .. }), "{refused}");
    assert!(read_undamaged(&place).is_empty());
}

#[test]
fn a_recording_is_one_file_that_is_not_written_twice() {
    let place = Place::new();
    let url = format!("{}/one.plx", place.0.path().display());
    let records = some_records(5);
    open_writer(&url, LARGE).unwrap().append_batch(&records).unwrap();
    let (read, _) = read_all(&mut *open_reader(&url).unwrap());
    assert_eq!(read.into_iter().map(|(_, record)| record).collect::<Vec<_>>(), records);
    let again = open_writer(&url, LARGE).err().unwrap().to_string();
    assert!(again.contains("one.plx"), "{again}");
}

#[test]
fn a_batch_larger_than_the_write_buffer_keeps_its_positions() {
    let place = Place::new();
    let batch: Vec<_> = (0..12).map(|size| filler(1_000_000 + size)).collect();
    let positions = place.writer(LARGE).append_batch(&batch).unwrap();
    let read = read_undamaged(&place);
    assert_eq!(read.iter().map(|(position, _)| *position).collect::<Vec<_>>(), positions);
}

#[test]
fn a_directory_without_a_log_is_named() {
    let place = Place::new();
    let error = open_reader(&place.url()).err().unwrap().to_string();
    assert!(error.contains(&place.0.path().display().to_string()) && error.contains("no log"), "{error}");
    let missing = open_reader("file:no/such/place").err().unwrap().to_string();
    assert_eq!(missing, "failed to open no/such/place");
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let place = Place::new();
    std::fs::write(place.0.path().join("file"), "").unwrap();
    let error = open_writer(&format!("{}/file/log", place.url()), LARGE).err().unwrap().to_string();
    assert!(error.starts_with("failed to create ") && error.ends_with("/file/log"), "{error}");
}
