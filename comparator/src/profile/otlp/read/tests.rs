//! The two encodings agree, for any message that the table can make.

use super::super::schema::{LOGS, METRICS, RESPONSE, TRACES};
use super::*;
use fastrand::Rng;
use proptest::prelude::*;
use prost::encoding::{encode_key, encode_varint};

/// A message with random fields, in both encodings.
fn message(fields: &Message, rng: &mut Rng, depth: usize) -> (Json, Vec<u8>) {
    let (mut members, mut wire) = (Vec::new(), Vec::new());
    for field in fields {
        let count = match (field.is_repeated, depth) {
            (_, 6..) => 0,
            (true, _) => rng.usize(0..3),
            (false, _) => usize::from(rng.bool()),
        };
        let values: Vec<_> = (0..count).map(|_| value(field.kind, rng, depth)).collect();
        let packs = field.is_repeated && natural(field.kind) != WireType::LengthDelimited && rng.bool();
        if packs && !values.is_empty() {
            let all: Vec<u8> = values.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
            encode_key(field.number, WireType::LengthDelimited, &mut wire);
            encode_varint(all.len() as u64, &mut wire);
            wire.extend(all);
        } else {
            for (_, bytes) in &values {
                encode_key(field.number, natural(field.kind), &mut wire);
                wire.extend(bytes);
            }
        }
        let mut json: Vec<_> = values.into_iter().map(|(json, _)| json).collect();
        match json.pop() {
            Some(last) if field.is_repeated => {
                json.push(last);
                members.push((field.name.to_owned(), Json::Array(json)));
            }
            Some(only) => members.push((field.name.to_owned(), only)),
            None => {}
        }
    }
    // A field that no table knows, in both.
    members.push(("unknownToAll".to_owned(), Json::Bool(true)));
    encode_key(1999, WireType::Varint, &mut wire);
    encode_varint(7, &mut wire);
    (Json::Object(members), wire)
}

/// A value as JSON may write it, and as it lies on the wire.
fn value(kind: Kind, rng: &mut Rng, depth: usize) -> (Json, Vec<u8>) {
    let mut wire = Vec::new();
    let varint = |value: u64| {
        let mut bytes = Vec::new();
        encode_varint(value, &mut bytes);
        bytes
    };
    let framed = |bytes: &[u8]| [varint(bytes.len() as u64), bytes.to_vec()].concat();
    // 64-bit integers are texts, but numbers are read too.
    let long = |text: String, as_number: bool| {
        if as_number { Json::Number(text.into()) } else { Json::text(text) }
    };
    let raw = [0, 1, u64::MAX, rng.u64(..)][rng.usize(0..4)];
    let as_number = rng.bool();
    let json = match kind {
        Kind::Text => {
            let text = ["", "0", "shop", "é\"\n"][rng.usize(0..4)];
            wire = framed(text.as_bytes());
            Json::text(text)
        }
        Kind::Bool => {
            wire = varint(raw & 1);
            Json::Bool(raw & 1 == 1)
        }
        Kind::Small => {
            let small = i64::from(raw as i32);
            wire = varint(small as u64);
            Json::Number(small.to_string().into())
        }
        Kind::Zigzag => {
            let small = raw as i32;
            wire = varint(u64::from(((small << 1) ^ (small >> 31)) as u32));
            Json::Number(small.to_string().into())
        }
        Kind::Fixed32 => {
            wire.extend((raw as u32).to_le_bytes());
            Json::Number((raw as u32).to_string().into())
        }
        Kind::Int64 => {
            wire = varint(raw);
            long((raw as i64).to_string(), as_number)
        }
        Kind::Uint64 => {
            wire = varint(raw);
            long(raw.to_string(), as_number)
        }
        Kind::Fixed64 => {
            wire.extend(raw.to_le_bytes());
            long(raw.to_string(), as_number)
        }
        Kind::Sfixed64 => {
            wire.extend(raw.to_le_bytes());
            long((raw as i64).to_string(), as_number)
        }
        Kind::Double => {
            let double = [0.0, 12.5, -1e300, f64::NAN, f64::NEG_INFINITY, rng.f64()][rng.usize(0..6)];
            wire.extend(double.to_le_bytes());
            match double.is_finite() {
                true => Json::Number(format!("{double:e}").into()),
                false if double.is_nan() => Json::text("NaN"),
                false => Json::text("-Infinity"),
            }
        }
        Kind::Bytes | Kind::Hex => {
            let bytes = &raw.to_be_bytes()[..rng.usize(0..8)];
            wire = framed(bytes);
            let hex: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
            Json::text(if matches!(kind, Kind::Hex) { hex } else { STANDARD.encode(bytes) })
        }
        Kind::Message(fields) => {
            let (json, bytes) = message(fields, rng, depth + 1);
            wire = framed(&bytes);
            json
        }
        Kind::Pair => {
            let (json, bytes) = message(&PAIR, rng, depth + 1);
            wire = framed(&bytes);
            json
        }
    };
    (json, wire)
}

const MANY: usize = 1 << 20;

proptest! {
    #[test]
    fn json_and_protobuf_give_one_canonical_form(seed: u64) {
        for table in [&TRACES[..], &METRICS, &LOGS] {
            let (json, wire) = message(table, &mut Rng::with_seed(seed), 0);
            let read = Reading::new(MANY).read_json(table, &json).map(|json| json.canonical());
            let from_wire = Reading::new(MANY).read_wire(table, &wire).map(|json| json.canonical());
            prop_assert_eq!(&read, &from_wire);
            // What is canonical stays as it is.
            let text = read.map_err(TestCaseError::fail)?;
            let again = Json::parse(text.as_bytes(), MANY).map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(Reading::new(MANY).read_json(table, &again).map(|json| json.canonical()), Ok(text));
        }
    }

    #[test]
    fn any_bytes_are_a_message_or_an_error(bytes: Vec<u8>) {
        for table in [&TRACES[..], &METRICS, &LOGS, &RESPONSE] {
            let _ = Reading::new(MANY).read_wire(table, &bytes);
        }
    }
}

#[test]
fn what_is_wrong_is_told_with_the_way_to_it() {
    let read = |text: &str| {
        let json = Json::parse(text.as_bytes(), MANY).unwrap();
        Reading::new(MANY).read_json(&TRACES, &json).unwrap_err()
    };
    assert_eq!(read(r#"{"resourceSpans":{}}"#), "`resourceSpans`: is not a list");
    let span = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xyz"}]}]}]}"#;
    assert_eq!(read(span), "`resourceSpans`: `scopeSpans`: `spans`: `traceId`: is not hexadecimal");
    let wire = |bytes: &[u8]| Reading::new(MANY).read_wire(&TRACES, bytes).unwrap_err();
    assert_eq!(wire(b"\x0a\x05ab"), "`resourceSpans`: not protobuf: a length leads past the end");
    assert_eq!(wire(b"\x08\x01"), "`resourceSpans`: has wire type Varint");
}

#[test]
fn depth_and_number_of_values_are_bounded() {
    // An attribute whose value is a list of lists of lists.
    let mut value = Vec::new();
    for _ in 0..500 {
        let inner = [&[0x0a], &varint(value.len())[..], &value].concat();
        value = [&[0x2a], &varint(inner.len())[..], &inner].concat();
    }
    let pair = [&[0x12], &varint(value.len())[..], &value].concat();
    let error = Reading::new(MANY).read_wire(&PAIR, &pair).unwrap_err();
    assert!(error.ends_with("messages are nested more than 100 deep"), "{}", &error[error.len() - 80..]);
    let many = b"\x0a\x00".repeat(50);
    assert!(Reading::new(50).read_wire(&TRACES, &many).is_ok());
    assert_eq!(
        Reading::new(49).read_wire(&TRACES, &many).unwrap_err(),
        "`resourceSpans`: the body holds too many values"
    );
}

fn varint(length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_varint(length as u64, &mut bytes);
    bytes
}
