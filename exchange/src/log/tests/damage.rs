//! Known ways in which a log is damaged, and what a reader and a writer make of each.

use super::*;
use std::fs;

/// Three records in one segment, with their positions.
fn three() -> (Place, Vec<Position>) {
    let place = Place::new();
    let positions = place.writer(LARGE).append_batch(&[filler(100), filler(200), filler(300)]).unwrap();
    (place, positions)
}

fn change(place: &Place, change: impl FnOnce(&mut Vec<u8>)) {
    let path = place.segment(1);
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    fs::write(&path, bytes).unwrap();
}

/// Lengths of the payloads read, and (offset, bytes, reason) of the damage.
fn read(place: &Place) -> (Vec<usize>, Vec<(u64, u64, String)>) {
    let (records, damage) = read_all(&mut *place.reader());
    let length = |(_, record): (Position, Record)| match record {
        Record::Sealed(payload) => payload.len(),
        other => panic!("not written here: {other:?}"),
    };
    let damage = damage.into_iter().map(|error| match error {
        LogError::Damaged { place: file, offset, bytes, why } => {
            assert_eq!(file, place.segment(1).display().to_string());
            (offset, bytes, why)
        }
        other => panic!("{other}"),
    });
    (records.into_iter().map(length).collect(), damage.collect())
}

fn at(position: Position) -> usize {
    usize::try_from(position.offset).unwrap()
}

#[test]
fn a_flipped_bit_in_a_payload_costs_that_record() {
    let (place, positions) = three();
    change(&place, |bytes| bytes[at(positions[1]) + 16 + 50] ^= 1);
    let (lengths, damage) = read(&place);
    assert_eq!(lengths, [100, 300]);
    let why = "the checksum of the record does not match".to_owned();
    assert_eq!(damage, [(positions[1].offset, 216, why)]);
}

#[test]
fn a_flipped_bit_in_any_byte_of_an_envelope_costs_that_record() {
    for byte in 0..16 {
        let (place, positions) = three();
        change(&place, |bytes| bytes[at(positions[1]) + byte] ^= 0x10);
        let (lengths, damage) = read(&place);
        assert_eq!(lengths, [100, 300], "byte {byte}");
        assert_eq!((damage[0].0, damage[0].1, damage.len()), (positions[1].offset, 216, 1), "byte {byte}");
    }
}

#[test]
fn a_flipped_bit_in_the_file_header_costs_no_record() {
    for byte in 0..32 {
        let (place, _) = three();
        change(&place, |bytes| bytes[byte] ^= 0x04);
        let (lengths, damage) = read(&place);
        assert_eq!(lengths, [100, 200, 300], "byte {byte}");
        assert_eq!((damage[0].0, damage[0].1, damage.len()), (0, 32, 1), "byte {byte}");
        drop(place.writer(LARGE));
        assert_eq!(read(&place).0, [100, 200, 300], "a writer leaves them alone, byte {byte}");
    }
}

#[test]
fn a_hole_in_the_middle_is_stepped_over() {
    let (place, positions) = three();
    change(&place, |bytes| bytes[at(positions[0]) + 5..at(positions[1]) + 7].fill(0xfb));
    let (lengths, damage) = read(&place);
    assert_eq!(lengths, [300]);
    assert_eq!((damage[0].0, damage[0].1), (positions[0].offset, positions[2].offset - positions[0].offset));
}

#[test]
fn damage_longer_than_the_window_is_searched_to_its_end() {
    let place = Place::new();
    let positions = place.writer(LARGE).append_batch(&[filler(1_000_000), filler(7)]).unwrap();
    change(&place, |bytes| bytes[at(positions[0])] = 0);
    let (lengths, damage) = read(&place);
    assert_eq!(lengths, [7]);
    assert_eq!((damage[0].0, damage[0].1), (32, 1_000_016));
}

#[test]
fn records_inside_a_payload_are_not_found_by_the_search() {
    let (inner, _) = three();
    let recording = fs::read(inner.segment(1)).unwrap();
    let place = Place::new();
    let batch = [Record::Sealed(recording.into()), filler(5)];
    let positions = place.writer(LARGE).append_batch(&batch).unwrap();
    change(&place, |bytes| bytes[at(positions[0])] = 0);
    let (lengths, damage) = read(&place);
    assert_eq!(lengths, [5]);
    assert_eq!(damage.len(), 1);
}

#[test]
fn a_torn_tail_is_waited_for_by_a_reader_and_cut_off_by_a_writer() {
    let (whole, positions) = three();
    let bytes = fs::read(whole.segment(1)).unwrap();
    for length in at(positions[2]) + 1..bytes.len() {
        let place = Place::new();
        fs::write(place.segment(1), &bytes[..length]).unwrap();
        let mut reader = place.reader();
        let (records, damage) = read_all(&mut *reader);
        let torn = length as u64 - positions[2].offset;
        assert_eq!((records.len(), damage.len(), reader.unfinished_bytes()), (2, 0, torn), "{length}");

        let mut writer = place.writer(LARGE);
        assert_eq!(writer.stats().torn_bytes, torn);
        let position = writer.append(&filler(1)).unwrap();
        assert_eq!(position, positions[2]);
        assert_eq!(reader.next().unwrap(), Some((position, filler(1))), "the reader was waiting");
    }
}

#[test]
fn a_tail_of_zeros_is_cut_off() {
    let (place, positions) = three();
    change(&place, |bytes| bytes.resize(bytes.len() + 5000, 0));
    let mut reader = place.reader();
    let (records, damage) = read_all(&mut *reader);
    assert_eq!((records.len(), damage.len()), (3, 1));
    let mut writer = place.writer(LARGE);
    assert_eq!(writer.stats().torn_bytes, 5000);
    let position = writer.append(&filler(9)).unwrap();
    assert_eq!(position.offset, positions[2].offset + 316);
    assert_eq!(reader.next().unwrap(), Some((position, filler(9))), "the reader goes back to the new end");
}

#[test]
fn a_torn_record_before_a_later_segment_is_damage() {
    let place = Place::new();
    let limits = Limits { segment_bytes: 300, total_bytes: 1 << 20 };
    let positions = place.writer(limits).append_batch(&[filler(100), filler(100), filler(200)]).unwrap();
    assert_eq!(positions[2].segment, 2);
    change(&place, |bytes| bytes.truncate(at(positions[1]) + 20));
    let (lengths, damage) = read(&place);
    assert_eq!(lengths, [100, 200]);
    assert_eq!(damage, [(positions[1].offset, 20, "the last record is cut short".to_owned())]);
}

#[test]
fn a_missing_segment_is_reported() {
    let place = Place::new();
    let limits = Limits { segment_bytes: 100, total_bytes: 1 << 20 };
    place.writer(limits).append_batch(&[filler(90), filler(91), filler(92), filler(93)]).unwrap();
    fs::remove_file(place.segment(2)).unwrap();
    fs::remove_file(place.segment(3)).unwrap();
    let (records, damage) = read_all(&mut *place.reader());
    assert_eq!((records.len(), damage.len()), (2, 1));
    assert!(damage[0].to_string().contains("segments 2 to 3 are gone"), "{}", damage[0]);
}

#[test]
fn an_empty_or_headless_file_is_a_log_without_records() {
    let (whole, _) = three();
    let bytes = fs::read(whole.segment(1)).unwrap();
    for length in [0, 1, 31, 32] {
        let place = Place::new();
        fs::write(place.segment(1), &bytes[..length]).unwrap();
        assert!(read_undamaged(&place).is_empty());
        let mut writer = place.writer(LARGE);
        writer.append(&filler(3)).unwrap();
        assert_eq!(read_undamaged(&place).len(), 1);
    }
}

#[test]
fn other_files_and_newer_formats_are_refused_by_reader_and_writer() {
    let mut newer = segment::header(1).to_vec();
    newer[8] = 2;
    let crc = crc32fast::hash(&newer[..28]);
    newer[28..].copy_from_slice(&crc.to_le_bytes());
    for (bytes, word) in [(b"GET / HTTP/1.1\r\n\r\n".to_vec(), "not a parallax log"), (newer, "format 2")] {
        let place = Place::new();
        fs::write(place.segment(1), &bytes).unwrap();
        let errors = [place.reader().next().unwrap_err(), open_writer(&place.url(), LARGE).err().unwrap()];
        for error in errors {
            assert!(matches!(error, LogError::Unsupported { .. }), "{error}");
            assert!(error.to_string().contains(word), "{error}");
        }
        assert_eq!(fs::read(place.segment(1)).unwrap(), bytes, "nothing was changed");
    }
}

#[test]
fn a_record_that_this_build_cannot_read_is_damage() {
    let mut file = segment::header(1).to_vec();
    for (kind, payload) in [(0x7f, &b""[..]), (0x80, b"an index"), (2, b"\x08not protobuf"), (6, b"{}")] {
        let offset = file.len() as u64;
        frame::write(&mut file, offset, kind, |into| into.extend_from_slice(payload)).unwrap();
    }
    let (records, damage) = read_all(&mut *read_bytes("memory", file.into()));
    assert_eq!(records.into_iter().map(|(_, record)| record).collect::<Vec<_>>(), [Record::End(json("{}"))]);
    let told: Vec<_> = damage.iter().map(ToString::to_string).collect();
    assert!(
        told[0].starts_with("memory: 16 bytes at offset 32 are damaged: kind 127 is unknown"),
        "{told:?}"
    );
    assert!(told[1].contains("the exchange cannot be read: not a protobuf message"), "{told:?}");
    assert_eq!(told.len(), 2);
}

#[test]
fn a_segment_in_memory_is_read_and_its_torn_end_is_damage() {
    let (place, positions) = three();
    let mut bytes = fs::read(place.segment(1)).unwrap();
    let mut reader = read_bytes("memory", bytes.clone().into());
    assert_eq!(read_all(&mut *reader).0.len(), 3);
    reader.seek(positions[1]).unwrap();
    assert_eq!(reader.next().unwrap(), Some((positions[1], filler(200))));

    bytes.pop();
    let mut reader = read_bytes("memory", bytes.into());
    let (records, damage) = read_all(&mut *reader);
    assert_eq!((records.len(), damage.len(), reader.unfinished_bytes()), (2, 1, 0));
    assert!(damage[0].to_string().contains("memory: 315 bytes at offset 364"), "{}", damage[0]);
}

#[test]
fn a_recording_with_a_torn_end_is_damaged_there() {
    let (place, positions) = three();
    change(&place, |bytes| bytes.truncate(bytes.len() - 1));
    for url in [place.url(), place.segment(1).display().to_string()] {
        let (records, damage) = read_all(&mut *open_recording(&url).unwrap());
        assert_eq!((records.len(), damage.len()), (2, 1));
        let told = damage[0].to_string();
        assert!(told.contains(&format!("315 bytes at offset {}", positions[2].offset)), "{told}");
    }
}

#[test]
fn a_repaired_log_holds_what_could_be_read_and_nothing_else() {
    let place = Place::new();
    let limits = Limits { segment_bytes: 400, total_bytes: 1 << 20 };
    let records = [filler(100), filler(101), filler(102), filler(103), filler(104), filler(105)];
    let positions = place.writer(limits).append_batch(&records).unwrap();
    change(&place, |bytes| bytes[at(positions[1]) + 3] ^= 1);
    let mut file = fs::OpenOptions::new().append(true).open(place.segment(2)).unwrap();
    std::io::Write::write_all(&mut file, b"torn").unwrap();

    let to = place.0.path().join("whole.plx");
    let mut told = Vec::new();
    let checkup = repair(&place.url(), &to, |error| told.push(error.to_string())).unwrap();
    assert_eq!(checkup, Checkup { records: 5, damaged: 2, damaged_bytes: 117 + 4 });
    let mut found = Vec::new();
    assert_eq!(check(&place.url(), |error| found.push(error.to_string())).unwrap(), checkup);
    assert_eq!(found, told);
    assert!(told[0].contains("1.plx: 117 bytes at offset 148"), "{told:?}");
    assert!(told[1].contains("2.plx: 4 bytes"), "{told:?}");
    let (read, damage) = read_all(&mut *open_recording(&to.display().to_string()).unwrap());
    let read: Vec<_> = read.into_iter().map(|(_, record)| record).collect();
    assert_eq!(read, [0, 2, 3, 4, 5].map(|index| records[index].clone()));
    assert!(damage.is_empty());
}

#[test]
fn a_repair_keeps_fields_that_only_a_newer_build_knows() {
    let place = Place::new();
    let payload = b"\x4a\x05\x0a\x03GET\xa2\x06\x02hi"; // a request and field 100
    let mut file = segment::header(1).to_vec();
    frame::write(&mut file, 32, 2, |into| into.extend_from_slice(payload)).unwrap();
    fs::write(place.segment(1), &file).unwrap();
    let to = place.0.path().join("whole.plx");
    repair(&place.url(), &to, |error| panic!("{error}")).unwrap();
    assert_eq!(fs::read(to).unwrap(), file);
}

#[test]
fn a_repair_that_fails_leaves_nothing_behind() {
    let (place, _) = three();
    let to = place.0.path().join("whole.plx");
    fs::write(place.segment(2), b"something else of some length, no log").unwrap();
    let error = repair(&place.url(), &to, |_| {}).unwrap_err();
    assert!(matches!(error, LogError::Unsupported { .. }), "{error}");
    assert!(!to.exists());
    fs::write(&to, "precious").unwrap();
    repair(&place.url(), &to, |_| {}).unwrap_err();
    assert_eq!(fs::read(&to).unwrap(), b"precious");
}
