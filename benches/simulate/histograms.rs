//! Table B, samples to a decision: thresholds from the control's past beside two histograms stored apart.

use crate::case::{Case, median, one_if, share};
use crate::draw::Random;
use crate::latency::{GRANTED_PROMOTE, GRANTED_REJECT, Histogram, QUANTILES, pair};
use parallax_comparator::check::Quantile;
use parallax_comparator::judge::histograms::evidence;
use parallax_comparator::judge::latency::Tolerance;
use parallax_comparator::judge::mixture::{Bets, Counts};
use parallax_comparator::latencies::Recorder;
use parallax_comparator::rows::RoleHistograms;
use parallax_config::{CheckPolicy, Policy};

const LEVEL: f64 = 2.995_732_273_553_991;
/// Nanoseconds at the median: so long that the floors of the tolerances do not matter.
const MEDIAN: f64 = 1e9;

/// One truth, looked at after each window.
#[derive(Clone, Copy)]
struct Truth {
    name: &'static str,
    ratio: f64,
    /// Amplitude of a load that swings.
    drift: f64,
    /// Pairs between two looks, and looks at most.
    window: u32,
    looks: u32,
    promotes: bool,
    replications: u32,
    published_replications: u32,
    /// Median pairs by quantile: predictable thresholds, then histograms.
    published: [[f64; 4]; 2],
    /// Share of decisions of the other kind: p50 to p999, of the histograms; not a number where not published.
    wrong: f64,
}

pub(crate) fn cases() -> Vec<Case> {
    let (never, none) = (f64::INFINITY, f64::NAN);
    let small = Truth {
        name: "ratio=1.05",
        ratio: 1.05,
        drift: 0.0,
        window: 1_000,
        looks: 100,
        promotes: true,
        replications: 200,
        published_replications: 2_000,
        published: [[5e3, 9e3, 38e3, never], [11e3, 21e3, 93e3, never]],
        wrong: 0.0,
    };
    let large = Truth {
        window: 5_000,
        looks: 200,
        replications: 30,
        published_replications: 60,
        wrong: none,
        ..small
    };
    let rows = [
        small,
        Truth {
            name: "ratio=1.1025,drift",
            ratio: 1.1025,
            drift: 0.3,
            promotes: false,
            published: [[5e3, 7e3, 41e3, never], [11e3, 21e3, never, never]],
            wrong: none,
            ..small
        },
        Truth {
            name: "equal",
            ratio: 1.0,
            published: [[15e3, 15e3, 25e3, 75e3], [5e3, 5e3, 25e3, 160e3]],
            ..large
        },
        Truth {
            name: "ratio=1.1",
            ratio: 1.1,
            promotes: false,
            published: [[15e3, 20e3, 45e3, 255e3], [15e3, 25e3, 105e3, 665e3]],
            ..large
        },
        Truth {
            name: "ratio=1.2",
            ratio: 1.2,
            promotes: false,
            published: [[15e3, 15e3, 15e3, 35e3], [5e3, 5e3, 15e3, 90e3]],
            ..large
        },
        Truth {
            name: "ratio=1.5",
            ratio: 1.5,
            promotes: false,
            window: 1_000,
            published: [[3e3, 3e3, 3e3, 4e3], [1e3, 1e3, 3e3, 16e3]],
            ..large
        },
    ];
    rows.into_iter().map(Truth::case).collect()
}

impl Truth {
    fn case(self) -> Case {
        let what = if self.promotes { "promote" } else { "reject" };
        let mut columns = Vec::new();
        for (at, (quantile, _)) in QUANTILES.iter().enumerate() {
            for (way, of) in ["thresholds", "histograms"].iter().zip(self.published) {
                let until = median(&format!("{quantile}, {way}: pairs until {what}")).published(of[at]);
                columns.push(until.in_steps_of(f64::from(self.window)));
            }
            let wrong = share(&format!("{quantile}, histograms: the other decision")).maybe(self.wrong);
            columns.push(wrong.at_most(0.05));
        }
        Case {
            name: format!("B/decision,{}", self.name),
            truth: format!(
                "candidate {} x as slow, load swings by {}; looks every {} pairs, {} at most",
                self.ratio, self.drift, self.window, self.looks
            ),
            replications: self.replications,
            published_replications: self.published_replications,
            columns,
            trial: Box::new(move |random| self.trial(random)),
        }
    }

    fn trial(self, random: &mut Random) -> Vec<f64> {
        let tolerance = tolerance();
        let bets = Bets::reject(0.0);
        let (mut past, mut recent) = (Vec::<Histogram>::new(), Histogram::new());
        let mut whole = RoleHistograms::default();
        let mut sums = [[Counts::default(); 2]; 4];
        // By quantile: thresholds, histograms, and whether the histograms ever say the opposite.
        let mut at = [[f64::INFINITY; 2]; 4];
        let mut wrong = [false; 4];
        for look in 1..=self.looks {
            let load = self.drift * (f64::from(look) / 50.0 * std::f64::consts::TAU).sin();
            let thresholds = if past.len() >= 2 { recent.quantiles() } else { None };
            let mut control = Histogram::new();
            let mut arms = [Recorder::default(), Recorder::default()];
            for _ in 0..self.window {
                let logs = pair(random, 0.6, self.ratio.ln()).map(|log| log + load);
                control.record(logs[0]);
                arms.iter_mut().zip(logs).for_each(|(arm, log)| arm.record((MEDIAN * log.exp()) as u64));
                for (sums, x) in sums.iter_mut().zip(thresholds.into_iter().flatten()) {
                    for (sum, granted) in sums.iter_mut().zip([GRANTED_REJECT, GRANTED_PROMOTE]) {
                        let [a, b] = [logs[1] >= x + granted, logs[0] >= x];
                        sum.add(Counts::new(1, u64::from(a && !b), u64::from(b && !a)));
                    }
                }
            }
            let [control_arm, candidate] = arms.map(Recorder::finish);
            whole.merge(&RoleHistograms { candidate, control: control_arm, ..RoleHistograms::default() });
            recent.merge(&control);
            past.push(control);
            if past.len() > 20 {
                recent.remove(&past[past.len() - 21]);
            }
            let pairs = f64::from(look) * f64::from(self.window);
            for (index, quantile) in Quantile::ALL.into_iter().enumerate() {
                let [reject, promote] = sums[index];
                let found = evidence(&whole, quantile, &tolerance);
                let of_pairs = if self.promotes { bets.ln_e(promote.swapped()) } else { bets.ln_e(reject) };
                let [right, other] =
                    if self.promotes { [found.ln_p, found.ln_r] } else { [found.ln_r, found.ln_p] };
                for (at, ln_e) in at[index].iter_mut().zip([of_pairs, right]) {
                    if ln_e >= LEVEL {
                        *at = at.min(pairs);
                    }
                }
                wrong[index] |= other >= LEVEL;
            }
            if at.iter().flatten().all(|at| at.is_finite()) {
                break;
            }
        }
        at.into_iter().zip(wrong).flat_map(|([a, b], wrong)| [a, b, one_if(wrong)]).collect()
    }
}

/// Margins 1.05 and 1.1025 at every quantile, as in the specification's simulation.
fn tolerance() -> Tolerance {
    let mut policy = Policy::default();
    let own = CheckPolicy { promote_ratio: Some(1.1025), ..CheckPolicy::default() };
    policy.checks.insert("latency.p99".to_owned(), own);
    Tolerance::new(&policy, Quantile::P99).expect("margins in range")
}
