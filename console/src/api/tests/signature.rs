use super::{Bench, published};
use crate::board::Board;
use http::StatusCode;
use parallax_comparator::verdict::State;
use parallax_comparator::verdict::signature::{Signature, SigningKey};

fn key() -> SigningKey {
    SigningKey::from_secret(&[3; 32])
}

fn signing() -> Bench {
    let mut bench = Bench::new();
    bench.board = Board::new().with_signing_key(key());
    bench.router = super::router(super::Context::new(bench.board.clone(), bench.stop.subscribe()));
    bench
}

#[tokio::test]
async fn the_signature_in_the_headers_is_over_the_very_body_they_come_with() {
    let bench = signing();
    let mut seen = Vec::new();
    for state in [State::Wait, State::Wait, State::Reject] {
        bench.board.publish(published("r1", state));
        for target in ["/v1/verdicts/r1", "/v1/verdicts/latest"] {
            let answer = bench.get(target).await;
            let signature = Signature::read(answer.headers["parallax-signature"].as_bytes()).unwrap();
            assert!(key().public().verifies(&answer.body, &signature));
            assert_eq!(answer.headers["parallax-signing-key"], *key().public().id());
            seen.push(signature);
        }
    }
    assert_eq!(seen[0], seen[3], "equal documents have equal signatures");
    assert_ne!(seen[3], seen[4]);
}

#[tokio::test]
async fn the_signature_has_a_document_of_its_own() {
    let bench = signing();
    assert_eq!(bench.get("/v1/verdicts/r1/signature").await.status, StatusCode::SERVICE_UNAVAILABLE);
    bench.board.publish(published("r1", State::Promote));
    let body = bench.get("/v1/verdicts/r1").await.body;
    for target in ["/v1/verdicts/r1/signature", "/v1/verdicts/latest/signature"] {
        let answer = bench.get(target).await;
        assert_eq!(answer.json()["schema"], "parallax.signature/1");
        assert_eq!(answer.json()["run"], "r1");
        assert!(key().public().verifies(&body, &Signature::read(&answer.body).unwrap()));
    }
    assert_eq!(bench.get("/v1/verdicts/r2/signature").await.status, StatusCode::NOT_FOUND);
    assert_eq!(bench.get("/v1/verdicts/r1/signature?wait=1s").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(bench.get("/v1/verdicts/r1/signature?candidate=sha256:0").await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_console_without_a_key_serves_no_signature_and_says_how_to_get_one() {
    let bench = Bench::new();
    bench.board.publish(published("r1", State::Promote));
    assert!(!bench.get("/v1/verdicts/r1").await.headers.contains_key("parallax-signature"));
    let answer = bench.get("/v1/verdicts/r1/signature").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(answer.json()["remedy"].as_str().unwrap().contains("console.signing_key"));
}
