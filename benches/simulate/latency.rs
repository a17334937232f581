//! Tables B and H: latency, by pairs and by units, beside the rules that compare quantiles or ranks.
//!
//! Latencies are lognormal, so everything is computed on logarithms: a threshold is a number, and a tolerance
//! is added to it.

use crate::case::{Case, Column, median, one_if, share};
use crate::draw::Random;
use crate::rivals::mann_whitney;
use parallax_comparator::judge::mixture::{Bets, Counts};
use parallax_comparator::judge::restarts::Restarts;

pub(crate) const SIGMA: f64 = 0.6;
/// Width of a histogram's bucket: 0.49%.
const BUCKET: f64 = 0.0049;
const BUCKETS: usize = 2_000;
pub(crate) const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999)];
const LEVEL: f64 = 2.995_732_273_553_991;
/// `ln 100`: the promotes of table H are at beta = .01, as its 98 windows of 120 spotless units tell.
const PROMOTE_LEVEL: f64 = 4.605_170_185_988_092;

/// A pair of log latencies: control and candidate, correlated, the candidate scaled by `ratio`.
pub(crate) fn pair(random: &mut Random, correlation: f64, ln_ratio: f64) -> [f64; 2] {
    let [u, v] = random.normals();
    let mixed = correlation * u + (1.0 - correlation * correlation).sqrt() * v;
    [SIGMA * u, SIGMA * mixed + ln_ratio]
}

/// A histogram of log latencies.
#[derive(Clone)]
pub(crate) struct Histogram(Vec<u32>);

impl Histogram {
    pub(crate) fn new() -> Self {
        Self(vec![0; BUCKETS])
    }

    pub(crate) fn record(&mut self, log: f64) {
        let at = (log / BUCKET).floor() + BUCKETS as f64 / 2.0;
        self.0[at.clamp(0.0, BUCKETS as f64 - 1.0) as usize] += 1;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(mine, theirs)| *mine += theirs);
    }

    pub(crate) fn remove(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(mine, theirs)| *mine -= theirs);
    }

    /// The first edges above the quantiles; `None` where nothing was recorded.
    pub(crate) fn quantiles(&self) -> Option<[f64; 4]> {
        let total: u32 = self.0.iter().sum();
        let (mut seen, mut at) = (0, 0);
        (total > 0).then(|| {
            QUANTILES.map(|(_, p)| {
                let rank = (p * f64::from(total)).ceil() as u32;
                while seen < rank {
                    seen += self.0[at];
                    at += 1;
                }
                (at as f64 - BUCKETS as f64 / 2.0) * BUCKET
            })
        })
    }
}

pub(crate) fn cases() -> Vec<Case> {
    let [reject, promote] = [1.05f64.ln(), 1.1025f64.ln()];
    let none = [f64::NAN; 4];
    let pairs = [
        Pairs {
            name: "ratio=1.05",
            ratio: reject,
            drift: 0.0,
            correlation: 0.6,
            rejects: [0.0035, 0.0075, 0.0075, 0.0160],
            promotes: none,
            point: [0.8990, 0.9195, 0.9390, 0.9495],
            ranks: none,
            tolerated: true,
        },
        Pairs {
            name: "ratio=1.05,drift",
            ratio: reject,
            drift: 0.3,
            correlation: 0.6,
            rejects: [0.0065, 0.0055, 0.0070, 0.0095],
            promotes: none,
            point: none,
            ranks: none,
            tolerated: true,
        },
        Pairs {
            name: "ratio=1.1025,drift",
            ratio: promote,
            drift: 0.3,
            correlation: 0.6,
            rejects: none,
            promotes: [0.0060, 0.0065, 0.0075, 0.0130],
            point: none,
            ranks: none,
            tolerated: false,
        },
        Pairs {
            name: "equal,correlated",
            ratio: 0.0,
            drift: 0.0,
            correlation: 0.6,
            rejects: none,
            promotes: none,
            point: [0.0260, 0.1095, 0.4365, 0.7675],
            ranks: [0.0550, 0.0040, f64::NAN, f64::NAN],
            tolerated: true,
        },
        Pairs {
            name: "equal,independent",
            ratio: 0.0,
            drift: 0.0,
            correlation: 0.0,
            rejects: none,
            promotes: none,
            point: [0.0660, 0.1560, 0.4755, 0.7360],
            ranks: [0.3075, 0.0560, f64::NAN, f64::NAN],
            tolerated: true,
        },
    ];
    pairs.into_iter().map(Pairs::case).chain(units()).collect()
}

/// A row of table B.
#[derive(Clone, Copy)]
struct Pairs {
    name: &'static str,
    /// Its logarithm.
    ratio: f64,
    /// Amplitude of a load that swings.
    drift: f64,
    correlation: f64,
    rejects: [f64; 4],
    promotes: [f64; 4],
    point: [f64; 4],
    /// Mann and Whitney at any look and at the end.
    ranks: [f64; 4],
    /// Whether a reject is wrong here; else a promote is.
    tolerated: bool,
}

fn published(column: Column, value: f64) -> Column {
    if value.is_nan() { column } else { column.published(value) }
}

impl Pairs {
    fn case(self) -> Case {
        let mut columns = Vec::new();
        for (at, (quantile, _)) in QUANTILES.iter().enumerate() {
            let mut reject = published(share(&format!("{quantile}: rejects")), self.rejects[at]);
            let mut promote = published(share(&format!("{quantile}: promotes")), self.promotes[at]);
            if self.tolerated {
                reject = reject.at_most(0.05);
            } else {
                promote = promote.at_most(0.05);
            }
            columns.extend([reject, promote]);
            let point = share(&format!("{quantile}: rule \"ratio of quantiles > 1.05\", any look"));
            columns.push(published(point, self.point[at]));
        }
        columns.push(published(share("Mann-Whitney, any look"), self.ranks[0]));
        columns.push(published(share("Mann-Whitney, at the end"), self.ranks[1]));
        Case {
            name: format!("B/{}", self.name),
            truth: format!(
                "candidate {:.4} x as slow, arms correlated {}, load swings by {}; 100 looks of 1,000 pairs",
                self.ratio.exp(),
                self.correlation,
                self.drift
            ),
            replications: 2_000,
            published_replications: 2_000,
            columns,
            trial: Box::new(move |random| self.trial(random)),
        }
    }

    fn trial(self, random: &mut Random) -> Vec<f64> {
        let bets = Bets::reject(0.0);
        let mut past: Vec<Histogram> = Vec::new();
        let mut recent = Histogram::new();
        let mut whole = [Histogram::new(), Histogram::new()];
        // By quantile: reject and promote series.
        let mut sums = [[Counts::default(); 2]; 4];
        let mut ever = [[false; 3]; 4];
        let mut ranks = false;
        for window in 0..100 {
            let load = self.drift * (window as f64 / 50.0 * std::f64::consts::TAU).sin();
            let thresholds = if past.len() >= 2 { recent.quantiles() } else { None };
            let mut control = Histogram::new();
            for _ in 0..1_000 {
                let [c, k] = pair(random, self.correlation, self.ratio).map(|log| log + load);
                control.record(c);
                whole[1].record(k);
                let Some(thresholds) = thresholds else { continue };
                for (sums, x) in sums.iter_mut().zip(thresholds) {
                    for (sum, granted) in sums.iter_mut().zip([GRANTED_REJECT, GRANTED_PROMOTE]) {
                        let [a, b] = [k >= x + granted, c >= x];
                        sum.add(Counts::new(1, u64::from(a && !b), u64::from(b && !a)));
                    }
                }
            }
            whole[0].merge(&control);
            recent.merge(&control);
            past.push(control);
            if past.len() > 20 {
                recent.remove(&past[past.len() - 21]);
            }
            let quantiles = [whole[0].quantiles(), whole[1].quantiles()];
            for (at, [reject, promote]) in sums.into_iter().enumerate() {
                ever[at][0] |= bets.ln_e(reject) >= LEVEL;
                ever[at][1] |= bets.ln_e(promote.swapped()) >= LEVEL;
                if let [Some(c), Some(k)] = quantiles {
                    ever[at][2] |= k[at] - c[at] > GRANTED_REJECT;
                }
            }
            ranks |= mann_whitney(&whole[0].0, &whole[1].0);
        }
        let mut values: Vec<f64> = ever.into_iter().flatten().map(one_if).collect();
        values.extend([ranks, mann_whitney(&whole[0].0, &whole[1].0)].map(one_if));
        values
    }
}

/// `ln 1.05`.
pub(crate) const GRANTED_REJECT: f64 = 0.048_790_164_169_432;
/// `ln 1.1025`.
pub(crate) const GRANTED_PROMOTE: f64 = 0.097_580_328_338_864;

/// Requests of one unit in both arms, and the signs that they give at a threshold.
#[derive(Clone, Copy)]
pub(crate) struct Unit {
    pub(crate) requests: u32,
    /// Logarithm of the candidate's scale.
    pub(crate) ratio: f64,
    /// Standard deviation of what shifts one unit in one arm.
    pub(crate) arm_effect: f64,
    /// Log tolerances of the reject and the promote side.
    pub(crate) granted: [f64; 2],
}

/// Discordant requests of a unit at each quantile, reject and promote side: over the threshold in the candidate
/// alone, and in the control alone.
pub(crate) type Net = [[[i32; 2]; 2]; 3];

impl Unit {
    /// Draws one unit against three thresholds under `load`, by arm; `see` gets every control latency.
    pub(crate) fn draw(
        self,
        random: &mut Random,
        thresholds: [f64; 3],
        load: [f64; 2],
        mut see: impl FnMut(f64),
    ) -> Net {
        let effects = random.normals().map(|normal| normal * self.arm_effect);
        let mut net = [[[0; 2]; 2]; 3];
        for _ in 0..self.requests {
            let [c, k] = pair(random, 0.6, self.ratio);
            let [c, k] = [c + effects[0] + load[0], k + effects[1] + load[1]];
            see(c);
            for (net, x) in net.iter_mut().zip(thresholds) {
                let b = c >= x;
                for ([more, less], granted) in net.iter_mut().zip(self.granted) {
                    let a = k >= x + granted;
                    *more += i32::from(a && !b);
                    *less += i32::from(b && !a);
                }
            }
        }
        net
    }
}

/// Counts of a unit by its sign, at least `dead` requests wide.
pub(crate) fn sign(net: i32, dead: i32) -> Counts {
    Counts::new(1, u64::from(net >= dead), u64::from(net <= -dead))
}

/// Table H.
fn units() -> Vec<Case> {
    let [five, ten] = [1.05f64.ln(), 1.10f64.ln()];
    let unit = Unit { requests: 6, ratio: five, arm_effect: 0.0, granted: [five, ten] };
    let rows = [
        (
            "ratio=1.05,requests=6",
            unit,
            true,
            [0.007, 0.013, 0.017],
            [0.007, 0.007, 0.013],
            [0.005, 0.0, 0.0],
        ),
        (
            "ratio=1.05,requests=20,arm",
            Unit { requests: 20, arm_effect: 0.3, ..unit },
            true,
            [0.303, 0.183, 0.077],
            [0.006, 0.005, 0.011],
            [0.009, 0.006, 0.010],
        ),
        (
            "ratio=1.10,requests=20,arm",
            Unit { requests: 20, arm_effect: 0.3, ratio: ten, ..unit },
            false,
            [0.257, 0.147, 0.017],
            [0.002, 0.0, 0.0],
            [0.002, 0.002, 0.081],
        ),
    ];
    let case =
        |(name, unit, reject, requests, signs, severe): (&str, Unit, bool, [f64; 3], [f64; 3], [f64; 3])| {
            let what = if reject { "rejects" } else { "promotes" };
            let mut columns = Vec::new();
            for at in 0..3 {
                let quantile = QUANTILES[at].0;
                columns.push(
                    share(&format!("{quantile}, requests counted singly: {what}")).published(requests[at]),
                );
                columns
                    .push(share(&format!("{quantile}, net sign: {what}")).published(signs[at]).at_most(0.05));
                let severe = share(&format!("{quantile}, severe twin: {what}")).published(severe[at]);
                columns.push(if reject { severe.at_most(0.05) } else { severe });
            }
            Case {
                name: format!("H/{name}"),
                truth: format!(
                    "candidate {:.2} x as slow, {} requests a unit, arm effect {}; 180 windows of 120 units",
                    unit.ratio.exp(),
                    unit.requests,
                    unit.arm_effect
                ),
                replications: 1_000,
                published_replications: 1_000,
                columns,
                trial: Box::new(move |random| by_units(random, unit, reject)),
            }
        };
    let mut cases: Vec<Case> = rows.into_iter().map(case).collect();
    cases.extend(shares_decided(unit));
    cases.push(few_units());
    cases
}

/// What is published for requests, net signs or twins at p50, p90 and p99: share decided, median windows.
type Decided = [[f64; 2]; 3];

/// How often, and how soon, the right decision comes.
fn shares_decided(unit: Unit) -> Vec<Case> {
    let (six, none) = (Unit { ratio: 0.0, ..unit }, f64::NAN);
    let singly: Decided = [[1.0, none]; 3];
    let rows: [(&str, Unit, bool, [Decided; 3]); 3] = [
        (
            "equal,requests=6",
            six,
            false,
            [singly, [[1.0, 2.0], [1.0, 4.0], [1.0, 20.0]], [[1.0, 37.0], [0.955, 98.0], [1.0, 98.0]]],
        ),
        (
            "equal,requests=20,arm",
            Unit { requests: 20, arm_effect: 0.3, ..six },
            false,
            [singly, [[1.0, 5.0], [1.0, 5.0], [1.0, 13.0]], [[1.0, 4.0], [1.0, 9.0], [0.831, 131.0]]],
        ),
        (
            "ratio=1.2,requests=6",
            Unit { ratio: 1.2f64.ln(), ..unit },
            true,
            [singly, [[1.0, 1.0], [1.0, 2.0], [1.0, 6.0]], [[1.0, none], [0.026, none], [0.0, none]]],
        ),
    ];
    let case = |(name, unit, reject, published): (&str, Unit, bool, [Decided; 3])| {
        let what = if reject { "rejects" } else { "promotes" };
        let ways = ["requests counted singly", "net sign", "severe twin"];
        let column = |at: usize| {
            let (quantile, way) = (at / 3, at % 3);
            let [share_of, windows] = published[way][quantile];
            let name = format!("{}, {}", QUANTILES[quantile].0, ways[way]);
            [
                share(&format!("{name}: {what}")).published(share_of),
                median(&format!("{name}: windows")).maybe(windows),
            ]
        };
        Case {
            name: format!("H/{name}"),
            truth: format!(
                "candidate {:.2} x as slow, {} requests a unit, arm effect {}; 180 windows of 120 units",
                unit.ratio.exp(),
                unit.requests,
                unit.arm_effect
            ),
            replications: 1_000,
            published_replications: 1_000,
            columns: (0..9).flat_map(column).collect(),
            trial: Box::new(move |random| {
                first_windows(random, unit, reject)
                    .into_iter()
                    .flat_map(|at| [one_if(at.is_finite()), at])
                    .collect()
            }),
        }
    };
    rows.into_iter().map(case).collect()
}

/// Requests, net signs and severe signs at each quantile: whether they ever decide.
fn by_units(random: &mut Random, unit: Unit, reject: bool) -> Vec<f64> {
    first_windows(random, unit, reject).map(|at| one_if(at.is_finite())).to_vec()
}

/// The same: the window in which each decides, infinite where it does not.
fn first_windows(random: &mut Random, unit: Unit, reject: bool) -> [f64; 9] {
    // The quantiles of the control, arm effect included.
    let spread = SIGMA.hypot(unit.arm_effect);
    let thresholds = [0.0, 1.281_551_565_5, 2.326_347_874].map(|z| z * spread);
    let (even, severe) = (Bets::reject(0.0), Bets::reject(1e-4));
    let (margin, side) = (Bets::promote(5e-4), usize::from(!reject));
    let mut series = vec![Restarts::default(); 9];
    let mut first = [f64::INFINITY; 9];
    for window in 1..=180_u64 {
        let mut seen = [Counts::default(); 9];
        for _ in 0..120 {
            let net = unit.draw(random, thresholds, [0.0; 2], |_| {});
            for (at, net) in net.into_iter().enumerate() {
                let [more, less] = net[side];
                let singly = Counts::new(u64::from(unit.requests), more as u64, less as u64);
                seen[3 * at].add(singly);
                seen[3 * at + 1].add(sign(more - less, 1));
                seen[3 * at + 2].add(sign(more - less, 5));
            }
        }
        for (at, counts) in seen.into_iter().enumerate() {
            let twin = at % 3 == 2;
            series[at].add(if twin { &severe } else { &even }, window, counts);
            let sum = series[at].counts();
            let ln_e = match (reject, twin) {
                (true, _) => series[at].ln_e(),
                (false, false) => even.ln_e(sum.swapped()),
                (false, true) => margin.ln_e(sum),
            };
            if ln_e >= if reject { LEVEL } else { PROMOTE_LEVEL } {
                first[at] = first[at].min(window as f64);
            }
        }
    }
    first
}

/// A candidate that exceeds the threshold 1.9 times as often, all of it in 2% of the units.
fn few_units() -> Case {
    Case {
        name: "H/few-units".to_owned(),
        truth:
            "p99: exceeds 1.9 x as often, all of it in 2% of units, 20 requests a unit; 720 windows of 100"
                .to_owned(),
        replications: 500,
        published_replications: 1_000,
        columns: vec![
            share("net sign: promotes").published(1.0),
            share("both: promote").published(0.0),
            share("severe twin: rejects").published(1.0),
            median("severe twin: windows to reject").published(4.0),
        ],
        trial: Box::new(|random| {
            // The control exceeds in 1% of requests; 98% of the candidate's units exceed in a little less, granted
            // the tolerance, and 2% in so many that the whole exceeds 1.9 times as often.
            let (control, good) = (0.01, 0.008);
            let bad = (1.9 * control - 0.98 * good) / 0.02;
            let (even, severe, margin) = (Bets::reject(0.0), Bets::reject(1e-4), Bets::promote(5e-4));
            let (mut signs, mut twin, mut at) = (Counts::default(), Restarts::default(), f64::INFINITY);
            let mut promoted = [false; 2];
            for window in 1..=720 {
                let mut severe_units = Counts::default();
                for _ in 0..100 {
                    let p = if random.is(0.02) { bad } else { good };
                    let net = random.binomial(20, p) as i32 - random.binomial(20, control) as i32;
                    signs.add(sign(net, 1));
                    severe_units.add(sign(net, 5));
                }
                twin.add(&severe, window, severe_units);
                if at.is_infinite() && twin.ln_e() >= LEVEL {
                    at = window as f64;
                }
                let proved = [even.ln_e(signs.swapped()) >= LEVEL, margin.ln_e(twin.counts()) >= LEVEL];
                promoted[0] |= proved[0];
                promoted[1] |= proved[0] && proved[1];
            }
            vec![one_if(promoted[0]), one_if(promoted[1]), one_if(at.is_finite()), at]
        }),
    }
}
