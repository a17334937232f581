//! Three answers side by side: which line of one stands beside which line of the others.
//!
//! The primary is the base. Each other side is aligned to it in two steps: equal lines first, then,
//! between them, lines with the same key, so that a changed value stands beside the value that it
//! replaces instead of below it.

use super::lines::Line;
use similar::{Algorithm, DiffOp, capture_diff_slices};

/// One row: the lines of primary, candidate and control that belong together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Row<'a> {
    /// The primary's line; none where another side has one more.
    pub(crate) primary: Option<&'a Line>,
    /// The candidate's.
    pub(crate) candidate: Option<&'a Line>,
    /// The control's.
    pub(crate) control: Option<&'a Line>,
}

/// Aligns `candidate` and `control` to `primary`; every line of each occurs in one row, in order.
pub(crate) fn rows<'a>(primary: &'a [Line], candidate: &'a [Line], control: &'a [Line]) -> Vec<Row<'a>> {
    let candidate = Beside::of(primary, candidate);
    let control = Beside::of(primary, control);
    let mut rows = Vec::with_capacity(primary.len());
    for position in 0..=primary.len() {
        let (left, right) = (&candidate.before[position], &control.before[position]);
        for index in 0..left.len().max(right.len()) {
            let (candidate, control) = (left.get(index).copied(), right.get(index).copied());
            rows.push(Row { primary: None, candidate, control });
        }
        if let Some(line) = primary.get(position) {
            let (candidate, control) = (candidate.at[position], control.at[position]);
            rows.push(Row { primary: Some(line), candidate, control });
        }
    }
    rows
}

/// The stretch of `text` that differs from `other`: bytes `start..end` of `text`, on character bounds.
pub(crate) fn changed(text: &str, other: &str) -> std::ops::Range<usize> {
    let same = |(a, b): &(char, char)| a == b;
    let prefix: usize = text.chars().zip(other.chars()).take_while(same).map(|(c, _)| c.len_utf8()).sum();
    let (left, right) = (&text[prefix..], &other[prefix..]);
    let suffix: usize =
        left.chars().rev().zip(right.chars().rev()).take_while(same).map(|(c, _)| c.len_utf8()).sum();
    prefix..text.len() - suffix
}

/// The lines of one side, by the position in the base at which they stand.
struct Beside<'a> {
    /// The line beside each line of the base.
    at: Vec<Option<&'a Line>>,
    /// The lines that come before each line of the base, and at the end.
    before: Vec<Vec<&'a Line>>,
}

impl<'a> Beside<'a> {
    fn of(base: &[Line], side: &'a [Line]) -> Self {
        let mut beside = Self { at: vec![None; base.len()], before: vec![Vec::new(); base.len() + 1] };
        let texts = |lines: &'a [Line]| lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>();
        let base_texts: Vec<_> = base.iter().map(|line| line.text.as_str()).collect();
        for block in blocks(&capture_diff_slices(Algorithm::Myers, &base_texts, &texts(side))) {
            match block {
                Block::Equal { base: start, side: from, length } => {
                    for index in 0..length {
                        beside.at[start + index] = Some(&side[from + index]);
                    }
                }
                Block::Different { base: range, side: lines } => {
                    beside.by_key(base, range, &side[lines]);
                }
            }
        }
        beside
    }

    /// Aligns a stretch without equal lines by the keys of its lines.
    fn by_key(&mut self, base: &[Line], range: std::ops::Range<usize>, side: &'a [Line]) {
        let base_keys: Vec<_> = base[range.clone()].iter().map(key).collect();
        let side_keys: Vec<_> = side.iter().map(key).collect();
        for op in capture_diff_slices(Algorithm::Myers, &base_keys, &side_keys) {
            let (old, new) = (op.old_range(), op.new_range());
            let paired = if matches!(op, DiffOp::Equal { .. } | DiffOp::Replace { .. }) {
                old.len().min(new.len())
            } else {
                0
            };
            for index in 0..paired {
                self.at[range.start + old.start + index] = Some(&side[new.start + index]);
            }
            let rest = &side[new.start + paired..new.end];
            self.before[range.start + old.start + paired].extend(rest);
        }
    }
}

enum Block {
    Equal { base: usize, side: usize, length: usize },
    Different { base: std::ops::Range<usize>, side: std::ops::Range<usize> },
}

/// Operations with neighbouring changes merged: a deletion beside an insertion is one stretch.
fn blocks(ops: &[DiffOp]) -> Vec<Block> {
    let mut blocks = Vec::new();
    for op in ops {
        let (old, new) = (op.old_range(), op.new_range());
        if matches!(op, DiffOp::Equal { .. }) {
            blocks.push(Block::Equal { base: old.start, side: new.start, length: old.len() });
        } else if let Some(Block::Different { base, side }) = blocks.last_mut() {
            base.end = base.end.max(old.end);
            side.end = side.end.max(new.end);
        } else {
            blocks.push(Block::Different { base: old, side: new });
        }
    }
    blocks
}

/// What a line is about: a member's or a header's name with its indent, else the whole line.
fn key(line: &Line) -> &str {
    line.text.split_once(": ").map_or(&line.text, |(key, _)| key)
}

#[cfg(test)]
mod tests {
    use super::super::lines::of_body;
    use super::*;
    use proptest::prelude::*;

    fn texts<'a>(rows: &[Row<'a>]) -> Vec<[&'a str; 3]> {
        let text = |line: Option<&'a Line>| line.map_or("·", |line| line.text.trim());
        rows.iter().map(|row| [text(row.primary), text(row.candidate), text(row.control)]).collect()
    }

    #[test]
    fn a_changed_value_stands_beside_the_value_it_replaces() {
        let primary = of_body(r#"{"a":1,"b":2,"c":3}"#);
        let candidate = of_body(r#"{"a":1,"new":0,"b":"2"}"#);
        let control = of_body(r#"{"a":9,"b":2,"c":3}"#);
        assert_eq!(
            texts(&rows(&primary, &candidate, &control)),
            [
                ["{", "{", "{"],
                ["\"a\": 1,", "\"a\": 1,", "\"a\": 9,"],
                ["·", "\"new\": 0,", "·"],
                ["\"b\": 2,", "\"b\": \"2\"", "\"b\": 2,"],
                ["\"c\": 3", "·", "\"c\": 3"],
                ["}", "}", "}"],
            ]
        );
    }

    #[test]
    fn the_changed_stretch_is_between_what_is_common() {
        assert_eq!(changed("\"a\": 12,", "\"a\": 1052,"), 6..6);
        assert_eq!(changed("\"a\": 1052,", "\"a\": 12,"), 6..8);
        assert_eq!(changed("é1é", "é2é"), 2..3);
        assert_eq!(changed("same", "same"), 4..4);
    }

    proptest! {
        #[test]
        fn every_line_of_each_side_is_in_one_row_in_order(
            sides in prop::array::uniform3(prop::collection::vec("[ab]: [12]|[xy]", 0..12))
        ) {
            let lines = sides.map(|side| of_body(&side.join("\n")));
            let rows = rows(&lines[0], &lines[1], &lines[2]);
            let side = |of: fn(&Row<'_>) -> Option<Line>| rows.iter().filter_map(of).collect::<Vec<_>>();
            prop_assert_eq!(&side(|row| row.primary.cloned()), &lines[0]);
            prop_assert_eq!(&side(|row| row.candidate.cloned()), &lines[1]);
            prop_assert_eq!(&side(|row| row.control.cloned()), &lines[2]);
        }

        #[test]
        fn the_changed_stretch_is_on_character_bounds(a in any::<String>(), b in any::<String>()) {
            let range = changed(&a, &b);
            prop_assert!(a.get(range).is_some());
        }
    }
}
