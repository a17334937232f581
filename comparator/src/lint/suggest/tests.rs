//! Rules learned from small recordings, and what linting says of them.

use super::*;
use crate::lint::{Lint, Settings};
use crate::testing::{answer, exchange};
use proptest::prelude::*;

fn settings() -> SuggestSettings {
    SuggestSettings { at_least: 3, expires: "2027-02-22".parse().unwrap() }
}

fn with_bodies(sequence: u64, [primary, candidate, control]: [&str; 3]) -> Exchange {
    let mut exchange = exchange(sequence, 0);
    let answer = |body: &str| Some(answer(200, body, 1));
    exchange.outcomes.primary = answer(primary);
    exchange.outcomes.candidate = answer(candidate);
    exchange.outcomes.control = answer(control);
    *exchange
}

/// Learns, checks against the candidate as the command does, and lints the outcome.
fn suggest(exchanges: &[Exchange]) -> (Suggestions, LintDocument) {
    let mut learner = Learner::new(&[]).unwrap();
    exchanges.iter().for_each(|exchange| learner.take(exchange));
    let mut suggestions = learner.finish(&settings(), false);
    suggestions.check(&lint(&suggestions.rules(), exchanges));
    let document = lint(&suggestions.rules(), exchanges);
    (suggestions, document)
}

fn lint(rules: &[Rule], exchanges: &[Exchange]) -> LintDocument {
    let mut lint = Lint::new(rules).unwrap();
    exchanges.iter().for_each(|exchange| lint.take(exchange));
    lint.finish(&Settings { share: 1.0, today: "2026-11-24".parse().unwrap() }, false)
}

/// Ten exchanges whose bodies hold a value that varies by role and exchange.
fn noise(value: impl Fn(u64, u64) -> String) -> Vec<Exchange> {
    let one = |s: u64| {
        let [a, b, c] = [0, 1, 2].map(|role| format!(r#"{{"v":{},"ok":1}}"#, value(s, role)));
        with_bodies(s, [&a, &b, &c])
    };
    (0..10).map(one).collect()
}

fn suggested(value: impl Fn(u64, u64) -> String) -> Vec<(String, String)> {
    let (suggestions, document) = suggest(&noise(value));
    assert_eq!(document.rules.first().map_or(10, |rule| rule.control), 10, "all of the noise is hidden");
    suggestions.rules.iter().map(|rule| (rule.at.clone(), rule.action.to_string())).collect()
}

#[test]
fn each_kind_of_noise_gets_the_narrowest_action() {
    type Value = fn(u64, u64) -> String;
    let cases: [(Value, &str); 13] = [
        (|s, r| format!(r#""{s:08x}-0000-4000-8000-00000000000{r}""#), "class:uuid"),
        (|s, r| format!(r#""10.0.{s}.{r}""#), "class:ip"),
        (|s, r| format!("{}", 1_764_000_000_000 + 1000 * s + 40 * r), "tolerate:200ms"),
        (|s, r| format!(r#""2025-11-24T16:00:{s:02}.{r}00Z""#), "tolerate:500ms"),
        (|s, r| format!("{}", 1_764_000_000 + 86_400 * s * r + r), "class:timestamp"),
        (|s, r| format!("{}.{r}", 100 + s), "tolerate:0.5"),
        (|s, r| format!("{}", 10_u64.pow(s as u32) * (100 + r)), "tolerate:5%"),
        (|s, r| format!("{}", (s * 7 + r * 13) % 31 + r), "class:number"),
        (|s, r| format!(r#""{}""#, if r == 0 { format!("Ab{s}") } else { format!("aB{s}") }), "case_fold"),
        (|s, r| format!(r#""req-{:08x}""#, (s * 3 + r + 1) * 0x0107_0503), "matches:req-[0-9a-f]{8}"),
        (|s, r| format!(r#""{} words {r}""#, "x".repeat(s as usize)), "class:non_empty"),
        (|s, r| if r == 0 { format!("[{s},100]") } else { format!("[100,{s}]") }, "unordered"),
        (|s, r| if r == 0 { format!("{s}") } else { format!("\"{s}\"") }, "present"),
    ];
    for (value, action) in cases {
        assert_eq!(suggested(value), [("body:/v".to_owned(), action.to_owned())]);
    }
}

#[test]
fn nulls_and_lone_members_are_told_apart() {
    let all = |lone: &str| -> Vec<Exchange> {
        (0..5).map(|s| with_bodies(s, [&format!(r#"{{"v":{lone}}}"#), "{}", "{}"])).collect()
    };
    assert_eq!(suggest(&all("null")).0.rules[0].action, Action::NullEqualsAbsent);
    assert_eq!(suggest(&all("1")).0.rules[0].action, Action::Ignore);
}

#[test]
fn what_would_hide_the_candidates_own_is_withheld_with_its_examples() {
    // The control drops the value in some exchanges, the candidate in all.
    let one = |s: u64| {
        let control = if s < 5 { "{}" } else { r#"{"v":1}"# };
        with_bodies(s, [r#"{"v":1}"#, "{}", control])
    };
    let (suggestions, document) = suggest(&(0..60).map(one).collect::<Vec<_>>());
    assert_eq!((suggestions.rules.len(), document.findings.len()), (0, 0));
    let withheld = &suggestions.withheld[0];
    assert!(withheld.why.contains("only the candidate") && withheld.candidate[0].candidate_only == 55);
    assert!(!toml(&suggestions).contains("\n[[rules]]"));
}

#[test]
fn rare_noise_statuses_and_whole_bodies_get_no_rule() {
    let mut all: Vec<_> =
        (0..2).map(|s| with_bodies(s, [r#"{"v":1}"#, r#"{"v":1}"#, r#"{"v":2}"#])).collect();
    for sequence in 2..7 {
        let mut exchange = with_bodies(sequence, ["{}", "{}", "[]"]);
        exchange.outcomes.control = Some(answer(500, "[]", 1));
        all.push(exchange);
    }
    let (suggestions, _) = suggest(&all);
    assert_eq!(suggestions.rules, []);
    let withheld: Vec<_> = suggestions.withheld.iter().map(|one| one.at.as_str()).collect();
    assert_eq!(withheld, ["body:", "body:/v", "status"]);
    assert!(suggestions.withheld[1].why.contains("seldom"));
}

#[test]
fn many_like_places_become_one_pattern_and_few_do_not() {
    let all = |names: usize| -> Vec<Exchange> {
        let body = |role: usize, s: usize| {
            let members: Vec<_> = (0..names)
                .map(|n| format!(r#""user{}":{{"n":{}}}"#, (b'a' + n as u8) as char, 1000 + 10 * s + role))
                .collect();
            format!(r#"{{"users":{{{}}}}}"#, members.join(","))
        };
        (0..5).map(|s| with_bodies(s as u64, [&body(0, s), &body(1, s), &body(2, s)])).collect()
    };
    let places =
        |names: usize| suggest(&all(names)).0.rules.iter().map(|rule| rule.at.clone()).collect::<Vec<_>>();
    assert_eq!(places(SIBLINGS_MIN), ["body:/users/*/n"]);
    assert_eq!(places(2), ["body:/users/usera/n", "body:/users/userb/n"]);
}

#[test]
fn a_rule_names_its_route_unless_every_route_shows_the_noise() {
    let label = |route: &str| vec![parallax_exchange::Label { name: "route".into(), value: route.into() }];
    let mut all = noise(|s, r| format!("{}.{r}", 100 + s));
    for (index, exchange) in all.iter_mut().enumerate() {
        exchange.labels = label(if index % 2 == 0 { "a" } else { "b" });
    }
    let rules = suggest(&all).0.rules;
    assert_eq!((rules.len(), rules[0].route.as_deref()), (1, None));
    let mut quiet = with_bodies(99, ["{}", "{}", "{}"]);
    quiet.labels = label("c");
    all.push(quiet);
    let rules = suggest(&all).0.rules;
    assert_eq!(rules.iter().map(|rule| rule.route.as_deref()).collect::<Vec<_>>(), [Some("a"), Some("b")]);
}

/// A JSON value of few shapes, so that noise, faults and equal values all come up.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        (0_u32..4).prop_map(|n| n.to_string()),
        "[ab\\\\\u{7f}#\"]{0,2}".prop_map(|text| serde_json::to_string(&text).unwrap()),
        (0_u32..3).prop_map(|n| format!("{}", 1_764_000_000 + n)),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        let key = prop::sample::select(vec!["a", "b", "~/", "\u{7f}", "e\"", "nl\n"]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|all| format!("[{}]", all.join(","))),
            prop::collection::btree_map(key, inner, 0..3).prop_map(|all| {
                let members: Vec<_> = all
                    .iter()
                    .map(|(key, value)| format!("{}:{value}", serde_json::to_string(key).unwrap()))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the answers, the TOML is a configuration of exactly the suggested rules, and linting
    /// with them finds nothing hidden that only the candidate shows.
    #[test]
    fn suggestions_parse_and_hide_nothing_of_the_candidates_own(
        bodies in prop::collection::vec((value(), value(), value()), 1..12),
    ) {
        let one = |(s, (a, b, c)): (u64, &(String, String, String))| with_bodies(s, [a, b, c]);
        let all: Vec<Exchange> = (0..).zip(&bodies).map(one).collect();
        let (suggestions, document) = suggest(&all);
        prop_assert!(!document.findings.iter().any(|finding| finding.kind == FindingKind::HidesCandidate));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), toml(&suggestions)).unwrap();
        let read = Rule::load(file.path(), "2026-11-24".parse().unwrap());
        let mut expected = suggestions.rules();
        expected.iter_mut().for_each(|rule| rule.owner = Some(String::new()));
        prop_assert_eq!(read.unwrap(), expected);
    }
}
