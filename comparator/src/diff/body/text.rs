//! Text, line by line.
//!
//! One `value` difference for the whole body, so that an error page that changed throughout counts
//! once. Its sides are the lines of the first hunk; the note says where it is and how much else
//! differs. Beyond the limit of lines all that lies between the first and the last difference is one
//! hunk, and the comparison counts as truncated.

use crate::diff::Kind;
use crate::diff::sink::Sink;
use similar::{Algorithm, DiffTag, capture_diff_slices};

/// Records that two texts differ.
pub(super) fn compare(left: &[u8], right: &[u8], sink: &mut Sink<'_>) {
    if sink.masks.hides_text(left, right) {
        return;
    }
    let (left, right) = (lines(left), lines(right));
    let same = left.iter().zip(&right).take_while(|(l, r)| l == r).count();
    let (l, r) = (&left[same..], &right[same..]);
    let tail = l.iter().rev().zip(r.iter().rev()).take_while(|(l, r)| l == r).count();
    let (l, r) = (&l[..l.len() - tail], &r[..r.len() - tail]);
    let hunks = Hunks::between(l, r, sink.limits.lines);
    if hunks.is_whole {
        sink.cut_short();
    }
    let (first_l, first_r) = (l[hunks.first.0.clone()].concat(), r[hunks.first.1.clone()].concat());
    let side = |text: Vec<u8>| Some(text).filter(|text| !text.is_empty());
    let (first_l, first_r) = (side(first_l), side(first_r));
    let note = format!(
        "line {}; {} lines removed and {} added in {} places{}",
        same + hunks.first.0.start + 1,
        hunks.removed,
        hunks.added,
        hunks.count,
        if hunks.is_whole { ": too many lines to be aligned" } else { "" }
    );
    sink.whole_body(Kind::Value, first_l.as_deref(), first_r.as_deref(), note);
}

/// The lines of a text, each with its end.
fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|&b| b == b'\n').collect()
}

/// How two texts differ, in numbers, and the first place.
struct Hunks {
    first: (std::ops::Range<usize>, std::ops::Range<usize>),
    count: usize,
    removed: usize,
    added: usize,
    /// All lines are one hunk: aligning them would have been too much work.
    is_whole: bool,
}

impl Hunks {
    /// Aligns the lines; more than `limit` of them on a side are taken for one hunk.
    fn between(left: &[&[u8]], right: &[&[u8]], limit: usize) -> Self {
        if left.len().max(right.len()) > limit {
            let first = (0..left.len(), 0..right.len());
            return Self { first, count: 1, removed: left.len(), added: right.len(), is_whole: true };
        }
        let changes: Vec<_> = capture_diff_slices(Algorithm::Myers, left, right)
            .into_iter()
            .filter(|change| change.tag() != DiffTag::Equal)
            .collect();
        let first = changes.first().map_or((0..0, 0..0), |change| (change.old_range(), change.new_range()));
        Self {
            first,
            count: changes.len(),
            removed: changes.iter().map(|change| change.old_range().len()).sum(),
            added: changes.iter().map(|change| change.new_range().len()).sum(),
            is_whole: false,
        }
    }
}
