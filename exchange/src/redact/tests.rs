use super::*;
use crate::{Body, CopyOrder, Exchange, ExchangeId, Outcomes, Request, Response};
use proptest::prelude::*;
use std::io::{Read as _, Write as _};

fn key() -> Key {
    Key::new(b"a key of the tests")
}

fn redactor(places: &[&str]) -> Redactor {
    Redactor::new(&key(), places.iter().copied()).unwrap()
}

fn exchange(mime: &'static str, request: impl Into<Vec<u8>>, response: impl Into<Vec<u8>>) -> Exchange {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(mime));
    let body = |bytes: Vec<u8>| Body::whole(bytes);
    let answer = Response { headers: headers.clone(), body: body(response.into()), ..Response::default() };
    Exchange {
        id: ExchangeId::default(),
        admitted_ns: 0,
        cluster_key: 0,
        labels: Vec::new(),
        order: CopyOrder::default(),
        sample_ppm: 1_000_000,
        request: Request {
            target: "/a".to_owned(),
            headers,
            body: body(request.into()),
            ..Request::default()
        },
        outcomes: Outcomes { primary: Some(Outcome::Response(Box::new(answer))), ..Outcomes::default() },
    }
}

/// A body of JSON after redaction.
fn body(places: &[&str], text: &str) -> String {
    let mut exchange = exchange("application/json", text, "");
    redactor(places).redact(&mut exchange);
    String::from_utf8(exchange.request.body.bytes().to_vec()).unwrap()
}

/// The token of a text.
fn token(text: &str) -> String {
    key().text(text.as_bytes())
}

#[test]
fn values_of_json_go_and_every_other_byte_stays() {
    let text = " {\"users\" : [ {\"email\":\"a@b.c\",\"n\":1.50}, {\"email\":null} ],\n\"email\":\"x\" }\n";
    let expected = text.replace("a@b.c", &token("a@b.c"));
    assert_eq!(body(&["body:/users/*/email"], text), expected);
    assert_eq!(body(&["body:/**/email"], text), expected.replace("\"x\"", &format!("\"{}\"", token("x"))));
    assert_eq!(body(&["body:/nowhere"], text), text);
    assert_eq!(body(&["body:/a~1b/m~0n"], r#"{"a/b":{"m~n":"q"}}"#).matches(&token("q")).count(), 1);
    assert_eq!(body(&["body:/a/1"], r#"{"a":["x","y"]}"#), format!(r#"{{"a":["x","{}"]}}"#, token("y")));
    assert_eq!(body(&["body:"], "{}").len(), "\"redacted-\"".len() + 24);
}

#[test]
fn equal_values_have_equal_tokens_and_others_have_not() {
    let one = |value: &str| body(&["body:/v"], &format!("{{\"v\":{value}}}"));
    let same = [
        &["\"a/é\"", r#""a\/\u00e9""#, r#""\u0061/é""#][..],
        &["1", "1.0", "10e-1"],
        &["{\"a\":1,\"b\":[true,\"x\"]}", "{ \"b\" : [true, \"\\u0078\"], \"a\" : 1.0 }"],
        &[r#""\ud83d\ude00""#, "\"😀\""],
    ];
    let mut seen = Vec::new();
    for group in same {
        for value in group {
            assert_eq!(one(value), one(group[0]), "{value}");
        }
        seen.push(one(group[0]));
    }
    for other in ["\"1\"", "2", "true", "false", "[]", "{}", "[1]", "[[1]]", "\"\"", "{\"a\":1,\"b\":[true]}"]
    {
        seen.push(one(other));
    }
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), count, "different values share a token");
    assert_eq!(one("null"), "{\"v\":null}");
}

#[test]
fn one_value_has_one_token_wherever_it_stands_and_another_under_another_key() {
    let places = ["header:x-user", "cookie:sid", "query:user", "body:/user"];
    let mut exchange = exchange("application/json", "{\"user\":\"ann b\"}", "{\"user\":\"ann b\"}");
    exchange.request.target = "/a?x=1&user=ann+b".to_owned();
    exchange.request.headers.insert("x-user", HeaderValue::from_static("ann b"));
    exchange.request.headers.insert(header::COOKIE, HeaderValue::from_static("a=1; sid=ann b; b=2"));
    let mut other = exchange.clone();
    let done = redactor(&places).redact(&mut exchange);
    assert_eq!(done, Redacted { values: 5, bodies: 0 });
    let token = token("ann b");
    let request = &exchange.request;
    assert_eq!(request.target, format!("/a?x=1&user={token}"));
    assert_eq!(request.headers["x-user"], *token);
    assert_eq!(request.headers[header::COOKIE], *format!("a=1; sid={token}; b=2"));
    assert_eq!(request.body.bytes(), &format!("{{\"user\":\"{token}\"}}"));
    let answer = exchange.outcomes.primary.as_ref().and_then(Outcome::response).unwrap();
    assert_eq!(answer.body, request.body);

    Redactor::new(&Key::new(b"another"), places).unwrap().redact(&mut other);
    assert!(!other.request.target.contains(&token) && other.request.target.contains("user=redacted-"));
}

#[test]
fn cookies_that_are_set_keep_their_attributes_and_urls_their_shape() {
    let mut exchange = exchange("text/plain", "", "");
    let Some(Outcome::Response(answer)) = &mut exchange.outcomes.primary else { unreachable!() };
    answer.headers.append(header::SET_COOKIE, HeaderValue::from_static("sid=7; Path=/; Secure"));
    answer.headers.append(header::SET_COOKIE, HeaderValue::from_static("theme=dark"));
    let location = "https://a.example/cb?code=9&state=1#access_token=t&x=2";
    answer.headers.insert(header::LOCATION, HeaderValue::from_static(location));
    answer.trailers.insert("x-secret", HeaderValue::from_static("q"));
    redactor(&["cookie:sid", "query:code", "query:access_token", "header:x-secret"]).redact(&mut exchange);
    let answer = exchange.outcomes.primary.as_ref().and_then(Outcome::response).unwrap();
    let cookies: Vec<_> = answer.headers.get_all(header::SET_COOKIE).iter().cloned().collect();
    assert_eq!(cookies, [&*format!("sid={}; Path=/; Secure", token("7")), "theme=dark"]);
    let expected = location
        .replace("code=9", &format!("code={}", token("9")))
        .replace("=t&", &format!("={}&", token("t")));
    assert_eq!(answer.headers[header::LOCATION], *expected);
    assert_eq!(answer.trailers["x-secret"], *token("q"));
}

#[test]
fn lines_and_forms_are_read_like_json() {
    let mut lines = exchange("application/x-ndjson", "{\"e\":\"a\"}\n{\"e\":\"b\"}\n", "{\"e\":\"a\"}\n");
    redactor(&["body:/*/e"]).redact(&mut lines);
    let expected = format!("{{\"e\":\"{}\"}}\n{{\"e\":\"{}\"}}\n", token("a"), token("b"));
    assert_eq!(lines.request.body.bytes(), &expected);
    // Of lines without a type, a place in each value is meant as well.
    assert_eq!(body(&["body:/e"], "{\"e\":\"a\"}\n{\"e\":\"b\"}\n"), expected);

    let mut form = exchange("application/x-www-form-urlencoded", "a=1&pass%77ord=x+y&b", "");
    redactor(&["body:/password"]).redact(&mut form);
    assert_eq!(form.request.body.bytes(), &format!("a=1&pass%77ord={}&b", token("x y")));
}

#[test]
fn bodies_under_codings_are_read_and_coded_again() {
    let secret = "{\"a\":\"s3cr3t\",\"b\":1}";
    let expected = secret.replace("s3cr3t", &token("s3cr3t"));
    let gzip = |bytes: &[u8]| {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    };
    let ungzip = |bytes: &[u8]| {
        let mut out = Vec::new();
        flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut out).unwrap();
        out
    };
    for declared in [true, false] {
        let mut exchange = exchange("application/json", gzip(secret.as_bytes()), "");
        if declared {
            exchange.request.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        let done = redactor(&["body:/a"]).redact(&mut exchange);
        assert_eq!(done, Redacted { values: 1, bodies: 0 }, "declared: {declared}");
        assert_eq!(ungzip(exchange.request.body.bytes()), expected.as_bytes());
    }
    let stacked = zstd::encode_all(&gzip(secret.as_bytes())[..], 3).unwrap();
    let mut exchange = exchange("application/json", stacked, "");
    exchange.request.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip, zstd"));
    redactor(&["body:/a"]).redact(&mut exchange);
    let undone = zstd::decode_all(&exchange.request.body.bytes()[..]).unwrap();
    assert_eq!(ungzip(&undone), expected.as_bytes());
}

#[test]
fn what_cannot_be_read_is_replaced_whole_and_still_compares() {
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let cases: [(&'static str, &[u8]); 7] = [
        ("application/json", b"{\"a\":\"s3cr3t\""),
        ("application/json", b"{\"a\":\"s3cr3t\"} trailing"),
        ("text/html", b"<p>s3cr3t</p>"),
        ("application/protobuf", b"\x0a\x06s3cr3t"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\ns3cr3t\r\n--x--"),
        ("application/json; charset=utf-16le", b"{\0}\0"),
        ("application/json", deep.as_bytes()),
    ];
    for (mime, bytes) in cases {
        let mut exchange = exchange(mime, bytes, bytes);
        let mut kept = exchange.clone();
        let done = redactor(&["body:/a"]).redact(&mut exchange);
        assert_eq!(done, Redacted { values: 0, bodies: 2 }, "{mime}");
        let answer = exchange.outcomes.primary.as_ref().and_then(Outcome::response).unwrap();
        assert_eq!(exchange.request.body, answer.body, "equal bodies stay equal");
        assert_eq!((answer.body.len(), answer.body.bytes().len()), (bytes.len() as u64, 0));

        let before = kept.clone();
        redactor(&["body:/a"]).unreadable(Unreadable::Keep).redact(&mut kept);
        assert_eq!(kept, before);
    }
    let mut cut = exchange("application/json", "", "");
    cut.request.body = Body::cut("{\"a\":\"s3c", 900, 42);
    redactor(&["body:/a"]).redact(&mut cut);
    assert_eq!((cut.request.body.len(), cut.request.body.bytes().len()), (900, 0));
    assert_ne!(cut.request.body.cut_digest(), Some(42), "a plain digest can be tried against");
}

#[test]
fn without_places_nothing_changes() {
    let mut exchange = exchange("application/json", "{\"a\":1", "<p>");
    let before = exchange.clone();
    assert!(redactor(&[]).is_empty());
    assert_eq!(redactor(&["query:a", "cookie:*"]).redact(&mut exchange), Redacted::default());
    assert_eq!(exchange, before);
}

#[test]
fn unusable_places_are_named_with_a_remedy() {
    let error = |place: &str| Redactor::new(&key(), [place]).unwrap_err().to_string();
    for place in ["password", "status:", "header:", "path:/a"] {
        assert!(error(place).contains(place) && error(place).contains("header:NAME"), "{place}");
    }
    assert!(error("header:x y").contains("whole names"));
    assert!(error("header:*").contains("whole names"));
    assert!(error("body:a/b").contains("write `/a/b`"));
    assert!(error(&format!("body:{}", "/x".repeat(64))).contains("63"));
    Redactor::new(&key(), ["header:x-api-key", "cookie:connect.sid", "cookie:*"]).unwrap();
    assert_eq!(format!("{:?}", key()), "Key(…)");
}

proptest! {
    /// Against a reader that builds trees: the secret is nowhere in the result, the rest is equal.
    #[test]
    fn a_redacted_text_differs_at_the_place_alone(
        before in "[a-z]{0,4}", secret in "[A-Z]{6,12}", items in 0_usize..4, pretty in any::<bool>(),
    ) {
        let one = serde_json::json!({"id": before, "secret": secret, "n": 1.5});
        let value = serde_json::json!({"items": vec![one; items], "id": before, "secret": "open"});
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        let redacted = body(&["body:/items/*/secret"], &text);
        prop_assert!(!redacted.contains(&secret));
        prop_assert_eq!(redacted.replace(&token(&secret), &secret), text);
    }

    /// Whatever the bytes, there is no panic, and a text that our reader takes for JSON is JSON.
    #[test]
    fn any_bytes_are_read_or_given_up(bytes in prop::collection::vec(any::<u8>(), 0..64), json in r#"[\[\]{}:,"\\u0-9a-e. -]{0,24}"#) {
        for text in [&bytes[..], json.as_bytes()] {
            let patterns = [Pattern::parse("/**").unwrap()];
            let _ = json::redact(text, &patterns, &key(), false);
            if serde_json::from_slice::<serde_json::Value>(text).is_ok() {
                prop_assert!(json::redact(text, &patterns, &key(), false).is_some());
            }
        }
    }
}
