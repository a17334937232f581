//! How an answer stands: what it means to the client that gets it, and what it says of single events.
//!
//! Without a profile the hundreds digit of the status is all there is. With one, and for requests that
//! carry events, it is what the vendor's own clients would do next: a candidate that answers 429 where
//! the primary answers 503 makes Statsig's servers lose events instead of repeating them, and one that
//! answers 202 for 200 changes nothing.

use super::{Asked, Comparer};
use crate::diff::body;
use crate::diff::sink::Sink;
use crate::profile::{Fate, Meaning, Profile};
use http::StatusCode;
use http::header::CONTENT_ENCODING;
use parallax_exchange::{Request, Response};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What an answer means to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    class: Class,
    /// A 5xx, or an answer that makes the client send again.
    pub(super) is_error: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// The hundreds digit of the status.
    Hundreds(u16),
    /// What the vendor's clients do next.
    Meant(Meaning),
}

impl Standing {
    /// How an answer stands that no profile reads.
    pub(super) fn of_status(status: StatusCode) -> Self {
        let hundreds = status.as_u16() / 100;
        Self { class: Class::Hundreds(hundreds), is_error: hundreds == 5 }
    }

    /// Whether the check `status` sees a difference.
    pub(super) fn differs(self, other: Self) -> bool {
        self.class != other.class
    }
}

impl Comparer {
    /// What is known of a request on this route.
    pub(super) fn asked<'a>(&self, route: Option<&'a str>, request: &'a Request) -> Asked<'a> {
        Asked { route, path: Some(request.path()), profile: self.profile(route, request) }
    }

    /// Whether requests on this route may carry a vendor's events.
    pub(super) fn has_profile(&self, route: Option<&str>) -> bool {
        self.profiles.iter().any(|(name, _)| Some(&**name) == route)
    }

    fn profile(&self, route: Option<&str>, request: &Request) -> Option<Profile> {
        let (_, profile) = self.profiles.iter().find(|(name, _)| Some(&**name) == route)?;
        profile.recognises(request).then_some(*profile)
    }

    /// How an answer stands. Nothing is allocated where its body is what the profile expects.
    pub(super) fn standing(&self, profile: Option<Profile>, answer: &Response) -> Standing {
        let plain = Standing::of_status(answer.status);
        let Some(profile) = profile else { return plain };
        let readable = readable(answer, self.limits.decoded_bytes);
        let meaning = profile.meaning(answer.status.as_u16(), readable.as_deref());
        Standing { class: Class::Meant(meaning), is_error: plain.is_error || meaning == Meaning::Retry }
    }
}

/// An answer's body with its codings undone; `None` where it was cut or does not decode.
fn readable(answer: &Response, limit: usize) -> Option<Cow<'_, [u8]>> {
    if answer.body.is_cut() {
        return None;
    }
    if !answer.headers.contains_key(CONTENT_ENCODING) {
        return Some(Cow::Borrowed(answer.body.bytes()));
    }
    body::readable(&answer.headers, answer.body.bytes(), limit)
}

/// Records the events that one answer takes and the other does not, or not for the same reason.
pub(super) fn fates(profile: Profile, left: &Response, right: &Response, sink: &mut Sink<'_>) {
    if left.body == right.body || sink.masks.ignores_body() {
        return;
    }
    let limit = sink.limits.decoded_bytes;
    let of = |answer| readable(answer, limit).map(|body| profile.fates(&body)).unwrap_or_default();
    let (left, right) = (of(left), of(right));
    if left == right {
        return;
    }
    let (left, right) = (by_event(left), by_event(right));
    let mut events: Vec<_> = left.keys().chain(right.keys()).copied().collect();
    events.sort_unstable();
    events.dedup();
    for event in events {
        let [l, r] = [&left, &right].map(|fates| fates.get(&event).map_or("taken", String::as_str));
        if l != r {
            sink.event(event, l.as_bytes(), r.as_bytes());
        }
    }
}

/// All that is said of one event, in one text.
fn by_event(fates: Vec<Fate>) -> BTreeMap<Option<usize>, String> {
    let mut all = BTreeMap::<_, String>::new();
    for Fate { event, why } in fates {
        let text = all.entry(event).or_default();
        text.push_str(if text.is_empty() { "refused: " } else { "; " });
        text.push_str(&why);
    }
    all
}
