//! Tables A and E: independent pairs, looked at again and again.

use crate::case::{Case, Column, mean, median, one_if, share};
use crate::draw::Random;
use crate::rivals::{diffy, msprt_rejects, z_promotes, z_rejects};
use parallax_comparator::judge::mixture::{Bets, Counts};
use parallax_comparator::judge::restarts::Restarts;

/// Pairs between two looks.
pub(crate) const LOOK: u64 = 100;
/// Looks of a run.
pub(crate) const LOOKS: u64 = 1_000;
/// `ln(1/0.05)`.
pub(crate) const LEVEL: f64 = 2.995_732_273_553_991;

/// Two arms that fail at `noise` each on their own, and at `shared` together; the candidate `excess` more often.
#[derive(Clone, Copy)]
pub(crate) struct Pairs {
    pub(crate) noise: f64,
    pub(crate) shared: f64,
    pub(crate) excess: f64,
}

impl Pairs {
    /// Adds `n` pairs; failures of both arms at once are counted apart.
    pub(crate) fn add(self, random: &mut Random, n: u64, sum: &mut Counts, both: &mut u64) {
        let own = self.noise;
        let (worse, better) = ((own + self.excess) * (1.0 - own), own * (1.0 - own - self.excess));
        let seen = random.units(n, worse, better);
        *both += random.binomial(n - seen.worse - seen.better, self.shared + own * (own + self.excess));
        sum.add(seen);
    }
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = boundary();
    cases.extend(power());
    cases.extend(promote());
    cases.extend(mid_run());
    cases
}

/// A1: false rejects on the boundary.
fn boundary() -> Vec<Case> {
    let rows = [
        (0.0005, 0.0, 0.0, [0.0225, 0.3145, 0.3140, 0.0510, 0.0195, 0.6590, 0.0005]),
        (0.001, 0.0, 0.0005, [0.0270, 0.3460, 0.3410, 0.0490, 0.0255, 0.6480, 0.0]),
        (0.01, 0.0, 0.002, [0.0195, 0.4205, 0.3550, 0.0520, 0.0195, 0.5785, 0.0]),
        (0.05, 0.0, 0.01, [0.0125, 0.4485, 0.3915, 0.0605, 0.0025, 0.2980, 0.0]),
        (0.001, 0.0005, 0.0, [0.0235, 0.3390, 0.3305, 0.0465, 0.0205, 0.9655, 0.5020]),
        (0.01, 0.001, 0.0, [0.0210, 0.4355, 0.3810, 0.0595, 0.0165, 0.6970, 0.0]),
        (0.05, 0.005, 0.01, [0.0165, 0.4285, 0.3615, 0.0480, 0.0230, 0.3605, 0.0]),
        // Rare events; what is not published is not a number.
        (2e-5, 0.0, 0.0, [0.0030, 0.1000, f64::NAN, f64::NAN, 0.0, f64::NAN, f64::NAN]),
        (0.0, 1e-4, 0.0, [0.0090, 0.0910, f64::NAN, f64::NAN, 0.0, f64::NAN, f64::NAN]),
        (2e-5, 1e-4, 0.0, [0.0090, 0.1165, f64::NAN, f64::NAN, 0.0, f64::NAN, f64::NAN]),
    ];
    let names = [
        "e-process",
        "z, every look",
        "z, every look from 1,000 on",
        "z, one look",
        "mSPRT, every look",
        "Diffy, any look",
        "Diffy, at the end",
    ];
    let case = |(noise, tau, shared, published): (f64, f64, f64, [f64; 7])| {
        let pairs = Pairs { noise, shared, excess: tau };
        let mut columns: Vec<Column> =
            names.iter().zip(published).map(|(name, value)| share(name).maybe(value)).collect();
        columns[0] = columns[0].clone().at_most(0.05);
        let bets = Bets::reject(tau);
        Case {
            name: format!("A1/noise={noise},tau={tau}"),
            truth: format!("excess = tau = {tau}, noise {noise}, shared {shared}; 1,000 looks, ever rejects"),
            replications: 2_000,
            published_replications: 2_000,
            columns,
            trial: Box::new(move |random| {
                let (mut sum, mut both, mut ever) = (Counts::default(), 0, [false; 5]);
                for _ in 0..LOOKS {
                    pairs.add(random, LOOK, &mut sum, &mut both);
                    ever[0] = ever[0] || bets.ln_e(sum) >= LEVEL;
                    ever[1] |= z_rejects(sum, tau);
                    ever[2] |= sum.n >= 1_000 && z_rejects(sum, tau);
                    ever[3] |= msprt_rejects(sum, tau);
                    ever[4] |= diffy(sum, both);
                }
                let [e, z, late, msprt, any] = ever;
                [e, z, late, z_rejects(sum, tau), msprt, any, diffy(sum, both)].map(one_if).to_vec()
            }),
        }
    };
    rows.into_iter().map(case).collect()
}

/// A2: power, and pairs until the decision beside a test that knew the effect.
fn power() -> Vec<Case> {
    const TAU: f64 = 0.0005;
    let rows = [
        (0.001, 0.0010, [0.525, 94_800.0, 74_124.0, 0.900, 0.880]),
        (0.001, 0.0015, [0.993, 27_150.0, 30_643.0, 1.0, 0.999]),
        (0.001, 0.0025, [1.0, 8_200.0, 9_494.0, 1.0, 1.0]),
        (0.001, 0.0055, [1.0, 2_400.0, 2_534.0, 1.0, 1.0]),
        (0.001, 0.0105, [1.0, 900.0, 1_064.0, 1.0, 1.0]),
        (0.01, 0.0010, [0.058, f64::INFINITY, 96_404.0, 0.302, 0.0]),
        (0.01, 0.0015, [0.210, f64::INFINITY, 89_120.0, 0.696, 0.0]),
        (0.01, 0.0025, [0.842, 48_050.0, 53_421.0, 0.993, 0.0]),
        (0.01, 0.0055, [1.0, 8_400.0, 9_730.0, 1.0, 0.655]),
        (0.01, 0.0105, [1.0, 2_600.0, 2_924.0, 1.0, 1.0]),
    ];
    let case = |(noise, excess, [power, time, average, single, rival]): (f64, f64, [f64; 5])| {
        let pairs = Pairs { noise, shared: 0.0005, excess };
        let bets = Bets::reject(TAU);
        Case {
            name: format!("A2/noise={noise},excess={excess}"),
            truth: format!(
                "excess {excess}, noise {noise}, tau {TAU}; a fixed sample that knew it needs {:.0} pairs",
                fixed_sample(noise, excess - TAU, excess)
            ),
            replications: 2_000,
            published_replications: 1_000,
            columns: vec![
                share("e-process rejects by 100k").published(power),
                median("pairs until then").published(time),
                mean("the same, mean of at most 100k").published(average),
                share("z, one look at 100k").published(single),
                share("Diffy, at 100k").published(rival),
            ],
            trial: Box::new(move |random| {
                let (mut sum, mut both, mut at) = (Counts::default(), 0, f64::INFINITY);
                for _ in 0..LOOKS {
                    pairs.add(random, LOOK, &mut sum, &mut both);
                    if at.is_infinite() && bets.ln_e(sum) >= LEVEL {
                        at = sum.n as f64;
                    }
                }
                let [single, rival] = [z_rejects(sum, TAU), diffy(sum, both)].map(one_if);
                vec![one_if(at.is_finite()), at, at.min(1e5), single, rival]
            }),
        }
    };
    rows.into_iter().map(case).collect()
}

/// Pairs that a one-sided z-test of level 0.05 needs for 80% power against a distance of `apart`.
fn fixed_sample(noise: f64, apart: f64, excess: f64) -> f64 {
    let sum = 1.644_854 + 0.841_621;
    let variance = 2.0 * noise + excess - excess * excess;
    sum * sum * variance / (apart * apart)
}

/// A3: promotes on the margin, and of an equal candidate.
fn promote() -> Vec<Case> {
    let rows = [
        (0.0, 0.001, [0.0260, 0.4895, 1.0, 4_200.0]),
        (0.0005, 0.001, [0.0195, 0.4625, 1.0, 11_500.0]),
        (0.001, 0.001, [0.0230, 0.4515, 1.0, 16_400.0]),
        (0.001, 0.002, [0.0225, 0.4890, 1.0, 5_900.0]),
        (0.01, 0.002, [0.0250, 0.4605, 0.905, 43_100.0]),
        (0.01, 0.005, [0.0160, 0.4720, 1.0, 6_950.0]),
        (0.05, 0.01, [0.0145, 0.4440, 1.0, 9_200.0]),
    ];
    let case = |(noise, delta, [wrong, peeking, power, time]): (f64, f64, [f64; 4])| {
        let bets = Bets::promote(delta);
        Case {
            name: format!("A3/noise={noise},delta={delta}"),
            truth: format!("noise {noise}, Delta {delta}, beta .05; excess = Delta, then an equal candidate"),
            replications: 2_000,
            published_replications: 2_000,
            columns: vec![
                share("excess = Delta: e-process promotes").published(wrong).at_most(0.05),
                share("excess = Delta: z, every look").published(peeking),
                share("excess = 0: e-process promotes by 100k").published(power),
                median("excess = 0: pairs until then").published(time),
            ],
            trial: Box::new(move |random| {
                let mut until = |excess: f64| {
                    let pairs = Pairs { noise, shared: 0.0, excess };
                    let (mut sum, mut both, mut at, mut peeked) =
                        (Counts::default(), 0, f64::INFINITY, false);
                    for _ in 0..LOOKS {
                        pairs.add(random, LOOK, &mut sum, &mut both);
                        peeked |= z_promotes(sum, delta);
                        if at.is_infinite() && bets.ln_e(sum) >= LEVEL {
                            at = sum.n as f64;
                        }
                    }
                    (at, peeked)
                };
                let (wrong, peeked) = until(delta);
                let (right, _) = until(0.0);
                vec![one_if(wrong.is_finite()), one_if(peeked), one_if(right.is_finite()), right]
            }),
        }
    };
    rows.into_iter().map(case).collect()
}

/// E: a regression that starts at pair 50,000, with and without restarts.
fn mid_run() -> Vec<Case> {
    const TAU: f64 = 0.0005;
    let rows = [
        (0.0005, [f64::NAN, f64::NAN]),
        (0.003, [31_000.0, 17_000.0]),
        (0.0055, [14_000.0, 7_000.0]),
        (0.0105, [7_000.0, 4_000.0]),
    ];
    let case = |(excess, [plain, restarts]): (f64, [f64; 2])| {
        let innocent = excess <= TAU;
        let columns = if innocent {
            vec![
                share("plain, ever rejects").published(0.0170).at_most(0.05),
                share("restarts, ever rejects").published(0.0130).at_most(0.05),
            ]
        } else {
            vec![
                median("plain: pairs from the change").published(plain),
                median("restarts: pairs from the change").published(restarts),
            ]
        };
        let bets = Bets::reject(TAU);
        Case {
            name: format!("E/excess={excess}"),
            truth: match innocent {
                true => format!("excess = tau = {TAU} from the start, noise .001, windows of 1,000"),
                false => format!("excess {excess} from pair 50,000 on, 0 before, noise .001, tau {TAU}"),
            },
            replications: 2_000,
            published_replications: if innocent { 2_000 } else { 300 },
            columns,
            trial: Box::new(move |random| {
                let (mut state, mut both, mut at) = (Restarts::default(), 0, [f64::INFINITY; 2]);
                for window in 1..=100u64 {
                    let now = if innocent || window > 50 { excess } else { 0.0 };
                    let mut seen = Counts::default();
                    Pairs { noise: 0.001, shared: 0.0, excess: now }.add(random, 1_000, &mut seen, &mut both);
                    state.add(&bets, window, seen);
                    for (at, ln_e) in at.iter_mut().zip([bets.ln_e(state.counts()), state.ln_e()]) {
                        if at.is_infinite() && ln_e >= LEVEL {
                            *at = (window as f64 - if innocent { 0.0 } else { 50.0 }) * 1_000.0;
                        }
                    }
                }
                if innocent { at.map(|at| one_if(at.is_finite())).to_vec() } else { at.to_vec() }
            }),
        }
    };
    rows.into_iter().map(case).collect()
}
