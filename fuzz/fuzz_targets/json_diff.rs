//! Two texts, a byte 0xff between them: the comparison agrees with `serde_json`, whichever way it takes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use parallax_comparator::diff::{Document, files, render};
use parallax_config::{Action, Place, Rule};

#[path = "../../comparator/tests/diff/oracle.rs"]
mod oracle;

const JSON: &str = "application/json";

fn rule(at: &str, action: &str) -> Rule {
    Rule {
        at: Place::try_from(at.to_owned()).expect("a place"),
        action: Action::try_from(action.to_owned()).expect("an action"),
        route: None,
        owner: None,
        expires: None,
    }
}

fn diff(left: &[u8], right: &[u8], rules: &[Rule]) -> Document {
    files(left, right, JSON, rules).expect("usable rules")
}

fn is_read(text: &[u8]) -> bool {
    serde_json::from_slice::<&serde_json::value::RawValue>(text).is_ok()
}

fuzz_target!(|bytes: &[u8]| {
    let mut texts = bytes.splitn(2, |&byte| byte == 0xff);
    let (Some(left), Some(right)) = (texts.next(), texts.next()) else { return };
    let document = diff(left, right, &[]);
    assert_eq!(document.equal, document.differences.is_empty());
    match oracle::equal(left, right) {
        Some(equal) => {
            assert_eq!(document.equal, equal);
            assert_eq!(document.differences.len(), diff(right, left, &[]).differences.len());
            // White space at the start makes the fast way give way to the plain walk.
            assert_eq!(document, diff(&[b" ", left].concat(), right, &[]));
        }
        None if is_read(left) != is_read(right)
            && !right.starts_with(b"\xef\xbb\xbf")
            && !left.starts_with(b"\xef\xbb\xbf") =>
        {
            assert!(!document.equal);
        }
        None => {}
    }
    let rules = [
        rule("body:/**/a", "ignore"),
        rule("body:/**/b", "unordered"),
        rule("body:/c", "keyed_by:/a"),
        rule("body:/**", "tolerate:1%"),
    ];
    let masked = diff(left, right, &rules);
    assert!(masked.equal || !document.equal);
    assert!(diff(left, left, &rules).equal);
    let _ = render::patch(left, right, JSON, &rules);
    let _ = (render::html(&masked, "a", "b"), render::junit(&masked, "a"), render::terminal(&masked, true));
});
