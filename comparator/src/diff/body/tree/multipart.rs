//! Multipart bodies (RFC 2046, RFC 7578): part by part, each by its own type.
//!
//! Of `multipart/form-data` an object with a member for each field, `{"avatar": {"filename": "a.png",
//! "content-type": "image/png", "body": …}}`; of any other an array of such parts. A part's body is
//! JSON where it is JSON, a text where it is text, `{"bytes": 5, "xxh3": "…"}` where it is not, and
//! what its type says where that has a structure. The boundary itself means nothing.

use super::writer::Writer;
use super::{NESTING_MAX, Piece, Problem, events, push as push_structured};
use crate::diff::body::media::{Content, text_or_binary};
use crate::diff::headers::MediaType;
use xxhash_rust::xxh3::xxh3_64;

/// Headers of a part that are read.
const HEADERS_MAX: usize = 32;

pub(super) fn push(piece: &Piece<'_>, depth: u32, out: &mut Writer) -> Result<(), Problem> {
    if depth >= NESTING_MAX {
        return Err(format!("more than {NESTING_MAX} multiparts inside of each other"));
    }
    let media = piece.media.as_ref();
    let boundary = media.and_then(|media| media.parameter("boundary")).ok_or("the boundary is missing")?;
    let is_form = media.is_some_and(|media| media.essence == "multipart/form-data");
    let parts = split(piece.bytes, boundary.as_bytes())?;
    let each = |out: &mut Writer| {
        parts.iter().try_for_each(|bytes| {
            let part = Part::read(bytes)?;
            if is_form {
                out.key(part.disposition("name").unwrap_or_default().as_bytes());
            }
            part.push(is_form, depth, out)
        })
    };
    if is_form { out.object(each) } else { out.array(each) }
}

/// The bytes between the boundaries; what stands before the first and behind the last means nothing.
fn split<'a>(body: &'a [u8], boundary: &[u8]) -> Result<Vec<&'a [u8]>, Problem> {
    let delimiter = [b"--", boundary].concat();
    let mut parts = Vec::new();
    let mut start = None;
    for at in memchr::memmem::find_iter(body, &delimiter) {
        let before = match body[..at] {
            [] => Some(0),
            [.., b'\r', b'\n'] => Some(at - 2),
            [.., b'\n'] => Some(at - 1),
            _ => None,
        };
        let Some(end) = before else { continue };
        let behind = &body[at + delimiter.len()..];
        let closes = behind.starts_with(b"--");
        let padding = behind.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let line_end = match behind[padding..] {
            [b'\r', b'\n', ..] => 2,
            [b'\n', ..] => 1,
            _ if closes => 0,
            _ => continue,
        };
        if let Some(start) = start.take() {
            parts.push(body.get(start..end).unwrap_or_default());
        }
        if closes {
            return Ok(parts);
        }
        start = Some(at + delimiter.len() + padding + line_end);
    }
    Err(if start.is_some() { "the last boundary is missing" } else { "there is no boundary in it" }
        .to_owned())
}

struct Part<'a> {
    /// Lower-case names, in order.
    headers: Vec<(String, &'a [u8])>,
    disposition: Option<MediaType>,
    body: &'a [u8],
}

impl<'a> Part<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Problem> {
        // A part without headers begins with the empty line itself.
        let mut storage = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let (length, headers) = match httparse::parse_headers(bytes, &mut storage) {
            Ok(httparse::Status::Complete((length, headers))) => (length, headers),
            _ => return Err("the headers of a part cannot be read".to_owned()),
        };
        let headers: Vec<_> =
            headers.iter().map(|header| (header.name.to_ascii_lowercase(), header.value)).collect();
        let disposition = headers.iter().find(|(name, _)| name == "content-disposition");
        let disposition = disposition.map(|(_, value)| MediaType::read(value));
        Ok(Self { headers, disposition, body: &bytes[length..] })
    }

    fn disposition(&self, parameter: &str) -> Option<&str> {
        self.disposition.as_ref()?.parameter(parameter)
    }

    fn push(&self, is_form: bool, depth: u32, out: &mut Writer) -> Result<(), Problem> {
        out.object(|out| {
            if let Some(name) = self.disposition("filename").filter(|_| is_form) {
                out.key(b"filename");
                out.string(name.as_bytes());
            }
            for (name, value) in
                self.headers.iter().filter(|(name, _)| !is_form || name != "content-disposition")
            {
                out.key(name.as_bytes());
                out.string(value);
            }
            out.key(b"body");
            self.push_body(depth, out)
        })
    }

    fn push_body(&self, depth: u32, out: &mut Writer) -> Result<(), Problem> {
        let media = self
            .headers
            .iter()
            .find(|(name, _)| name == "content-type")
            .map(|(_, value)| MediaType::read(value));
        let content = Content::of(media.as_ref(), self.body);
        let piece = Piece { bytes: self.body, media, coding: None };
        // A part that is not what it says is a text or bytes.
        if content.is_structured()
            && let Some(text) = out.aside(|inner| push_structured(content, &piece, depth + 1, inner))
        {
            out.token(&text);
        } else if content.is_json() && events::is_json(self.body) {
            out.token(self.body);
        } else if text_or_binary(&[self.body]) == Content::Text {
            out.string(self.body);
        } else {
            out.object(|out| {
                out.key(b"bytes");
                out.token(self.body.len().to_string().as_bytes());
                out.key(b"xxh3");
                out.string(format!("{:016x}", xxh3_64(self.body)).as_bytes());
                Ok(())
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::diff::body::tree::tests::written;

    const FORM: &str = "preamble\r\n--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b  \r\n\
        Content-Disposition: form-data; name=\"f\"; filename=\"x.json\"\r\nContent-Type: application/json\r\n\r\n{\"n\": 1}\r\n\
        --b\r\ncontent-disposition: form-data; name=bin\r\n\r\n\u{0}\r\n--b--\r\nepilogue";

    #[test]
    fn fields_of_a_form_are_read_by_their_own_types() {
        assert_eq!(
            written("multipart/form-data; boundary=b", FORM.as_bytes()).unwrap(),
            r#"{"a":{"body":"1"},"f":{"filename":"x.json","content-type":"application/json","body":{"n": 1}},"bin":{"body":{"bytes":1,"xxh3":"c44bdff4074eecdb"}}}"#
        );
    }

    #[test]
    fn parts_may_have_parts_and_no_headers() {
        let body = "--a\n\nplain --a\n--a\nContent-Type: multipart/mixed; boundary=\"a b\"\n\n--a b\nContent-Type: application/x-www-form-urlencoded\n\nx=1\n--a b--\n--a--";
        assert_eq!(
            written("multipart/mixed; boundary=a", body.as_bytes()).unwrap(),
            r#"[{"body":"plain --a"},{"content-type":"multipart/mixed; boundary=\"a b\"","body":[{"content-type":"application/x-www-form-urlencoded","body":{"x":"1"}}]}]"#
        );
    }

    #[test]
    fn what_is_not_whole_is_told() {
        let error = |mime, body: &str| written(mime, body.as_bytes()).unwrap_err();
        assert_eq!(error("multipart/mixed", FORM), "the boundary is missing");
        assert_eq!(error("multipart/mixed; boundary=zz", FORM), "there is no boundary in it");
        assert_eq!(error("multipart/mixed; boundary=b", "--b\r\n\r\nx"), "the last boundary is missing");
        assert_eq!(
            error("multipart/mixed; boundary=b", "--b\r\nno header\r\n--b--"),
            "the headers of a part cannot be read"
        );
    }
}
