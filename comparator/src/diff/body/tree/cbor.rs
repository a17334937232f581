//! CBOR (RFC 8949): maps and arrays as JSON; what JSON does not have as `notation` says.
//!
//! Lengths known in advance or not, widths of integers and of floating point mean nothing. A tag is
//! `{"#tag1": …}`, `undefined` and other simple values are `{"#simple": 23}`. `application/cbor-seq`
//! is an array of its values.

use super::message_pack::KEY_MAX;
use super::writer::Writer;
use super::{Piece, Problem, notation};
use ciborium_ll::{Decoder, Header};
use std::borrow::Cow;

/// Levels of nesting that are read.
const DEPTH_MAX: u32 = 256;

pub(super) fn push(piece: &Piece<'_>, out: &mut Writer) -> Result<(), Problem> {
    let mut reader = Reader { rest: piece.bytes, length: piece.bytes.len() };
    if piece.media.as_ref().is_some_and(|media| media.essence.ends_with("cbor-seq")) {
        return out.array(|out| {
            while !reader.rest.is_empty() {
                reader.value(0, out)?;
            }
            Ok(())
        });
    }
    reader.value(0, out)?;
    match reader.rest.len() {
        0 => Ok(()),
        more => Err(format!("{more} bytes follow the value")),
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    length: usize,
}

impl<'a> Reader<'a> {
    /// How much was read.
    fn at(&self) -> usize {
        self.length - self.rest.len()
    }

    fn header(&mut self) -> Result<Header, Problem> {
        let mut decoder = Decoder::from(self.rest);
        let header = decoder.pull().map_err(|_| format!("no CBOR at byte {}", self.at()))?;
        self.rest = self.rest.get(decoder.offset()..).unwrap_or_default();
        Ok(header)
    }

    fn value(&mut self, depth: u32, out: &mut Writer) -> Result<(), Problem> {
        let header = self.header()?;
        self.value_of(header, depth, out)
    }

    fn value_of(&mut self, header: Header, depth: u32, out: &mut Writer) -> Result<(), Problem> {
        if depth > DEPTH_MAX {
            return Err(format!("more than {DEPTH_MAX} levels of nesting"));
        }
        match header {
            Header::Positive(number) => out.token(number.to_string().as_bytes()),
            Header::Negative(number) => out.token((-1 - i128::from(number)).to_string().as_bytes()),
            Header::Float(number) => notation::double(number, out),
            Header::Simple(20) => out.token(b"false"),
            Header::Simple(21) => out.token(b"true"),
            Header::Simple(22) => out.token(b"null"),
            Header::Simple(other) => out.object(|out| {
                out.key(b"#simple");
                out.token(other.to_string().as_bytes());
                Ok(())
            })?,
            Header::Bytes(length) => notation::bytes(&self.bytes(length)?, out),
            Header::Text(length) => notation::text(&self.text(length)?, out),
            Header::Tag(tag) => out.object(|out| {
                out.key(format!("#tag{tag}").as_bytes());
                self.value(depth + 1, out)
            })?,
            Header::Array(length) => {
                out.array(|out| {
                    self.items(length, |reader, header| reader.value_of(header, depth + 1, out))
                })?;
            }
            Header::Map(length) => out.object(|out| {
                self.items(length, |reader, key| {
                    reader.key(key, depth + 1, out)?;
                    reader.value(depth + 1, out)
                })
            })?,
            Header::Break => return Err(format!("a stray break before byte {}", self.at())),
        }
        Ok(())
    }

    /// Reads `length` items, or up to a break, each from its header on.
    fn items(
        &mut self,
        length: Option<usize>,
        mut item: impl FnMut(&mut Self, Header) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let mut index = 0;
        while length.is_none_or(|length| index < length) {
            let header = self.header()?;
            if length.is_none() && header == Header::Break {
                break;
            }
            item(self, header)?;
            index += 1;
        }
        Ok(())
    }

    fn key(&mut self, header: Header, depth: u32, out: &mut Writer) -> Result<(), Problem> {
        if let Header::Text(length) = header {
            notation::text_key(&self.text(length)?, out);
            return Ok(());
        }
        let mut text = Writer::new(KEY_MAX);
        self.value_of(header, depth, &mut text)?;
        notation::other_key(&text.finish()?, out);
        Ok(())
    }

    fn text(&mut self, length: Option<usize>) -> Result<Cow<'a, [u8]>, Problem> {
        self.segments(length, |header| match header {
            Header::Text(length) => length,
            _ => None,
        })
    }

    fn bytes(&mut self, length: Option<usize>) -> Result<Cow<'a, [u8]>, Problem> {
        self.segments(length, |header| match header {
            Header::Bytes(length) => length,
            _ => None,
        })
    }

    /// One run of bytes, or several up to a break.
    fn segments(
        &mut self,
        length: Option<usize>,
        segment: impl Fn(Header) -> Option<usize>,
    ) -> Result<Cow<'a, [u8]>, Problem> {
        if let Some(length) = length {
            return self.take(length).map(Cow::Borrowed);
        }
        let mut out = Vec::new();
        loop {
            match self.header()? {
                Header::Break => return Ok(out.into()),
                header => {
                    let length = segment(header).ok_or("a string of pieces of another type")?;
                    out.extend_from_slice(self.take(length)?);
                }
            }
        }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Problem> {
        let taken = self.rest.split_at_checked(length);
        let (taken, rest) = taken.ok_or_else(|| format!("a string of {length} bytes is cut off"))?;
        self.rest = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use crate::diff::body::tree::tests::written;

    #[test]
    fn every_type_is_written_as_its_own() {
        // {"a": 2^64-1, 1: -2^64, h'00': 1.5, "#x": [_ (_ "h'", "x"), (_ h'01', h'02')], "t": 1(0), "u": [undefined, null, true]}
        let body = b"\xa6\x61a\x1b\xff\xff\xff\xff\xff\xff\xff\xff\x01\x3b\xff\xff\xff\xff\xff\xff\xff\xff\
                     \x41\x00\xf9\x3e\x00\x62#x\x9f\x7f\x62h'\x61x\xff\x5f\x41\x01\x41\x02\xff\xff\
                     \x61t\xc1\x00\x61u\x83\xf7\xf6\xf5";
        assert_eq!(
            written("application/cbor", body).unwrap(),
            r###"{"a":18446744073709551615,"#1":-18446744073709551616,"#h'00'":1.5,"##x":["t'h'x","h'0102'"],"t":{"#tag1":0},"u":[{"#simple":23},null,true]}"###
        );
        assert_eq!(written("application/cbor-seq", b"\x01\x80").unwrap(), "[1,[]]");
    }

    #[test]
    fn damage_depth_and_what_follows_are_told() {
        let error = |body: &[u8]| written("application/cbor", body).unwrap_err();
        assert_eq!(error(b"\x82\x01"), "no CBOR at byte 2");
        assert_eq!(
            error(b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff"),
            "a string of 9223372036854775807 bytes is cut off"
        );
        assert_eq!(error(b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff"), "no CBOR at byte 9");
        assert_eq!(error(&[0x81; 1000]), "more than 256 levels of nesting");
        assert_eq!(error(b"\x01\x02"), "1 bytes follow the value");
        assert_eq!(error(b"\xff"), "a stray break before byte 1");
        assert_eq!(error(b"\x7f\x41a\xff"), "a string of pieces of another type");
    }
}
