use crate::api::tests::{Answer, Bench, STATES};
use crate::{canned, evidence, traffic};
use axum::body::Body;
use http::Request;
use parallax_comparator::verdict::{AfterFinal, State};

async fn open(bench: &Bench, target: &str) -> Answer {
    let request = Request::get(target).header("accept", "text/html").body(Body::empty()).unwrap();
    bench.send(request).await
}

fn bench(state: State) -> Bench {
    let bench = Bench::new();
    let mut verdict = canned::verdict("r1", state, state != State::Wait);
    evidence::fill(&mut verdict);
    bench.board.publish(canned::publish(verdict, traffic::report("r1", state == State::Reject)));
    bench
}

#[tokio::test]
async fn each_state_is_said_in_a_word_and_not_by_colour_alone() {
    let words = ["Promote", "Reject", "Wait", "Inconclusive", "Invalid"];
    for (state, word) in STATES.into_iter().zip(words) {
        let answer = open(&bench(state), "/").await;
        assert_eq!(answer.status.as_u16(), 200);
        assert!(answer.text().contains(&format!("<h1>{word}</h1>")), "{word}");
        assert!(answer.text().contains(&format!("<title>{word} · r1 · Parallax</title>")));
    }
}

#[tokio::test]
async fn the_page_allows_nothing_from_elsewhere_and_no_inline_code() {
    let answer = open(&bench(State::Reject), "/").await;
    let policy = answer.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let page = answer.text();
    for forbidden in [" style=", " onclick=", " onload=", "http://", "https://"] {
        // The command that sends a request again names an address as text.
        let found = page.replace("xmlns='http://www.w3.org/2000/svg'", "").replace("{BASE_URL:-http://", "");
        assert!(!found.contains(forbidden), "{forbidden} in the page");
    }
    for asset in ["/console.css", "/console.js"] {
        let answer = open(&bench(State::Wait), asset).await;
        assert_eq!(answer.status.as_u16(), 200);
        assert!(!answer.text().contains("//cdn") && !answer.text().contains("@import"), "{asset}");
    }
}

#[tokio::test]
async fn text_from_traffic_stays_text() {
    let evil = "</code><script>alert('x')</script>\"><img src=x onerror=alert(1)>";
    let mut verdict = canned::verdict(evil, State::Reject, true);
    verdict.reason = evil.to_owned();
    verdict.candidate.digest = Some(evil.to_owned());
    verdict.not_checked = vec![evil.to_owned()];
    let mut report = traffic::report(evil, true);
    for path in &mut report.differences {
        path.pattern = evil.to_owned();
        path.route = Some(evil.into());
    }
    let mut example = (*report.examples[0]).clone();
    for text in
        [&mut example.request, &mut example.request_body, &mut example.primary, &mut example.candidate]
    {
        *text = evil.to_owned();
    }
    example.id = evil.to_owned();
    example.control = Some(evil.to_owned());
    for difference in &mut example.differences {
        difference.path = evil.to_owned();
        difference.right = Some(evil.to_owned());
    }
    report.differences[0].examples = vec![evil.to_owned()];
    report.examples = vec![example.into()];
    let bench = Bench::new();
    bench.board.publish(canned::publish(verdict, report));
    let page = open(&bench, "/").await;
    assert_eq!(page.status.as_u16(), 200);
    let text = page.text();
    assert!(!text.contains("<script>") && !text.contains("<img"), "markup from traffic in the page");
    assert!(text.matches("&lt;script&gt;alert('x')&lt;/script&gt;").count() > 10, "the text itself is shown");
    assert!(text.contains("?example=%3C%2Fcode%3E"), "links carry it encoded");
}

#[tokio::test]
async fn a_gate_pointed_at_the_page_by_mistake_gets_no_2xx() {
    let bench = bench(State::Wait);
    assert_eq!(bench.get("/").await.status.as_u16(), 406, "Go's client sends no Accept");
    for (accept, status) in [
        ("application/json", 406),
        ("*/*", 200),
        ("text/html,application/xhtml+xml,*/*;q=0.8", 200),
        ("TEXT/HTML;q=0.9", 200),
    ] {
        let request = Request::get("/").header("accept", accept).body(Body::empty()).unwrap();
        assert_eq!(bench.send(request).await.status.as_u16(), status, "{accept}");
    }
}

#[tokio::test]
async fn the_page_exists_before_the_first_run_and_not_for_an_unknown_one() {
    let empty = Bench::new();
    let answer = open(&empty, "/").await;
    assert_eq!(answer.status.as_u16(), 200);
    assert!(answer.text().contains("No verdict yet"));
    assert_eq!(open(&bench(State::Wait), "/?run=r2").await.status.as_u16(), 404);
    assert_eq!(open(&bench(State::Wait), "/?colour=red").await.status.as_u16(), 400);
}

#[tokio::test]
async fn an_example_can_be_chosen_and_a_lost_one_falls_back() {
    let bench = bench(State::Reject);
    let shown = async |target: &str| {
        let text = open(&bench, target).await.text().to_owned();
        ["source=web", "source=ios"]
            .map(|request| text.contains(&format!("<code class=\"target\">POST /v1/batch?{request}")))
    };
    assert_eq!(shown("/").await, [true, false], "the first difference's");
    assert_eq!(shown("/?example=00c3-41d2").await, [false, true]);
    assert_eq!(shown("/?example=gone").await, [true, false]);
}

#[tokio::test]
async fn the_example_marks_what_was_reported_and_only_tints_what_was_not() {
    let text = open(&bench(State::Reject), "/").await.text().to_owned();
    let row = |class: &str, needle: &str| {
        text.split("<div class=\"row ").any(|row| row.starts_with(class) && row.contains(needle))
    };
    assert!(row("reported", "&quot;id&quot;: <mark>48213</mark>,"), "the changed value is marked");
    assert!(row("reported", "x-batch-id"));
    assert!(row("tinted", "14:40:5"), "the control's date is noise");
    assert!(row("same", "server: collector"));
    assert!(text.contains("equal lines"), "what is equal is folded");
}

#[tokio::test]
async fn the_checks_say_state_evidence_and_interval_for_each_slice() {
    let text = open(&bench(State::Reject), "/").await.text().to_owned();
    for expected in [
        "<b>all requests</b>",
        "<b>route=ingest</b>",
        "✕ worse",
        "? suspect",
        "+0.421%",
        "[+0.318%, +0.538%]",
        "worse from 3.61 ms; control 2.89 ms",
        "× 2.610",
        "route=admin (84 units, excess at most +5.67%)",
        "route=ingest · mismatch",
        "15 of 24 required checks hold.",
    ] {
        assert!(text.contains(expected), "{expected}");
    }
}

#[tokio::test]
async fn progress_shows_both_sides_and_the_forecast_while_it_waits() {
    let text = open(&bench(State::Wait), "/").await.text().to_owned();
    assert!(text.contains("towards promote: 28.6 of 100") && text.contains("value=\"0.728\""), "{text}");
    assert!(text.contains("towards reject: 0.542 of 20") && text.contains("value=\"0.000\""));
    assert!(text.contains("To promote, about 5,937 more units of 45,314 left until the deadline"));
    let text = open(&bench(State::Promote), "/").await.text().to_owned();
    assert!(!text.contains("To promote, about"), "a decided run needs nothing");
}

#[tokio::test]
async fn a_forecast_that_is_never_is_said() {
    let bench = Bench::new();
    let mut verdict = canned::verdict("r1", State::Wait, false);
    evidence::fill(&mut verdict);
    verdict.forecast.need_units = None;
    verdict.forecast.promote_reachable = false;
    bench.board.publish(canned::publish(verdict, traffic::report("r1", false)));
    let text = open(&bench, "/").await.text().to_owned();
    assert!(text.contains("no number of units would promote"));
    assert!(text.contains("the candidate would have to do better than production"));
}

#[tokio::test]
async fn what_comes_after_the_final_verdict_does_not_replace_it() {
    let bench = Bench::new();
    let mut verdict = canned::verdict("r1", State::Promote, true);
    verdict.after_final = Some(AfterFinal {
        verdict: State::Reject,
        reason: "worse since".to_owned(),
        watermark: None,
        sealed_windows: 260,
        units: 1,
        culprits: Vec::new(),
    });
    bench.board.publish(canned::publish(verdict, traffic::report("r1", false)));
    let text = open(&bench, "/").await.text().to_owned();
    assert!(text.contains("<h1>Promote</h1>") && text.contains("The verdict stands."));
    assert!(text.contains("reject: worse since"));
}
