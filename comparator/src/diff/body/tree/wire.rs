//! Protobuf without its schema: fields by their numbers, as the wire tells them.
//!
//! `{"1": 150, "2": "text", "3": {"1": 7}}`; a field that comes again is a key that comes again. The
//! wire has five shapes and no types, so varints are unsigned, fixed ones are their bits, and what a
//! length-delimited field holds is guessed: text, a message, else bytes. One guess is made for all
//! occurrences of a field on both sides, so that two values of one field are never compared as
//! different things.

use super::writer::Writer;
use super::{Problem, Text, notation, write};
use crate::diff::limits::Limits;
use std::collections::BTreeMap;

/// Levels of messages that are read.
const DEPTH_MAX: u32 = 64;

/// Writes messages of one type on both sides; as an array with `listed`, else there is one a side.
pub(super) fn pair(left: &[&[u8]], right: &[&[u8]], limits: Limits, listed: bool) -> (Text, Text) {
    let parse = |messages: &[&'_ [u8]]| -> Result<(), Problem> {
        messages.iter().try_for_each(|message| fields(message).map(|_| ()))
    };
    let readable = (parse(left), parse(right));
    let all: Vec<&[u8]> = left.iter().chain(right).copied().collect();
    let guess = Guess::of(&all, 0);
    let one = |messages: &[&[u8]]| {
        write(limits, |out| {
            if listed {
                return out.array(|out| messages.iter().try_for_each(|message| push(message, &guess, out)));
            }
            messages.iter().try_for_each(|message| push(message, &guess, out))
        })
    };
    match readable {
        (Ok(()), Ok(())) => (one(left), one(right)),
        (l, r) => (l.and_then(|()| one(left)), r.and_then(|()| one(right))),
    }
}

/// Writes the fields of one message for which there is no other side; what is length-delimited is bytes.
pub(super) fn push_members(message: &[u8], out: &mut Writer) -> Result<(), Problem> {
    push_fields(message, &Guess::default(), out)
}

/// What the length-delimited fields of a message hold.
#[derive(Default)]
struct Guess(BTreeMap<u32, Holds>);

enum Holds {
    Text,
    Message(Guess),
    Bytes,
}

impl Guess {
    /// Looks at all messages of one type. What cannot be read says nothing.
    fn of(messages: &[&[u8]], depth: u32) -> Self {
        let mut values: BTreeMap<u32, Vec<&[u8]>> = BTreeMap::new();
        for (number, value) in messages.iter().filter_map(|message| fields(message).ok()).flatten() {
            if let Value::Bytes(bytes) | Value::Group(bytes) = value {
                values.entry(number).or_default().push(bytes);
            }
        }
        Self(values.into_iter().map(|(number, values)| (number, Holds::of(&values, depth + 1))).collect())
    }
}

impl Holds {
    fn of(values: &[&[u8]], depth: u32) -> Self {
        let is_text = |breaks: &str| {
            let printable = |c: char| !c.is_control() || breaks.contains(c);
            values
                .iter()
                .all(|value| std::str::from_utf8(value).is_ok_and(|text| text.chars().all(printable)))
        };
        if is_text("") {
            Self::Text
        } else if depth < DEPTH_MAX && values.iter().all(|value| fields(value).is_ok()) {
            Self::Message(Guess::of(values, depth))
        } else if is_text("\t\r\n") {
            // A message may look like text with a line break: its first byte is 10 where field 1 is a text.
            Self::Text
        } else {
            Self::Bytes
        }
    }
}

fn push(message: &[u8], guess: &Guess, out: &mut Writer) -> Result<(), Problem> {
    out.object(|out| push_fields(message, guess, out))
}

fn push_fields(message: &[u8], guess: &Guess, out: &mut Writer) -> Result<(), Problem> {
    for (number, value) in fields(message)? {
        out.key(number.to_string().as_bytes());
        match (value, guess.0.get(&number)) {
            (Value::Number(number), _) => out.token(number.to_string().as_bytes()),
            (Value::Bytes(bytes), Some(Holds::Text)) => out.string(bytes),
            (Value::Bytes(bytes) | Value::Group(bytes), Some(Holds::Message(inner))) => {
                push(bytes, inner, out)?;
            }
            (Value::Group(bytes), _) => push(bytes, &Guess::default(), out)?,
            (Value::Bytes(bytes), _) => notation::bytes(bytes, out),
        }
    }
    Ok(())
}

/// A field as the wire has it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// The fields of a group.
    Group(&'a [u8]),
}

/// The fields of one message, in their order.
fn fields(message: &[u8]) -> Result<Vec<(u32, Value<'_>)>, Problem> {
    let mut wire = Wire { message, at: 0 };
    let mut fields = Vec::new();
    while wire.at < message.len() {
        let start = wire.at;
        let (number, kind) = wire.tag().ok_or_else(|| damage(start))?;
        fields.push((number, wire.value(number, kind).ok_or_else(|| damage(start))?));
    }
    Ok(fields)
}

fn damage(at: usize) -> Problem {
    format!("no field at byte {at}")
}

struct Wire<'a> {
    message: &'a [u8],
    at: usize,
}

const END_GROUP: u64 = 4;

impl<'a> Wire<'a> {
    fn tag(&mut self) -> Option<(u32, u64)> {
        let tag = u32::try_from(self.varint()?).ok()?;
        // Field numbers start at 1 (Protocol Buffers, Encoding).
        (tag >> 3 != 0).then_some((tag >> 3, u64::from(tag & 7)))
    }

    fn value(&mut self, number: u32, kind: u64) -> Option<Value<'a>> {
        Some(match kind {
            0 => Value::Number(self.varint()?),
            1 => Value::Number(u64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Value::Bytes(self.take(length)?)
            }
            3 => Value::Group(self.group(number)?),
            5 => Value::Number(u64::from(u32::from_le_bytes(self.take(4)?.try_into().ok()?))),
            _ => return None,
        })
    }

    /// The bytes up to the end of the group; groups inside are passed without recursion.
    fn group(&mut self, number: u32) -> Option<&'a [u8]> {
        let start = self.at;
        let mut open = vec![number];
        loop {
            let end = self.at;
            let (number, kind) = self.tag()?;
            match kind {
                END_GROUP if open.pop()? != number => return None,
                END_GROUP if open.is_empty() => return self.message.get(start..end),
                END_GROUP => {}
                3 if open.len() as u32 >= DEPTH_MAX => return None,
                3 => open.push(number),
                other => drop(self.value(number, other)?),
            }
        }
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = u64::from(*self.message.get(self.at)?);
            self.at += 1;
            let bits = byte & 0x7f;
            if shift == 63 && bits > 1 {
                return None;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let taken = self.message.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(left: &[u8], right: &[u8]) -> (String, String) {
        let (left, right) = pair(&[left], &[right], Limits::TRAFFIC, false);
        let text = |side: Text| String::from_utf8(side.unwrap()).unwrap();
        (text(left), text(right))
    }

    #[test]
    fn fields_are_told_by_their_numbers() {
        let body = b"\x08\x96\x01\x12\x07testing\x1a\x02\x08\x07\x25\x01\x00\x00\x00\x29\x02\x00\x00\x00\x00\x00\x00\x00\
                     \x08\x01\x33\x08\x05\x34\x3a\x01\xff";
        let text = r#"{"1":150,"2":"testing","3":{"1":7},"4":1,"5":2,"1":1,"6":{"1":5},"7":"h'ff'"}"#;
        assert_eq!(both(body, b"").0, text);
        assert_eq!(both(b"", b"").1, "{}");
    }

    #[test]
    fn one_guess_is_made_for_a_field_on_both_sides() {
        // "\x08\x01" is a message, "A" is text and no message: neither guess holds for both, so bytes it is.
        assert_eq!(
            both(b"\x0a\x02\x08\x01", b"\x0a\x01A"),
            (r#"{"1":"h'0801'"}"#.into(), r#"{"1":"h'41'"}"#.into())
        );
        // An empty value goes with either.
        assert_eq!(both(b"\x0a\x02\x08\x01", b"\x0a\x00"), (r#"{"1":{"1":1}}"#.into(), r#"{"1":{}}"#.into()));
        assert_eq!(both(b"\x0a\x02hi", b"\x0a\x00"), (r#"{"1":"hi"}"#.into(), r#"{"1":""}"#.into()));
    }

    #[test]
    fn damage_is_told() {
        for damaged in [
            &b"\x08"[..],
            b"\x00\x01",
            b"\x0a\x05ab",
            b"\x0c",
            b"\x0b\x08\x01",
            b"\x0b\x14",
            b"\x0f",
            b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
        ] {
            assert!(fields(damaged).unwrap_err().starts_with("no field at byte 0"), "{damaged:?}");
        }
        let deep = [0x0b; 100_000];
        assert!(fields(&deep).is_err());
    }
}
