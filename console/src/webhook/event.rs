//! One change of state as a CloudEvent (1.0, structured JSON).

use super::Secret;
use crate::board::{Change, Entry};
use bytes::Bytes;
use parallax_comparator::run::Build;
use parallax_comparator::verdict::State;
use serde::Serialize;

/// The content type of the structured mode.
pub(crate) const CONTENT_TYPE: &str = "application/cloudevents+json; charset=utf-8";

/// The type of every event.
const TYPE: &str = "parallax.verdict.changed";

/// An event, ready to be sent any number of times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// `RUN/NUMBER`; the same over retries.
    pub(crate) id: String,
    pub(crate) body: Bytes,
}

impl Event {
    /// The event of a change that `entry` went through, told at `now`.
    pub(crate) fn new(entry: &Entry, change: &Change, previous: Option<State>, now: jiff::Timestamp) -> Self {
        let verdict = entry.verdict();
        let id = format!("{}/{}", verdict.run, change.number);
        let envelope = Envelope {
            specversion: "1.0",
            id: &id,
            source: format!("/parallax/runs/{}", verdict.run),
            event_type: TYPE,
            subject: verdict.candidate.digest.as_deref(),
            time: now.to_string(),
            datacontenttype: "application/json",
            data: Data {
                run: &verdict.run,
                number: change.number,
                previous,
                verdict: change.verdict,
                is_final: change.is_final,
                code: change.verdict.code(),
                promote: promote(change),
                reject: change.verdict == State::Reject,
                reason: &change.reason,
                candidate: &verdict.candidate,
                baseline: &verdict.baseline,
                watermark: change.watermark.as_deref(),
                sealed_windows: change.sealed_windows,
            },
        };
        let body = serde_json::to_vec(&envelope).expect("texts and integers can be written").into();
        Self { id, body }
    }

    /// The headers of one attempt, at `timestamp` in seconds since 1970.
    pub(crate) fn headers(&self, secret: Option<&Secret>, timestamp: u64) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("content-type", CONTENT_TYPE.to_owned()),
            ("webhook-id", self.id.clone()),
            ("webhook-timestamp", timestamp.to_string()),
        ];
        headers
            .extend(secret.map(|secret| ("webhook-signature", secret.sign(&self.id, timestamp, &self.body))));
        headers
    }
}

/// As in the verdict document: `true`, `false` (final reject or invalid) or `null` (undecided).
fn promote(change: &Change) -> Option<bool> {
    match change.verdict {
        State::Promote if change.is_final => Some(true),
        State::Reject | State::Invalid if change.is_final => Some(false),
        _ => None,
    }
}

#[derive(Serialize)]
struct Envelope<'a> {
    specversion: &'static str,
    id: &'a str,
    source: String,
    #[serde(rename = "type")]
    event_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    time: String,
    datacontenttype: &'static str,
    data: Data<'a>,
}

/// The head of the verdict; the whole is at the console.
#[derive(Serialize)]
struct Data<'a> {
    run: &'a str,
    /// Changes of this run so far, this one included.
    number: u64,
    previous: Option<State>,
    verdict: State,
    #[serde(rename = "final")]
    is_final: bool,
    code: u8,
    promote: Option<bool>,
    reject: bool,
    reason: &'a str,
    candidate: &'a Build,
    baseline: &'a Build,
    watermark: Option<&'a str>,
    sealed_windows: u64,
}
