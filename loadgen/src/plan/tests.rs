//! Plans are exact, and the same on any number of cores.

use super::*;

const SECOND: u64 = 1_000_000_000;

fn rate(text: &str) -> Rate {
    text.parse().expect("a rate")
}

fn whole(plan: &Plan) -> Vec<u64> {
    plan.stripe(0, 1).map(|(_, due)| due).collect()
}

#[test]
fn a_constant_plan_puts_every_request_in_the_middle_of_its_slot() {
    let plan = Plan::constant(rate("4/s"), Duration::from_secs(1)).unwrap();
    assert_eq!(whole(&plan), [125_000_000, 375_000_000, 625_000_000, 875_000_000]);
}

#[test]
fn every_second_of_a_constant_plan_holds_exactly_its_rate() {
    // 7 does not divide a second: a plan that adds up rounded gaps would drift.
    let plan = Plan::constant(rate("7/s"), Duration::from_secs(1000)).unwrap();
    let mut per_second = vec![0u64; 1000];
    whole(&plan).iter().for_each(|due| per_second[(due / SECOND) as usize] += 1);
    assert!(per_second.iter().all(|&count| count == 7));
}

#[test]
fn a_constant_plan_does_not_drift_in_a_century_of_requests() {
    let plan = Plan::constant(rate("999999937/s"), Duration::from_secs(4_000_000_000)).unwrap();
    let last = plan.last_ns();
    assert_eq!(last, 4_000_000_000 * SECOND - 1);
}

#[test]
fn plans_are_the_same_on_any_number_of_cores() {
    let recorded = Recorded::laps(vec![0, 5, 5, 900], Pace::Rate(rate("1k/s")), 30);
    let plans = [
        Plan::constant(rate("333/s"), Duration::from_secs(2)).unwrap(),
        Plan::poisson(rate("333/s"), Duration::from_secs(2), 7).unwrap(),
        Plan::ramp(None, Some(rate("500/s")), Duration::from_secs(2)).unwrap(),
        Plan::recorded(recorded).unwrap(),
    ];
    for plan in &plans {
        let one: Vec<_> = plan.stripe(0, 1).collect();
        for stripes in [2, 3, 16] {
            let mut many: Vec<_> = (0..stripes).flat_map(|stripe| plan.stripe(stripe, stripes)).collect();
            many.sort_unstable();
            assert_eq!(one, many, "{:?} on {stripes}", plan.describe());
        }
        assert_eq!(plan.last_ns(), one.last().unwrap().1);
        assert!(one.is_sorted_by_key(|(_, due)| *due));
    }
}

#[test]
fn poisson_gaps_have_the_mean_and_the_variance_of_an_exponential() {
    let plan = Plan::poisson(rate("1000/s"), Duration::from_secs(200), 42).unwrap();
    let due = whole(&plan);
    let gaps: Vec<f64> = due.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect();
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
    assert!((mean / 1e6 - 1.0).abs() < 0.01, "mean gap {mean}");
    assert!((variance.sqrt() / mean - 1.0).abs() < 0.01, "deviation {}", variance.sqrt());

    // Index of dispersion of counts per 100 ms: 1 for a Poisson process, 0 for even spacing.
    let mut counts = vec![0f64; 2000];
    due.iter().for_each(|due| {
        if let Some(count) = counts.get_mut((due / 100_000_000) as usize) {
            *count += 1.0;
        }
    });
    let mean = counts.iter().sum::<f64>() / 2000.0;
    let dispersion = counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / 2000.0 / mean;
    assert!((dispersion - 1.0).abs() < 0.1, "index of dispersion {dispersion}");
}

#[test]
fn poisson_gaps_pass_a_kolmogorov_smirnov_test() {
    let plan = Plan::poisson(rate("1000/s"), Duration::from_secs(50), 3).unwrap();
    let due = whole(&plan);
    let mut gaps: Vec<f64> = due.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e6).collect();
    gaps.sort_by(f64::total_cmp);
    let n = gaps.len() as f64;
    let distance = gaps.iter().enumerate().map(|(rank, gap)| {
        let expected = 1.0 - (-gap).exp();
        (expected - rank as f64 / n).abs().max(((rank + 1) as f64 / n - expected).abs())
    });
    // 1.63 / sqrt(n) is the critical distance at p = 0.01.
    let distance = distance.fold(0.0, f64::max);
    assert!(distance < 1.63 / n.sqrt(), "{distance}");
}

#[test]
fn seeds_name_plans() {
    let plan = |seed| whole(&Plan::poisson(rate("100/s"), Duration::from_secs(1), seed).unwrap());
    assert_eq!(plan(1), plan(1));
    assert_ne!(plan(1), plan(2));
}

#[test]
fn a_ramp_doubles_its_count_in_the_right_half() {
    let plan = Plan::ramp(None, Some(rate("1000/s")), Duration::from_secs(10)).unwrap();
    assert_eq!(plan.arrivals(), 5000);
    let first_half = whole(&plan).iter().filter(|&&due| due < 5 * SECOND).count();
    assert_eq!(first_half, 1250);
    // Arrival i is due at sqrt(2 (i + 1/2) / slope), slope 100 per second squared.
    let due = whole(&plan)[1249] as f64 / 1e9;
    assert!((due - (2.0 * 1249.5 / 100.0_f64).sqrt()).abs() < 1e-8, "{due}");
}

#[test]
fn a_ramp_down_to_nothing_ends_in_time() {
    let plan = Plan::ramp(Some(rate("1000/s")), None, Duration::from_secs(10)).unwrap();
    let due = whole(&plan);
    assert!(due.is_sorted() && due[4999] < 10 * SECOND);
    assert_eq!(due.iter().filter(|&&due| due < 5 * SECOND).count(), 3750);
}

#[test]
fn each_step_of_a_staircase_holds_its_own_requests() {
    let second = Duration::from_secs(1);
    let steps = [(rate("10/s"), second), (rate("100/s"), second), (rate("20/s"), second * 2)];
    let plan = Plan::staircase(&steps).unwrap();
    let mut per_second = [0; 4];
    whole(&plan).iter().for_each(|due| per_second[(due / SECOND) as usize] += 1);
    assert_eq!(per_second, [10, 100, 20, 20]);
}

#[test]
fn a_recording_keeps_its_gaps_at_its_own_speed_and_divides_them_at_another() {
    let plan = |pace| whole(&Plan::recorded(Recorded::laps(vec![7, 107, 107, 1007], pace, 1)).unwrap());
    assert_eq!(plan(Pace::RECORDED), [0, 100, 100, 1000]);
    assert_eq!(plan(Pace::times(2.0).unwrap()), [0, 50, 50, 500]);
    assert_eq!(plan(Pace::times(0.5).unwrap()), [0, 200, 200, 2000]);
}

#[test]
fn a_recording_at_a_rate_keeps_the_proportions_of_its_gaps() {
    let offsets = vec![0, 1_000_000, 2_000_000, 9_000_000];
    let recorded = Recorded::lasting(offsets, Pace::Rate(rate("4/s")), Duration::from_secs(3));
    let due = whole(&Plan::recorded(recorded).unwrap());
    // A lap is 9 ms and a mean gap of 3 ms, stretched to a second.
    let lap = [0, SECOND / 12, SECOND / 6, SECOND * 3 / 4];
    let expected: Vec<u64> = (0..3).flat_map(|number| lap.map(|due| number * SECOND + due)).collect();
    let error = |(left, right): (&u64, &u64)| left.abs_diff(*right);
    assert_eq!(due.len(), 12);
    assert!(due.iter().zip(&expected).map(error).all(|error| error <= 1), "{due:?}");
}

#[test]
fn a_recording_without_time_is_spread_evenly_at_a_rate() {
    let recorded = Recorded::laps(vec![5, 5, 5, 5], Pace::Rate(rate("4/s")), 2);
    let quarters: Vec<u64> = (0..8).map(|quarter| quarter * SECOND / 4).collect();
    assert_eq!(whole(&Plan::recorded(recorded).unwrap()), quarters);
}

#[test]
fn a_replay_of_a_day_ends_where_the_recording_ends() {
    let offsets: Vec<u64> = (0..86_400).map(|second| second * SECOND + second % 7).collect();
    let last = offsets[86_399];
    let plan = Plan::recorded(Recorded::laps(offsets, Pace::times(60.0).unwrap(), 1)).unwrap();
    assert_eq!(plan.last_ns(), last / 60);
}

#[test]
fn impossible_plans_are_refused_with_the_remedy() {
    let empty = Plan::constant(rate("1/h"), Duration::from_secs(1)).unwrap_err();
    assert!(empty.to_string().contains("raise the rate or the duration"), "{empty}");
    assert!(Plan::recorded(Recorded::laps(vec![], Pace::RECORDED, 1)).is_err());
    assert!(Plan::ramp(None, None, Duration::from_secs(9)).is_err());
    let long = Plan::constant(rate("1/s"), Duration::from_secs(u64::MAX)).unwrap_err();
    assert!(matches!(long, PlanError::TooLong { .. }), "{long}");
    let long = Recorded::laps(vec![0, u64::MAX], Pace::times(1e-6).unwrap(), 1);
    assert!(matches!(Plan::recorded(long), Err(PlanError::TooLong { .. })));
}
