//! Gathers the display from the same inputs as the tally.

use super::latency::RunLatency;
use super::paths::PathBook;
use super::{Conservation, Report, examples};
use crate::compare::Observation;
use crate::rows::{Exposure, SealedWindow};
use crate::run::Run;
use crate::tally::Fate;
use parallax_exchange::{Admissions, Exchange};
use std::collections::BTreeMap;
use std::sync::Arc;

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
    routes: BTreeMap<Arc<str>, u64>,
    /// Exchanges without a route of their own.
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
            routes: BTreeMap::new(),
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
        match fate {
            Fate::NotMirrored | Fate::Lost => return false,
            Fate::Late => {
                self.late += 1;
                return false;
            }
            Fate::Compared => self.compared += 1,
        }
        self.latency.record(exchange);
        let label = exchange.labels.iter().find(|label| &*label.name == "route");
        let route = label.map(|label| &label.value);
        self.count_route(route);
        self.paths.count(route, exchange.id.digest(), seen, || examples::render(exchange, route, seen))
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
        let (differences, other_differences, examples) =
            self.paths.top(PATHS_SHOWN, |route| exchanges_of(&self.routes, self.routeless, route));
        Report {
            run: self.run.clone(),
            started_ns: self.started_ns,
            now_ns,
            conservation: self.conservation(unsealed),
            differences,
            other_differences,
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

    fn count_route(&mut self, route: Option<&Arc<str>>) {
        let Some(route) = route else {
            self.routeless += 1;
            return;
        };
        if let Some(count) = self.routes.get_mut(route) {
            *count += 1;
        } else if self.routes.len() < ROUTES_MAX {
            self.routes.insert(Arc::clone(route), 1);
        } else {
            self.routeless += 1;
        }
    }
}

fn exchanges_of(routes: &BTreeMap<Arc<str>, u64>, routeless: u64, route: Option<&Arc<str>>) -> u64 {
    route.and_then(|route| routes.get(route)).copied().unwrap_or(routeless)
}
