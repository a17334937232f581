//! Random arrivals at one server that serves them in turn.
//!
//! The textbook's mean response is d + ρd/(2(1 - ρ)) for a constant service time d and d/(1 - ρ) for an
//! exponential one, at load ρ (Pollaczek 1930, Khinchine 1932). A run is too short to come close to a
//! mean over all time, but its plan is known: walking the very same arrivals through the queue gives the
//! mean that this run must find. A generator that holds requests back finds less.

use super::{Check, SelftestError, Test, millis};
use crate::oracle::{Act, Oracle};
use crate::plan::Plan;
use crate::random::mix;
use crate::rate::Rate;
use std::sync::Mutex;
use std::sync::PoisonError;

/// Requests a second.
const RATE: u64 = 200;

/// Mean service time: half of the mean gap.
const SERVICE_NS: u64 = 2_500_000;

/// Names the plan.
const SEED: u64 = 7;

/// Names the service times.
const SERVICE_SEED: u64 = 11;

#[derive(Debug, Clone, Copy)]
enum Service {
    Constant,
    Exponential,
}

impl Service {
    fn of(self, index: u64) -> u64 {
        match self {
            Self::Constant => SERVICE_NS,
            Self::Exponential => {
                let uniform = ((mix(SERVICE_SEED, index) >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
                (-libm::log(uniform) * SERVICE_NS as f64) as u64
            }
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Constant => "M/D/1",
            Self::Exponential => "M/M/1",
        }
    }
}

impl Test<'_> {
    pub(super) fn queues(&mut self) -> Result<(), SelftestError> {
        for service in [Service::Constant, Service::Exponential] {
            let free_ns = Mutex::new(0u64);
            let oracle = Oracle::play(move |number, now_ns| {
                let mut free_ns = free_ns.lock().unwrap_or_else(PoisonError::into_inner);
                *free_ns = now_ns.max(*free_ns) + service.of(number);
                Act::At(*free_ns)
            })?;
            let rate = Rate::of_second(RATE).expect("a rate above 0");
            let plan = Plan::poisson(rate, self.settings.part * 2, SEED).map_err(crate::LoadError::from)?;
            let expected = millis(mean_response(&plan, service));
            let report = self.load(&oracle, plan)?;
            let found = millis(report.document.latency_ns.mean);
            let name = format!("mean response of {} at half load", service.name());
            self.checks.push(Check::of_time(name, expected, found, 0.15, 1.0));
        }
        Ok(())
    }
}

/// Lindley's recursion over the plan's own arrivals.
fn mean_response(plan: &Plan, service: Service) -> u64 {
    let (mut free, mut sum) = (0u64, 0u128);
    for (index, due) in plan.stripe(0, 1) {
        free = due.max(free) + service.of(index);
        sum += u128::from(free - due);
    }
    (sum / u128::from(plan.arrivals())) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn over_a_long_time_the_walk_comes_to_the_textbook() {
        let rate = Rate::of_second(RATE).expect("a rate");
        let plan = Plan::poisson(rate, Duration::from_secs(2000), SEED).expect("a plan");
        let found = |service| millis(mean_response(&plan, service));
        assert!((found(Service::Constant) - 3.75).abs() < 0.05, "{}", found(Service::Constant));
        assert!((found(Service::Exponential) - 5.0).abs() < 0.15, "{}", found(Service::Exponential));
    }
}
