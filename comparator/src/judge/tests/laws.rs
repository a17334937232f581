//! What must hold for any tallies: order, partition, restart and replay change no byte.

use super::*;
use crate::rows::{Tallies, read_tallies};
use proptest::prelude::*;
use proptest::sample::Index;

/// Rows of up to 60 windows, gaps included; the same cell may come several times in a window, as from
/// several partitions.
fn rows() -> impl Strategy<Value = Vec<Row>> {
    let check = prop::sample::select(vec![
        "mismatch",
        "status",
        "availability",
        "mismatch.severe",
        "latency.p50",
        "latency.p99.severe",
    ]);
    let slice = prop::sample::select(vec![Slice::all(), Slice::of("route", "a"), Slice::other()]);
    let row = (1u64..60, slice, check, 0u64..400, 0.0..0.2f64, 0.0..0.2f64);
    prop::collection::vec(row, 1..120).prop_map(|rows| {
        let row = |(window, slice, check, units, worse, better): (u64, Slice, &str, u64, f64, f64)| {
            let share = |share: f64| (units as f64 * share * share) as u64;
            let (worse, better) = (share(worse), share(better));
            if check.starts_with("latency") {
                let signs = Signs { worse, better };
                latency(window, &slice, check, units, signs, Signs { worse: better, better: worse })
            } else {
                Row { control_bad: Some(better), ..count(window, &slice, check, units, worse, better) }
            }
        };
        rows.into_iter().map(row).collect()
    })
}

/// One part for each row: its window with nothing else, with keys and exposure of its own.
fn parts(rows: &[Row]) -> Vec<SealedWindow> {
    let part = |(index, row): (usize, &Row)| {
        let mut part = window(row.window, vec![row.clone()]);
        let exposure = part.exposure.get_or_insert_default();
        exposure.keys = vec![index as u64 % 50, 1_000 + index as u64];
        part
    };
    rows.iter().enumerate().map(part).collect()
}

fn merged(parts: Vec<SealedWindow>) -> Vec<SealedWindow> {
    let mut windows = std::collections::BTreeMap::<u64, SealedWindow>::new();
    for part in parts {
        let new = || SealedWindow { window: part.window, ..SealedWindow::default() };
        windows.entry(part.window).or_insert_with(new).merge(part).unwrap();
    }
    windows.into_values().collect()
}

fn document(windows: &[SealedWindow]) -> String {
    let mut judge = Judge::new(&run(&[Slice::of("route", "a")])).unwrap();
    windows.iter().for_each(|window| {
        judge.step(window).unwrap();
    });
    judge.verdict().to_json()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_order_and_partition_gives_the_same_bytes(rows in rows(), places in prop::collection::vec(any::<Index>(), 120)) {
        let straight = merged(parts(&rows));
        let expected = document(&straight);

        let mut shuffled = parts(&rows);
        for (at, place) in places.iter().enumerate().take(shuffled.len()) {
            let other = place.index(shuffled.len());
            shuffled.swap(at, other);
        }
        prop_assert!(document(&merged(shuffled.clone())) == expected, "partitions merged in another order");

        let lines: Vec<u8> = shuffled.iter().flat_map(SealedWindow::to_lines).collect();
        prop_assert!(document(&read_tallies(lines.as_slice()).unwrap()) == expected, "written, and read together");

        // The judge itself adds up and sorts the rows of a window.
        let mut loose = straight.clone();
        for window in &mut loose {
            window.rows = rows.iter().rev().filter(|row| row.window == window.window).cloned().collect();
        }
        prop_assert!(document(&loose) == expected, "rows neither sorted nor merged");
    }

    #[test]
    fn a_replay_stopped_anywhere_gives_the_same_bytes(rows in rows(), stop in any::<Index>()) {
        let run = run(&[Slice::of("route", "a")]);
        let (mut live, mut text) = (Judge::new(&run).unwrap(), Tallies::run_line(&run));
        let windows = merged(parts(&rows));
        for window in &windows[..=stop.index(windows.len())] {
            live.step(window).unwrap();
            text.extend(window.to_lines());
        }
        let import = Import { policy: None, control: ControlMode::Paired };
        prop_assert!(judge_tallies(text.as_slice(), import).unwrap() == live.verdict());
    }

    #[test]
    fn the_guard_never_adds_evidence(rows in rows()) {
        let mut judge = Judge::new(&run(&[Slice::of("route", "a")])).unwrap();
        for window in merged(parts(&rows)) {
            judge.step(&window).unwrap();
            for (cell, hypothesis) in judge.cells.iter().zip(judge.hypotheses.iter().cycle()) {
                prop_assert!(cell.ln_r <= cell.ln_r_unguarded());
                prop_assert!(cell.ln_p_at_least(hypothesis) <= cell.ln_p(hypothesis));
                prop_assert!(cell.ln_p(hypothesis) <= hypothesis.ln_promote(cell.promote_units()));
            }
        }
    }

    #[test]
    fn a_final_state_is_never_left(rows in rows()) {
        let mut judge = Judge::new(&run(&[Slice::of("route", "a")])).unwrap();
        let mut settled: Option<State> = None;
        for window in merged(parts(&rows)) {
            let verdict = judge.seal(&window).unwrap();
            if let Some(state) = settled {
                prop_assert_eq!(verdict.verdict, state);
            }
            settled = settled.or(verdict.is_final.then_some(verdict.verdict));
            prop_assert_eq!(judge.is_final(), settled.is_some());
        }
    }

    #[test]
    fn documents_hold_finite_numbers_and_every_field(rows in rows()) {
        let windows = merged(parts(&rows));
        let value: serde_json::Value = serde_json::from_str(&document(&windows)).unwrap();
        let empty: serde_json::Value = serde_json::from_str(&Verdict::default().to_json()).unwrap();
        prop_assert!(empty.as_object().unwrap().keys().eq(value.as_object().unwrap().keys()));
        for line in value["checks"].as_array().unwrap() {
            prop_assert!(line["log_e_reject"].is_f64() && line["log_e_promote"].is_f64());
            prop_assert!(line["deff"].is_f64(), "{line}");
        }
    }

    #[test]
    fn more_worse_units_are_more_reject_and_less_promote_evidence(
        n in 10u64..100_000, worse in 0u64..10, better in 0u64..10, tau in 0.0001..0.1f64
    ) {
        use mixture::{Bets, Counts};
        let (worse, better) = (worse.min(n / 2), better.min(n / 2));
        let counts = |worse, better| Counts::new(n + 1, worse, better);
        let (reject, promote) = (Bets::reject(tau), Bets::promote(tau));
        let here = counts(worse, better);
        prop_assert!(reject.ln_e(counts(worse + 1, better)) > reject.ln_e(here));
        prop_assert!(promote.ln_e(counts(worse + 1, better)) < promote.ln_e(here));
        prop_assert!(reject.ln_e(counts(worse, better + 1)) < reject.ln_e(here));
        prop_assert!(promote.ln_e(counts(worse, better + 1)) > promote.ln_e(here));
        // A larger tolerance excuses more; a larger margin is easier to stay within.
        prop_assert!(Bets::reject(tau * 1.1).ln_e(here) <= reject.ln_e(here));
        prop_assert!(Bets::promote(tau * 1.1).ln_e(here) >= promote.ln_e(here));
    }
}
