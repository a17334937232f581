//! Table D: requests of one user that fail together.

use crate::case::{Case, median, one_if, share};
use crate::draw::Random;
use parallax_comparator::judge::mixture::{Bets, Counts};

const UNITS: u64 = 2_000;
const REQUESTS: u64 = 50;
const LEVEL: f64 = 2.995_732_273_553_991;

/// Requests fail at `noise` in each arm; a unit bursts with probability `burst`, and then one arm, chosen by
/// coin, fails at `height`; the candidate fails `excess` more often.
#[derive(Clone, Copy)]
pub(crate) struct Bursts {
    pub(crate) noise: f64,
    pub(crate) burst: f64,
    pub(crate) height: f64,
    pub(crate) excess: f64,
}

impl Bursts {
    /// Worse and better requests of one unit of `requests`.
    pub(crate) fn unit(self, random: &mut Random, requests: u64) -> Counts {
        let (mut candidate, mut control) = (self.noise + self.excess, self.noise);
        if random.is(self.burst) {
            if random.coin() { candidate = self.height } else { control = self.height }
        }
        random.units(requests, candidate * (1.0 - control), control * (1.0 - candidate))
    }
}

pub(crate) fn cases() -> Vec<Case> {
    let quiet = Bursts { noise: 0.001, burst: 0.0, height: 0.0, excess: 0.0 };
    let nulls = [
        (quiet, [0.0215, 0.0230]),
        (Bursts { burst: 0.005, height: 0.5, ..quiet }, [0.5985, 0.0240]),
        (Bursts { burst: 0.05, height: 0.9, ..quiet }, [0.8570, 0.0280]),
        (Bursts { noise: 0.05, burst: 0.05, height: 0.9, ..quiet }, [0.7325, 0.0240]),
    ];
    let null = |(truth, [requests, units]): (Bursts, [f64; 2])| Case {
        name: format!("D/null,noise={},burst={}", truth.noise, truth.burst),
        truth: format!(
            "equal builds, 2,000 units of 50 requests, noise {}, {} of units burst at {}",
            truth.noise, truth.burst, truth.height
        ),
        replications: 2_000,
        published_replications: 2_000,
        columns: vec![
            share("requests counted singly, ever reject").published(requests),
            share("net sign of units, ever rejects").published(units).at_most(0.05),
        ],
        trial: Box::new(move |random| until(random, truth, 0.0).map(|at| one_if(at.is_finite())).to_vec()),
    };
    let regressions = [
        (Bursts { excess: 0.0025, ..quiet }, [5_550.0, 6_000.0]),
        (Bursts { excess: 0.0025, burst: 0.02, height: 0.5, ..quiet }, [f64::NAN, 7_250.0]),
        (Bursts { noise: 0.05, excess: 0.02, ..quiet }, [2_650.0, 3_075.0]),
        (Bursts { noise: 0.05, excess: 0.02, burst: 0.05, height: 0.5 }, [f64::NAN, 3_350.0]),
    ];
    let regression = |(truth, [requests, units]): (Bursts, [f64; 2])| Case {
        name: format!("D/worse,noise={},burst={}", truth.noise, truth.burst),
        truth: format!("worse by {}, noise {}, {} of units burst", truth.excess, truth.noise, truth.burst),
        replications: 1_000,
        published_replications: 400,
        columns: vec![
            if requests.is_nan() {
                median("requests counted singly (not valid here): requests")
            } else {
                median("requests counted singly: requests").published(requests)
            },
            median("net sign of units: requests").published(units),
        ],
        trial: Box::new(move |random| until(random, truth, 0.0).to_vec()),
    };
    nulls.into_iter().map(null).chain(regressions.into_iter().map(regression)).collect()
}

/// Requests until a reject, counted singly and by units.
fn until(random: &mut Random, truth: Bursts, tau: f64) -> [f64; 2] {
    let bets = Bets::reject(tau);
    let (mut sums, mut at) = ([Counts::default(); 2], [f64::INFINITY; 2]);
    for unit in 1..=UNITS {
        let seen = truth.unit(random, REQUESTS);
        sums[0].add(seen);
        sums[1].add(Counts::new(1, u64::from(seen.worse > seen.better), u64::from(seen.worse < seen.better)));
        for (at, sum) in at.iter_mut().zip(sums) {
            if at.is_infinite() && bets.ln_e_at_most(sum) >= LEVEL && bets.ln_e(sum) >= LEVEL {
                *at = (unit * REQUESTS) as f64;
            }
        }
    }
    at
}
