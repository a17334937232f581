//! Gathers the display from the same inputs as the tally.

use super::book::{Book, Counts as _, Pair, Worth};
use super::latency::RunLatency;
use super::paths::PathBook;
use super::{Conservation, Report, examples};
use crate::compare::{Observation, Side};
use crate::facts::Facts;
use crate::rows::{Exposure, SealedWindow};
use crate::run::Run;
use crate::tally::Fate;
use parallax_exchange::{Admissions, Exchange};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// Paths with a line in a report.
const PATHS_SHOWN: usize = 100;
/// Routes counted apart; exchanges of further ones share the count of those without a route.
const ROUTES_MAX: usize = 1024;

/// The display of a run so far; bounded by the number of paths and routes that it tells apart.
#[derive(Debug)]
pub struct Reporter {
    run: String,
    started_ns: u64,
    paths: PathBook,
    /// Exchanges of each route.
    routes: Book<Arc<str>, u64, ()>,
    /// Exchanges without a route.
    routeless: u64,
    latency: RunLatency,
    /// What the door counted, in sealed windows.
    admissions: Option<Admissions>,
    compared: u64,
    late: u64,
    /// Those of `compared` and `late` in sealed windows.
    sealed: Exposure,
}

impl Reporter {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(run: &Run) -> Self {
        Self {
            run: run.run.clone(),
            started_ns: run.started_ns,
            paths: PathBook::default(),
            routes: Book::new(ROUTES_MAX, 0),
            routeless: 0,
            latency: RunLatency::default(),
            admissions: None,
            compared: 0,
            late: 0,
            sealed: Exposure::default(),
        }
    }

    /// Takes an exchange that met `fate`; true when it is an example that was not one before.
    pub fn take(&mut self, exchange: &Exchange, seen: &Observation, fate: Fate) -> bool {
        self.take_facts(&exchange.into(), seen, fate, || Cow::Borrowed(exchange))
    }

    /// Takes an exchange by what is to be counted of it; `whole` gives it when it becomes an example.
    pub(crate) fn take_facts<'a>(
        &mut self,
        facts: &Facts<'_>,
        seen: &Observation,
        fate: Fate,
        whole: impl Fn() -> Cow<'a, Exchange>,
    ) -> bool {
        match fate {
            Fate::NotMirrored | Fate::Lost => return false,
            Fate::Late => {
                self.late += 1;
                return false;
            }
            Fate::Compared => self.compared += 1,
        }
        self.latency.record(facts);
        let (route, digest) = (facts.route(), facts.id.digest());
        self.count_route(route, digest);
        if !is_different(seen) {
            return false;
        }
        let route = route.map(Arc::from);
        let example = || examples::render(&whole(), route.as_ref(), seen);
        self.paths.count(route.as_ref(), digest, seen, example)
    }

    /// Adds what another reporter of the same run took of other exchanges and windows: in whatever
    /// parts and order they come, the report is the same.
    pub fn merge(&mut self, other: Self) {
        self.paths.merge(other.paths);
        self.routes.merge(other.routes);
        self.routeless += other.routeless;
        self.latency.merge(other.latency);
        if let Some(admissions) = &other.admissions {
            self.admissions.get_or_insert_default().merge(admissions);
        }
        self.compared += other.compared;
        self.late += other.late;
        self.sealed.compared += other.sealed.compared;
        self.sealed.late += other.sealed.late;
    }

    /// Takes a window that was sealed.
    pub fn seal(&mut self, window: &SealedWindow) {
        if let Some(admissions) = &window.admissions {
            self.admissions.get_or_insert_default().merge(admissions);
        }
        if let Some(exposure) = &window.exposure {
            self.sealed.compared += exposure.compared;
            self.sealed.late += exposure.late;
        }
    }

    /// The display now; `unsealed` is what the door counted in windows that are not sealed.
    #[must_use]
    pub fn report(&mut self, now_ns: u64, unsealed: &Admissions) -> Report {
        let routes: BTreeMap<_, _> =
            self.routes.rows().map(|row| (&row.key, self.routes.counts(row))).collect();
        let elsewhere = self.routeless + self.routes.total().without(routes.values().sum());
        let exchanges = |route: Option<&Arc<str>>| route.and_then(|route| routes.get(route)).copied();
        let (differences, other_differences, examples) =
            self.paths.top(PATHS_SHOWN, |route| exchanges(route).unwrap_or(elsewhere));
        Report {
            run: self.run.clone(),
            started_ns: self.started_ns,
            now_ns,
            conservation: self.conservation(unsealed),
            differences,
            other_differences,
            paths_one_in: self.paths.one_in(),
            latency: self.latency.report(),
            examples,
        }
    }

    /// Where requests went; without a ledger, what was compared is all that was mirrored.
    ///
    /// Sealed windows speak for themselves where the exchanges are not replayed.
    fn conservation(&self, unsealed: &Admissions) -> Conservation {
        let compared = self.compared.max(self.sealed.compared);
        let late = self.late.max(self.sealed.late);
        let mut door = self.admissions.clone().unwrap_or_default();
        // A latecomer was lost to its own window, and is found now.
        let lost = door.mirrored.saturating_sub(door.shed_total() + self.sealed.compared + late);
        door.merge(unsealed);
        let accounted = compared + late + door.shed_total() + lost;
        let mirrored = door.mirrored.max(accounted);
        Conservation {
            offered: door.offered.max(mirrored),
            not_selected: door.not_selected,
            dropped: door.dropped,
            mirrored,
            compared,
            open: mirrored - accounted,
            shed: door.shed,
            lost,
            late,
        }
    }

    fn count_route(&mut self, route: Option<&str>, exchange: u64) {
        let Some(route) = route else {
            self.routeless += 1;
            return;
        };
        let pair = Pair { key: xxh3_64(route.as_bytes()), exchange, counts: 1 };
        self.routes.count(pair, Worth::None, || route.into(), || ());
    }
}

/// Whether any copy differs somewhere, or is missing.
fn is_different(seen: &Observation) -> bool {
    let differs = |side: &Side| side.missing || !side.comparison.differences.is_empty();
    seen.candidate.iter().chain(&seen.control).any(differs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Comparer;
    use crate::testing::{START_NS, answer, exchange, run};
    use parallax_exchange::Label;
    use proptest::prelude::*;

    /// One that differs at some paths, on one of some routes.
    fn case(sequence: u64, candidate: u8, control: u8, route: u8) -> Exchange {
        let mut exchange = exchange(sequence, START_NS);
        let body = |value: u8| format!(r#"{{"a":{},"b":[{value}],"k{}":1}}"#, value / 2, value % 4);
        exchange.outcomes.primary = Some(answer(200, &body(0), 1));
        exchange.outcomes.candidate = Some(answer(200, &body(candidate), u64::from(candidate)));
        exchange.outcomes.control = (control < 7).then(|| answer(200, &body(control), 3));
        let value = format!("r{route}").into();
        exchange.labels = (route > 0).then(|| Label { name: "route".into(), value }).into_iter().collect();
        *exchange
    }

    fn reporter<'a>(exchanges: impl Iterator<Item = &'a Exchange>) -> Reporter {
        let (mut reporter, comparer) = (Reporter::new(&run()), Comparer::new(&[], &[]).unwrap());
        for exchange in exchanges {
            reporter.take(exchange, &comparer.observe(exchange), Fate::Compared);
        }
        reporter
    }

    fn bytes(mut reporter: Reporter) -> String {
        serde_json::to_string(&reporter.report(0, &Admissions::default())).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn order_partition_and_merge_give_the_same_bytes(
            cases in prop::collection::vec((0_u8..8, 0_u8..8, 0_u8..4), 0..60),
            seed in any::<u64>(),
            parts in 1_usize..5,
        ) {
            let one = |(sequence, (candidate, control, route))| case(sequence, candidate, control, route);
            let all: Vec<Exchange> = (0..).zip(cases).map(one).collect();
            let expected = bytes(reporter(all.iter()));
            let mut shuffled: Vec<&Exchange> = all.iter().collect();
            shuffled.sort_by_key(|exchange| (exchange.id.sequence ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            prop_assert_eq!(&bytes(reporter(shuffled.iter().copied())), &expected);
            let mut merged = Reporter::new(&run());
            for part in (0..parts).rev() {
                merged.merge(reporter(shuffled.iter().copied().skip(part).step_by(parts)));
            }
            prop_assert_eq!(&bytes(merged), &expected);
        }
    }
}
