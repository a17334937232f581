//! OTLP's two encodings, read by the table into one canonical tree.
//!
//! Where a field that is no list comes twice, the last counts. Every value that is read is paid for, and
//! messages nest to a bounded depth, so that no body makes endless work.

use super::schema::{Field, Kind, Message, PAIR};
use crate::profile::json::Json;
use crate::profile::payload::base64;
use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;
use bytes::Buf as _;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

/// Messages inside messages: `AnyValue` holds itself. protobuf's own readers stop at 100.
const DEPTH_MAX: usize = 100;

#[cfg(test)]
mod tests;

/// Reads one request.
pub(super) struct Reading {
    left: usize,
}

impl Reading {
    /// `values` bounds how many values there may be in all.
    pub(super) fn new(values: usize) -> Self {
        Self { left: values }
    }

    /// Brings OTLP's JSON into its canonical form.
    ///
    /// # Errors
    /// The first field that is not what the table says.
    pub(super) fn read_json(&mut self, message: &Message, value: &Json) -> Result<Json, String> {
        self.json_message(message, value, 0)
    }

    /// Reads a protobuf message.
    ///
    /// # Errors
    /// The first field that is not what the table says, or what is wrong with the bytes.
    pub(super) fn read_wire(&mut self, message: &Message, bytes: &[u8]) -> Result<Json, String> {
        self.wire_message(message, bytes, 0)
    }

    fn pay(&mut self) -> Result<(), String> {
        self.left = self.left.checked_sub(1).ok_or("the body holds too many values")?;
        Ok(())
    }

    fn json_message(&mut self, message: &Message, value: &Json, depth: usize) -> Result<Json, String> {
        let Json::Object(given) = value else { return Err("a message is not a JSON object".to_owned()) };
        if depth > DEPTH_MAX {
            return Err(format!("messages are nested more than {DEPTH_MAX} deep"));
        }
        let mut members = Vec::new();
        for field in message {
            let Some((_, value)) = given.iter().rev().find(|(name, _)| name == field.name) else { continue };
            let wrong = |why: String| format!("`{}`: {why}", field.name);
            let value = match value {
                Json::Null => continue,
                Json::Array(elements) if field.is_repeated => {
                    let read = |element| self.json_value(field.kind, element, depth);
                    Json::Array(elements.iter().map(read).collect::<Result<_, _>>().map_err(wrong)?)
                }
                _ if field.is_repeated => return Err(wrong("is not a list".to_owned())),
                value => self.json_value(field.kind, value, depth).map_err(wrong)?,
            };
            keep(field, value, &mut members);
        }
        Ok(Json::Object(members))
    }

    fn json_value(&mut self, kind: Kind, value: &Json, depth: usize) -> Result<Json, String> {
        self.pay()?;
        let text = || value.label().unwrap_or_default();
        Ok(match kind {
            Kind::Text => match value {
                Json::String(text) => Json::text(text),
                _ => return Err("is not a text".to_owned()),
            },
            Kind::Bool => match value {
                Json::Bool(value) => Json::Bool(*value),
                _ => return Err("is neither true nor false".to_owned()),
            },
            Kind::Small | Kind::Zigzag | Kind::Fixed32 => Json::Number(integer(&text())?.to_string().into()),
            Kind::Int64 | Kind::Uint64 | Kind::Fixed64 | Kind::Sfixed64 => {
                Json::text(integer(&text())?.to_string())
            }
            Kind::Double => match value {
                Json::Number(token) => double(token.parse().map_err(|_| "is not a number")?),
                Json::String(text) => double(text.parse().map_err(|_| "is not a number")?),
                _ => return Err("is not a number".to_owned()),
            },
            Kind::Bytes => {
                let bytes = base64(text().as_bytes()).ok_or("is not base64")?;
                Json::text(STANDARD.encode(bytes))
            }
            Kind::Hex => {
                let digits = text().to_ascii_lowercase();
                if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    return Err("is not hexadecimal".to_owned());
                }
                Json::text(digits)
            }
            Kind::Message(message) => self.json_message(message, value, depth + 1)?,
            Kind::Pair => self.json_message(&PAIR, value, depth + 1)?,
        })
    }

    fn wire_message(&mut self, message: &Message, mut bytes: &[u8], depth: usize) -> Result<Json, String> {
        if depth > DEPTH_MAX {
            return Err(format!("messages are nested more than {DEPTH_MAX} deep"));
        }
        // By position in the table: a field may come in pieces.
        let mut values: Vec<Vec<Json>> = message.iter().map(|_| Vec::new()).collect();
        while !bytes.is_empty() {
            let (number, wire) = decode_key(&mut bytes).map_err(broken)?;
            let Some(at) = message.iter().position(|field| field.number == number) else {
                skip_field(wire, number, &mut bytes, DecodeContext::default()).map_err(broken)?;
                continue;
            };
            let Field { name, kind, is_repeated, .. } = message[at];
            let wrong = |why: String| format!("`{name}`: {why}");
            if wire == WireType::LengthDelimited && is_repeated && natural(kind) != WireType::LengthDelimited
            {
                let mut packed = chunk(&mut bytes).map_err(wrong)?;
                while !packed.is_empty() {
                    values[at].push(self.wire_value(kind, &mut packed, depth).map_err(wrong)?);
                }
                continue;
            }
            if wire != natural(kind) {
                return Err(wrong(format!("has wire type {wire:?}")));
            }
            let value = self.wire_value(kind, &mut bytes, depth).map_err(wrong)?;
            if !is_repeated {
                values[at].clear();
            }
            values[at].push(value);
        }
        let mut members = Vec::new();
        for (field, mut values) in message.iter().zip(values) {
            match values.pop() {
                None => {}
                Some(last) if field.is_repeated => {
                    values.push(last);
                    keep(field, Json::Array(values), &mut members);
                }
                Some(last) => keep(field, last, &mut members),
            }
        }
        Ok(Json::Object(members))
    }

    fn wire_value(&mut self, kind: Kind, bytes: &mut &[u8], depth: usize) -> Result<Json, String> {
        self.pay()?;
        Ok(match kind {
            Kind::Text => {
                let text = std::str::from_utf8(chunk(bytes)?).map_err(|_| "is not UTF-8")?;
                Json::text(text)
            }
            Kind::Bool => Json::Bool(decode_varint(bytes).map_err(broken)? != 0),
            // 32-bit integers are sign-extended on the wire: their low half is the value.
            Kind::Small => Json::Number((decode_varint(bytes).map_err(broken)? as i32).to_string().into()),
            Kind::Zigzag => {
                let coded = decode_varint(bytes).map_err(broken)? as u32;
                Json::Number(((coded >> 1) as i32 ^ -((coded & 1) as i32)).to_string().into())
            }
            Kind::Fixed32 => Json::Number(u32::from_le_bytes(array(bytes)?).to_string().into()),
            Kind::Int64 => Json::text((decode_varint(bytes).map_err(broken)? as i64).to_string()),
            Kind::Uint64 => Json::text(decode_varint(bytes).map_err(broken)?.to_string()),
            Kind::Fixed64 => Json::text(u64::from_le_bytes(array(bytes)?).to_string()),
            Kind::Sfixed64 => Json::text(i64::from_le_bytes(array(bytes)?).to_string()),
            Kind::Double => double(f64::from_le_bytes(array(bytes)?)),
            Kind::Bytes => Json::text(STANDARD.encode(chunk(bytes)?)),
            Kind::Hex => {
                Json::text(chunk(bytes)?.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
            }
            Kind::Message(message) => self.wire_message(message, chunk(bytes)?, depth + 1)?,
            Kind::Pair => self.wire_message(&PAIR, chunk(bytes)?, depth + 1)?,
        })
    }
}

/// Adds a field unless it is a default that means nothing; sorts what has no order.
fn keep(field: &Field, mut value: Json, members: &mut Vec<(String, Json)>) {
    if let (Kind::Pair, Json::Array(pairs)) = (field.kind, &mut value) {
        pairs.sort_by_cached_key(Json::canonical);
    }
    if field.has_presence || !is_default(field.kind, &value) {
        members.push((field.name.to_owned(), value));
    }
}

fn is_default(kind: Kind, value: &Json) -> bool {
    match value {
        Json::Null | Json::Bool(false) => true,
        Json::Bool(true) => false,
        Json::Number(token) => &**token == "0",
        Json::String(text) => {
            let is_text = matches!(kind, Kind::Text | Kind::Bytes | Kind::Hex);
            text.is_empty() || (text == "0" && !is_text)
        }
        Json::Array(elements) => elements.is_empty(),
        Json::Object(members) => members.is_empty(),
    }
}

/// How a kind lies on the wire where it is not packed.
fn natural(kind: Kind) -> WireType {
    match kind {
        Kind::Bool | Kind::Small | Kind::Zigzag | Kind::Int64 | Kind::Uint64 => WireType::Varint,
        Kind::Fixed32 => WireType::ThirtyTwoBit,
        Kind::Fixed64 | Kind::Sfixed64 | Kind::Double => WireType::SixtyFourBit,
        Kind::Text | Kind::Bytes | Kind::Hex | Kind::Message(_) | Kind::Pair => WireType::LengthDelimited,
    }
}

fn broken(error: prost::DecodeError) -> String {
    format!("not protobuf: {error}")
}

/// Bytes with their length before them.
fn chunk<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], String> {
    let length = decode_varint(bytes).map_err(broken)?;
    let length = usize::try_from(length).ok().filter(|length| *length <= bytes.len());
    let (chunk, rest) = bytes.split_at(length.ok_or("not protobuf: a length leads past the end")?);
    *bytes = rest;
    Ok(chunk)
}

fn array<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], String> {
    let array = bytes.first_chunk().copied().ok_or("not protobuf: the bytes end in a number")?;
    bytes.advance(N);
    Ok(array)
}

/// An integer as JSON may write it: a number or a text, perhaps with an exponent.
fn integer(text: &str) -> Result<i128, &'static str> {
    let canonical = Json::Number(text.into()).canonical();
    canonical.parse().map_err(|_| "is not a whole number")
}

/// The shortest decimal that reads as this number; what JSON cannot write is a text.
fn double(value: f64) -> Json {
    if value.is_nan() {
        Json::text("NaN")
    } else if value.is_infinite() {
        Json::text(if value > 0.0 { "Infinity" } else { "-Infinity" })
    } else {
        Json::Number(value.to_string().into())
    }
}
