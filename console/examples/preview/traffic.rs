//! A made-up report: an event collector whose candidate answers ids as numbers and is slower.

use parallax_comparator::diff::{Difference, Kind, Part};
use parallax_comparator::report::{Conservation, Example, PathCount, Report, RoleLatency};
use parallax_exchange::{DropReason, ShedReason};
use std::sync::Arc;

const STARTED: u64 = 1_795_356_160_000_000_000;

/// What a run shows; a `bad` candidate differs and is slow, any other differs only as the control does.
pub(crate) fn report(run: &str, bad: bool) -> Report {
    Report {
        run: run.to_owned(),
        started_ns: STARTED,
        now_ns: STARTED + 2_310_000_000_000,
        conservation: conservation(),
        differences: differences(bad),
        other_differences: None,
        paths_one_in: 1,
        latency: latency(bad),
        examples: vec![Arc::new(event(bad)), Arc::new(batch())],
    }
}

fn conservation() -> Conservation {
    Conservation {
        offered: 4_896_220,
        not_selected: 84_117,
        dropped: [(DropReason::Loop, 12), (DropReason::RequestCut, 88)].into(),
        mirrored: 4_812_003,
        compared: 4_809_412,
        shed: [(ShedReason::InFlight, 2_310), (ShedReason::BodyTooLarge, 142)].into(),
        lost: 0,
        late: 0,
        open: 139,
    }
}

fn differences(bad: bool) -> Vec<PathCount> {
    let path =
        |part, pattern: &str, kind, raw, noise, candidate_only, control_only, example: &str| PathCount {
            route: Some("ingest".into()),
            part,
            pattern: pattern.to_owned(),
            kind,
            raw,
            noise,
            candidate_only,
            control_only,
            exchanges: 4_102_334,
            examples: vec![example.to_owned()],
        };
    let noise = path(Part::Body, "/queue/depth", Kind::Value, 91_204, 90_877, 61_020, 60_693, "00f1-9a02");
    if !bad {
        return vec![noise];
    }
    vec![
        path(Part::Body, "/events/*/user/id", Kind::Type, 31_377, 0, 31_377, 0, "00f1-9a02"),
        path(Part::Body, "/events/*/flags", Kind::Missing, 30_911, 0, 30_911, 0, "00f1-9a02"),
        path(Part::Header, "x-batch-id", Kind::Extra, 4_102_334, 0, 4_102_334, 0, "00f1-9a02"),
        path(Part::Status, "", Kind::Value, 214, 9, 207, 2, "00c3-41d2"),
        noise,
    ]
}

fn latency(bad: bool) -> Vec<RoleLatency> {
    vec![
        role("primary", 1.0, 1.0, 4_812_000, 3),
        role("candidate", if bad { 1.18 } else { 1.01 }, if bad { 2.6 } else { 1.02 }, 4_809_400, 12),
        role("control", 1.02, 1.01, 4_809_403, 9),
    ]
}

/// A long-tailed latency: scaled by `body`, and from p90 on by up to `tail` more.
fn role(role: &'static str, body: f64, tail: f64, count: u64, missing: u64) -> RoleLatency {
    let shown = [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995, 0.9975, 0.999, 0.9999];
    let latency = |quantile: f64| {
        let depth = -(1.0 - quantile).log10();
        let shape = 0.62e6 * (0.55 * depth + 0.055 * depth.powi(3)).exp();
        (shape * body * tail.powf((depth - 1.0).clamp(0.0, 2.0) / 2.0)) as u64
    };
    let quantiles = shown.map(|quantile| (quantile, latency(quantile))).to_vec();
    RoleLatency { role, count, missing, quantiles, max_ns: latency(0.9999) * 13 / 10 }
}

fn answer(id: &str, flags: &str, batch: &str, depth: u32, date: &str) -> String {
    format!(
        "200 OK\r\ncontent-type: application/json\r\ndate: {date}\r\n{batch}server: collector\r\n\r\n\
         {{\"success\":true,\"accepted\":2,\"events\":[\
         {{\"id\":\"evt_01HZX4\",\"type\":\"page_view\",\"user\":{{\"id\":{id},\"region\":\"eu-west-1\"}},\
         \"context\":{{\"page\":\"/checkout\",\"referrer\":\"<b>search</b>\",\"locale\":\"de-DE\"}}{flags}}},\
         {{\"id\":\"evt_01HZX5\",\"type\":\"add_to_cart\",\"user\":{{\"id\":{id},\"region\":\"eu-west-1\"}},\
         \"context\":{{\"page\":\"/cart\",\"sku\":\"A-1187\",\"price\":19.90}}{flags}}}],\
         \"queue\":{{\"partition\":7,\"depth\":{depth}}},\"schema_version\":3,\"limits\":{{\"batch\":500,\"rate\":\"2000/s\"}}}}"
    )
}

fn event(bad: bool) -> Example {
    let flags = ",\"flags\":[\"consent\"]";
    let primary = answer("\"u_48213\"", flags, "", 118, "Sun, 22 Nov 2026 14:40:58 GMT");
    let candidate = if bad {
        answer("48213", "", "x-batch-id: 5c1f\r\n", 121, "Sun, 22 Nov 2026 14:40:58 GMT")
    } else {
        answer("\"u_48213\"", flags, "", 121, "Sun, 22 Nov 2026 14:40:58 GMT")
    };
    let difference =
        |part, path: &str, pattern: &str, kind, left: Option<&str>, right: Option<&str>| Difference {
            part,
            path: path.to_owned(),
            pattern: pattern.to_owned(),
            kind,
            left: left.map(str::to_owned),
            right: right.map(str::to_owned),
            note: None,
        };
    let mut differences = Vec::new();
    if bad {
        differences.push(difference(
            Part::Header,
            "x-batch-id",
            "x-batch-id",
            Kind::Extra,
            None,
            Some("5c1f"),
        ));
        for index in 0..2 {
            let (id, flags) = (format!("/events/{index}/user/id"), format!("/events/{index}/flags"));
            let (id_any, flags_any) = ("/events/*/user/id", "/events/*/flags");
            differences.push(difference(
                Part::Body,
                &id,
                id_any,
                Kind::Type,
                Some("\"u_48213\""),
                Some("48213"),
            ));
            differences.push(difference(
                Part::Body,
                &flags,
                flags_any,
                Kind::Missing,
                Some("[\"consent\"]"),
                None,
            ));
        }
    }
    differences.push(difference(
        Part::Body,
        "/queue/depth",
        "/queue/depth",
        Kind::Value,
        Some("118"),
        Some("121"),
    ));
    Example {
        id: "00f1-9a02".to_owned(),
        route: Some("ingest".into()),
        request: "POST /v1/batch?source=web".to_owned(),
        request_body: r#"{"sent_at":"2026-11-22T14:40:58Z","events":[{"type":"page_view","user":"u_48213"},{"type":"add_to_cart","user":"u_48213"}]}"#.to_owned(),
        primary,
        candidate,
        control: Some(answer("\"u_48213\"", flags, "", 119, "Sun, 22 Nov 2026 14:40:59 GMT")),
        differences,
        unified: "--- primary\n+++ candidate\n@@ -1 +1 @@\n-  \"depth\": 118\n+  \"depth\": 121\n".to_owned(),
        curl: Some("curl --globoff --path-as-is --url \"${BASE_URL:-http://events.example}\"'/v1/batch?source=web' --data-raw '{}'".to_owned()),
    }
}

fn batch() -> Example {
    let busy = "503 Service Unavailable\r\ncontent-type: text/plain\r\nretry-after: 1\r\n\r\noverloaded: <script>alert(1)</script>";
    Example {
        id: "00c3-41d2".to_owned(),
        route: Some("ingest".into()),
        request: "POST /v1/batch?source=ios".to_owned(),
        request_body: String::new(),
        primary: answer("\"u_77120\"", "", "", 90, "Sun, 22 Nov 2026 14:38:11 GMT"),
        candidate: busy.to_owned(),
        control: Some(answer("\"u_77120\"", "", "", 90, "Sun, 22 Nov 2026 14:38:11 GMT")),
        differences: vec![Difference {
            part: Part::Status,
            path: String::new(),
            pattern: String::new(),
            kind: Kind::Value,
            left: Some("200".to_owned()),
            right: Some("503".to_owned()),
            note: None,
        }],
        unified: String::new(),
        curl: None,
    }
}
