//! Bytes without structure, and bodies of which only the first part was kept.

use crate::diff::Kind;
use crate::diff::sink::Sink;
use parallax_exchange::Body;
use xxhash_rust::xxh3::xxh3_64;

/// Records that two byte strings differ.
pub(super) fn compare(left: &[u8], right: &[u8], sink: &mut Sink<'_>) {
    let (l, r) = (Summary::of(left), Summary::of(right));
    l.compare(&r, first_difference(left, right), sink);
}

/// Records that two bodies differ, of which one at least was cut at the capture cap.
///
/// Equal length and digest are equality, although different parts may have been kept.
pub(super) fn compare_cut(left: &Body, right: &Body, sink: &mut Sink<'_>) {
    let summary = |body: &Body| Summary {
        length: body.len(),
        digest: body.cut_digest().unwrap_or_else(|| xxh3_64(body.bytes())),
    };
    summary(left).compare(&summary(right), first_difference(left.bytes(), right.bytes()), sink);
}

#[derive(PartialEq)]
struct Summary {
    length: u64,
    digest: u64,
}

impl Summary {
    fn of(bytes: &[u8]) -> Self {
        Self { length: bytes.len() as u64, digest: xxh3_64(bytes) }
    }

    fn compare(&self, other: &Self, first: Option<usize>, sink: &mut Sink<'_>) {
        if self == other && first.is_none() {
            return;
        }
        let kind = if self.length == other.length { Kind::Value } else { Kind::Length };
        let note = match first {
            Some(at) => format!("differs first at byte {at}"),
            None => "the part that was kept is equal".to_owned(),
        };
        sink.whole_body(kind, Some(self.text().as_bytes()), Some(other.text().as_bytes()), note);
    }

    fn text(&self) -> String {
        format!("{} bytes, xxh3 {:016x}", self.length, self.digest)
    }
}

/// The first offset within both at which they differ.
fn first_difference(left: &[u8], right: &[u8]) -> Option<usize> {
    left.iter().zip(right).position(|(l, r)| l != r)
}
