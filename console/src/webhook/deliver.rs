//! The task that empties the queue: one event after the other, each with bounded retries.

use super::event::Event;
use super::post::post;
use super::queue::Queue;
use super::{Counters, Webhook, count};
use crate::board::Board;
use crate::limits;
use http::StatusCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Delivers until the console is told to stop, and then what is left for a few seconds more.
pub(crate) async fn deliver(
    webhook: Webhook,
    board: Board,
    counters: Arc<Counters>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut changes = board.subscribe();
    let mut queue = Queue::default();
    let end = async move {
        // An error means that whoever could stop us is gone, which is a stop.
        let _ = stopped.wait_for(|stopped| *stopped).await;
        Instant::now() + limits::WEBHOOK_DRAIN
    };
    tokio::pin!(end);
    let mut until = None;
    loop {
        let snapshot = changes.borrow_and_update().clone();
        queue.fill(&snapshot, &webhook, &counters);
        match (queue.first(), until) {
            (Some(event), None) => tokio::select! {
                () = settle(&webhook, &event, &counters) => queue.done(&event.id, &counters),
                deadline = &mut end => until = Some(deadline),
            },
            (Some(event), Some(deadline)) => {
                if tokio::time::timeout_at(deadline, settle(&webhook, &event, &counters)).await.is_err() {
                    let left = queue.abandon(&counters);
                    tracing::warn!(left, url = %webhook.url, "webhook events were not delivered before the end");
                    return;
                }
                queue.done(&event.id, &counters);
            }
            (None, None) => tokio::select! {
                _ = changes.changed() => {}
                deadline = &mut end => until = Some(deadline),
            },
            (None, Some(_)) => return,
        }
    }
}

/// Sends one event until it is taken or given up.
async fn settle(webhook: &Webhook, event: &Event, counters: &Counters) {
    for attempt in 1..=webhook.attempts {
        let trouble = match tokio::time::timeout(webhook.timeout, post(webhook, event)).await {
            Ok(Ok(answer)) if answer.status.is_success() => {
                count(&counters.accepted);
                count(&counters.delivered);
                return;
            }
            Ok(Ok(answer)) => {
                count(&counters.refused);
                if answer.status == StatusCode::GONE {
                    tracing::warn!(event = event.id, url = %webhook.url, "the webhook's receiver is gone (410)");
                    break;
                }
                (format!("it answered {}", answer.status), answer.retry_after)
            }
            Ok(Err(error)) => {
                count(&counters.unanswered);
                (error.to_string(), None)
            }
            Err(_) => {
                count(&counters.unanswered);
                (format!("no answer within {:?}", webhook.timeout), None)
            }
        };
        let (why, asked) = trouble;
        tracing::warn!(event = event.id, url = %webhook.url, attempt, %why, "the webhook was not delivered");
        if attempt < webhook.attempts {
            let pause = backoff(attempt, &event.id).max(asked.unwrap_or_default());
            tokio::time::sleep(pause.min(limits::WEBHOOK_PAUSE)).await;
        }
    }
    count(&counters.failed);
}

/// 1 s, 2 s, 4 s … up to the longest pause, each shortened by up to a quarter: receivers that come back
/// should not meet all senders at once.
pub(crate) fn backoff(attempt: u32, id: &str) -> Duration {
    let full = limits::WEBHOOK_FIRST_PAUSE.saturating_mul(1 << attempt.saturating_sub(1).min(16));
    let full = full.min(limits::WEBHOOK_PAUSE);
    let hash = id
        .bytes()
        .fold(u64::from(attempt), |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let share = u32::try_from(hash >> 56).expect("eight bits");
    full - full / 4 * share / 256
}
