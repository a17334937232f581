//! What machines and people read, as they read it.

use super::*;
use crate::engine::{Class, Failure, run::Measured};
use crate::{Options, Plan, Rendering, Source, Target};
use parallax_exchange::Request;
use std::time::{Duration, SystemTime};

/// A report of 1,000 arrivals: 990 replies of 1 to 990 ms, five of them 503, and ten timeouts of 2 s.
pub(crate) fn a_report() -> LoadReport {
    let target = Target::parse("http://127.0.0.1:1/").unwrap();
    let plan = Plan::constant("1000/s".parse().unwrap(), Duration::from_secs(1)).unwrap();
    let request = Request { target: "/".to_owned(), ..Request::default() };
    let source = Source::new([request], &target, &Rendering::default(), "").unwrap();
    let run = Run { target, plan, source, options: Options::default() };
    let mut tally = Tally::new();
    for milliseconds in 1..=990 {
        tally.response[Class::Success as usize].record(milliseconds * 1_000_000).unwrap();
        tally.service.record(1_000_000).unwrap();
    }
    tally.response[Class::Failed as usize].record_n(2_000_000_000, 10).unwrap();
    tally.counts.released = 1000;
    tally.counts.status = [(200, 985), (503, 5)].into();
    for _ in 0..10 {
        tally.fail(Failure::Timeout, || "no whole reply in time".to_owned());
    }
    let measured = Measured {
        tally,
        lanes: 1,
        address: "127.0.0.1:1".parse().unwrap(),
        started: SystemTime::UNIX_EPOCH,
        elapsed_ns: 1_000_000_000,
        wall_elapsed_ns: 1_000_000_000,
        is_partial: false,
    };
    let mut integrity = Integrity::judge(&measured, &HostClock::read());
    // What the machine says about itself is different on every one.
    integrity.clock.source = "tsc".to_owned();
    integrity.processor.steal = Some(0.0);
    let document = LoadDocument::new(&run, run.plan.arrivals(), &measured, integrity);
    LoadReport { document, tally: measured.tally }
}

#[test]
fn the_document_is_parallax_load_1() {
    insta::assert_json_snapshot!(a_report());
}

#[test]
fn the_page_shows_outcomes_times_a_plot_and_whether_to_believe_it() {
    let mut report = a_report();
    report.check(&["p99<1s".parse().unwrap(), "errors<1%".parse().unwrap()]);
    insta::assert_snapshot!(report.summary());
}

#[test]
fn a_partial_page_says_so() {
    let mut report = a_report();
    report.document.partial = true;
    report.document.not_due = 7;
    let page = report.summary();
    assert!(page.contains("partial result") && page.contains("not due yet 7"), "{page}");
}

#[test]
fn counts_that_do_not_add_up_are_an_error_and_no_report() {
    let mut tally = a_report().tally;
    assert!(balance(&tally, 1000).is_ok());
    assert!(balance(&tally, 1001).unwrap_err().to_string().contains("planned = released"));
    tally.response[0].record(1).unwrap();
    assert!(balance(&tally, 1000).unwrap_err().to_string().contains("response times"));
}
