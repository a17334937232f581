//! From the bytes of one record to what is compared: headers and a JSON value.

use crate::diff::sink::Sink;
use crate::diff::{Kind, Part, json};
use memchr::memchr;
use regex::bytes::Regex;
use smallvec::SmallVec;

/// A record as every source gives it: a Kafka record, a line, a row.
#[derive(Debug, Clone, Default)]
pub(super) struct Record<'a> {
    /// Names in lower case, in the order of the source.
    pub(super) headers: SmallVec<[(&'a str, &'a [u8]); 4]>,
    /// JSON text; absent where a line pattern has no group `value`.
    pub(super) value: Option<&'a [u8]>,
}

/// How the bytes of one source are read.
#[derive(Debug, Clone)]
pub(super) enum Decoder {
    /// The whole record is JSON.
    Json,
    /// A row; each column's name as the JSON text `"name":`.
    Csv(Vec<Box<[u8]>>),
    /// The named groups of a pattern: `value` is JSON, the others are headers.
    Line(Regex, Vec<Group>),
}

/// A named group of a pattern, and the header that it is.
type Group = (Box<str>, Box<str>);

/// The group of a line pattern that is the record's value.
const VALUE: &str = "value";

impl Decoder {
    /// # Errors
    /// What is wrong with the pattern.
    pub(super) fn line(pattern: &str) -> Result<Self, String> {
        let regex =
            Regex::new(pattern).map_err(|error| format!("the line pattern is not usable: {error}"))?;
        let group = |name: &str| (name.into(), name.to_ascii_lowercase().into());
        let names: Vec<Group> = regex.capture_names().flatten().map(group).collect();
        if names.is_empty() {
            return Err(
                "the line pattern names no group: write (?<value>…) for JSON, (?<name>…) for text".to_owned()
            );
        }
        Ok(Self::Line(regex, names))
    }

    /// The header row of a CSV file.
    ///
    /// # Errors
    /// The row is not CSV.
    pub(super) fn csv(header: &[u8]) -> Result<Self, String> {
        let mut columns = Vec::new();
        let complete = fields(header, |field| {
            let mut name = Vec::new();
            push_string(&field, &mut name);
            name.push(b':');
            columns.push(name.into_boxed_slice());
        });
        if complete { Ok(Self::Csv(columns)) } else { Err("the first row is no CSV header".to_owned()) }
    }

    /// The record in `raw`, put together in `buffer` where it is not there as it stands; `None` where it
    /// is not what the source claims to hold. Whether the value is JSON shows later.
    pub(super) fn decode<'a>(&'a self, raw: &'a [u8], buffer: &'a mut Vec<u8>) -> Option<Record<'a>> {
        match self {
            Self::Json => Some(Record { value: Some(raw), ..Record::default() }),
            Self::Csv(columns) => {
                buffer.clear();
                row(columns, raw, buffer)?;
                Some(Record { value: Some(buffer), ..Record::default() })
            }
            Self::Line(regex, names) => {
                let groups = regex.captures(raw)?;
                let mut record = Record::default();
                for (name, header) in names {
                    match groups.name(name) {
                        Some(group) if **header == *VALUE => record.value = Some(group.as_bytes()),
                        Some(group) => record.headers.push((header, group.as_bytes())),
                        None => {}
                    }
                }
                Some(record)
            }
        }
    }
}

/// Writes a row as a JSON object of strings; `None` where it has another number of fields than columns.
fn row(columns: &[Box<[u8]>], raw: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut names = columns.iter();
    let mut fits = true;
    out.push(b'{');
    let complete = fields(raw, |field| {
        let Some(name) = names.next() else {
            fits = false;
            return;
        };
        if out.len() > 1 {
            out.push(b',');
        }
        out.extend_from_slice(name);
        push_string(&field, out);
    });
    out.push(b'}');
    (complete && fits && names.next().is_none()).then_some(())
}

/// A field as written: its inside, and whether a doubled quote in it stands for one.
struct Field<'a> {
    inner: &'a [u8],
    quoted: bool,
}

/// Calls `each` for the fields of one row (RFC 4180); `false` where a quote is not closed or text follows it.
fn fields<'a>(row: &'a [u8], mut each: impl FnMut(Field<'a>)) -> bool {
    let mut rest = row;
    loop {
        let end = if rest.first() == Some(&b'"') {
            let Some(close) = closing_quote(rest) else { return false };
            each(Field { inner: &rest[1..close], quoted: true });
            close + 1
        } else {
            let end = memchr(b',', rest).unwrap_or(rest.len());
            each(Field { inner: &rest[..end], quoted: false });
            end
        };
        match rest.get(end) {
            None => return true,
            Some(b',') => rest = &rest[end + 1..],
            Some(_) => return false,
        }
    }
}

/// Where the quote that opens `text` is closed.
fn closing_quote(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr(b'"', text.get(at..)?)?;
        if text.get(at + 1) != Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

/// Appends a field as a JSON string.
fn push_string(field: &Field<'_>, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut skip = false;
    for &byte in field.inner {
        match byte {
            // The second of two quotes.
            b'"' if skip => {
                skip = false;
                continue;
            }
            b'"' => {
                skip = field.quoted;
                out.extend_from_slice(b"\\\"");
            }
            b'\\' => out.extend_from_slice(b"\\\\"),
            0..0x20 => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.extend_from_slice(b"\\u00");
                out.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// The length of the first record in `text` and of what ends it; `None` where it is not complete.
pub(super) fn end_of_record(text: &[u8], quoted: bool) -> Option<usize> {
    if !quoted {
        return memchr(b'\n', text);
    }
    let (mut at, mut inside) = (0, false);
    loop {
        let found =
            if inside { memchr(b'"', &text[at..]) } else { memchr::memchr2(b'"', b'\n', &text[at..]) };
        at += found?;
        if text[at] == b'\n' {
            return Some(at);
        }
        inside = !inside;
        at += 1;
    }
}

/// Records what differs between two records.
pub(super) fn compare(left: &Record<'_>, right: &Record<'_>, sink: &mut Sink<'_>) {
    headers(left, right, sink);
    match (left.value, right.value) {
        (Some(left), Some(right)) if left != right && !sink.masks.ignores_body() => {
            if let Err(fault) = json::compare(left, right, json::Shape::Value, sink) {
                json::unparsable(left, right, fault, sink);
            }
        }
        (Some(_), Some(_)) | (None, None) => {}
        (left, right) => {
            let kind = if left.is_some() { Kind::Missing } else { Kind::Extra };
            sink.whole_body(kind, left, right, "only one side has a value".to_owned());
        }
    }
}

/// Headers by name, the n-th of a name with the n-th.
fn headers(left: &Record<'_>, right: &Record<'_>, sink: &mut Sink<'_>) {
    let nth = |record: &Record<'_>, upto: usize, name: &str| {
        record.headers[..upto].iter().filter(|(other, _)| *other == name).count()
    };
    for (at, (name, value)) in left.headers.iter().enumerate() {
        let before = nth(left, at, name);
        let mut others = right.headers.iter().filter(|(other, _)| other == name);
        match others.nth(before) {
            Some((_, other)) if other == value => {}
            Some((_, other)) => sink.named(Part::Header, name, Kind::Value, Some(value), Some(other)),
            None => sink.named(Part::Header, name, Kind::Missing, Some(value), None),
        }
    }
    for (at, (name, value)) in right.headers.iter().enumerate() {
        if nth(right, at, name) >= nth(left, left.headers.len(), name) {
            sink.named(Part::Header, name, Kind::Extra, None, Some(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn json(header: &str, row: &str) -> Option<String> {
        let decoder = Decoder::csv(header.as_bytes()).unwrap();
        let mut buffer = Vec::new();
        let record = decoder.decode(row.as_bytes(), &mut buffer)?;
        Some(String::from_utf8(record.value.unwrap().to_vec()).unwrap())
    }

    #[test]
    fn a_row_is_an_object_of_strings() {
        assert_eq!(json("id,a b", "7,x").unwrap(), r#"{"id":"7","a b":"x"}"#);
        assert_eq!(json("id,q", "7,\"a,\"\"b\"\"\nc\"").unwrap(), r#"{"id":"7","q":"a,\"b\"\u000ac"}"#);
        assert_eq!(json("a,b", ",").unwrap(), r#"{"a":"","b":""}"#);
        for broken in ["1", "1,2,3", "\"1,2", "\"1\"x,2"] {
            assert_eq!(json("a,b", broken), None, "{broken}");
        }
    }

    #[test]
    fn a_line_pattern_cuts_a_line_into_headers_and_a_value() {
        let decoder = Decoder::line(r"^\{(?<headers>[^}]*)\} (?<value>.*)$").unwrap();
        let mut buffer = Vec::new();
        let record = decoder.decode(br#"{timestamp=17} {"id":1}"#, &mut buffer).unwrap();
        assert_eq!(record.headers.as_slice(), [("headers", &b"timestamp=17"[..])]);
        assert_eq!(record.value, Some(&br#"{"id":1}"#[..]));
        assert!(decoder.decode(b"nothing like it", &mut Vec::new()).is_none());
        assert!(Decoder::line("a(b)").unwrap_err().contains("names no group"));
        assert!(Decoder::line("(").unwrap_err().contains("not usable"));
    }

    proptest! {
        #[test]
        fn rows_mean_what_was_written(fields in prop::collection::vec("[a-c,\"\\\\\n\r ]{0,6}", 1..5)) {
            let quote = |field: &String| format!("\"{}\"", field.replace('"', "\"\""));
            let text = fields.iter().map(quote).collect::<Vec<_>>().join(",");
            let header = (0..fields.len()).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
            prop_assert_eq!(end_of_record(format!("{text}\nrest").as_bytes(), true), Some(text.len()));
            let read: std::collections::BTreeMap<String, String> =
                serde_json::from_str(&json(&header, &text).unwrap()).unwrap();
            prop_assert_eq!(read.into_values().collect::<Vec<_>>(), fields);
        }
    }
}
