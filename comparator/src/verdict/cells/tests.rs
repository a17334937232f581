//! No rule is weaker than its cells, and silence is never a pass.

use super::*;
use crate::judge::testing;
use proptest::prelude::*;
use std::sync::LazyLock;

/// Made once: the judge has to be asked for it.
static BASE: LazyLock<Verdict> = LazyLock::new(testing::waiting);

fn cell(name: &str, wave: u32, state: Option<(State, bool)>) -> Cell {
    let seen = match state {
        None => Err("the console does not answer".to_owned()),
        Some((verdict, is_final)) => Ok(Box::new(Verdict { verdict, is_final, ..BASE.clone() })),
    };
    Cell { name: name.to_owned(), wave, seen, is_stale: false }
}

const PROMOTE: Option<(State, bool)> = Some((State::Promote, true));
const REJECT: Option<(State, bool)> = Some((State::Reject, true));
const WAIT: Option<(State, bool)> = Some((State::Wait, false));
const GIVEN_UP: Option<(State, bool)> = Some((State::Inconclusive, true));
const INVALID: Option<(State, bool)> = Some((State::Invalid, true));

fn of(rule: Rule, states: &[Option<(State, bool)>]) -> (State, String) {
    let cells: Vec<Cell> =
        states.iter().zip("abcdef".chars()).map(|(s, n)| cell(&n.to_string(), 1, *s)).collect();
    let found = aggregate(rule, None, &cells);
    (found.verdict, found.reason)
}

#[test]
fn all_cells_must_promote() {
    assert_eq!(of(Rule::All, &[PROMOTE, PROMOTE]).0, State::Promote);
    let (state, reason) = of(Rule::All, &[PROMOTE, WAIT, None]);
    assert_eq!(
        (state, reason.as_str()),
        (State::Wait, "1 of 3 cells promote, 3 are needed; waiting for b, c")
    );
    assert_eq!(of(Rule::All, &[PROMOTE, GIVEN_UP]).0, State::Inconclusive);
    assert_eq!(of(Rule::All, &[PROMOTE, INVALID]), (State::Invalid, "the rig is invalid in b".to_owned()));
    assert_eq!(of(Rule::All, &[INVALID, REJECT]), (State::Reject, "rejected in b".to_owned()));
}

#[test]
fn some_cells_may_be_silent_but_none_may_reject() {
    let rule = Rule::AtLeast(2);
    assert_eq!(of(rule, &[PROMOTE, PROMOTE, None]).0, State::Promote);
    assert_eq!(of(rule, &[PROMOTE, PROMOTE, REJECT]).0, State::Reject);
    assert_eq!(of(rule, &[PROMOTE, PROMOTE, INVALID]).0, State::Invalid);
    assert_eq!(of(rule, &[PROMOTE, WAIT, GIVEN_UP]).0, State::Wait);
    assert_eq!(of(rule, &[PROMOTE, GIVEN_UP, GIVEN_UP]).0, State::Inconclusive);
}

#[test]
fn a_wave_waits_for_the_waves_before_it_and_for_no_other() {
    let cells = [cell("eu", 1, PROMOTE), cell("us", 2, WAIT), cell("asia", 3, REJECT)];
    let before = |wave| aggregate(Rule::Waves, Some(wave), &cells);
    assert_eq!(before(1).reason, "no cell comes before wave 1");
    assert_eq!(
        (before(1).verdict, before(2).verdict, before(3).verdict),
        (State::Promote, State::Promote, State::Wait)
    );
    assert_eq!((before(3).open_wave, before(3).cells.len()), (Some(2), 2));
    assert_eq!(aggregate(Rule::Waves, None, &cells).verdict, State::Reject);
    let quorum = aggregate(Rule::AtLeast(1), Some(3), &cells);
    assert_eq!(quorum.verdict, State::Wait, "what suffices in the end does not begin a wave");
}

#[test]
fn cells_of_different_builds_are_no_evidence_for_one() {
    let mut cells = [cell("a", 1, PROMOTE), cell("b", 1, PROMOTE)];
    for (cell, digest) in cells.iter_mut().zip(["sha256:1", "sha256:2"]) {
        cell.seen.as_mut().expect("a verdict").candidate.digest = Some(digest.to_owned());
    }
    let found = aggregate(Rule::All, None, &cells);
    assert_eq!((found.verdict, found.promote, found.code), (State::Invalid, Some(false), 30));
    assert!(found.reason.contains("sha256:1, sha256:2"), "{}", found.reason);
}

fn any_state() -> impl Strategy<Value = Option<(State, bool)>> {
    prop::sample::select(vec![None, PROMOTE, REJECT, WAIT, GIVEN_UP, INVALID, Some((State::Invalid, false))])
}

proptest! {
    #[test]
    fn a_promote_has_the_cells_it_needs_and_nothing_against_it(
        states in prop::collection::vec(any_state(), 1..6), needed in 1usize..6,
    ) {
        for rule in [Rule::All, Rule::Waves, Rule::AtLeast(needed)] {
            let needed = if let Rule::AtLeast(needed) = rule { needed } else { states.len() };
            let promoted = states.iter().filter(|state| **state == PROMOTE).count();
            let against = states.iter().any(|state| [REJECT, INVALID].contains(state));
            let (verdict, _) = of(rule, &states);
            prop_assert_eq!(verdict == State::Promote, promoted >= needed && !against);
            prop_assert_eq!(verdict == State::Reject, states.contains(&REJECT));
        }
    }
}
