//! Thresholds are read by their grammar and compare what they say.

use super::*;
use crate::report::tests::a_report;

#[test]
fn thresholds_hold_or_are_missed() {
    let mut report = a_report();
    let cases = [
        ("p50<501ms", true),
        ("p50<499ms", false),
        ("response.p99 <= 991ms", true),
        ("p99.5<1.9s", false),
        ("p999<2100ms", true),
        ("max<1999ms", false),
        ("min<1500us", true),
        ("mean<600ms", true),
        ("service.p100<1100000ns", true),
        ("errors<1.5%", false),
        ("errors<=1.5%", true),
        ("errors<16", true),
        ("failures<1%", false),
        ("http_errors<=5", true),
        ("status.503<5", false),
        ("status.2xx>=98.5%", true),
        ("status.2xx>99%", false),
        ("rate>989/s", true),
        ("rate>=59.5k/m", false),
    ];
    for (text, held) in cases {
        let threshold: Threshold = text.parse().unwrap();
        assert_eq!(threshold.check(&report).held, held, "{text}: {:?}", threshold.check(&report));
        assert_eq!(threshold.to_string(), text);
    }
    let thresholds = ["p50<501ms", "p50<499ms"].map(|text| text.parse().unwrap());
    assert!(!report.check(&thresholds));
    assert!(report.check(&thresholds[..1]));
    assert!(report.summary().contains("held   p50<501ms"), "{}", report.summary());
    assert_eq!(report.document.thresholds[0].found.map(|found| (found / 1e7).round()), Some(50.0));
}

#[test]
fn what_was_not_measured_does_not_pass() {
    let mut report = a_report();
    let threshold: Threshold = "connect.p99<1s".parse().unwrap();
    let outcome = threshold.check(&report);
    assert_eq!((outcome.held, outcome.found), (false, None));
    assert!(!report.check(&[threshold]));
    assert!(report.summary().contains("MISSED connect.p99<1s (nothing was measured)"));
}

#[test]
fn what_is_no_threshold_is_refused_with_the_reason() {
    let cases = [
        ("", "write a metric"),
        ("p99", "write a metric"),
        ("p99=50ms", "write a metric"),
        ("p99<50", "is no time"),
        ("p99<-1ms", "is no time"),
        ("p99<1e3ms", "is no time"),
        ("p99<5%", "is no time"),
        ("p101<5ms", "above p100"),
        ("q99<5ms", "is no metric"),
        ("p<5ms", "is no metric"),
        ("latency.p99<5ms", "none of response"),
        ("errors<101%", "neither a number"),
        ("status.99<1", "no status"),
        ("status.xx<1", "no status"),
        ("rate>900", "is not a rate"),
        ("p99>50ms", "write < instead of >"),
        ("errors>=1", "write < instead of >"),
        ("rate<900/s", "write > instead of <"),
    ];
    for (text, expected) in cases {
        let error = text.parse::<Threshold>().unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}
