//! Table D: requests of one user that fail together.

use crate::case::{Case, mean, median, one_if, share};
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
        self.unit_and_both(random, requests).0
    }

    /// The same, and the requests that fail in both arms.
    fn unit_and_both(self, random: &mut Random, requests: u64) -> (Counts, u64) {
        let (mut candidate, mut control) = (self.noise + self.excess, self.noise);
        if random.is(self.burst) {
            if random.coin() { candidate = self.height } else { control = self.height }
        }
        let discordant = [candidate * (1.0 - control), control * (1.0 - candidate)];
        let seen = random.units(requests, discordant[0], discordant[1]);
        let agreeing = 1.0 - discordant[0] - discordant[1];
        (seen, random.binomial(seen.alike(), candidate * control / agreeing))
    }
}

/// Ways to count a unit, in the order of the columns.
const WAYS: [&str; 5] = [
    "requests counted singly",
    "net sign of units",
    "units with any mismatch",
    "one request for each unit",
    "requests, deflated by their design effect",
];

pub(crate) fn cases() -> Vec<Case> {
    let none = f64::NAN;
    let quiet = Bursts { noise: 0.001, burst: 0.0, height: 0.0, excess: 0.0 };
    let nulls = [
        (quiet, 1.0, [0.0215, 0.0230, 0.0225, 0.0030, 0.0200]),
        (Bursts { burst: 0.005, height: 0.5, ..quiet }, 14.3, [0.5985, 0.0240, 0.0245, 0.0145, 0.0095]),
        (Bursts { burst: 0.05, height: 0.9, ..quiet }, 43.2, [0.8570, 0.0280, 0.0275, 0.0180, 0.0175]),
        (
            Bursts { noise: 0.05, burst: 0.05, height: 0.9, ..quiet },
            14.2,
            [0.7325, 0.0240, 0.0275, 0.0340, 0.0060],
        ),
    ];
    let null = |(truth, deff, published): (Bursts, f64, [f64; 5])| {
        let mut columns = vec![mean("design effect").published(deff)];
        columns.extend(
            WAYS.iter()
                .zip(published)
                .map(|(way, value)| share(&format!("{way}: ever reject")).published(value)),
        );
        columns[2] = columns[2].clone().at_most(0.05);
        Case {
            name: format!("D/null,noise={},burst={}", truth.noise, truth.burst),
            truth: format!(
                "equal builds, 2,000 units of 50 requests, noise {}, {} of units burst at {}",
                truth.noise, truth.burst, truth.height
            ),
            replications: 2_000,
            published_replications: 2_000,
            columns,
            trial: Box::new(move |random| {
                let (at, deff) = until(random, truth, 0.0);
                std::iter::once(deff).chain(at.map(|at| one_if(at.is_finite()))).collect()
            }),
        }
    };
    let never = f64::INFINITY;
    let regressions = [
        (Bursts { excess: 0.0025, ..quiet }, 1.1, [5_550.0, 6_000.0, 6_000.0, never, 6_225.0], [0.20, 1.0]),
        (
            Bursts { excess: 0.0025, burst: 0.02, height: 0.5, ..quiet },
            17.9,
            [none, 7_250.0, 7_200.0, never, never],
            [0.06, 0.235],
        ),
        (
            Bursts { noise: 0.05, excess: 0.02, ..quiet },
            1.1,
            [2_650.0, 3_075.0, 12_450.0, none, 3_000.0],
            [0.59, 1.0],
        ),
        (
            Bursts { noise: 0.05, excess: 0.02, burst: 0.05, height: 0.9 },
            12.8,
            [none, 3_350.0, 14_575.0, never, 41_150.0],
            [0.46, 0.94],
        ),
    ];
    let regression = |(truth, deff, times, powers): (Bursts, f64, [f64; 5], [f64; 2])| {
        let mut columns = vec![mean("design effect").published(deff)];
        columns.extend(
            WAYS.iter().zip(times).map(|(way, time)| median(&format!("{way}: requests")).maybe(time)),
        );
        columns.extend(
            WAYS[3..]
                .iter()
                .zip(powers)
                .map(|(way, power)| share(&format!("{way}: rejects")).published(power)),
        );
        Case {
            name: format!("D/worse,noise={},burst={}", truth.noise, truth.burst),
            truth: format!(
                "worse by {}, noise {}, {} of units burst; requests counted singly are valid without bursts only",
                truth.excess, truth.noise, truth.burst
            ),
            replications: 1_000,
            published_replications: 400,
            columns,
            trial: Box::new(move |random| {
                let (at, deff) = until(random, truth, 0.0);
                let powers = [at[3], at[4]].map(|at| one_if(at.is_finite()));
                std::iter::once(deff).chain(at).chain(powers).collect()
            }),
        }
    };
    nulls.into_iter().map(null).chain(regressions.into_iter().map(regression)).collect()
}

/// Requests until a reject by each way of counting, and the design effect at the end.
fn until(random: &mut Random, truth: Bursts, tau: f64) -> ([f64; 5], f64) {
    let bets = Bets::reject(tau);
    let (mut sums, mut at) = ([Counts::default(); 5], [f64::INFINITY; 5]);
    let (mut squares, mut deff) = (0.0, 0.0);
    for unit in 1..=UNITS {
        let (seen, both) = truth.unit_and_both(random, REQUESTS);
        let sign = |worse: bool, better: bool| {
            Counts::new(1, u64::from(worse && !better), u64::from(better && !worse))
        };
        sums[0].add(seen);
        sums[1].add(sign(seen.worse > seen.better, seen.worse < seen.better));
        sums[2].add(sign(seen.worse + both > 0, seen.better + both > 0));
        let picked = (random.unit() * REQUESTS as f64) as u64;
        sums[3].add(sign(picked < seen.worse, picked >= seen.worse && picked < seen.worse + seen.better));
        let net = seen.worse as f64 - seen.better as f64;
        squares += net * net;
        let discordant = (sums[0].worse + sums[0].better) as f64;
        deff = if discordant > 0.0 { squares / discordant } else { 0.0 };
        let shrunk = |count: u64| (count as f64 / f64::max(deff, 1.0)).round() as u64;
        sums[4] = Counts::new(shrunk(sums[0].n), shrunk(sums[0].worse), shrunk(sums[0].better));
        for (at, sum) in at.iter_mut().zip(sums) {
            if at.is_infinite() && bets.ln_e_at_most(sum) >= LEVEL && bets.ln_e(sum) >= LEVEL {
                *at = (unit * REQUESTS) as f64;
            }
        }
    }
    (at, deff)
}
