use super::{Bench, published};
use crate::limits;
use axum::body::{Body, BodyDataStream};
use futures_util::StreamExt;
use http::{Request, Response};
use parallax_comparator::verdict::State;
use serde_json::Value;
use tower::ServiceExt;

async fn open(bench: &Bench) -> Response<Body> {
    bench.router.clone().oneshot(Request::get("/v1/events").body(Body::empty()).unwrap()).await.unwrap()
}

/// The next event that is not a heartbeat.
async fn next(stream: &mut BodyDataStream) -> Option<Value> {
    loop {
        let chunk = stream.next().await?.unwrap();
        let text = String::from_utf8(chunk.to_vec()).unwrap();
        if text.starts_with(':') {
            continue;
        }
        assert!(text.contains("event: verdict\n") && text.contains("id: "), "{text}");
        let data = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
        return Some(serde_json::from_str(data).unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_starts_with_the_present_and_tells_each_change() {
    let bench = Bench::new();
    let response = open(&bench).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut stream = response.into_body().into_data_stream();
    assert_eq!(next(&mut stream).await.unwrap()["run"], Value::Null);
    bench.board.publish(published("r1", State::Wait));
    let event = next(&mut stream).await.unwrap();
    assert_eq!((&event["run"], &event["verdict"]), (&"r1".into(), &"wait".into()));
    bench.board.publish(published("r1", State::Promote));
    assert_eq!(next(&mut stream).await.unwrap()["final"], true);
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_publications_becomes_one_event() {
    let bench = Bench::new();
    let mut stream = open(&bench).await.into_body().into_data_stream();
    next(&mut stream).await.unwrap();
    for _ in 0..100 {
        bench.board.publish(published("r1", State::Wait));
    }
    assert_eq!(next(&mut stream).await.unwrap()["version"], 100);
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_has_heartbeats() {
    let bench = Bench::new();
    let mut stream = open(&bench).await.into_body().into_data_stream();
    next(&mut stream).await.unwrap();
    let chunk = stream.next().await.unwrap().unwrap();
    assert!(chunk.starts_with(b":"), "{chunk:?}");
}

#[tokio::test(start_paused = true)]
async fn streams_are_bounded_and_end_with_the_console() {
    let bench = Bench::new();
    let mut streams = Vec::new();
    for _ in 0..limits::STREAMS {
        streams.push(open(&bench).await);
    }
    assert_eq!(open(&bench).await.status().as_u16(), 503);
    streams.pop();
    let mut stream = open(&bench).await.into_body().into_data_stream();
    next(&mut stream).await.unwrap();
    bench.stop.send_replace(true);
    assert_eq!(next(&mut stream).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_one_run_is_not_told_of_another() {
    let bench = Bench::new();
    let request = Request::get("/v1/events?run=r1").body(Body::empty()).unwrap();
    let mut stream = bench.router.clone().oneshot(request).await.unwrap().into_body().into_data_stream();
    assert_eq!(next(&mut stream).await.unwrap()["run"], Value::Null);
    bench.board.publish(published("r1", State::Wait));
    assert_eq!(next(&mut stream).await.unwrap()["run"], "r1");
    bench.board.publish(published("r2", State::Promote));
    assert_eq!(next(&mut stream).await.unwrap()["run"], "r1");
}
