//! Laws of whole windows: against a naive model, in any order, in any parts.

mod model;
mod rules;
mod traffic;

use super::*;
use proptest::prelude::*;
use traffic::{Case, WINDOWS, cases, run_of};

/// Delivers `cases` in rounds, one window's time each, and seals with a delay of one round.
///
/// `order` gives each case its place in its round; `forks` spreads a round over that many parts.
fn drive(run: &Run, cases: &[Case], order: &[u64], forks: usize) -> (Vec<SealedWindow>, Vec<Fate>) {
    let mut tally = Tally::new(run).unwrap();
    let mut fates = vec![Fate::NotMirrored; cases.len()];
    let mut sealed = Vec::new();
    for round in 0..WINDOWS + 4 {
        let mut now: Vec<usize> = (0..cases.len()).filter(|&at| cases[at].round() == round).collect();
        now.sort_by_key(|&at| order[at]);
        let mut parts: Vec<Tally> = (1..forks).map(|_| tally.fork()).collect();
        for (position, &at) in now.iter().enumerate() {
            let (exchange, seen) = cases[at].observed(at as u64);
            tally.announce(&exchange);
            assert_eq!(tally.read_by(tally.window_of(exchange.admitted_ns)), None);
            let fate = match position % forks {
                0 => tally.count(&exchange, &seen),
                part => parts[part - 1].count(&exchange, &seen),
            };
            fates[at] = fate.unwrap();
        }
        parts.into_iter().rev().for_each(|part| tally.merge(part));
        if let Some(through) = (traffic::FIRST_WINDOW + round).checked_sub(1) {
            while let Some(window) = tally.next_to_seal(through) {
                sealed.push(tally.seal(window, None).unwrap());
            }
        }
    }
    (sealed, fates)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_tally_is_what_the_definitions_say(cases in cases(), unit in traffic::units()) {
        let run = run_of(unit);
        let order: Vec<u64> = (0..cases.len() as u64).collect();
        let (sealed, fates) = drive(&run, &cases, &order, 1);
        let expected = model::rows(&run, &cases, &fates);
        let rows: Vec<_> = sealed.iter().flat_map(|window| window.rows.clone()).collect();
        prop_assert_eq!(rows, expected);
    }

    #[test]
    fn order_and_partition_change_nothing(
        cases in cases(), unit in traffic::units(), seed in any::<u64>(), forks in 1usize..4,
    ) {
        let run = run_of(unit);
        let order: Vec<u64> = (0..cases.len() as u64).collect();
        let shuffled: Vec<u64> = order.iter().map(|at| (at ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
        let (straight, fates) = drive(&run, &cases, &order, 1);
        prop_assert_eq!(&drive(&run, &cases, &shuffled, forks), &(straight.clone(), fates));
        let bytes: Vec<u8> = straight.iter().flat_map(SealedWindow::to_lines).collect();
        prop_assert_eq!(crate::rows::read_tallies(bytes.as_slice()).unwrap(), straight, "the stored form");
    }

    #[test]
    fn every_mirrored_exchange_is_compared_or_late(cases in cases(), unit in traffic::units()) {
        let order: Vec<u64> = (0..cases.len() as u64).collect();
        let (sealed, fates) = drive(&run_of(unit), &cases, &order, 2);
        let of = |count: fn(&crate::rows::Exposure) -> u64| -> u64 {
            sealed.iter().filter_map(|window| window.exposure.as_ref()).map(count).sum()
        };
        let fate = |wanted| fates.iter().filter(|fate| **fate == wanted).count() as u64;
        prop_assert_eq!(of(|exposure| exposure.compared), fate(Fate::Compared));
        prop_assert_eq!(of(|exposure| exposure.late), fate(Fate::Late));
        prop_assert_eq!(of(|exposure| exposure.mirrored), cases.len() as u64);
    }
}
