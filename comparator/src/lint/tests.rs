//! What is said about rules, on small recordings.

use super::*;
use crate::testing::{answer, exchange};
use parallax_config::{Action, Place as At};

fn rule(at: &str, action: &str) -> Rule {
    Rule {
        at: At::try_from(at.to_owned()).unwrap(),
        action: Action::try_from(action.to_owned()).unwrap(),
        route: None,
        owner: Some("ingest team".to_owned()),
        expires: None,
    }
}

fn settings() -> Settings {
    Settings { share: 0.5, today: "2026-11-24".parse().unwrap() }
}

/// An exchange with these bodies of the primary, the candidate and the control.
fn with_bodies(sequence: u64, bodies: [&str; 3]) -> Exchange {
    let mut exchange = exchange(sequence, 0);
    let [primary, candidate, control] = bodies.map(|body| Some(answer(200, body, 1)));
    exchange.outcomes = parallax_exchange::Outcomes { primary, candidate, control };
    *exchange
}

fn lint(rules: &[Rule], exchanges: impl IntoIterator<Item = Exchange>) -> LintDocument {
    let mut lint = Lint::new(rules).unwrap();
    exchanges.into_iter().for_each(|exchange| lint.take(&exchange));
    lint.finish(&settings(), false)
}

fn kinds(document: &LintDocument) -> Vec<(FindingKind, Vec<usize>)> {
    document.findings.iter().map(|finding| (finding.kind, finding.rules.clone())).collect()
}

/// A time that every answer varies in, on all three.
fn noisy(sequence: u64) -> Exchange {
    let body = |role: u64| format!(r#"{{"at":{},"ok":true}}"#, 1_764_000_000 + 3 * sequence + role);
    with_bodies(sequence, [&body(0), &body(1), &body(2)])
}

#[test]
fn a_rule_for_what_the_control_shows_too_is_clean() {
    let document = lint(&[rule("body:/at", "class:timestamp")], (0..50).map(noisy));
    assert_eq!(kinds(&document), []);
    let report = &document.rules[0];
    assert_eq!((report.candidate, report.control, report.alone, report.exchanges), (50, 50, 100, 50));
    assert_eq!((document.candidate_differences, document.control_differences), (50, 50));
    assert_eq!((report.places[0].pattern.as_str(), report.places[0].candidate), ("/at", 50));
}

#[test]
fn a_rule_that_hides_what_only_the_candidate_shows_is_found_with_examples() {
    let lost = with_bodies(
        50,
        [r#"{"at":1764000000,"ok":true}"#, r#"{"ok":true}"#, r#"{"at":1764000001,"ok":true}"#],
    );
    let document = lint(&[rule("body:/at", "ignore")], (0..50).map(noisy).chain([lost]));
    assert_eq!(kinds(&document), [(FindingKind::HidesCandidate, vec![0])]);
    let place = &document.findings[0].places[0];
    assert_eq!((place.kind, place.candidate_only, place.control), (crate::diff::Kind::Missing, 1, 0));
    assert_eq!(place.examples[0].left.as_deref(), Some("1764000000"));
    assert_eq!(place.examples[0].right, None);
}

#[test]
fn noise_that_the_candidate_shows_far_more_often_is_its_own() {
    let body = |n: u64| format!(r#"{{"n":{n}}}"#);
    let excess = (0..60)
        .map(|s| with_bodies(s, [&body(0), &body(u64::from(s % 2 == 0)), &body(u64::from(s % 30 == 1))]));
    let document = lint(&[rule("body:/n", "class:number")], excess);
    assert_eq!(kinds(&document), [(FindingKind::HidesCandidate, vec![0])]);
    let even = (0..60)
        .map(|s| with_bodies(s, [&body(0), &body(u64::from(s % 2 == 0)), &body(u64::from(s % 2 == 1))]));
    assert_eq!(kinds(&lint(&[rule("body:/n", "class:number")], even)), []);
}

#[test]
fn dead_expired_and_ownerless_rules_are_found() {
    let mut dead = rule("body:/never", "ignore");
    dead.owner = None;
    dead.expires = Some("2026-11-24".parse().unwrap());
    let elsewhere = Rule { route: Some("other".to_owned()), ..rule("body:/at", "ignore") };
    let document = lint(&[dead, elsewhere], (0..5).map(noisy));
    assert_eq!(
        kinds(&document),
        [
            (FindingKind::Expired, vec![0]),
            (FindingKind::Dead, vec![0]),
            (FindingKind::Dead, vec![1]),
            (FindingKind::Ownerless, vec![0]),
        ]
    );
}

#[test]
fn overlapping_and_redundant_rules_are_told_apart() {
    let body = |role: u64, s: u64| format!(r#"{{"a":{{"x":{0},"y":{0}}},"b":{0}}}"#, 10 * s + role);
    let all = || (0..4).map(|s| with_bodies(s, [&body(0, s), &body(1, s), &body(2, s)]));
    // Rule 1 hides /a/x and /b, rule 0 hides /a/x and /a/y: they share /a/x.
    let rules = [rule("body:/a/*", "class:number"), rule("body:/**/x", "ignore"), rule("body:/b", "ignore")];
    let document = lint(&rules, all());
    assert_eq!(document.overlaps, [Overlap { rules: [0, 1], differences: 8 }]);
    assert_eq!(kinds(&document), [(FindingKind::Swallows, vec![0]), (FindingKind::Redundant, vec![1, 0])]);
    let body = |role: u64| format!(r#"{{"a":{{"x":{role},"y":{role}}},"c":{{"x":{role}}},"d":{role}}}"#);
    let rules = [rule("body:/a/*", "class:number"), rule("body:/*/x", "class:number")];
    let document = lint(&rules, [with_bodies(0, [&body(0), &body(1), &body(2)])]);
    assert_eq!(document.overlaps, [Overlap { rules: [0, 1], differences: 2 }]);
    assert_eq!(kinds(&document), [(FindingKind::Overlaps, vec![0, 1])]);
}

#[test]
fn a_rule_over_several_places_that_hides_most_swallows() {
    let document = lint(&[rule("body:/**", "ignore")], (0..5).map(noisy));
    assert_eq!(kinds(&document), [(FindingKind::Swallows, vec![0])]);
    assert!((document.rules[0].share - 1.0).abs() < 1e-9);
}

#[test]
fn every_action_is_seen_to_act() {
    let one = |action: &str, bodies: [&str; 3]| {
        let document = lint(&[rule("body:/v", action)], [with_bodies(0, bodies)]);
        let rule = &document.rules[0];
        (rule.candidate, rule.control, rule.made)
    };
    let v = |left: &str, right: &str| -> [String; 3] {
        [left, right, right].map(|value| format!(r#"{{"v":{value}}}"#))
    };
    for (action, left, right) in [
        ("present", "1", "\"x\""),
        ("unordered", "[1,2]", "[2,1]"),
        ("keyed_by:/id", r#"[{"id":1},{"id":2}]"#, r#"[{"id":2},{"id":1}]"#),
        ("case_fold", "\"a\"", "\"A\""),
        ("tolerate:1", "1", "2"),
        (
            "class:uuid",
            "\"3f2504e0-4f89-11d3-9a0c-0305e82c3301\"",
            "\"3f2504e0-4f89-11d3-9a0c-0305e82c3302\"",
        ),
        ("matches:[a-z]", "\"a\"", "\"b\""),
        ("rewrite:[0-9] => n", "\"a1\"", "\"a2\""),
    ] {
        let bodies = v(left, right);
        assert_eq!(one(action, [&bodies[0], &bodies[1], &bodies[2]]), (1, 1, 0), "{action}");
    }
    assert_eq!(one("null_equals_absent", [r#"{"v":null}"#, "{}", "{}"]), (1, 1, 0));
    assert_eq!(one("exact_spelling", [r#"{"v":1.0}"#, r#"{"v":1}"#, r#"{"v":1.0}"#]), (0, 0, 1));
}

#[test]
fn a_rule_below_an_array_whose_elements_moved_is_seen() {
    let bodies = [r#"[{"t":1},{"t":2}]"#, r#"[{"t":2},{"t":1}]"#, r#"[{"t":1},{"t":2}]"#];
    let document = lint(&[rule("body:/*/t", "ignore")], [with_bodies(0, bodies)]);
    assert_eq!(document.rules[0].candidate, 1, "{document:?}");
}

#[test]
fn a_recording_without_a_control_is_told_and_blames_nobody() {
    let mut exchange = noisy(0);
    exchange.outcomes.control = None;
    let document = lint(&[rule("body:/at", "ignore")], [exchange]);
    assert_eq!((document.with_control, kinds(&document).len()), (0, 0));
    assert!(render(&document).contains("no control answered"));
}

#[test]
fn the_order_of_exchanges_changes_nothing() {
    let all: Vec<_> = (0..40).map(noisy).collect();
    let rules = [rule("body:/at", "ignore"), rule("body:/*", "tolerate:9s")];
    assert_eq!(lint(&rules, all.clone()), lint(&rules, all.into_iter().rev()));
}

#[test]
fn entries_of_a_log_give_the_same_documents() {
    let mut missing = noisy(90);
    missing.outcomes.control = None;
    let mut alone = noisy(91);
    (alone.outcomes.candidate, alone.outcomes.control) = (None, None);
    let equal = (60..70).map(|s| with_bodies(s, ["{}", "{}", "{}"]));
    let all: Vec<_> = (0..40).map(noisy).chain(equal).chain([missing, alone]).collect();
    let rules = [rule("body:/at", "ignore"), rule("body:/*", "tolerate:9s")];
    let (mut encoded, mut learner) = (Lint::new(&rules).unwrap(), suggest::Learner::new(&[]).unwrap());
    let mut whole = suggest::Learner::new(&[]).unwrap();
    for exchange in &all {
        let mut bytes = Vec::new();
        codec::encode(exchange, &mut bytes);
        let entry = Entry::Exchange(bytes.into());
        encoded.take_entry(&entry).unwrap();
        learner.take_entry(&entry).unwrap();
        whole.take(exchange);
    }
    assert_eq!(encoded.finish(&settings(), false), lint(&rules, all));
    let settings = suggest::SuggestSettings { at_least: 3, expires: settings().today };
    assert_eq!(learner.finish(&settings, false), whole.finish(&settings, false));
}

#[test]
fn what_an_answer_says_of_single_events_is_a_difference_on_a_route_with_a_profile() {
    let refuse = |events: &str| format!(r#"{{"code":400,"events_with_invalid_fields":{{"time":{events}}}}}"#);
    let bodies = [refuse("[1]"), refuse("[2]"), refuse("[1]")];
    let mut exchange = with_bodies(0, [&bodies[0], &bodies[1], &bodies[2]]);
    exchange.request.method = http::Method::POST;
    exchange.request.target = "/2/httpapi".to_owned();
    exchange.labels = vec![parallax_exchange::Label { name: "route".into(), value: "ingest".into() }];
    let profile =
        RouteProfile { route: "ingest".to_owned(), profile: parallax_config::ProfileName::Amplitude };
    let count = |profiles: &[RouteProfile]| {
        let mut lint = Lint::new(&[]).unwrap().with_profiles(profiles);
        lint.take(&exchange);
        lint.finish(&settings(), false).candidate_differences
    };
    assert!(count(&[profile]) > count(&[]), "two events are told besides the body");
}

#[test]
fn credentials_are_in_no_example() {
    let bodies = [r#"{"token":"s3cr3t-1"}"#, r#"{"token":"s3cr3t-2"}"#, r#"{"token":"s3cr3t-3"}"#];
    let exchanges: Vec<_> = (0..5).map(|sequence| with_bodies(sequence, bodies)).collect();
    let document = lint(&[rule("body:/token", "ignore")], exchanges.clone());
    let mut learner = suggest::Learner::new(&[]).unwrap();
    exchanges.iter().for_each(|exchange| learner.take(exchange));
    let settings = suggest::SuggestSettings { at_least: 3, expires: settings().today };
    let learned = learner.finish(&settings, false);
    for text in [
        serde_json::to_string(&document).unwrap(),
        render(&document),
        serde_json::to_string(&learned).unwrap(),
        suggest::terminal(&learned),
        suggest::toml(&learned),
    ] {
        assert!(text.contains("/token") && !text.contains("s3cr3t"), "{text}");
    }
}
