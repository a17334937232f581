//! A server that stands still for a while.
//!
//! If arrivals go on at an even rate while nothing is answered for S of D seconds, then a share S/D of
//! the requests waits for the end of the freeze, evenly between 0 and S. Quantile q above 1 - S/D is
//! therefore S·(q - (1 - S/D))/(S/D), and every one below is next to nothing. A generator that waits for
//! answers before it sends finds one slow request instead: coordinated omission.

use super::{Check, SelftestError, Test, millis};
use crate::oracle::{Act, Oracle};
use crate::plan::Plan;
use crate::rate::Rate;
use std::sync::OnceLock;

/// Requests a second; each one that waits holds a connection.
const RATE: u64 = 200;

/// S/D.
const FROZEN: f64 = 0.25;

/// Where in the run the freeze begins.
const BEGINS: f64 = 0.4;

/// Quantiles that are looked at.
const QUANTILES: [f64; 4] = [0.5, 0.8, 0.9, 0.99];

impl Test<'_> {
    pub(super) fn freeze(&mut self) -> Result<(), SelftestError> {
        let length = self.settings.part * 2;
        let (begin, frozen) = (length.mul_f64(BEGINS), length.mul_f64(FROZEN));
        let started = OnceLock::new();
        let oracle = Oracle::play(move |_, now_ns| {
            // Half a slot late at most, because that is when the first request is due.
            let begin_ns = started.get_or_init(|| now_ns) + begin.as_nanos() as u64;
            let end_ns = begin_ns + frozen.as_nanos() as u64;
            if (begin_ns..end_ns).contains(&now_ns) { Act::At(end_ns) } else { Act::Reply(200, 2) }
        })?;
        let rate = Rate::of_second(RATE).expect("a rate above 0");
        let plan = Plan::constant(rate, length).map_err(crate::LoadError::from)?;
        let report = self.load(&oracle, plan)?;
        let response = report.tally.whole_response();
        for quantile in QUANTILES {
            let expected = frozen.as_secs_f64() * 1e3 * ((quantile - (1.0 - FROZEN)) / FROZEN).max(0.0);
            let found = millis(response.value_at_quantile(quantile));
            let name = format!("p{} beside a freeze of {} ms", quantile * 100.0, frozen.as_millis());
            self.checks.push(Check::of_time(name, expected, found, 0.05, 20.0));
        }
        Ok(())
    }
}
