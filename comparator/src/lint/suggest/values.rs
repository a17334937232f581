//! What the noise at one place looks like: everything that choosing a rule needs, in fixed memory.
//!
//! All of it is counts, minima, maxima and conjunctions, so order and partition change nothing.

use crate::diff::{Difference, Kind, Part};
use crate::mask::value::Value;
use crate::report::book::Counts;
use parallax_config::Class;
use std::borrow::Cow;

/// Longest common beginning that is kept, in bytes.
const PREFIX_MAX: usize = 64;

/// The noise at one place.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Noise {
    /// Exchanges in which the control differs.
    pub(super) control: u64,
    /// Differences by what a rule needs to be to hide them.
    pub(super) values: u64,
    pub(super) orders: u64,
    /// Other lengths or orders, nothing empty.
    pub(super) lengths: u64,
    /// Both sides there, and of another type or empty.
    pub(super) others: u64,
    /// One side a null, the other not there.
    pub(super) nulls: u64,
    /// One side not there.
    pub(super) lone: u64,
    /// Of no place that a rule could name without hiding everything.
    pub(super) whole: u64,
    /// What both sides of each value were.
    pub(super) texts: Option<Texts>,
    pub(super) numbers: Option<Numbers>,
}

/// What texts have in common.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Texts {
    pub(super) uuid: bool,
    pub(super) ip: bool,
    pub(super) case_only: bool,
    pub(super) non_empty: bool,
    pub(super) text: bool,
    /// The longest common beginning.
    pub(super) prefix: String,
    /// Shortest and longest, in characters.
    pub(super) length: (usize, usize),
    /// Kinds of characters that occur at each byte, see [`letter`]; the last one stands for the rest.
    pub(super) letters: Vec<[u8; 2]>,
}

/// How far apart numbers and times are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Numbers {
    pub(super) number: bool,
    pub(super) time: bool,
    /// Largest distance, as a number, as a share of the larger side, and as time in nanoseconds.
    pub(super) apart: f64,
    pub(super) share: f64,
    pub(super) skew_ns: u128,
    /// Smallest and largest magnitude.
    pub(super) magnitude: (f64, f64),
}

impl Noise {
    /// The noise of one difference between primary and control.
    pub(super) fn of(difference: &Difference) -> Self {
        let is_empty = |text: &str| side(difference.part, text).is_empty();
        let mut noise = Self::default();
        let is_whole = match difference.part {
            Part::Event => true,
            part => difference.path.is_empty() && matches!(part, Part::Status | Part::Body),
        };
        match (difference.kind, difference.left.as_deref(), difference.right.as_deref()) {
            (Kind::Order, ..) => noise.orders = 1,
            (Kind::Encoding | Kind::Unparsable, ..) => noise.whole = 1,
            _ if is_whole => noise.whole = 1,
            (Kind::Value, Some(left), Some(right)) => {
                noise.values = 1;
                let sides = [left, right].map(|text| side(difference.part, text));
                noise.texts = Some(Texts::of(sides));
                noise.numbers = Some(Numbers::of(sides));
            }
            (Kind::Length, Some(left), Some(right)) if !is_empty(left) && !is_empty(right) => {
                noise.lengths = 1;
            }
            (_, Some(_), Some(_)) => noise.others = 1,
            (_, Some("null"), None) | (_, None, Some("null")) if difference.part == Part::Body => {
                noise.nulls = 1;
            }
            _ => noise.lone = 1,
        }
        noise
    }
}

/// A side as rules see it.
fn side(part: Part, text: &str) -> Value<'_> {
    match part {
        Part::Body => Value::Json(text.as_bytes()),
        _ => Value::Text(text.as_bytes()),
    }
}

impl Counts for Noise {
    fn merge(&mut self, other: Self) {
        self.control += other.control;
        self.values += other.values;
        self.orders += other.orders;
        self.lengths += other.lengths;
        self.others += other.others;
        self.nulls += other.nulls;
        self.lone += other.lone;
        self.whole += other.whole;
        match (&mut self.texts, other.texts) {
            (Some(own), Some(other)) => own.merge(&other),
            (own, other) => *own = own.take().or(other),
        }
        match (&mut self.numbers, other.numbers) {
            (Some(own), Some(other)) => own.merge(other),
            (own, other) => *own = own.take().or(other),
        }
    }

    fn scaled(mut self, level: u32) -> Self {
        self.control = self.control.scaled(level);
        self
    }

    fn without(mut self, other: Self) -> Self {
        self.control = self.control.saturating_sub(other.control);
        self
    }
}

impl Texts {
    fn of(sides: [Value<'_>; 2]) -> Self {
        let texts = sides.map(|side| side.text().unwrap_or(Cow::Borrowed("")));
        let both = |class| sides.iter().all(|side| side.is_of(class));
        let one = |text: &str| Self {
            uuid: both(Class::Uuid),
            ip: both(Class::Ip),
            case_only: texts[0].to_lowercase() == texts[1].to_lowercase(),
            non_empty: both(Class::NonEmpty),
            text: sides.iter().all(|side| side.text().is_some()),
            prefix: cut(text, PREFIX_MAX).to_owned(),
            length: (text.chars().count(), text.chars().count()),
            letters: positions(text),
        };
        let mut all = one(&texts[0]);
        all.merge(&one(&texts[1]));
        all
    }

    fn merge(&mut self, other: &Self) {
        self.uuid &= other.uuid;
        self.ip &= other.ip;
        self.case_only &= other.case_only;
        self.non_empty &= other.non_empty;
        self.text &= other.text;
        let same = self.prefix.chars().zip(other.prefix.chars()).take_while(|(a, b)| a == b);
        let length = same.map(|(character, _)| character.len_utf8()).sum();
        self.prefix.truncate(length);
        self.length = (self.length.0.min(other.length.0), self.length.1.max(other.length.1));
        self.letters.resize(self.letters.len().max(other.letters.len()), [0; 2]);
        self.letters.iter_mut().zip(&other.letters).for_each(|(own, other)| *own = either(*own, *other));
    }
}

fn positions(text: &str) -> Vec<[u8; 2]> {
    let mut kinds: Vec<[u8; 2]> = text.bytes().take(PREFIX_MAX + 1).map(letter).collect();
    if let Some(last) = kinds.get_mut(PREFIX_MAX) {
        *last = text.bytes().skip(PREFIX_MAX).map(letter).fold([0; 2], either);
    }
    kinds
}

pub(super) fn either(one: [u8; 2], other: [u8; 2]) -> [u8; 2] {
    [one[0] | other[0], one[1] | other[1]]
}

/// Kinds of characters, one bit each: digits, `a-f`, `g-z`, `A-F`, `G-Z`, `-`, `_`, anything else; and
/// in the second byte `.`, `:`, `+`, `/`, `=`.
fn letter(byte: u8) -> [u8; 2] {
    match byte {
        b'0'..=b'9' => [letters::DIGIT, 0],
        b'a'..=b'f' => [letters::LOWER_HEX, 0],
        b'g'..=b'z' => [letters::LOWER, 0],
        b'A'..=b'F' => [letters::UPPER_HEX, 0],
        b'G'..=b'Z' => [letters::UPPER, 0],
        b'-' => [letters::HYPHEN, 0],
        b'_' => [letters::UNDERSCORE, 0],
        b'.' => [0, 1],
        b':' => [0, 2],
        b'+' => [0, 4],
        b'/' => [0, 8],
        b'=' => [0, 16],
        _ => [letters::OTHER, 0],
    }
}

pub(super) mod letters {
    pub(crate) const DIGIT: u8 = 1;
    pub(crate) const LOWER_HEX: u8 = 2;
    pub(crate) const LOWER: u8 = 4;
    pub(crate) const UPPER_HEX: u8 = 8;
    pub(crate) const UPPER: u8 = 16;
    pub(crate) const HYPHEN: u8 = 32;
    pub(crate) const UNDERSCORE: u8 = 64;
    pub(crate) const OTHER: u8 = 128;
    /// The signs of the second byte, in the order of their bits.
    pub(crate) const SIGNS: [char; 5] = ['.', ':', '+', '/', '='];
}

impl Numbers {
    fn of(sides: [Value<'_>; 2]) -> Self {
        let numbers = sides.map(Value::number);
        let times = sides.map(Value::time_ns);
        let [left, right] = numbers.map(|number| number.unwrap_or(0.0));
        let apart = (left - right).abs();
        let larger = left.abs().max(right.abs());
        Self {
            number: numbers.iter().all(Option::is_some),
            time: times.iter().all(Option::is_some),
            apart,
            share: if larger > 0.0 { apart / larger } else { 0.0 },
            skew_ns: match times {
                [Some(left), Some(right)] => left.abs_diff(right),
                _ => 0,
            },
            magnitude: (left.abs().min(right.abs()), larger),
        }
    }

    fn merge(&mut self, other: Self) {
        self.number &= other.number;
        self.time &= other.time;
        self.apart = self.apart.max(other.apart);
        self.share = self.share.max(other.share);
        self.skew_ns = self.skew_ns.max(other.skew_ns);
        self.magnitude = (self.magnitude.0.min(other.magnitude.0), self.magnitude.1.max(other.magnitude.1));
    }
}

/// The first `most` bytes at most, never half a character.
fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
