//! `parallax demo`: each planted regression gets the right verdict, exit code and culprit.

use crate::harness::tools::has_command;
use crate::harness::{alone, parallax};
use std::time::Duration;

/// The demo gives up by itself after `--seconds`; this is for its start and its end.
const LIMIT: Duration = Duration::from_secs(120);

struct Expected {
    verdict: &'static str,
    code: i32,
    /// A check that is blamed.
    check: Option<&'static str>,
    /// Where the candidate, and not the control, differs.
    place: Option<&'static str>,
}

const PROMOTE: Expected = Expected { verdict: "promote", code: 0, check: None, place: None };

fn demo(regression: &str, expected: &Expected) {
    if !has_command("demo", "demo") {
        return;
    }
    let _alone = alone();
    let args = ["demo", "--regression", regression, "--format", "json", "--headless", "--seconds", "90"];
    let outcome = parallax(args).run(LIMIT).expect_code(expected.code);
    let document = outcome.document();
    document.expect_verdict(expected.verdict);
    assert_eq!(document.at("/final"), true, "{document}");
    assert_eq!(document.at("/code"), expected.code, "{document}");
    assert_eq!(document.at("/partial"), false, "{document}");
    match expected.check {
        Some(check) => {
            let named =
                document.text("/reason").contains(check) || document.culprits().iter().any(|c| c == check);
            assert!(named, "{check} is not blamed: {:?}\n{document}", document.culprits());
        }
        None => assert_eq!(document.culprits(), [""; 0], "{document}"),
    }
    if let Some(place) = expected.place {
        document.expect_culprit(place);
    }
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
    demo("drop", &reject("availability", None));
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
    demo("status", &reject("status", Some("status")));
}
