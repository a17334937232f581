//! MessagePack: maps and arrays as JSON; what JSON does not have as `notation` says.
//!
//! An extension of type 5 is `{"#ext5": "h'…'"}`.

use super::writer::Writer;
use super::{Problem, notation};
use rmpv::{ValueRef, decode::read_value_ref_with_max_depth};

/// Levels of nesting that are read.
const DEPTH_MAX: usize = 256;

/// Writes one value; more than one after another (a stream of them) are not one body.
pub(super) fn push(body: &[u8], out: &mut Writer) -> Result<(), Problem> {
    let mut rest = body;
    let value = read_value_ref_with_max_depth(&mut rest, DEPTH_MAX).map_err(|error| error.to_string())?;
    if !rest.is_empty() {
        return Err(format!("{} bytes follow the value", rest.len()));
    }
    push_value(&value, out)
}

fn push_value(value: &ValueRef<'_>, out: &mut Writer) -> Result<(), Problem> {
    match value {
        ValueRef::Nil => out.token(b"null"),
        ValueRef::Boolean(value) => out.token(if *value { b"true" } else { b"false" }),
        ValueRef::Integer(number) => out.token(number.to_string().as_bytes()),
        ValueRef::F32(number) => notation::double(f64::from(*number), out),
        ValueRef::F64(number) => notation::double(*number, out),
        ValueRef::String(text) => notation::text(text.as_bytes(), out),
        ValueRef::Binary(bytes) => notation::bytes(bytes, out),
        ValueRef::Array(elements) => {
            out.array(|out| elements.iter().try_for_each(|element| push_value(element, out)))?;
        }
        ValueRef::Map(members) => out.object(|out| {
            members.iter().try_for_each(|(key, value)| {
                push_key(key, out)?;
                push_value(value, out)
            })
        })?,
        ValueRef::Ext(kind, bytes) => out.object(|out| {
            out.key(format!("#ext{kind}").as_bytes());
            notation::bytes(bytes, out);
            Ok(())
        })?,
    }
    Ok(())
}

fn push_key(key: &ValueRef<'_>, out: &mut Writer) -> Result<(), Problem> {
    if let ValueRef::String(text) = key {
        notation::text_key(text.as_bytes(), out);
        return Ok(());
    }
    let mut text = Writer::new(KEY_MAX);
    push_value(key, &mut text)?;
    notation::other_key(&text.finish()?, out);
    Ok(())
}

/// Bytes of a key that is no text.
pub(super) const KEY_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use crate::diff::body::tree::tests::written;

    #[test]
    fn every_type_is_written_as_its_own() {
        let body = b"\x87\xa1a\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x01\xca\x3f\x80\x00\x00\xa2#x\xc4\x02\x00\xff\
                     \xc0\xa3h'x\xa1b\x93\xc3\xd3\x80\x00\x00\x00\x00\x00\x00\x00\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00\
                     \xa1t\xd6\xff\x00\x00\x00\x01\xa0\x80";
        assert_eq!(
            written("application/msgpack", body).unwrap(),
            r###"{"a":18446744073709551615,"#1":1.0,"##x":"h'00ff'","#null":"t'h'x","b":[true,-9223372036854775808,Infinity],"t":{"#ext-1":"h'00000001'"},"":{}}"###
        );
    }

    #[test]
    fn damage_depth_and_what_follows_are_told() {
        let error = |body: &[u8]| written("application/vnd.msgpack", body).unwrap_err();
        assert!(!error(b"\x92\x01").is_empty() && !error(&[0x91; 1000]).is_empty());
        assert!(!error(b"\xdd\xff\xff\xff\xff").is_empty() && !error(b"\xc6\xff\xff\xff\xff").is_empty());
        assert_eq!(error(b"\x01\x02"), "1 bytes follow the value");
    }
}
