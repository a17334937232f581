//! Every format in several states, as people and machines read them.

use super::*;
use crate::judge::testing;
use crate::verdict::State;
use std::sync::LazyLock;

type Named = [(&'static str, Verdict); 5];

fn verdicts() -> &'static Named {
    static VERDICTS: LazyLock<Named> = LazyLock::new(each_state);
    &VERDICTS
}

fn each_state() -> Named {
    let verdicts = [
        testing::promoted(),
        testing::rejected(),
        testing::waiting(),
        testing::invalid(),
        testing::inconclusive(),
    ];
    let states = [State::Promote, State::Reject, State::Wait, State::Invalid, State::Inconclusive];
    for (verdict, state) in verdicts.iter().zip(states) {
        assert_eq!(verdict.verdict, state, "{}", verdict.reason);
    }
    verdicts.map(|verdict| (verdict.verdict.name(), verdict))
}

fn snapshot(format: Format, name: &str) {
    for (state, verdict) in verdicts() {
        insta::assert_snapshot!(format!("{name}_{state}"), render(verdict, format, false));
    }
}

#[test]
fn terminal_text() {
    snapshot(Format::Terminal, "terminal");
    for (_, verdict) in verdicts() {
        let text = render(verdict, Format::Terminal, false);
        let wide = text.lines().skip(1).find(|line| line.chars().count() > 100);
        assert_eq!(wide, None);
        assert!(!text.contains('\u{1b}'));
    }
}

#[test]
fn colours_only_where_asked_for() {
    let text = render(&testing::rejected(), Format::Terminal, true);
    assert!(text.starts_with("\u{1b}[1m\u{1b}[31mREJECT"), "{text:?}");
}

#[test]
fn junit_xml() {
    snapshot(Format::Junit, "junit");
}

#[test]
fn sarif_json() {
    for (state, verdict) in verdicts() {
        let text = render(verdict, Format::Sarif, false);
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        let results = document["runs"][0]["results"].as_array().unwrap();
        assert_eq!(results.is_empty(), *state != "reject", "{state}");
    }
    insta::assert_snapshot!("sarif_reject", render(&testing::rejected(), Format::Sarif, false));
}

#[test]
fn markdown_text() {
    snapshot(Format::Md, "md");
}

#[test]
fn github_commands_summary_and_outputs() {
    snapshot(Format::Github, "github");
    insta::assert_snapshot!("github_outputs", outputs(&testing::rejected()));
}

#[test]
fn a_summary_is_cut_below_the_limit_of_github() {
    let mut verdict = testing::rejected();
    let line = verdict.checks[0].clone();
    verdict.checks = vec![line; 20_000];
    let summary = step_summary(&verdict);
    assert!(summary.len() < 1 << 20 && summary.ends_with("document.\n"), "{}", summary.len());
}

#[test]
fn gitlab_code_quality() {
    insta::assert_snapshot!("gitlab_reject", render(&testing::rejected(), Format::Gitlab, false));
    assert_eq!(render(&testing::promoted(), Format::Gitlab, false), "[]\n");
}
