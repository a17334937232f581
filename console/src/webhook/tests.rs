use super::deliver::backoff;
use super::queue::Queue;
use super::{Counters, Secret, Webhook, WebhookError};
use crate::api::tests::published;
use crate::board::Board;
use crate::{canned, limits};
use parallax_comparator::report::Report;
use parallax_comparator::verdict::State;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

fn webhook() -> Webhook {
    Webhook::new("http://receiver.example:9000/hook?team=a", Duration::from_secs(1), 3).unwrap()
}

fn value(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// Takes every event out of the queue.
fn drain(queue: &mut Queue, counters: &Counters) -> Vec<Value> {
    let mut bodies = Vec::new();
    while let Some(event) = queue.first() {
        bodies.push(serde_json::from_slice(&event.body).unwrap());
        queue.done(&event.id, counters);
    }
    bodies
}

#[test]
fn the_signature_is_that_of_standard_webhooks() {
    let secret = Secret::read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
    let signature = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b"{\"test\": 2432232314}");
    assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

#[test]
fn a_secret_that_can_be_guessed_is_refused_and_none_is_shown() {
    assert!(matches!(Secret::read("hunter2"), Err(WebhookError::Short(7))));
    assert!(matches!(Secret::read("whsec_%%%"), Err(WebhookError::Encoding)));
    let secret = Secret::read("correct horse battery staple").unwrap();
    assert!(!format!("{:?}", webhook().signed_with(secret)).contains("horse"));
}

#[test]
fn only_addresses_that_can_be_posted_to_are_taken() {
    for address in ["", "receiver", "/path", "https://", "ftp://a.example"] {
        let error = Webhook::new(address, Duration::from_secs(1), 1).unwrap_err();
        assert!(error.to_string().contains("http://host:port/path"), "{address}: {error}");
    }
}

#[test]
fn each_change_of_state_is_one_event_and_another_watermark_is_none() {
    let (board, mut queue, counters) = (Board::new(), Queue::default(), Counters::default());
    for state in [State::Wait, State::Wait, State::Invalid, State::Wait, State::Promote] {
        let verdict = canned::verdict("r1", state, state == State::Promote);
        board.publish(canned::publish(verdict, Report::default()));
    }
    queue.fill(&board.snapshot(), &webhook(), &counters);
    queue.fill(&board.snapshot(), &webhook(), &counters);
    let events = drain(&mut queue, &counters);
    let told: Vec<_> = events
        .iter()
        .map(|event| {
            let data = &event["data"];
            (event["id"].clone(), data["previous"].clone(), data["verdict"].clone(), data["promote"].clone())
        })
        .collect();
    let expected = [
        ("r1/1", Value::Null, "wait", Value::Null),
        ("r1/2", json!("wait"), "invalid", Value::Null),
        ("r1/3", json!("invalid"), "wait", Value::Null),
        ("r1/4", json!("wait"), "promote", json!(true)),
    ];
    assert_eq!(told, expected.map(|(id, before, now, promote)| (json!(id), before, json!(now), promote)));
    let last = &events[3];
    assert_eq!(last["specversion"], "1.0");
    assert_eq!(last["type"], "parallax.verdict.changed");
    assert_eq!(last["source"], "/parallax/runs/r1");
    assert_eq!(last["subject"], canned::DIGEST);
    assert!(last["time"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    assert_eq!((&last["data"]["code"], &last["data"]["final"]), (&json!(0), &json!(true)));
}

#[test]
fn a_receiver_of_final_verdicts_hears_nothing_else() {
    let (board, mut queue, counters) = (Board::new(), Queue::default(), Counters::default());
    let webhook = webhook().only_final(true);
    board.publish(published("r1", State::Wait));
    queue.fill(&board.snapshot(), &webhook, &counters);
    assert!(queue.first().is_none());
    board.publish(published("r1", State::Reject));
    queue.fill(&board.snapshot(), &webhook, &counters);
    assert_eq!(drain(&mut queue, &counters)[0]["data"]["previous"], "wait");
}

#[test]
fn the_queue_is_bounded_and_what_it_loses_is_counted() {
    let (board, mut queue, counters) = (Board::new(), Queue::default(), Counters::default());
    let changes = limits::CHANGES + 2 * limits::WEBHOOK_QUEUE;
    for number in 0..changes {
        board.publish(published("r1", [State::Wait, State::Promote][number % 2]));
        // The first ones leave the history before anybody looks.
        if number >= limits::CHANGES + 10 {
            queue.fill(&board.snapshot(), &webhook(), &counters);
        }
    }
    let kept = drain(&mut queue, &counters);
    assert_eq!(kept.len(), limits::WEBHOOK_QUEUE);
    assert_eq!(kept.last().unwrap()["id"], json!(format!("r1/{changes}")));
    let dropped = usize::try_from(value(&counters.dropped)).unwrap();
    assert_eq!(dropped + kept.len(), changes, "every change is accounted for");
    assert_eq!(value(&counters.queued), 0);
}

#[test]
fn pauses_double_up_to_a_bound_and_differ_between_events() {
    for attempt in 1..40_u32 {
        let pause = backoff(attempt, "r1/1");
        let full = Duration::from_secs(1 << (attempt - 1).min(16)).min(limits::WEBHOOK_PAUSE);
        assert!(pause <= full && pause >= full * 3 / 4, "attempt {attempt}: {pause:?}");
    }
    assert_ne!(backoff(5, "r1/1"), backoff(5, "r2/7"));
}
