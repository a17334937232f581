//! What people and other tools read.

use crate::oracle;
use crate::tree::{Style, Tree, trees};
use parallax_comparator::diff::{Document, files, render};
use parallax_config::{Action, Place, Rule};
use proptest::prelude::*;

fn unordered_everywhere() -> [Rule; 1] {
    let at = Place::try_from("body:/**".to_owned()).unwrap();
    [Rule { at, action: Action::Unordered, route: None, owner: None, expires: None }]
}

fn json(left: &str, right: &str) -> Document {
    files(left.as_bytes(), right.as_bytes(), "application/json", &[]).unwrap()
}

const LEFT: &str = r#"{"a":[1,2],"b":"x\u001b[31m<b>","gone":1}"#;
const RIGHT: &str = r#"{"a":[1,3],"b":"y & z"}"#;

/// Values that `serde_json` keeps as they are: small integers, keys that need escapes in pointers.
fn plain_values() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        (-3_i64..4).prop_map(Value::from),
        "[ab~/]{0,2}".prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::btree_map("[ab0~/]{0,2}", inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_patch_of_one_side_gives_the_other(left in trees(), right in trees(), seed: u64) {
        let (before, after) = (left.text(), right.write(Style::varied(seed)));
        let patch = render::patch(before.as_bytes(), after.as_bytes(), "application/json", &[]).unwrap();
        let mut patched = left;
        patched.patch(&patch);
        prop_assert_eq!(oracle::equal(patched.text().as_bytes(), after.as_bytes()), Some(true), "{}", patch);
    }

    #[test]
    fn another_reader_of_patches_gets_the_other_side_too(left in plain_values(), right in plain_values()) {
        let (before, after) = (left.to_string(), right.to_string());
        let patch = render::patch(before.as_bytes(), after.as_bytes(), "application/json", &[]).unwrap();
        let mut patched = left;
        let operations: json_patch::Patch = serde_json::from_str(&patch).unwrap();
        json_patch::patch(&mut patched, &operations).unwrap();
        prop_assert_eq!(patched, right, "{}", patch);
    }

    #[test]
    fn a_patch_under_a_rule_gives_what_the_rule_calls_equal(left in trees(), right in trees()) {
        let rules = unordered_everywhere();
        let (before, after) = (left.text(), right.text());
        let patch = render::patch(before.as_bytes(), after.as_bytes(), "application/json", &rules).unwrap();
        let mut patched = left;
        patched.patch(&patch);
        let document = files(patched.text().as_bytes(), after.as_bytes(), "application/json", &rules).unwrap();
        prop_assert!(document.equal, "{}\n{:?}", patch, document.differences);
    }

    #[test]
    fn a_document_survives_writing_and_reading(left in trees(), right in trees()) {
        let document = json(&left.text(), &right.text());
        prop_assert_eq!(serde_json::from_str::<Document>(&render::json(&document)).unwrap(), document);
    }
}

#[test]
fn the_terminal_shows_both_sides_and_nothing_that_steers_it() {
    let document = json(LEFT, RIGHT);
    let expected = "\
3 differences

body /a/1  value
  - 2
  + 3

body /b  value
  - \"x\\u001b[31m<b>\"
  + \"y & z\"

body /gone  missing
  - 1
";
    assert_eq!(render::terminal(&document, false), expected);
    assert!(render::terminal(&document, true).contains("\u{1b}[31m  - 2\u{1b}[0m"));
    assert_eq!(render::terminal(&json("1", "1.0"), false), "no difference\n");
    let raw = files(b"x\x1b[2J\n", b"y\n", "text/plain", &[]).unwrap();
    assert!(!render::terminal(&raw, false).contains('\x1b'));
}

#[test]
fn the_json_document_has_the_documented_shape() {
    let value: serde_json::Value = serde_json::from_str(&render::json(&json("[1]", "[2]"))).unwrap();
    let expected = serde_json::json!({
        "schema": "parallax.diff/1", "equal": false, "truncated": false,
        "differences": [
            {"in": "body", "path": "/0", "pattern": "/*", "kind": "value", "left": "1", "right": "2"}
        ],
    });
    assert_eq!(value, expected);
}

#[test]
fn the_page_shows_data_as_text() {
    let page = render::html(&json(LEFT, RIGHT), "old.json", "new.json");
    assert!(page.starts_with("<!doctype html>") && page.contains("3 differences"));
    assert!(page.contains("31m&lt;b&gt;&quot;</pre>") && !page.contains("<b>"));
    assert!(page.contains("y &amp; z") && page.contains("<th>old.json</th>"));
    assert!(!render::html(&json("1", "1"), "a", "b").contains("<table>"));
}

#[test]
fn a_test_report_has_a_case_for_each_generalised_place() {
    let report = render::junit(&json(r#"{"l":[1,2,3],"b":1}"#, r#"{"l":[4,5,6],"b":null}"#), "old & new");
    assert!(report.contains("<testsuites tests=\"2\" failures=\"2\">"), "{report}");
    assert!(report.contains("<testcase classname=\"old &amp; new\" name=\"body /l/* (value)\">"), "{report}");
    assert!(report.contains("/l/2\n- 3\n+ 6</failure>"), "{report}");
    let equal = render::junit(&json("1", "1"), "x");
    assert!(equal.contains("failures=\"0\"") && equal.contains("name=\"equal\"/>"), "{equal}");
}

#[test]
fn text_has_a_unified_patch_and_binary_has_none() {
    let patch = render::patch(b"a\nb\nc\n", b"a\nB\nc\n", "text/plain", &[]).unwrap();
    assert_eq!(patch, "--- left\n+++ right\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n");
    let error =
        |left: &[u8], right: &[u8], mime| render::patch(left, right, mime, &[]).unwrap_err().to_string();
    assert!(error(b"\0", b"\x01", "image/png").starts_with("no patch of binary"));
    assert!(error(b"{", b"{}", "application/json").contains("left side is not JSON"));
    assert!(error(br#"{"a":1,"a":2}"#, br#"{"a":3,"a":4}"#, "application/json").contains("/a"));
}

#[test]
fn a_patch_escapes_pointers_and_replaces_roots() {
    let patch = |left: &str, right: &str| {
        render::patch(left.as_bytes(), right.as_bytes(), "application/json", &[]).unwrap()
    };
    assert_eq!(
        patch(r#"{"a/b":{"c~d":1}}"#, r#"{"a/b":{"c~d":2}}"#),
        "[\n  {\"op\": \"replace\", \"path\": \"/a~1b/c~0d\", \"value\": 2}\n]\n"
    );
    assert_eq!(patch("[1]", "{}"), "[\n  {\"op\": \"replace\", \"path\": \"\", \"value\": {}}\n]\n");
    assert_eq!(patch("1", "1.0"), "[]\n");
}

#[test]
fn whole_messages_are_compared_with_their_heads() {
    let left = "HTTP/1.1 200 OK\r\nServer: a\r\nContent-Type: application/json\r\n\r\n{\"a\":1}";
    let right = "HTTP/2 404 \r\ncontent-type: application/json\r\ndate: x\r\n\r\n{\"a\": 2}\n";
    let document = files(left.as_bytes(), right.as_bytes(), "message/http", &[]).unwrap();
    let found: Vec<_> = document.differences.iter().map(|d| format!("{:?} {}", d.part, d.path)).collect();
    assert_eq!(found, ["Status ", "Header server", "Body /a"]);
    let broken = files(left.as_bytes(), b"nothing", "message/http", &[]).unwrap();
    assert!(broken.differences[0].note.as_ref().unwrap().starts_with("right: no HTTP response"));
    let patch = render::patch(Tree::Null.text().as_bytes(), b"true", "message/http", &[]);
    assert!(patch.unwrap().contains("-null"));
}
