//! The knee: the highest rate at which a target still keeps what was asked of it.
//!
//! The rate is raised by a factor until it is missed, and the gap is then halved. One run proves little on
//! a machine with others on it, so every rate is tried until one outcome cannot be outvoted, and the
//! search goes by the majority. The search is pure: it names a rate, is told what came of it, and names the
//! next one.

use serde::Serialize;

/// How a knee is looked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// The first rate, per second.
    pub from: f64,
    /// By how much the rate is raised while it holds; above 1.
    pub factor: f64,
    /// The search ends when the missed rate is at most this share above the held one; above 0.
    pub precision: f64,
    /// Tries of each rate at most; odd, so that there is a majority.
    pub tries: u32,
    /// No rate above this one is tried, per second.
    pub to: f64,
}

/// What came of a rate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// Per second.
    pub rate: f64,
    /// Tries in which everything held.
    pub held: u32,
    /// Tries in which something was missed.
    pub missed: u32,
}

impl Step {
    fn is_decided(&self, tries: u32) -> bool {
        2 * self.held.max(self.missed) > tries
    }

    fn is_held(&self) -> bool {
        self.held > self.missed
    }
}

/// A search under way.
#[derive(Debug, Clone)]
pub struct Search {
    settings: Settings,
    steps: Vec<Step>,
}

/// Where the knee is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Knee {
    /// The highest rate that held, per second; absent where even the first one was missed.
    pub held: Option<f64>,
    /// The lowest rate that was missed; absent where the highest allowed one held.
    pub missed: Option<f64>,
}

impl Search {
    /// A search that has not begun.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings, steps: Vec::new() }
    }

    /// The rate to be tried next, per second; `None` when the knee is known.
    #[must_use]
    pub fn next(&self) -> Option<f64> {
        let Settings { from, factor, precision, tries, to } = self.settings;
        match self.steps.last() {
            None => return Some(from.min(to)),
            Some(step) if !step.is_decided(tries) => return Some(step.rate),
            Some(_) => {}
        }
        match self.knee() {
            Knee { held: Some(held), missed: Some(missed) } => {
                (missed / held > 1.0 + precision).then(|| (held * missed).sqrt())
            }
            Knee { held: Some(held), missed: None } => (held < to).then(|| (held * factor).min(to)),
            Knee { held: None, .. } => None,
        }
    }

    /// Notes what came of the rate that [`Self::next`] named.
    pub fn record(&mut self, held: bool) {
        let Some(rate) = self.next() else { return };
        let is_open = |step: &&mut Step| !step.is_decided(self.settings.tries);
        match self.steps.last_mut().filter(is_open) {
            Some(step) if held => step.held += 1,
            Some(step) => step.missed += 1,
            None => self.steps.push(Step { rate, held: u32::from(held), missed: u32::from(!held) }),
        }
    }

    /// Every rate that was tried, in order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// What is known so far, of rates that are decided.
    #[must_use]
    pub fn knee(&self) -> Knee {
        let decided = || self.steps.iter().filter(|step| step.is_decided(self.settings.tries));
        let held = decided().filter(|step| step.is_held()).map(|step| step.rate).reduce(f64::max);
        let missed = decided().filter(|step| !step.is_held()).map(|step| step.rate).reduce(f64::min);
        Knee { held, missed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: Settings = Settings { from: 100.0, factor: 2.0, precision: 0.1, tries: 3, to: 1e6 };

    /// The search against a target whose outcome is a function of the rate and of how often it was asked.
    fn search(settings: Settings, holds: impl Fn(f64, usize) -> bool) -> Search {
        let mut search = Search::new(settings);
        for number in 0..1000 {
            let Some(rate) = search.next() else { return search };
            search.record(holds(rate, number));
        }
        panic!("the search does not end: {search:?}");
    }

    #[test]
    fn the_knee_of_a_sharp_target_is_found_within_the_precision() {
        for knee in [130.0, 777.0, 5000.0, 123_456.0] {
            let Knee { held, missed } = search(SETTINGS, |rate, _| rate <= knee).knee();
            let (held, missed) = (held.expect("a held rate"), missed.expect("a missed rate"));
            assert!(held <= knee && knee < missed && missed / held <= 1.1, "{held} {knee} {missed}");
        }
    }

    #[test]
    fn one_bad_try_in_three_does_not_move_the_knee() {
        let found = search(SETTINGS, |rate, number| rate <= 1000.0 && number % 3 != 0);
        let Knee { held, missed } = found.knee();
        assert!(held.expect("a rate") <= 1000.0 && missed.expect("a rate") > 1000.0, "{found:?}");
        assert!(found.steps().iter().all(|step| step.held + step.missed >= 2), "{found:?}");
    }

    #[test]
    fn a_target_that_never_or_always_holds_ends_the_search() {
        assert_eq!(search(SETTINGS, |_, _| false).knee(), Knee { held: None, missed: Some(100.0) });
        let settings = Settings { to: 1000.0, ..SETTINGS };
        assert_eq!(search(settings, |_, _| true).knee(), Knee { held: Some(1000.0), missed: None });
        let once = Settings { tries: 1, ..SETTINGS };
        assert_eq!(search(once, |rate, _| rate < 300.0).steps()[2].held, 0);
    }
}
