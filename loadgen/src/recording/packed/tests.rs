//! A part of a recording is found without reading the rest, and damage costs a block.

use super::*;
use crate::recording::{Reading, Selection, exchange_of, open, open_as};
use parallax_exchange::{Body, Exchange, Request};
use std::time::Duration;

const SECOND: u64 = 1_000_000_000;

/// Request `number` comes at second `number`, in one of 50 sessions, with 10 kB that do not compress.
fn exchange(number: u64) -> Exchange {
    let mut noise = fastrand::Rng::with_seed(number);
    let body: Vec<u8> = std::iter::repeat_with(|| noise.u8(..)).take(10_000).collect();
    let request = Request { target: format!("/{number}"), body: Body::whole(body), ..Request::default() };
    Exchange { cluster_key: number % 50 + 1, ..exchange_of(number, number * SECOND, request, None) }
}

fn packed(folder: &tempfile::TempDir, count: u64) -> String {
    let path = folder.path().join("a.plr").display().to_string();
    let mut writer = PackedWriter::create(&path).unwrap();
    (0..count).for_each(|number| writer.push(&exchange(number)).unwrap());
    assert_eq!(writer.finish().unwrap(), count);
    path
}

#[test]
fn exchanges_survive_whole_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let packed = Packed::open(packed(&folder, 300)).unwrap();
    assert_eq!((packed.exchanges(), packed.times()), (300, Some((0, 299 * SECOND))));
    assert!(packed.blocks().len() > 10, "{:?}", packed.blocks());
    let all: Vec<Exchange> =
        (0..packed.blocks().len()).flat_map(|block| packed.read(block).unwrap()).collect();
    assert_eq!(all, (0..300).map(exchange).collect::<Vec<_>>());
}

#[test]
fn an_index_finds_the_blocks_of_a_time_and_of_a_session() {
    let folder = tempfile::tempdir().unwrap();
    let packed = Packed::open(packed(&folder, 300)).unwrap();
    let near: Vec<usize> = packed.blocks_between(100 * SECOND..101 * SECOND).collect();
    assert_eq!(near.len(), 1);
    assert!(packed.read(near[0]).unwrap().iter().any(|exchange| exchange.request.target == "/100"));
    assert_eq!(packed.blocks_between(1000 * SECOND..u64::MAX).count(), 0);

    let blocks = packed.blocks_of(8).unwrap();
    let all = blocks.iter().flat_map(|block| packed.read(*block).unwrap());
    let mut of_session: Vec<String> =
        all.filter(|exchange| exchange.cluster_key == 8).map(|exchange| exchange.request.target).collect();
    of_session.sort();
    assert_eq!(of_session, ["/107", "/157", "/207", "/257", "/57", "/7"]);
    assert_eq!(packed.blocks_of(999).unwrap(), Vec::<usize>::new());
}

#[test]
fn a_session_that_fills_pages_of_the_index_is_found_in_all_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("many.plr");
    let mut writer = PackedWriter::create(&path).unwrap();
    let body = Body::whole(vec![7; BLOCK_BYTES]); // One exchange fills a block.
    for number in 0..5000 {
        let request = Request { body: body.clone(), ..Request::default() };
        let session = [2, 2, 2, 2, 9][number as usize % 5];
        writer.push(&Exchange { cluster_key: session, ..exchange_of(number, 0, request, None) }).unwrap();
    }
    writer.finish().unwrap();
    let packed = Packed::open(path).unwrap();
    assert_eq!(packed.blocks().len(), 5000);
    assert_eq!([2, 9, 1, 3].map(|session| packed.blocks_of(session).unwrap().len()), [4000, 1000, 0, 0]);
}

#[test]
fn a_window_of_a_replay_reads_its_blocks_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = packed(&folder, 300);
    // Damage everywhere but in the window: whoever reads it would tell.
    let packed = Packed::open(&path).unwrap();
    let window: Vec<usize> = packed.blocks_between(100 * SECOND..110 * SECOND).collect();
    let mut bytes = std::fs::read(&path).unwrap();
    assert!(window.len() < packed.blocks().len() / 2, "{window:?}");
    for (_, block) in packed.blocks().iter().enumerate().filter(|(number, _)| !window.contains(number)) {
        bytes[block.offset as usize + 100] ^= 1;
    }
    std::fs::write(&path, bytes).unwrap();
    let selection = Selection {
        after: Duration::from_secs(100),
        before: Some(Duration::from_secs(110)),
        ..Selection::default()
    };
    let reading = Reading { window: selection.window(), ..Reading::default() };
    let recording = open_as(&path, reading).unwrap();
    assert_eq!(recording.describe().damaged_count, 0);
    let times: Vec<u64> = recording.select(&selection).requests().iter().map(|(at, _)| at / SECOND).collect();
    assert_eq!(times, (100..110).collect::<Vec<u64>>(), "times count from the recording's first request");
}

#[test]
fn a_damaged_block_costs_its_exchanges_and_is_told_by_offset() {
    let folder = tempfile::tempdir().unwrap();
    let path = packed(&folder, 100);
    let block = Packed::open(&path).unwrap().blocks()[1];
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[block.offset as usize + 1000] ^= 0x10;
    std::fs::write(&path, bytes).unwrap();
    let document = open(&path).unwrap().describe();
    assert_eq!(document.requests, 100 - u64::from(block.exchanges));
    assert_eq!((document.damaged_count, document.damaged[0].offset), (1, block.offset));
    assert!(document.damaged[0].reason.contains("checksum"), "{:?}", document.damaged);
    let error = Packed::open(&path).unwrap().read(1).unwrap_err().to_string();
    assert!(error.contains(&format!("at byte {}", block.offset)), "{error}");
}

#[test]
fn a_file_that_was_cut_off_is_read_to_its_last_whole_block() {
    let folder = tempfile::tempdir().unwrap();
    let path = packed(&folder, 100);
    let blocks = Packed::open(&path).unwrap().blocks().to_vec();
    let bytes = std::fs::read(&path).unwrap();
    let last = blocks[blocks.len() - 1];
    // Inside the last block; and with a damaged one before it.
    let mut cut = bytes[..last.offset as usize + 100].to_vec();
    cut[blocks[0].offset as usize] = 0;
    std::fs::write(&path, cut).unwrap();
    assert!(Packed::open(&path).unwrap_err().to_string().contains("cut off"));
    let document = open(&path).unwrap().describe();
    let whole: u32 = blocks[1..blocks.len() - 1].iter().map(|block| block.exchanges).sum();
    assert_eq!(document.requests, u64::from(whole));
    assert_eq!(document.damaged_count, 3, "no index, the first block, the last: {:?}", document.damaged);
    assert_eq!(document.damaged[1].offset, blocks[0].offset);
    assert_eq!(document.damaged[2].offset, last.offset);
}

#[test]
fn an_unfinished_file_is_removed_and_another_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.plr");
    let mut writer = PackedWriter::create(&path).unwrap();
    writer.push(&exchange(1)).unwrap();
    assert!(PackedWriter::create(&path).is_err());
    drop(writer);
    assert!(!path.exists());
    PackedWriter::create(&path).unwrap().finish().unwrap();
    assert_eq!(Packed::open(&path).unwrap().times(), None);
}

#[test]
fn whatever_bytes_follow_the_magic_nothing_panics() {
    let folder = tempfile::tempdir().unwrap();
    let whole = std::fs::read(packed(&folder, 40)).unwrap();
    let path = folder.path().join("random.plr");
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..300 {
        let mut bytes = whole[..random.usize(0..=whole.len())].to_vec();
        for _ in 0..random.usize(0..4).min(bytes.len()) {
            let at = random.usize(0..bytes.len());
            bytes[at] = random.u8(..);
        }
        std::fs::write(&path, &bytes).unwrap();
        // Either is an answer: at most as many as were written, or a reason.
        if let Ok(recording) = open(&path.display().to_string()) {
            assert!(recording.requests().len() <= 40);
        }
    }
}
