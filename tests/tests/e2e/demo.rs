//! `parallax demo`: each planted regression gets the right verdict, exit code and culprit.

use crate::harness::tools::has_command;
use crate::harness::{Document, alone, parallax};
use std::time::Duration;

/// The demo gives up by itself after `--seconds`; this is for its start and its end.
const LIMIT: Duration = Duration::from_secs(120);

struct Expected {
    verdict: &'static str,
    code: i32,
    /// A check that is blamed, or the family of it.
    check: Option<&'static str>,
    /// Where the candidate, and not the control, differs.
    place: Option<&'static str>,
}

const PROMOTE: Expected = Expected { verdict: "promote", code: 0, check: None, place: None };

fn demo(regression: &str, expected: &Expected) -> Option<Document> {
    if !has_command("demo", "demo") {
        return None;
    }
    let _alone = alone();
    let args = ["demo", "--regression", regression, "--format", "json", "--headless", "--seconds", "90"];
    let outcome = parallax(args).run(LIMIT).expect_code(expected.code);
    let document = outcome.document();
    document.expect_verdict(expected.verdict);
    assert_eq!(document.at("/final"), true, "{document}");
    assert_eq!(document.at("/code"), expected.code, "{document}");
    assert_eq!(document.at("/partial"), false, "{document}");
    let blamed = document.blamed();
    match expected.check {
        Some(check) => {
            let is_named =
                document.text("/reason").contains(check) || blamed.iter().any(|name| name.contains(check));
            assert!(is_named, "{check} is not blamed: {blamed:?}\n{document}");
        }
        None => assert_eq!(blamed, [""; 0], "{document}"),
    }
    if let Some(place) = expected.place {
        document.expect_culprit(place);
    }
    Some(document)
}

fn reject(check: &'static str, place: Option<&'static str>) -> Expected {
    Expected { verdict: "reject", code: 10, check: Some(check), place }
}

#[test]
fn no_regression_is_promoted() {
    demo("none", &PROMOTE);
}

#[test]
fn a_wrong_field_is_rejected_at_its_path() {
    demo("field", &reject("mismatch", Some("body:/results/*/score")));
}

#[test]
fn a_wrong_type_is_rejected_at_its_path() {
    demo("type", &reject("mismatch", Some("body:/results/*/cohort")));
}

#[test]
fn dropped_requests_are_rejected() {
    // A dropped request is a mismatch and a missing answer alike; whichever crosses first is named.
    let Some(document) = demo("drop", &reject("", None)) else { return };
    let named = document.text("/reason").to_owned() + &document.blamed().join(" ");
    assert!(["mismatch", "status", "availability"].iter().any(|check| named.contains(check)), "{document}");
    assert!(document.count("/exposure/candidate_missing") > 0, "{document}");
    assert_eq!(document.count("/exposure/control_missing"), 0, "{document}");
}

#[test]
fn slow_answers_are_rejected() {
    demo("slow", &reject("latency", None));
}

#[test]
fn noise_that_all_share_is_not_blamed() {
    demo("flaky", &PROMOTE);
}

#[test]
fn wrong_statuses_are_rejected() {
    demo("status", &reject("", Some("status")));
}
