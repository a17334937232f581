//! Every verdict and the order in which they come.

use super::*;

fn clean_run(windows: u64) -> Judge {
    let mut judge = Judge::new(&run(&[])).unwrap();
    for index in 1..=windows {
        judge.step(&window(index, everything(index, &Slice::all(), 200, 0))).unwrap();
    }
    judge
}

#[test]
fn a_spotless_candidate_is_promoted_after_the_minimum_time() {
    // 200 units a window: the severe checks need 11,707 units (59 windows), the time 91 windows.
    let judge = clean_run(90);
    assert_eq!(judge.state(), State::Wait);
    assert_eq!(judge.verdict().reason, "14m50s of 15m of admission time");
    let verdict = clean_run(91).verdict();
    assert_eq!((verdict.verdict, verdict.is_final, verdict.promote), (State::Promote, true, Some(true)));
    assert_eq!(verdict.code, 0);
}

#[test]
fn nothing_seen_waits() {
    let mut judge = Judge::new(&run(&[])).unwrap();
    assert_eq!(judge.verdict().reason, "no units yet");
    let verdict = judge.seal(&window(3, Vec::new())).unwrap();
    assert_eq!((verdict.verdict, verdict.sealed_windows, verdict.code), (State::Wait, 3, 20));
}
