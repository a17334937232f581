//! Every action of the rule language at every part of a response, and that none hides more than it
//! says: no names by substring, no other kind of difference, no other route.

use http::{HeaderMap, HeaderName, HeaderValue};
use parallax_comparator::compare::Comparer;
use parallax_config::{Action, Place, Rule};
use parallax_exchange::{Body, Response};
use proptest::prelude::*;

fn rule(at: &str, action: &str) -> Rule {
    Rule {
        at: Place::try_from(at.to_owned()).unwrap(),
        action: Action::try_from(action.to_owned()).unwrap(),
        route: None,
        owner: None,
        expires: None,
    }
}

fn fields(name: &'static str, values: &[&str]) -> HeaderMap {
    let value =
        |value: &&str| (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap());
    values.iter().map(value).collect()
}

/// A part of a response that a rule can name, holding one value (`None` for nothing).
#[derive(Debug, Clone, Copy, PartialEq)]
enum Part {
    Body,
    Header,
    Trailer,
    Cookie,
    Attribute,
}

impl Part {
    const ALL: [Self; 5] = [Self::Body, Self::Header, Self::Trailer, Self::Cookie, Self::Attribute];

    fn place(self) -> &'static str {
        match self {
            Self::Body => "body:/v",
            Self::Header => "header:x-v",
            Self::Trailer => "trailer:x-v",
            Self::Cookie => "cookie:v",
            Self::Attribute => "cookie:c;v",
        }
    }

    fn response(self, value: Option<&str>) -> Response {
        let values: Vec<&str> = value.into_iter().collect();
        let mut response = Response::default();
        match (self, value) {
            (Self::Body, Some(value)) => {
                response.body = Body::whole(format!(r#"{{"v":{}}}"#, serde_json::to_string(value).unwrap()));
            }
            (Self::Body, None) => response.body = Body::whole("{}"),
            (Self::Header, _) => response.headers = fields("x-v", &values),
            (Self::Trailer, _) => response.trailers = fields("x-v", &values),
            (Self::Cookie, Some(value)) => response.headers = fields("set-cookie", &[&format!("v={value}")]),
            (Self::Cookie, None) => {}
            (Self::Attribute, Some(value)) => {
                response.headers = fields("set-cookie", &[&format!("c=1; v={value}")]);
            }
            (Self::Attribute, None) => response.headers = fields("set-cookie", &["c=1"]),
        }
        response
    }

    fn hides(self, action: &str, left: Option<&str>, right: Option<&str>) -> bool {
        let comparer = Comparer::new(&[rule(self.place(), action)], &[]).unwrap();
        comparer.compare(None, &self.response(left), &self.response(right)).differences.is_empty()
    }
}

const UUIDS: [&str; 2] = ["3f2504e0-4f89-11d3-9a0c-0305e82c3301", "3f2504e0-4f89-11d3-9a0c-0305e82c3302"];

#[test]
fn every_action_hides_what_it_says_and_nothing_else_in_every_part() {
    // Action, two values that it takes for the same, and one that it does not.
    let cases = [
        ("case_fold", ["Aß", "aß"], "b"),
        ("tolerate:0.5", ["1.25", "1.5"], "2"),
        ("tolerate:10%", ["100", "109"], "120"),
        ("tolerate:2s", ["2026-11-23T10:00:00Z", "1795428001"], "2026-11-23T10:00:03Z"),
        ("tolerate:2s", ["Mon, 23 Nov 2026 10:00:00 GMT", "Mon, 23 Nov 2026 10:00:02 GMT"], "soon"),
        ("class:uuid", UUIDS, "3f2504e0"),
        ("class:timestamp", ["2026-11-23T10:00:00Z", "1795428000000"], "yesterday"),
        ("class:ip", ["10.0.0.1", "::1"], "10.0.0.256"),
        ("class:number", ["1", "-2e3"], "1x"),
        ("class:non_empty", ["a", "b c"], ""),
        ("matches:req-[0-9]+", ["req-1", "req-22"], "req-2x"),
        ("rewrite:^(\\w+)-[0-9a-f]{4}$ => $1", ["host-00ff", "host-12ab"], "other-12ab"),
    ];
    for part in Part::ALL {
        for (action, [left, same], other) in cases {
            assert!(part.hides(action, Some(left), Some(same)), "{part:?} {action}: {left} and {same}");
            assert!(!part.hides(action, Some(left), Some(other)), "{part:?} {action}: {left} and {other}");
            assert!(!part.hides(action, Some(left), None), "{part:?} {action}: nothing on the right");
            assert!(!part.hides(action, None, Some(same)), "{part:?} {action}: nothing on the left");
        }
        assert!(part.hides("present", Some("a"), Some("b")) && !part.hides("present", Some("a"), None));
        assert!(part.hides("ignore", Some("a"), Some("b")) && part.hides("ignore", None, Some("b")));
        assert!(!part.hides("unordered", Some("a"), Some("b")));
    }
}

#[test]
fn lists_come_in_any_order_where_a_rule_says_so() {
    for place in ["header:x-v", "trailer:x-v"] {
        let part = if place.starts_with("header") { Part::Header } else { Part::Trailer };
        assert!(
            part.hides("unordered", Some("a, b"), Some("b,a"))
                && !part.hides("unordered", Some("a"), Some("a, b"))
        );
    }
    let arrays = |at: &str, action: &str, left: &'static str, right: &'static str| {
        let of = |body: &'static str| Response { body: Body::whole(body), ..Response::default() };
        Comparer::new(&[rule(at, action)], &[])
            .unwrap()
            .compare(None, &of(left), &of(right))
            .differences
            .len()
    };
    assert_eq!(arrays("body:/v", "unordered", r#"{"v":[1,2,2]}"#, r#"{"v":[2,1,2]}"#), 0);
    assert_eq!(arrays("body:/v", "unordered", r#"{"v":[1,2,2]}"#, r#"{"v":[2,1,1]}"#), 1);
    let (left, right) = (r#"{"v":[{"i":1,"n":1},{"i":2,"n":2}]}"#, r#"{"v":[{"i":2,"n":3},{"i":1,"n":1}]}"#);
    assert_eq!(arrays("body:/v", "keyed_by:/i", left, right), 1);
    assert_eq!(arrays("body:/v", "null_equals_absent", r#"{"v":null}"#, "{}"), 0);
    assert_eq!(arrays("body:/v", "null_equals_absent", r#"{"v":0}"#, "{}"), 1);
    assert_eq!(arrays("body:/v", "exact_spelling", r#"{"v":1.0}"#, r#"{"v":1}"#), 1);
    assert_eq!(arrays("body:/w", "exact_spelling", r#"{"v":1.0}"#, r#"{"v":1}"#), 0);
}

#[test]
fn a_query_parameter_of_a_redirect_may_vary_and_no_other() {
    let to = |target: &str| Response { headers: fields("location", &[target]), ..Response::default() };
    let comparer = Comparer::new(&[rule("query:nonce", "ignore")], &[]).unwrap();
    let same = |left: &str, right: &str| comparer.compare(None, &to(left), &to(right)).differences.is_empty();
    assert!(same("/a?nonce=1&b=2", "/a?nonce=9&b=2") && same("/a?b=2", "/a?nonce=9&b=2"));
    assert!(!same("/a?nonce=1&b=2", "/a?nonce=1&b=3") && !same("/a?nonces=1", "/a?nonces=2"));
}

#[test]
fn a_regular_expression_is_for_the_whole_text_however_it_is_written() {
    for pattern in ["matches:a|b", "matches:^a|b$", "matches:(?i)A|b"] {
        assert!(Part::Body.hides(pattern, Some("a"), Some("b")), "{pattern}");
        assert!(
            !Part::Body.hides(pattern, Some("a"), Some("bc"))
                && !Part::Body.hides(pattern, Some("ca"), Some("b"))
        );
    }
    let unbalanced = Comparer::new(&[rule("body:/v", "matches:a)|(?:b")], &[]);
    assert!(unbalanced.unwrap_err().to_string().contains("not a regular expression"));
}

#[test]
fn a_rule_of_one_route_is_none_of_another_with_a_longer_name() {
    let rules = [Rule { route: Some("in".to_owned()), ..rule("body:/v", "ignore") }];
    let comparer = Comparer::new(&rules, &[]).unwrap();
    let (left, right) = (Part::Body.response(Some("a")), Part::Body.response(Some("b")));
    let count = |route: Option<&str>| comparer.compare(route, &left, &right).differences.len();
    assert_eq!([count(Some("in")), count(Some("ingest")), count(Some("i")), count(None)], [0, 1, 1, 1]);
}

proptest! {
    /// A rule for one name says nothing of a name that contains it, is contained in it or is like it.
    #[test]
    fn nothing_is_matched_by_substring(ours in "[a-c]{1,3}", theirs in "[a-c]{1,3}") {
        let hides = |at: String, left: &Response, right: &Response| {
            Comparer::new(&[rule(&at, "ignore")], &[]).unwrap().compare(None, left, right).differences.is_empty()
        };
        let same = ours == theirs;
        let body = |value: u8| Response {
            body: Body::whole(format!(r#"{{"{theirs}":{{"k":{value}}}}}"#)),
            ..Response::default()
        };
        prop_assert_eq!(hides(format!("body:/{ours}"), &body(1), &body(2)), same);
        prop_assert_eq!(hides(format!("body:/**/{ours}"), &body(1), &body(2)), same);
        let with = |name: &str, value: &str| {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            let map = || HeaderMap::from_iter([(name.clone(), HeaderValue::from_str(value).unwrap())]);
            (Response { headers: map(), ..Response::default() }, Response { trailers: map(), ..Response::default() })
        };
        let (one, two) = (with(&format!("x-{theirs}"), "1"), with(&format!("x-{theirs}"), "2"));
        prop_assert_eq!(hides(format!("header:x-{ours}"), &one.0, &two.0), same);
        prop_assert_eq!(hides(format!("trailer:x-{ours}"), &one.1, &two.1), same);
        prop_assert!(!hides(format!("header:x-{ours}"), &one.1, &two.1), "a trailer is no header");
        let cookie = |value: &str| with("set-cookie", &format!("{theirs}={value}; {theirs}={value}")).0;
        prop_assert_eq!(hides(format!("cookie:{ours}"), &cookie("1"), &cookie("2")), same);
        prop_assert!(!hides(format!("cookie:{ours};{ours}"), &cookie("1"), &cookie("2")), "the value differs too");
    }
}
