//! Whether a report may be believed.
//!
//! A generator that cannot keep its own schedule measures itself. It therefore times its own lag (due
//! to released, before any network) beside the target's, and says so when that lag is not small.

use super::document::{Quantiles, rounded};
use crate::engine::{Failure, LONGEST_NS, WINDOW_NS, run::Measured};
use serde::Serialize;
use std::fs;

/// Whether a report may be believed, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Integrity {
    /// The conclusion.
    pub verdict: IntegrityVerdict,
    /// What speaks against it; empty when trustworthy.
    pub reasons: Vec<String>,
    /// From due to released: the generator's own part of the send lag.
    pub generator_lag_ns: Quantiles,
    /// Punctuality over time.
    pub windows: PlanWindows,
    /// Always `held`: a report whose counts do not add up is not made.
    pub identities: &'static str,
    /// The clock that everything was timed with.
    pub clock: Clock,
    /// What the generator itself consumed.
    pub processor: Processor,
}

/// Whether a report may be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum IntegrityVerdict {
    /// The schedule was kept: latencies are the target's.
    Trustworthy,
    /// The generator or its machine was too slow: latencies are partly its own.
    GeneratorLimited,
    /// The clock was set or runs wrongly: latencies are not comparable.
    ClockSuspect,
}

impl IntegrityVerdict {
    /// The name in documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trustworthy => "trustworthy",
            Self::GeneratorLimited => "generator-limited",
            Self::ClockSuspect => "clock-suspect",
        }
    }
}

/// Windows of the plan, counted in each lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PlanWindows {
    /// Length.
    pub length_ns: u64,
    /// Windows in which something was due.
    pub count: u64,
    /// Of these, how many released less than 99 % before 10 ms after their end.
    pub short: u64,
}

/// The clock that everything was timed with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Clock {
    /// What the kernel derives it from, such as `tsc`; empty where that is not told.
    pub source: String,
    /// How much further the wall clock went than the monotonic one.
    pub drift_ns: i64,
}

/// What the generator itself consumed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Processor {
    /// Threads.
    pub lanes: u64,
    /// Processor time of all lanes.
    pub cpu_ns: u64,
    /// The same per released request.
    pub cpu_ns_per_request: u64,
    /// Share of the lanes' time that was spent computing, from 0 to 1.
    pub busy: f64,
    /// Share of the machine's processor time that the hypervisor took away; absent where not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steal: Option<f64>,
}

/// Least p99 of the generator's lag that can make it limited.
const LAG_FLOOR_NS: u64 = 1_000_000;

/// Least drift between the clocks that makes them suspect; above it, a thousandth of the run.
const DRIFT_FLOOR_NS: u64 = 10_000_000;

impl Integrity {
    pub(crate) fn judge(measured: &Measured, before: &HostClock) -> Self {
        let tally = &measured.tally;
        let lag = Quantiles::of(&tally.generator_lag);
        let response = Quantiles::of(&tally.whole_response());
        let drift_ns = (measured.wall_elapsed_ns - i128::from(measured.elapsed_ns)) as i64;
        let windows =
            PlanWindows { length_ns: WINDOW_NS, count: tally.windows.count, short: tally.windows.short };
        let limited = limits(&lag, &response, windows, tally.counts.failed(Failure::Local));
        let suspect = drift(drift_ns, measured.elapsed_ns);
        let verdict = match (&suspect, limited.is_empty()) {
            (Some(_), _) => IntegrityVerdict::ClockSuspect,
            (None, false) => IntegrityVerdict::GeneratorLimited,
            (None, true) => IntegrityVerdict::Trustworthy,
        };
        let lane_ns = measured.elapsed_ns.max(1) * measured.lanes;
        Self {
            verdict,
            reasons: suspect.into_iter().chain(limited).collect(),
            generator_lag_ns: lag,
            windows,
            identities: "held",
            clock: Clock { source: clock_source(), drift_ns },
            processor: Processor {
                lanes: measured.lanes,
                cpu_ns: tally.cpu_ns,
                cpu_ns_per_request: tally.cpu_ns / tally.counts.released.max(1),
                busy: rounded(tally.cpu_ns as f64 / lane_ns as f64),
                steal: before.steal_since().map(rounded),
            },
        }
    }
}

fn limits(lag: &Quantiles, response: &Quantiles, windows: PlanWindows, local: u64) -> Vec<String> {
    let mut reasons = Vec::new();
    let allowed = LAG_FLOOR_NS.max(response.p50 / 10);
    if lag.p99 > allowed {
        let (lag, allowed) = (lag.p99 as f64 / 1e6, allowed as f64 / 1e6);
        reasons.push(format!("1 % of the requests were released more than {lag:.3} ms late; {allowed:.3} ms is allowed: lower the rate or give the generator more processor time"));
    }
    if windows.short > 0 {
        let PlanWindows { count, short, .. } = windows;
        reasons.push(format!("in {short} of {count} windows of 100 ms less than 99 % of the plan was released in time: something held the generator up"));
    }
    if local > 0 {
        reasons.push(format!("{local} connections could not be opened because this machine ran out of ports, descriptors or memory: raise its limits or lower --connections"));
    }
    if response.max >= LONGEST_NS {
        reasons.push("times above an hour were recorded as an hour".to_owned());
    }
    reasons
}

fn drift(drift_ns: i64, elapsed_ns: u64) -> Option<String> {
    let allowed = DRIFT_FLOOR_NS.max(elapsed_ns / 1000);
    (drift_ns.unsigned_abs() > allowed).then(|| {
        let drift = drift_ns as f64 / 1e6;
        format!("the wall clock went {drift:.3} ms further than the monotonic clock: one of them was set or runs wrongly")
    })
}

fn clock_source() -> String {
    let path = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

/// The machine's processor time so far, to see how much of it was stolen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HostClock(Option<Ticks>);

#[derive(Debug, Clone, Copy)]
struct Ticks {
    all: u64,
    stolen: u64,
}

impl HostClock {
    pub(crate) fn read() -> Self {
        Self(fs::read_to_string("/proc/stat").ok().and_then(|text| ticks(&text)))
    }

    /// Share of the time since then that the hypervisor took, from 0 to 1.
    fn steal_since(&self) -> Option<f64> {
        let (before, now) = (self.0?, Self::read().0?);
        let all = now.all.checked_sub(before.all).filter(|&all| all > 0)?;
        Some(now.stolen.saturating_sub(before.stolen) as f64 / all as f64)
    }
}

/// The first line of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal, …; the guest
/// times behind it are parts of the first two.
fn ticks(stat: &str) -> Option<Ticks> {
    let numbers = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace();
    let numbers: Vec<u64> = numbers.take(8).map(|number| number.parse().unwrap_or(0)).collect();
    Some(Ticks { all: numbers.iter().sum(), stolen: *numbers.get(7)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantiles(p50: u64, p99: u64) -> Quantiles {
        Quantiles { count: 1, p50, p99, ..Quantiles::default() }
    }

    const IN_TIME: PlanWindows = PlanWindows { length_ns: WINDOW_NS, count: 10, short: 0 };

    #[test]
    fn a_lag_of_a_tenth_of_the_response_is_allowed_and_more_is_not() {
        let limits = |lag, response| limits(&quantiles(0, lag), &quantiles(response, 0), IN_TIME, 0).len();
        assert_eq!(limits(1_000_000, 0), 0);
        assert_eq!(limits(1_000_001, 0), 1);
        assert_eq!(limits(2_000_000, 20_000_000), 0);
        assert_eq!(limits(2_000_001, 20_000_000), 1);
    }

    #[test]
    fn a_short_window_and_an_exhausted_machine_are_reasons() {
        let short = PlanWindows { short: 1, ..IN_TIME };
        let reasons = limits(&quantiles(0, 0), &quantiles(0, 0), short, 3);
        assert!(reasons[0].contains("in 1 of 10 windows"), "{reasons:?}");
        assert!(reasons[1].contains("3 connections"), "{reasons:?}");
    }

    #[test]
    fn a_clock_that_was_set_is_noticed() {
        assert_eq!(drift(9_000_000, 1_000_000_000), None);
        assert!(drift(-11_000_000, 1_000_000_000).is_some());
        assert_eq!(drift(50_000_000, 60_000_000_000), None);
    }

    #[test]
    fn steal_is_the_eighth_number() {
        let ticks = ticks("cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1").unwrap();
        assert_eq!((ticks.all, ticks.stolen), (36, 8));
        assert!(super::ticks("cpu  1 2 3").is_none());
    }
}
