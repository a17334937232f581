//! Whole responses: status, headers, cookies, codings and content types.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use parallax_comparator::compare::{Comparer, Comparison};
use parallax_config::{Action, Place, Rule};
use parallax_exchange::{Body, Response};
use std::io::Write;

fn response(headers: &[(&'static str, &str)], body: impl Into<bytes::Bytes>) -> Response {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    Response { status: StatusCode::OK, headers: map, body: Body::whole(body), ..Response::default() }
}

fn ignoring(places: &[&str]) -> Comparer {
    let rule = |at: &&str| Rule {
        at: Place::try_from((*at).to_owned()).unwrap(),
        action: Action::Ignore,
        route: None,
        owner: None,
        expires: None,
    };
    Comparer::new(&places.iter().map(rule).collect::<Vec<_>>(), &[]).unwrap()
}

fn found(comparison: &Comparison) -> Vec<String> {
    comparison.differences.iter().map(|d| format!("{:?} {:?} {}", d.kind, d.part, d.path)).collect()
}

fn headers(left: &[(&'static str, &str)], right: &[(&'static str, &str)], ignored: &[&str]) -> Vec<String> {
    found(&ignoring(ignored).compare(None, &response(left, ""), &response(right, "")))
}

const NONE: [&str; 0] = [];

#[test]
fn what_always_varies_is_not_compared() {
    let left = [
        ("date", "Mon, 01 Jan 2026 00:00:00 GMT"),
        ("connection", "keep-alive"),
        ("via", "1.1 a"),
        ("x", "1"),
    ];
    assert_eq!(
        headers(&left, &[("date", "Tue, 02 Jan 2026 00:00:00 GMT"), ("x", "1"), ("age", "3")], &[]),
        NONE
    );
}

#[test]
fn headers_are_compared_by_name_with_order_and_duplicates() {
    let left =
        [("server", "a"), ("x-one", "1"), ("x-dup", "1"), ("x-dup", "2"), ("x-moved", "1"), ("x-moved", "2")];
    let right = [("x-moved", "2"), ("x-moved", "1"), ("x-dup", "1"), ("server", "b"), ("x-two", "2")];
    let expected = [
        "Value Header server",
        "Missing Header x-one",
        "Length Header x-dup",
        "Order Header x-moved",
        "Extra Header x-two",
    ];
    assert_eq!(headers(&left, &right, &[]), expected);
    assert_eq!(headers(&left, &right, &["header:Server", "header:x-one", "header:x-two"]), expected[2..4]);
}

#[test]
fn a_comma_separates_only_in_known_lists() {
    assert_eq!(
        headers(&[("allow", "GET, HEAD, OPTIONS")], &[("allow", "OPTIONS,GET"), ("allow", "HEAD")], &[]),
        NONE
    );
    assert_eq!(headers(&[("allow", "GET")], &[("allow", "get")], &[]), ["Value Header allow"]);
    assert_eq!(headers(&[("vary", "Origin")], &[("vary", "origin, Accept")], &[]), ["Length Header vary"]);
    assert_eq!(headers(&[("x-list", "a, b")], &[("x-list", "b, a")], &[]), ["Value Header x-list"]);
    assert_eq!(
        headers(
            &[("content-type", "text/html; charset=utf-8")],
            &[("content-type", "text/html;charset=UTF-8")],
            &[]
        ),
        NONE
    );
}

#[test]
fn redirects_and_their_query_parameters() {
    let (left, right) = ([("location", "http://a/x?t=1")], [("location", "/x?t=1")]);
    assert_eq!(headers(&left, &right, &["query:t"]), ["Value Header location"]);
    assert_eq!(headers(&left, &[("location", "http://a/x?t=2")], &["query:t"]), NONE);
}

#[test]
fn cookies_are_compared_by_name_and_attribute() {
    let left = [("set-cookie", "id=1; Path=/; Secure; Max-Age=5"), ("set-cookie", "b=2")];
    let right = [("set-cookie", "b=2"), ("set-cookie", "id=3; max-age=5; path=/"), ("set-cookie", "c=1")];
    let expected = ["Value Cookie id", "Missing Cookie id;secure", "Extra Cookie c"];
    assert_eq!(headers(&left, &right, &[]), expected);
    assert_eq!(headers(&left, &right, &["cookie:id;value"]), expected[1..]);
    assert_eq!(headers(&left, &right, &["cookie:id", "cookie:c"]), NONE);
}

#[test]
fn rules_act_on_headers_and_cookies_too() {
    let rule = |at: &str, action: &str| Rule {
        at: Place::try_from(at.to_owned()).unwrap(),
        action: Action::try_from(action.to_owned()).unwrap(),
        route: None,
        owner: None,
        expires: None,
    };
    let rules = [
        rule("header:x-list", "unordered"),
        rule("header:x-request-id", "class:uuid"),
        rule("header:etag", "present"),
        rule("cookie:id;value", "matches:[0-9]+"),
    ];
    let comparer = Comparer::new(&rules, &[]).unwrap();
    let (one, two) = ("3f2504e0-4f89-11d3-9a0c-0305e82c3301", "3f2504e0-4f89-11d3-9a0c-0305e82c3302");
    let left = [("x-list", "a, b"), ("x-request-id", one), ("etag", "1"), ("set-cookie", "id=1; Secure")];
    let right = [("x-list", "b,a"), ("x-request-id", two), ("etag", "2"), ("set-cookie", "id=2; Secure")];
    let compare = |right: &[(&'static str, &str)]| {
        found(&comparer.compare(None, &response(&left, ""), &response(right, "")))
    };
    assert_eq!(compare(&right), NONE);
    let worse = [("x-list", "b,c"), ("x-request-id", "none"), ("set-cookie", "id=x")];
    let expected = [
        "Value Header x-list",
        "Value Header x-request-id",
        "Missing Header etag",
        "Value Cookie id",
        "Missing Cookie id;secure",
    ];
    assert_eq!(compare(&worse), expected);
}

#[test]
fn content_length_counts_only_where_the_body_does_not_show_it() {
    let json = ("content-type", "application/json");
    let left = response(&[json, ("content-length", "7")], r#"{"a":1}"#);
    let right = response(&[json, ("content-length", "9")], r#"{"a" :1 }"#);
    assert_eq!(found(&ignoring(&[]).compare(None, &left, &right)), NONE);
    let head = |length| response(&[json, ("content-length", length)], "");
    assert_eq!(found(&ignoring(&[]).compare(None, &head("7"), &head("9"))), ["Value Header content-length"]);
}

#[test]
fn the_shape_of_a_response_is_a_difference_of_its_own() {
    let (announced, chunked) = (response(&[("content-length", "2")], "ok"), response(&[], "ok"));
    let compare = |l: &Response, r: &Response| found(&ignoring(&[]).compare(None, l, r));
    assert_eq!(compare(&announced, &chunked), ["Encoding Header content-length"]);
    assert_eq!(compare(&chunked, &announced), ["Encoding Header content-length"]);
    assert_eq!(found(&ignoring(&["header:content-length"]).compare(None, &announced, &chunked)), NONE);
    let head = response(&[("content-length", "2")], "");
    assert_eq!(compare(&head, &response(&[], "")), ["Missing Header content-length"]);
    let (plain, utf8) = ([("content-type", "text/plain")], [("content-type", "text/plain; charset=utf-8")]);
    assert_eq!(headers(&plain, &utf8, &[]), ["Encoding Header content-type"]);
    assert_eq!(headers(&plain, &[("content-type", "text/html")], &[]), ["Value Header content-type"]);
}

#[test]
fn trailers_are_compared_like_headers() {
    let with = |trailers: &[(&'static str, &str)]| Response {
        trailers: response(trailers, "").headers,
        ..response(&[], "x")
    };
    let compare =
        |l: &Response, r: &Response, ignored: &[&str]| found(&ignoring(ignored).compare(None, l, r));
    let left = with(&[("grpc-status", "0"), ("x-sum", "a"), ("x-sum", "b")]);
    let right = with(&[("x-sum", "b"), ("x-sum", "a"), ("grpc-status", "13"), ("grpc-message", "no")]);
    let expected = ["Value Trailer grpc-status", "Order Trailer x-sum", "Extra Trailer grpc-message"];
    assert_eq!(compare(&left, &right, &[]), expected);
    assert_eq!(compare(&left, &right, &["trailer:x-sum", "header:grpc-message"]), [expected[0], expected[2]]);
}

fn gzip(body: &str, level: u32) -> Vec<u8> {
    let mut encoder =
        flate2::GzBuilder::new().mtime(level).write(Vec::new(), flate2::Compression::new(level));
    encoder.write_all(body.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn codings_are_undone_before_bodies_are_compared() {
    let json = ("content-type", "application/json");
    let coded = |coding, body: Vec<u8>| response(&[json, ("content-encoding", coding)], body);
    let compare = |l: &Response, r: &Response| found(&ignoring(&[]).compare(None, l, r));
    let left = coded("gzip", gzip(r#"{"a":1}"#, 1));
    assert_eq!(compare(&left, &coded("gzip", gzip(r#"{"a": 1}"#, 9))), NONE);
    assert_eq!(compare(&left, &coded("gzip", gzip(r#"{"a":2}"#, 1))), ["Value Body /a"]);
    assert_eq!(compare(&left, &response(&[json], r#"{"a":1}"#)), ["Encoding Header content-encoding"]);
    assert_eq!(compare(&left, &coded("gzip", b"not gzip".to_vec())), ["Encoding Body "]);
    let zstd = zstd::encode_all(&br#"{"a":1}"#[..], 0).unwrap();
    assert_eq!(compare(&left, &coded("zstd", zstd)), ["Encoding Header content-encoding"]);
}

#[test]
fn where_the_type_lies_the_bytes_decide() {
    let compare = |l: (&'static str, &str), r: (&'static str, &str)| {
        let of = |(media, body): (&'static str, &str)| response(&[("content-type", media)], body.to_owned());
        found(&ignoring(&["header:content-type"]).compare(None, &of(l), &of(r)))
    };
    let (plain, html, json) = ("text/plain", "text/html", "application/json");
    assert_eq!(compare((plain, r#"{"a":1}"#), (plain, r#"{"a": 2}"#)), ["Value Body /a"]);
    assert_eq!(compare((plain, r#"{"a":1}"#), (json, r#"{"a": 1}"#)), NONE);
    assert_eq!(compare((plain, "{one} {two}"), (plain, "{one} {three}")), ["Value Body "]);
    assert_eq!(compare((json, r#"{"a":1}"#), (html, "<p>")), ["Type Body "]);
    assert_eq!(compare((json, r#"{"a":1}"#), (json, "<p>")), ["Unparsable Body "]);
    assert_eq!(compare((json, r#"{"a":1}"#), (json, "")), ["Missing Body "]);
}

#[test]
fn text_says_where_and_how_much() {
    let page = |lines: &[&str]| response(&[("content-type", "text/html")], lines.join("\n"));
    let left = page(&["<html>", "a", "b", "c", "d", "e", "</html>"]);
    let right = page(&["<html>", "a", "B", "c", "d", "e", "f", "</html>"]);
    let comparison = ignoring(&[]).compare(None, &left, &right);
    assert_eq!(found(&comparison), ["Value Body "]);
    let difference = &comparison.differences[0];
    assert_eq!(difference.left.as_deref(), Some("b\n"));
    assert_eq!(difference.right.as_deref(), Some("B\n"));
    assert_eq!(difference.note.as_deref(), Some("line 3; 1 lines removed and 2 added in 2 places"));
}

#[test]
fn texts_of_too_many_lines_are_one_hunk_and_truncated() {
    let page = |from: u32| {
        let lines: String = (from..from + 5_000).map(|line| format!("{line}\n")).collect();
        response(&[("content-type", "text/plain")], lines)
    };
    let comparison = ignoring(&[]).compare(None, &page(0), &page(7_000));
    assert_eq!((found(&comparison), comparison.truncated), (vec!["Value Body ".to_owned()], true));
    assert!(comparison.differences[0].note.as_ref().unwrap().ends_with("too many lines to be aligned"));
    // Nothing in common is the worst case within the limit; it is one hunk too, and all of it is told.
    let shorter =
        |from: u32| response(&[("content-type", "text/plain")], page(from).body.bytes().slice(..16_000));
    let comparison = ignoring(&[]).compare(None, &shorter(1_000), &shorter(7_000));
    assert_eq!((comparison.differences.len(), comparison.truncated), (1, false));
}

#[test]
fn cut_bodies_are_compared_by_length_digest_and_prefix() {
    let json = |body| Response { body, ..response(&[("content-type", "application/json")], "") };
    let cut = |length, digest| json(Body::cut("[1,2", length, digest));
    let compare = |l: &Response, r: &Response| found(&ignoring(&[]).compare(None, l, r));
    let note =
        |l: &Response, r: &Response| ignoring(&[]).compare(None, l, r).differences[0].note.clone().unwrap();
    // A part is never read as the whole, and equal parts do not make it equal.
    assert_eq!(note(&cut(100, 1), &cut(100, 2)), "the part that was kept is equal");
    assert_eq!(note(&cut(100, 1), &json(Body::cut("[1,3", 100, 2))), "differs first at byte 3");
    // One side may be whole: then its own digest is compared.
    assert_eq!(compare(&cut(100, 1), &json(Body::whole("[1,2"))), ["Length Body "]);
    let whole = json(Body::whole("[1,2]"));
    assert_eq!(compare(&json(Body::cut("[1", 5, xxhash_rust::xxh3::xxh3_64(b"[1,2]"))), &whole), NONE);
    assert_eq!(compare(&json(Body::cut("[1", 5, 9)), &whole), ["Value Body "]);
    // A rule on a path cannot say that the part behind the cut is expected.
    assert_eq!(found(&ignoring(&["body:/0"]).compare(None, &cut(100, 1), &cut(100, 2))), ["Value Body "]);
    assert_eq!(compare(&cut(100, 1), &cut(100, 1)), NONE);
    assert_eq!(compare(&cut(100, 1), &cut(100, 2)), ["Value Body "]);
    assert_eq!(compare(&cut(100, 1), &cut(101, 2)), ["Length Body "]);
}
