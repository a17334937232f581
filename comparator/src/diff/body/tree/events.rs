//! Server-sent events: an array with an object for each event.
//!
//! Read as the HTML standard says: `data` lines of one event are joined, comments mean nothing, an id
//! stands until the next one, an event without data is none. Data that is a JSON object or array is
//! kept as such, so that rules reach into it. What comes after the last blank line is an event that a
//! browser drops: it is written with `"incomplete": true`, so that a stream that ends early shows.

use super::Problem;
use super::writer::Writer;
use crate::diff::json::Cursor;

pub(super) fn push(body: &[u8], out: &mut Writer) -> Result<(), Problem> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    out.array(|out| {
        let mut event = Event::default();
        for line in lines(body) {
            if line.is_empty() {
                event.end(false, out)?;
            } else {
                event.field(line);
            }
        }
        event.end(true, out)
    })
}

/// Lines end with CR LF, LF or CR.
fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = body;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some(end) = memchr::memchr2(b'\r', b'\n', rest) else {
            return Some(std::mem::take(&mut rest));
        };
        let line = &rest[..end];
        let ending = if rest[end..].starts_with(b"\r\n") { 2 } else { 1 };
        rest = &rest[end + ending..];
        Some(line)
    })
}

/// An event whose lines are being read.
#[derive(Default)]
struct Event<'a> {
    name: Option<&'a [u8]>,
    id: Option<&'a [u8]>,
    retry: Option<&'a [u8]>,
    data: Option<Vec<u8>>,
}

impl<'a> Event<'a> {
    fn field(&mut self, line: &'a [u8]) {
        let (name, value) = match memchr::memchr(b':', line) {
            Some(at) => (&line[..at], line[at + 1..].strip_prefix(b" ").unwrap_or(&line[at + 1..])),
            None => (line, &b""[..]),
        };
        match name {
            b"data" => match &mut self.data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                none => *none = Some(value.to_vec()),
            },
            b"event" => self.name = Some(value),
            b"id" if !value.contains(&0) => self.id = Some(value),
            b"retry" if value.iter().all(u8::is_ascii_digit) => self.retry = Some(value),
            _ => {}
        }
    }

    /// Writes the event, if anything was said, and begins the next.
    fn end(&mut self, incomplete: bool, out: &mut Writer) -> Result<(), Problem> {
        let Self { name, id, retry, data } = std::mem::take(self);
        if name.is_none() && id.is_none() && retry.is_none() && data.is_none() {
            return Ok(());
        }
        out.object(|out| {
            for (key, value) in [("event", name), ("id", id), ("retry", retry)] {
                if let Some(value) = value {
                    out.key(key.as_bytes());
                    out.string(value);
                }
            }
            if let Some(data) = data {
                out.key(b"data");
                data_value(&data, out);
            }
            if incomplete {
                out.key(b"incomplete");
                out.token(b"true");
            }
            Ok(())
        })
    }
}

/// A JSON object or array as it is, anything else as text.
pub(super) fn data_value(data: &[u8], out: &mut Writer) {
    if is_json(data) { out.token(data) } else { out.string(data) }
}

/// Whether a text is one JSON object or array.
pub(in crate::diff::body) fn is_json(text: &[u8]) -> bool {
    let mut cursor = Cursor::new(text);
    // A few levels less than may be read: the text stands inside of another.
    matches!(cursor.peek(), Some(b'{' | b'[')) && cursor.skip(8).is_ok() && cursor.finish().is_ok()
}

/// Whether a body without a type is a stream of events.
pub(in crate::diff::body) fn looks_like(body: &[u8]) -> bool {
    let begins =
        [&b"data:"[..], b"event:", b"id:", b"retry:"].into_iter().any(|field| body.starts_with(field));
    begins
        && (memchr::memmem::find(body, b"\n\n").is_some()
            || memchr::memmem::find(body, b"\r\n\r\n").is_some())
}

#[cfg(test)]
mod tests {
    use crate::diff::body::tree::tests::written;

    #[test]
    fn events_are_read_as_the_standard_says() {
        let events = |body: &str| written("text/event-stream", body.as_bytes()).unwrap();
        assert_eq!(
            events(
                ": ping\n\nevent: a\nid:1\ndata: {\"x\": 1}\n\nretry: 5\ndata:a\r\ndata:  b\r\n\r\nevent\rdata: [DONE]\r\r"
            ),
            r#"[{"event":"a","id":"1","data":{"x": 1}},{"retry":"5","data":"a\n b"},{"event":"","data":"[DONE]"}]"#
        );
        assert_eq!(events("data: a\n\ndata: b\n"), r#"[{"data":"a"},{"data":"b","incomplete":true}]"#);
        assert_eq!(events(":\n\n:\n"), "[]");
    }
}
