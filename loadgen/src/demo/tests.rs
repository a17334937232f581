//! The bundled recording is what the generator makes, and what the demo needs.

use super::*;
use crate::plan::Pace;
use crate::recording::{Extent, write};
use crate::{Options, Rendering, Target};
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

#[test]
fn the_bundled_file_is_what_the_generator_makes() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("demo.plx").display().to_string();
    write(&path, make()).expect("it can be written");
    let made = std::fs::read(&path).expect("it was written");
    assert!(made == FILE, "regenerate it: cargo run -p parallax-loadgen --example make_demo_recording");
    assert!(made.len() <= 300_000, "{} bytes", made.len());
}

#[test]
fn the_recording_is_a_minute_of_mixed_traffic() {
    let recording = recording().expect("it is compiled in");
    let document = recording.describe();
    assert!((400..=600).contains(&document.requests), "{document:?}");
    assert!((55_000_000_000..=60_000_000_000).contains(&document.duration_ns), "{document:?}");
    assert_eq!((document.out_of_order, document.damaged_count), (0, 0));
    let mut routes = BTreeMap::<String, u64>::new();
    for (_, request) in recording.requests() {
        let route: Vec<&str> = request.path().split('/').take(3).collect();
        *routes.entry(route.join("/")).or_default() += 1;
    }
    assert!(
        routes["/v1/events"] > 300 && routes["/v1/config"] > 40 && routes["/v1/sessions"] > 15,
        "{routes:?}"
    );
}

#[test]
fn forty_seconds_at_500_per_second_hold_twelve_thousand_sessions() {
    let recording = recording().expect("it is compiled in");
    let sessions: HashSet<_> =
        recording.requests().iter().map(|(_, request)| &request.headers[SESSION_HEADER]).collect();
    let pace = Pace::Rate("500/s".parse().expect("a rate"));
    let target = Target::parse("127.0.0.1:1").expect("a target");
    let extent = Extent::Lasting(Duration::from_secs(40));
    let run = recording.replay(target, pace, extent, &Rendering::default(), Options::default());
    let arrivals = run.expect("a plan").plan.arrivals();
    let laps = arrivals / recording.requests().len() as u64;
    assert!(laps * sessions.len() as u64 >= 12_000, "{laps} laps of {} sessions", sessions.len());
}

#[test]
fn bursts_stand_out_of_the_minute() {
    let recording = recording().expect("it is compiled in");
    let first = recording.requests()[0].0;
    let mut per_second = vec![0u64; 60];
    for (at, _) in recording.requests() {
        per_second[((at - first) / 1_000_000_000) as usize] += 1;
    }
    per_second.sort_unstable();
    assert!(per_second[59] >= 3 * per_second[30], "{per_second:?}");
}
