//! When requests arrive, told by the server.

use super::{Check, SelftestError, Test};
use crate::oracle::{Act, Oracle};
use crate::plan::Plan;
use crate::rate::Rate;
use serde::Serialize;

/// Requests a second: the server has a thread for each connection and shares the cores.
pub(super) const RATE: u64 = 2000;

/// Of a window, for the evenness of arrivals.
const WINDOW_NS: u64 = 100_000_000;

/// What a server saw of a generator.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Arrivals {
    /// Requests.
    pub count: u64,
    /// Per second, from the first to the last.
    pub rate: f64,
    /// Half of the gaps between two requests are no longer, in microseconds.
    pub median_gap_us: f64,
    /// Share of slots of two mean gaps in which nothing arrived: 0 for an even stream, 0.135 for random
    /// arrivals.
    pub empty_slots: f64,
}

impl Arrivals {
    /// Of arrival times in nanoseconds, in any order, at `rate` per second.
    pub(super) fn of(mut times: Vec<u64>, rate: u64) -> Self {
        times.sort_unstable();
        let (Some(&first), Some(&last)) = (times.first(), times.last()) else { return Self::default() };
        let mut gaps: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        gaps.sort_unstable();
        let slot = 2_000_000_000 / rate;
        let slots = (last - first) / slot;
        let mut filled: Vec<u64> = times.iter().map(|time| (time - first) / slot).collect();
        filled.dedup();
        let filled = filled.iter().filter(|place| **place < slots).count() as f64;
        Self {
            count: times.len() as u64,
            rate: (times.len() as f64 - 1.0) * 1e9 / (last - first).max(1) as f64,
            median_gap_us: gaps.get(gaps.len() / 2).map_or(0.0, |gap| *gap as f64 / 1e3),
            empty_slots: if slots == 0 { 0.0 } else { 1.0 - filled / slots as f64 },
        }
    }
}

impl Test<'_> {
    /// A constant rate: every request arrives, and arrives evenly.
    pub(super) fn arrivals(&mut self) -> Result<(), SelftestError> {
        let oracle = Oracle::start(|_| Act::Reply(200, 2))?;
        let rate = Rate::of_second(RATE).expect("a rate above 0");
        let plan = Plan::constant(rate, self.settings.part).map_err(crate::LoadError::from)?;
        let planned = plan.arrivals();
        let report = self.load(&oracle, plan.clone())?;
        let times: Vec<u64> = oracle.seen().into_iter().map(|(at_ns, _)| at_ns).collect();
        let exact = |name: &str, found: u64| Check::new(name, "requests", planned as f64, found as f64, 0.0);
        self.checks.push(exact("requests that the server saw", times.len() as u64));
        self.checks.push(exact("answers that the generator counted", report.document.completed));
        self.checks.push(even_windows(&times, &plan));
        Ok(())
    }
}

/// In how many windows the server saw what was planned, within 5 %.
fn even_windows(times: &[u64], plan: &Plan) -> Check {
    let due: Vec<u64> = plan.stripe(0, 1).map(|(_, due)| due).collect();
    // The earliest arrival lags least: it tells where the plan's time 0 is on the server's clock.
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let start = sorted.iter().zip(&due).map(|(at, due)| at - due.min(at)).min().unwrap_or(0);
    let count = |times: &mut dyn Iterator<Item = u64>| {
        let mut windows = vec![0i64; (plan.last_ns() / WINDOW_NS + 1) as usize];
        times.for_each(|time| {
            let last = windows.len() - 1;
            windows[((time / WINDOW_NS) as usize).min(last)] += 1;
        });
        windows
    };
    let planned = count(&mut due.iter().copied());
    let seen = count(&mut sorted.iter().map(|at| at - start));
    let is_even = |(planned, seen): (&i64, &i64)| (planned - seen).abs() * 20 <= *planned;
    let even = planned.iter().zip(&seen).filter(|pair| is_even(*pair)).count() as f64;
    let share = 100.0 * even / planned.len() as f64;
    Check::new("windows of 100 ms within 5 % of the plan", "%", 100.0, share, 5.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_even_stream_has_no_empty_slot_and_a_burst_has_many() {
        let even = Arrivals::of((0..1000).map(|index| index * 500_000).collect(), 2000);
        assert_eq!((even.count, even.median_gap_us, even.empty_slots), (1000, 500.0, 0.0));
        assert!((even.rate - 2000.0).abs() < 1.0, "{even:?}");
        let burst = Arrivals::of((0..1000).map(|index| index / 10 * 5_000_000).collect(), 2000);
        assert!(burst.empty_slots > 0.75 && burst.median_gap_us == 0.0, "{burst:?}");
        assert_eq!(Arrivals::of(Vec::new(), 2000), Arrivals::default());
    }
}
