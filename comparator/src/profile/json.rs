//! JSON as a small tree that keeps numbers as they were written, and its canonical text.
//!
//! `serde_json::Value` rounds large integers and long decimals, and events carry both. The text is read
//! by the comparison's own cursor, so that an event is JSON here exactly where it is JSON there.
//!
//! The canonical text of a value has no white space, its members are sorted by name (equal names keep
//! their order), its strings are escaped in one way, and its numbers are spelled in one way:
//! `1`, `1.0` and `10e-1` are `1`. Equal values have equal texts.

use crate::diff::json::{Broken, Cursor, Fault, Type};

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    /// As written.
    Number(Box<str>),
    String(String),
    Array(Vec<Json>),
    /// In the order of the text, repeats kept.
    Object(Vec<(String, Json)>),
}

/// Why a text is no tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JsonError {
    #[error("not JSON: expected {expected} at byte {at}")]
    Syntax { at: usize, expected: &'static str },
    #[error("more than {0} JSON values")]
    TooMany(usize),
}

/// Why reading stopped; where a text is broken, the cursor knows the place.
enum Stop {
    Broken,
    TooMany,
}

impl From<Broken> for Stop {
    fn from(_: Broken) -> Self {
        Self::Broken
    }
}

impl Json {
    /// Reads one value; `values` bounds how many there may be in all.
    ///
    /// Bytes that are not UTF-8, and lone surrogates, become replacement characters.
    pub(crate) fn parse(text: &[u8], values: usize) -> Result<Self, JsonError> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let mut reader = Reader { cursor: Cursor::new(text), left: values, values };
        let value = reader.value(0).and_then(|value| Ok(reader.cursor.finish().map(|()| value)?));
        value.map_err(|stop| reader.error(stop))
    }

    /// Reads values that follow one another, as in NDJSON.
    pub(crate) fn parse_lines(text: &[u8], values: usize) -> Result<Vec<Self>, JsonError> {
        let mut reader = Reader { cursor: Cursor::new(text), left: values, values };
        let mut all = Vec::new();
        while reader.cursor.peek().is_some() {
            all.push(reader.value(0).map_err(|stop| reader.error(stop))?);
        }
        Ok(all)
    }

    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::String(text.into())
    }

    /// The last member of this name, as most readers have it.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The value at these names, one below the other.
    pub(crate) fn at(&self, names: &[&str]) -> Option<&Self> {
        names.iter().try_fold(self, |value, name| value.get(name))
    }

    pub(crate) fn as_array(&self) -> Option<&[Self]> {
        let Self::Array(elements) = self else { return None };
        Some(elements)
    }

    pub(crate) fn as_object(&self) -> Option<&[(String, Self)]> {
        let Self::Object(members) = self else { return None };
        Some(members)
    }

    /// A text that is not empty, or the canonical text of a number: what serves as a name or an id.
    pub(crate) fn label(&self) -> Option<String> {
        match self {
            Self::String(text) if !text.is_empty() => Some(text.clone()),
            Self::Number(token) => Some(number(token)),
            _ => None,
        }
    }

    /// A whole number that is not negative.
    pub(crate) fn as_count(&self) -> Option<u64> {
        match self {
            Self::Number(token) => number(token).parse().ok(),
            Self::String(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Removes the members of this name.
    pub(crate) fn remove(&mut self, name: &str) {
        if let Self::Object(members) = self {
            members.retain(|(key, _)| key != name);
        }
    }

    /// The canonical text.
    pub(crate) fn canonical(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(token) => out.push_str(&number(token)),
            Self::String(text) => string(text, out),
            Self::Array(elements) => {
                out.push('[');
                for (index, element) in elements.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    element.write(out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                let mut sorted: Vec<_> = members.iter().collect();
                sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
                out.push('{');
                for (index, (name, value)) in sorted.into_iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    string(name, out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

struct Reader<'a> {
    cursor: Cursor<'a>,
    left: usize,
    values: usize,
}

impl Reader<'_> {
    fn error(&self, stop: Stop) -> JsonError {
        match stop {
            Stop::TooMany => JsonError::TooMany(self.values),
            Stop::Broken => {
                let Fault { at, expected } = self.cursor.fault();
                JsonError::Syntax { at, expected }
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Json, Stop> {
        self.left = self.left.checked_sub(1).ok_or(Stop::TooMany)?;
        Ok(match self.cursor.peek_type()? {
            Type::Null => {
                self.cursor.literal()?;
                Json::Null
            }
            Type::Boolean => Json::Bool(self.cursor.literal()? == b"true"),
            Type::Number => Json::Number(lossy(self.cursor.number()?).into()),
            Type::String => Json::String(lossy(&self.cursor.string()?.unescaped())),
            Type::Array => {
                self.cursor.bump();
                let (mut elements, mut first) = (Vec::new(), true);
                while self.cursor.element(&mut first, depth)? {
                    elements.push(self.value(depth + 1)?);
                }
                Json::Array(elements)
            }
            Type::Object => {
                self.cursor.bump();
                let (mut members, mut first) = (Vec::new(), true);
                while self.cursor.member(&mut first, depth)? {
                    let key = lossy(&self.cursor.key()?.unescaped());
                    members.push((key, self.value(depth + 1)?));
                }
                Json::Object(members)
            }
        })
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Writes a string with the escapes that JSON demands and no others.
fn string(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control @ '\0'..='\x1f' => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
}

/// The one spelling of a number's decimal value; `NaN`, the infinities and exponents beyond a billion
/// stay as they are written.
fn number(token: &str) -> String {
    spell(token).unwrap_or_else(|| token.to_owned())
}

fn spell(token: &str) -> Option<String> {
    /// From this many digits before the point on, and this many zeros after it, a power of ten is written.
    const PLAIN: i64 = 21;
    let (sign, rest) = token.strip_prefix('-').map_or(("", token), |rest| ("-", rest));
    let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    let exponent: i32 = exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = format!("{whole}{fraction}");
    let leading = digits.len() - digits.trim_start_matches('0').len();
    let significant = digits.trim_matches('0');
    if significant.is_empty() {
        return Some("0".to_owned());
    }
    // The value is 0.SIGNIFICANT times ten to this power.
    let point = whole.len() as i64 - leading as i64 + i64::from(exponent);
    let length = significant.len() as i64;
    let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or_default());
    let text = if !(-PLAIN..=PLAIN).contains(&point) {
        let (first, others) = significant.split_at(1);
        let separator = if others.is_empty() { "" } else { "." };
        format!("{first}{separator}{others}e{}", point - 1)
    } else if point <= 0 {
        format!("0.{}{significant}", zeros(-point))
    } else if point >= length {
        format!("{significant}{}", zeros(point - length))
    } else {
        let (before, after) = significant.split_at(usize::try_from(point).unwrap_or_default());
        format!("{before}.{after}")
    };
    Some(format!("{sign}{text}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MANY: usize = 10_000;

    fn canonical(text: &str) -> String {
        Json::parse(text.as_bytes(), MANY).unwrap().canonical()
    }

    #[test]
    fn equal_values_have_one_text() {
        let text = r#"{"a":[1,2.5,"é\n"],"b":{"x":null,"y":true}}"#;
        assert_eq!(
            canonical("{ \"b\" : {\"y\":true,\"x\":null}, \"a\":[1.0,25e-1,\"\\u00e9\\u000a\"]}"),
            text
        );
        assert_eq!(canonical(text), text);
    }

    #[test]
    fn numbers_keep_every_digit_and_lose_their_spelling() {
        for (token, spelled) in [
            ("0", "0"),
            ("-0.00", "0"),
            ("12.50", "12.5"),
            ("1e2", "100"),
            ("0.001e-1", "0.0001"),
            ("-120e-1", "-12"),
            ("9007199254740993", "9007199254740993"),
            ("123456789012345678901234567890", "1.2345678901234567890123456789e29"),
            ("1e-30", "1e-30"),
            ("1e99999999999", "1e99999999999"),
            ("NaN", "NaN"),
        ] {
            assert_eq!(number(token), spelled, "{token}");
        }
    }

    #[test]
    fn the_last_of_equal_names_is_found_and_all_are_kept() {
        let value = Json::parse(br#"{"a":1,"b":0,"a":2}"#, MANY).unwrap();
        assert_eq!(value.get("a").and_then(Json::as_count), Some(2));
        assert_eq!(value.canonical(), r#"{"a":1,"a":2,"b":0}"#);
    }

    #[test]
    fn a_bomb_of_values_stops_at_the_limit() {
        assert_eq!(Json::parse(b"[0,0,0]", 3), Err(JsonError::TooMany(3)));
        assert!(Json::parse(b"[0,0]", 3).is_ok());
        let deep = "[".repeat(100_000);
        assert!(matches!(
            Json::parse(deep.as_bytes(), MANY),
            Err(JsonError::Syntax { expected: "fewer than 512 levels of nesting", .. })
        ));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_value_or_an_error(bytes: Vec<u8>) {
            if let Ok(value) = Json::parse(&bytes, MANY) {
                let text = value.canonical();
                prop_assert_eq!(Json::parse(text.as_bytes(), MANY).unwrap().canonical(), text);
            }
        }

        #[test]
        fn the_spelling_of_a_number_does_not_change_its_value(whole in 0u64..1_000_000, fraction in "[0-9]{0,6}", exponent in -9i32..9) {
            let token = if fraction.is_empty() { format!("{whole}e{exponent}") } else { format!("{whole}.{fraction}e{exponent}") };
            prop_assert_eq!(number(&token).parse::<f64>().unwrap(), token.parse::<f64>().unwrap());
            prop_assert_eq!(number(&number(&token)), number(&token));
        }
    }
}
