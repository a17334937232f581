use super::super::math::exp;
use super::*;
use crate::latencies::Recorder;
use parallax_config::Policy;
use proptest::prelude::*;

fn recorded(values: impl IntoIterator<Item = u64>) -> Latencies {
    let mut recorder = Recorder::default();
    values.into_iter().for_each(|value| recorder.record(value));
    recorder.finish()
}

/// Two arms of lognormal latencies around 10 ms, correlated, the candidate `ratio` times as slow.
fn arms(count: u32, ratio: f64, seed: u64) -> RoleHistograms {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut normal =
        || (-2.0 * (1.0 - random.f64()).ln()).sqrt() * (std::f64::consts::TAU * random.f64()).cos();
    let (mut candidate, mut control) = (Recorder::default(), Recorder::default());
    for _ in 0..count {
        let shared = normal() * 0.6 * 0.6_f64.sqrt();
        let mut draw = || 1e7 * (shared + normal() * 0.6 * 0.4_f64.sqrt()).exp();
        control.record(draw() as u64);
        candidate.record((draw() * ratio) as u64);
    }
    RoleHistograms { candidate: candidate.finish(), control: control.finish(), ..RoleHistograms::default() }
}

fn tolerance(quantile: Quantile) -> Tolerance {
    Tolerance::new(&Policy::default(), quantile).unwrap()
}

fn of(latency: &RoleHistograms, quantile: Quantile) -> Evidence {
    evidence(latency, quantile, &tolerance(quantile))
}

#[test]
fn evidence_about_a_share_has_mean_one_on_its_boundary() {
    // Exactly: the sum over all outcomes of 12 draws at p = 0.9, binomially weighted.
    for fair in [at_most, at_least] {
        let p: f64 = 0.9;
        let mut ways = 1.0;
        let mut mean = 0.0;
        for hits in 0..=12_u64 {
            mean += ways * p.powi(hits as i32) * (1.0 - p).powi(12 - hits as i32) * exp(fair(hits, 12, p));
            ways *= (12 - hits) as f64 / (hits + 1) as f64;
        }
        assert!((mean - 1.0).abs() < 1e-9, "{mean}");
    }
    assert!(at_most(12, 12, 0.9) > 0.0 && at_most(3, 12, 0.9) < 0.0);
    assert!(at_least(3, 12, 0.9) > 0.0 && at_least(12, 12, 0.9) < 0.0);
}

#[test]
fn equal_arms_promote_and_slow_ones_reject() {
    // Table B: median 5k pairs to promote an equal candidate at p50 and p90, 25k at p99.
    let equal = arms(40_000, 1.0, 1);
    let slow = arms(40_000, 1.2, 2);
    for quantile in [Quantile::P50, Quantile::P90] {
        let (equal, slow) = (of(&equal, quantile), of(&slow, quantile));
        assert_eq!(equal.n, 40_000);
        assert!(equal.ln_p > ln(100.0) && equal.ln_r < 0.0, "{quantile:?} {equal:?}");
        assert!(slow.ln_r > ln(20.0) && slow.ln_p < 0.0, "{quantile:?} {slow:?}");
    }
}

#[test]
fn on_the_tolerance_no_run_of_the_short_simulation_rejects() {
    // Table B has 0 of 2,000 at 100 looks; here 10 runs of 10 looks each, at every quantile.
    for seed in 0..10 {
        let mut sum = RoleHistograms::default();
        for look in 0..10 {
            sum.merge(&arms(500, 1.05, 1_000 + seed * 10 + look));
            for quantile in Quantile::ALL {
                assert!(of(&sum, quantile).ln_r < ln(20.0), "{quantile:?}");
            }
        }
    }
}

#[test]
fn missing_answers_are_slower_than_all_others() {
    let mut arms = RoleHistograms {
        candidate: recorded((0..5_000).map(|at| 10_000_000 + at * 1_000)),
        control: recorded((0..5_000).map(|at| 10_000_000 + at * 1_000)),
        ..RoleHistograms::default()
    };
    assert!(of(&arms, Quantile::P90).ln_r < 0.0);
    arms.missing = [0, 1_500, 0];
    assert!(of(&arms, Quantile::P90).ln_r > ln(20.0), "a quarter of the candidate's are infinite");
    assert_eq!(of(&RoleHistograms::default(), Quantile::P90), Evidence::default());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The scan finds the smallest average of all edges, also of those that it passes over.
    #[test]
    fn the_scan_is_the_minimum_over_every_edge(
        candidate in proptest::collection::vec(1_u64..6_000, 1..60),
        control in proptest::collection::vec(1_u64..6_000, 1..60),
        missing in 0_u64..4,
    ) {
        let latency = RoleHistograms {
            candidate: recorded(candidate), control: recorded(control), missing: [0, missing, 0],
            ..RoleHistograms::default()
        };
        let quantile = Quantile::P90;
        let (p, tolerance, found) = (0.9, tolerance(quantile), of(&latency, quantile));
        let (k, c) = (Arm::new(&latency.candidate, missing), Arm::new(&latency.control, 0));
        let (mut edge, mut least) = (edge_at(1), [f64::INFINITY; 2]);
        while edge < 12_000 {
            let reach = tolerance.reject(edge_above(edge) - 1);
            let reject = log_add_exp(at_most(c.below(edge), c.count, p), at_least(k.up_to(reach), k.count, p));
            let granted = tolerance.promote(edge);
            let promote = log_add_exp(at_most(k.below(granted), k.count, p), at_least(c.up_to(edge), c.count, p));
            least = [least[0].min(reject - ln(2.0)), least[1].min(promote - ln(2.0))];
            edge = edge_above(edge);
        }
        prop_assert!((found.ln_r - least[0]).abs() < 1e-12, "{} {}", found.ln_r, least[0]);
        prop_assert!((found.ln_p - least[1]).abs() < 1e-12, "{} {}", found.ln_p, least[1]);
    }
}
