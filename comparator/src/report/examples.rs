//! An exchange as text for people, bounded.

use super::{Example, curl, redact, unified};
use crate::compare::Observation;
use crate::diff::body::readable;
use http::HeaderMap;
use parallax_exchange::{Body, Exchange, Outcome};
use std::fmt::Write as _;
use std::sync::Arc;

/// Bytes of one body that are shown.
const BODY_MAX: usize = 4096;
/// Bytes that a body may decode to and still be shown.
const DECODED_MAX: usize = 1 << 20;
/// Bytes of one head (all header lines) that are shown.
const HEAD_MAX: usize = 2048;

/// Renders an exchange, without credentials.
pub(super) fn render(exchange: &Exchange, route: Option<&Arc<str>>, seen: &Observation) -> Example {
    let Exchange { outcomes, request, .. } = exchange;
    let text = |outcome: &Option<Outcome>| outcome.as_ref().map(outcome_text);
    let (primary, candidate) =
        (text(&outcomes.primary).unwrap_or_default(), text(&outcomes.candidate).unwrap_or_default());
    let differences = seen.candidate.iter().flat_map(|side| &side.comparison.differences);
    Example {
        id: exchange.id.to_string(),
        route: route.cloned(),
        request: cut(&format!("{} {}", request.method, redact::text(&request.target)), HEAD_MAX),
        request_body: body_text(&request.body, &request.headers),
        differences: differences.map(redact::difference).collect(),
        unified: unified::unified(&primary, &candidate),
        curl: curl::curl(request),
        primary,
        candidate,
        control: text(&outcomes.control),
    }
}

fn outcome_text(outcome: &Outcome) -> String {
    let response = match outcome {
        Outcome::Response(response) => response,
        Outcome::Missing { reason, .. } => return format!("no response: {}", reason.name()),
    };
    let mut text = format!("{}\n", response.status);
    header_lines(&mut text, &response.headers);
    let body = body_text(&response.body, &response.headers);
    if !body.is_empty() {
        let _ = write!(text, "\n{body}");
    }
    if !response.trailers.is_empty() {
        text.push_str("\n\n");
        header_lines(&mut text, &response.trailers);
    }
    text
}

fn header_lines(text: &mut String, headers: &HeaderMap) {
    let begin = text.len();
    for (name, value) in headers {
        let line = format!("{name}: {}\n", String::from_utf8_lossy(&redact::header(name, value)));
        if text.len() - begin + line.len() > HEAD_MAX {
            text.push_str("…\n");
            return;
        }
        text.push_str(&line);
    }
}

/// The body as text with its codings undone, where that gives text; otherwise what it is.
fn body_text(body: &Body, headers: &HeaderMap) -> String {
    if body.is_empty() {
        return String::new();
    }
    let coding =
        headers.get(http::header::CONTENT_ENCODING).map(|coding| String::from_utf8_lossy(coding.as_bytes()));
    let what = |kind: &str| match &coding {
        Some(coding) => format!("({} bytes, {coding}{kind})", body.len()),
        None => format!("({} bytes{kind})", body.len()),
    };
    let plain =
        if body.is_cut() && coding.is_some() { None } else { readable(headers, body.bytes(), DECODED_MAX) };
    let Some(plain) = plain else { return what("") };
    let whole = if body.is_cut() { body.len() } else { plain.len() as u64 };
    let shown = &plain[..plain.len().min(BODY_MAX)];
    let mut text = match std::str::from_utf8(shown) {
        Ok(text) => redact::text(text).into_owned(),
        // A character that the cut split is no sign of binary data.
        Err(error) if error.error_len().is_none() => {
            redact::text(&String::from_utf8_lossy(&shown[..error.valid_up_to()])).into_owned()
        }
        Err(_) => return what(", binary"),
    };
    if shown.len() as u64 != whole {
        let _ = write!(text, "\n({whole} bytes in all)");
    }
    text
}

/// The first `most` bytes at most, never half a character.
fn cut(text: &str, most: usize) -> String {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use std::io::Write as _;

    #[test]
    fn bodies_are_bounded_text_or_what_they_are() {
        let plain = HeaderMap::new();
        assert_eq!(body_text(&Body::whole("{\"a\":1}"), &plain), "{\"a\":1}");
        assert_eq!(body_text(&Body::whole(vec![0xff, 0xfe, 0]), &plain), "(3 bytes, binary)");
        let long = "ä".repeat(BODY_MAX);
        let shown = body_text(&Body::whole(long.clone()), &plain);
        assert!(shown.starts_with('ä') && shown.len() < BODY_MAX + 40, "{}", shown.len());
        assert!(shown.ends_with(&format!("({} bytes in all)", long.len())));
        let mut coded = HeaderMap::new();
        coded.insert(http::header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        assert_eq!(body_text(&Body::whole("xyz"), &coded), "(3 bytes, gzip)", "it does not decode");
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(b"{}").unwrap();
        assert_eq!(body_text(&Body::whole(gzip.finish().unwrap()), &coded), "{}");
        assert_eq!(body_text(&Body::cut("abc", 9, 0), &plain), "abc\n(9 bytes in all)");
    }

    #[test]
    fn heads_are_bounded() {
        let mut headers = HeaderMap::new();
        for index in 0..1000 {
            headers.append("x-long", HeaderValue::from_str(&format!("value {index}")).unwrap());
        }
        let mut text = String::new();
        header_lines(&mut text, &headers);
        assert!(text.len() <= HEAD_MAX + "…\n".len() && text.ends_with("…\n"));
    }
}
