//! A server that fails in known ways: every failure is counted as what it is.

use super::{Check, SelftestError, Test};
use crate::oracle::{Act, Oracle};
use crate::plan::Plan;
use crate::rate::Rate;

/// Requests a second.
const RATE: u64 = 200;

impl Test<'_> {
    pub(super) fn faults(&mut self) -> Result<(), SelftestError> {
        let script = |number| match number % 10 {
            1 => Act::Reset,
            3 => Act::Truncate,
            5 => Act::Reply(503, 7),
            7 => Act::ChunkedAndClose(200),
            9 => Act::Garbage,
            _ => Act::Reply(200, 100),
        };
        let oracle = Oracle::start(script)?;
        let rate = Rate::of_second(RATE).expect("a rate above 0");
        let plan = Plan::constant(rate, self.settings.part).map_err(crate::LoadError::from)?;
        let document = self.load(&oracle, plan)?.document;
        let tenth = |places: &[u64]| {
            let of = |place: &u64| (document.planned + 9 - place) / 10;
            places.iter().map(of).sum::<u64>()
        };
        let resets = document.errors.get("reset").copied().unwrap_or_default();
        let garbage = document.errors.get("protocol").copied().unwrap_or_default();
        let failures = document.status.get(&503).copied().unwrap_or_default();
        let answered = document.status.get(&200).copied().unwrap_or_default();
        for (name, expected, found) in [
            ("connections reset or cut", tenth(&[1, 3]), resets),
            ("answers that are not HTTP", tenth(&[9]), garbage),
            ("answers of 503", tenth(&[5]), failures),
            ("answers of 200", tenth(&[0, 2, 4, 6, 7, 8]), answered),
        ] {
            self.checks.push(Check::new(name, "requests", expected as f64, found as f64, 0.0));
        }
        Ok(())
    }
}
