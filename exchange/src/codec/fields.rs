//! Header fields as a `Fields` message: `name[i]` belongs to `value[i]`.
//!
//! Two parallel lists rather than a message per field: a third fewer bytes of framing, and since
//! writing the lists alternately is valid protobuf, reading needs no list at all. What we write is
//! read by a loop over two known tags; anything else that is valid goes through `prost`.

use super::decode::DecodeError;
use super::varint::varint;
use super::wire;
use bytes::{BufMut, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue};
use prost::Message;

const NAME: u8 = 0x0a; // field 1, length-delimited
const VALUE: u8 = 0x12; // field 2, length-delimited

/// Appends `map` to `into` in its order.
pub(super) fn write(map: &HeaderMap, into: &mut impl BufMut) {
    for (name, value) in map {
        write_part(NAME, name.as_str().as_bytes(), into);
        write_part(VALUE, value.as_bytes(), into);
    }
}

/// Bytes that [`write`] appends at most.
pub(super) fn size_hint(map: &HeaderMap) -> usize {
    const FRAMING: usize = 2 + 5; // two tags; a name's length takes 2 bytes and a value's 3, or less
    map.iter().map(|(name, value)| name.as_str().len() + value.len() + FRAMING).sum()
}

fn write_part(tag: u8, part: &[u8], into: &mut impl BufMut) {
    into.put_u8(tag);
    prost::encode_length_delimiter(part.len(), into).expect("the buffer grows as needed");
    into.put_slice(part);
}

/// Reads a `Fields` message; values are slices of `block`.
pub(super) fn read(block: &Bytes) -> Result<HeaderMap, DecodeError> {
    let mut map = HeaderMap::new();
    if block.is_empty() {
        return Ok(map);
    }
    map.try_reserve(block.len() / TYPICAL_FIELD + 1).map_err(|_| DecodeError::TooManyFields)?;
    let mut rest = &block[..];
    while !rest.is_empty() {
        let (Some(name), Some(value)) = (take_part(NAME, &mut rest), take_part(VALUE, &mut rest)) else {
            return read_any_order(block);
        };
        insert(&mut map, name, block.slice_ref(value))?;
    }
    Ok(map)
}

/// A header section in place: a `Fields` message whose names and values are not checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FieldsView<'a>(pub(super) &'a [u8]);

impl<'a> FieldsView<'a> {
    /// Whether both sections have the same names in the same order with equal values, those aside of
    /// names that `may_vary`.
    ///
    /// Cautious: sections that are not laid out as [`write`] does it are the same only byte for byte.
    #[must_use]
    pub fn same_but(self, other: Self, may_vary: impl Fn(&[u8]) -> bool) -> bool {
        let (mut left, mut right) = (self, other);
        if left == right {
            return true;
        }
        loop {
            match (left.next(), right.next()) {
                (Some(l), Some(r)) if l.0 == r.0 && (l.1 == r.1 || may_vary(l.0)) => {}
                (None, None) => return left.0.is_empty() && right.0.is_empty(),
                _ => return false,
            }
        }
    }

    /// Shows every name and value, in order; whether that were all.
    ///
    /// False for a section that is not laid out as [`write`] does it, which only decoding can read.
    #[must_use]
    pub fn each(mut self, mut see: impl FnMut(&'a [u8], &'a [u8])) -> bool {
        for (name, value) in &mut self {
            see(name, value);
        }
        self.0.is_empty()
    }

    /// The first value of `name`, which is in lower case.
    #[must_use]
    pub fn get(mut self, name: &[u8]) -> Option<&'a [u8]> {
        self.find(|(other, _)| *other == name).map(|(_, value)| value)
    }
}

/// Names and values, up to the end or to something that [`write`] does not write.
impl<'a> Iterator for FieldsView<'a> {
    type Item = (&'a [u8], &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let mut rest = self.0;
        let field = (take_part(NAME, &mut rest)?, take_part(VALUE, &mut rest)?);
        self.0 = rest;
        Some(field)
    }
}

/// Bytes of a field in ordinary traffic; a guess that is wrong costs a reallocation.
const TYPICAL_FIELD: usize = 32;

/// Takes one part off `rest`; `None` where something else comes next.
#[inline]
fn take_part<'a>(tag: u8, rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let mut after = rest.strip_prefix(&[tag])?;
    let length = usize::try_from(varint(&mut after)?).ok()?;
    let (part, after) = after.split_at_checked(length)?;
    *rest = after;
    Some(part)
}

fn read_any_order(block: &Bytes) -> Result<HeaderMap, DecodeError> {
    let wire::Fields { name, value } = wire::Fields::decode(block.clone())?;
    if name.len() != value.len() {
        return Err(DecodeError::UnpairedField { names: name.len(), values: value.len() });
    }
    let mut map = HeaderMap::new();
    for (name, value) in name.iter().zip(value) {
        insert(&mut map, name, value)?;
    }
    Ok(map)
}

fn insert(map: &mut HeaderMap, name: &[u8], value: Bytes) -> Result<(), DecodeError> {
    let name = HeaderName::from_bytes(name)
        .map_err(|_| DecodeError::FieldName(String::from_utf8_lossy(name).into_owned()))?;
    let value =
        HeaderValue::from_maybe_shared(value).map_err(|_| DecodeError::FieldValue(name.to_string()))?;
    map.try_append(name, value).map_err(|_| DecodeError::TooManyFields)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> HeaderMap {
        let mut map = HeaderMap::new();
        map.append("content-type", HeaderValue::from_static("application/json"));
        map.append("x-many", HeaderValue::from_static("1"));
        map.append("x-raw", HeaderValue::from_bytes(b"\xff\t\xfe").unwrap());
        map.append("x-many", HeaderValue::from_static(""));
        map
    }

    #[test]
    fn order_and_duplicates_survive() {
        let mut block = Vec::new();
        write(&sample(), &mut block);
        assert!(block.len() <= size_hint(&sample()));
        let read = read(&block.into()).unwrap();
        let flat = |map: &HeaderMap| -> Vec<_> {
            map.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
        };
        assert_eq!(flat(&read), flat(&sample()));
    }

    #[test]
    fn every_field_of_a_section_is_shown_and_it_is_told_where_some_are_not() {
        let mut block = Vec::new();
        write(&sample(), &mut block);
        let names = |block: &[u8]| {
            let mut names = Vec::new();
            let all = FieldsView(block).each(|name, _| names.push(name.to_vec()));
            (names.len(), all)
        };
        assert_eq!(names(&block), (4, true));
        block.extend([0x1a, 1, b'?']); // field 3, length-delimited, one byte
        assert_eq!(names(&block), (4, false));
        assert_eq!(names(&[]), (0, true));
    }

    #[test]
    fn lists_in_the_order_of_an_ordinary_encoder_are_read_too() {
        let map = sample();
        let lists = wire::Fields {
            name: map.iter().map(|(name, _)| Bytes::copy_from_slice(name.as_ref())).collect(),
            value: map.iter().map(|(_, value)| Bytes::copy_from_slice(value.as_ref())).collect(),
        };
        assert_eq!(read(&lists.encode_to_vec().into()).unwrap(), map);
    }

    #[test]
    fn an_unknown_field_is_skipped() {
        let mut block = Vec::new();
        write(&sample(), &mut block);
        block.extend([0x1a, 1, b'?']); // field 3, length-delimited, one byte
        assert_eq!(read(&block.into()).unwrap(), sample());
    }

    #[test]
    fn a_name_without_a_value_is_refused() {
        let read = read(&Bytes::from_static(&[NAME, 1, b'a']));
        assert!(matches!(read, Err(DecodeError::UnpairedField { names: 1, values: 0 })), "{read:?}");
    }

    #[test]
    fn more_fields_than_a_map_can_hold_are_refused() {
        let block: Vec<u8> = (0..40_000u32)
            .flat_map(|i| {
                let name = format!("{i:05}");
                [&[NAME, 5], name.as_bytes(), &[VALUE, 0]].concat()
            })
            .collect();
        assert!(matches!(read(&block.into()), Err(DecodeError::TooManyFields)));
    }
}
