//! Profiles: what is known of a vendor's event API.
//!
//! An event endpoint hides what matters behind codings (gzip announced in the query, base64 turned
//! around, forms around JSON) and answers almost a constant. A profile undoes the codings and gives the
//! events in one canonical form, each with the id by which what two builds wrote of it can be joined;
//! it says how the vendor's own clients read an answer (done, send again, give up), and what an answer
//! says of single events.
//!
//! Each vendor is one file with one [`Recipe`]: plain functions of a request or an answer. Nothing here
//! does I/O, everything has a bound, and any bytes give events or an error that names the event.
//! `docs/profiles.md` has the table.

mod amplitude;
mod cloudevents;
mod ga4;
pub(crate) mod json;
mod mixpanel;
mod otlp;
mod payload;
mod posthog;
mod segment;
mod snowplow;
mod statsig;

use json::Json;
use parallax_config::ProfileName;
use parallax_exchange::Request;
use payload::Fault;
use std::fmt;
use xxhash_rust::xxh3::xxh3_128;

/// A vendor's event API, by its recipe.
#[derive(Clone, Copy)]
pub struct Profile(&'static Recipe);

/// One event of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its position in the request, from 0.
    pub index: usize,
    /// What joins it with the same event elsewhere: the vendor's id, or else a digest of its content.
    pub id: String,
    /// Whether `id` is such a digest: equal events then have equal ids, so count them.
    pub is_derived: bool,
    /// What happened, such as `purchase`; `None` where the event does not say.
    pub name: Option<String>,
    /// Whom it happened to, a user or else a device: what a cluster key should name.
    pub who: Option<String>,
    /// The event as canonical JSON: members sorted, no white space, numbers in one spelling.
    pub json: String,
}

/// How the vendor's clients read an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Meaning {
    /// Done: the events are taken and will not be sent again.
    Ok,
    /// They are sent again.
    Retry,
    /// They are given up.
    Drop,
}

/// What an answer says of one event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fate {
    /// Its position in the request; `None` where the answer speaks of events without naming them.
    pub event: Option<usize>,
    /// Why it was not taken.
    pub why: String,
}

/// Events that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{profile}: {}{why}", event.map(|event| format!("event {event}: ")).unwrap_or_default())]
pub struct ProfileError {
    /// The profile that tried.
    pub profile: ProfileName,
    /// The event's position, where one event is at fault.
    pub event: Option<usize>,
    /// What is wrong.
    pub why: String,
}

/// Bounds of reading one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimits {
    /// Bytes that a body may decode to.
    pub decoded_bytes: usize,
    /// JSON values, all events together.
    pub values: usize,
    /// Events.
    pub events: usize,
}

impl Default for ReadLimits {
    /// Above every vendor's own limits: 16 MiB (Snowplow and OTLP collectors), 2,000 events (most).
    fn default() -> Self {
        Self { decoded_bytes: 16 << 20, values: 1 << 20, events: 50_000 }
    }
}

/// What there is to know of a vendor.
pub(crate) struct Recipe {
    name: ProfileName,
    /// Whether a request carries events, by its method, path and headers.
    takes: fn(&Request) -> bool,
    read: fn(&Request, &ReadLimits) -> Result<Vec<Draft>, Fault>,
    /// The answer's body is `None` where it is not known.
    meaning: fn(u16, Option<&[u8]>) -> Meaning,
    fates: fn(&[u8]) -> Vec<Fate>,
    /// Members of an event that change on their way from a client to an output.
    volatile: &'static [&'static str],
}

/// An event before it has a canonical form.
pub(crate) struct Draft {
    id: Option<String>,
    name: Option<String>,
    who: Option<String>,
    json: Json,
}

static RECIPES: [&Recipe; 10] = [
    &statsig::RECIPE,
    &segment::RECIPE,
    &segment::RUDDERSTACK,
    &snowplow::RECIPE,
    &posthog::RECIPE,
    &amplitude::RECIPE,
    &mixpanel::RECIPE,
    &ga4::RECIPE,
    &cloudevents::RECIPE,
    &otlp::RECIPE,
];

impl Profile {
    /// The profile of this name, as the configuration writes it.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        RECIPES.iter().find(|recipe| recipe.name.name() == name).map(|recipe| Self(recipe))
    }

    /// Every profile.
    pub fn all() -> impl Iterator<Item = Self> {
        RECIPES.iter().map(|recipe| Self(recipe))
    }

    /// The first profile that finds events with names in this request.
    ///
    /// RudderStack's requests look like Segment's and are told to be these.
    #[must_use]
    pub fn detect(request: &Request) -> Option<Self> {
        let named = |profile: &Self| {
            let events = profile.events(request).unwrap_or_default();
            events.iter().any(|event| event.name.is_some())
        };
        Self::all().filter(|profile| profile.recognises(request)).find(named)
    }

    /// Its name in the configuration.
    #[must_use]
    pub fn name(self) -> ProfileName {
        self.0.name
    }

    /// Whether a request carries events, by method, path and headers; no allocation.
    ///
    /// Other requests of the same clients (for flags, for specifications) do not, and their answers are
    /// read by status alone.
    #[must_use]
    pub fn recognises(self, request: &Request) -> bool {
        (self.0.takes)(request)
    }

    /// The events of a request, in their order.
    ///
    /// Whether the request is [recognised](Self::recognises) is not asked again.
    ///
    /// # Errors
    /// [`ProfileError`] when the body was cut at the capture cap, is not what its codings say, is no
    /// JSON, or holds something else than events.
    pub fn events(self, request: &Request) -> Result<Vec<Event>, ProfileError> {
        self.events_within(request, &ReadLimits::default())
    }

    /// [`Self::events`] with other bounds.
    ///
    /// # Errors
    /// As there.
    pub fn events_within(self, request: &Request, limits: &ReadLimits) -> Result<Vec<Event>, ProfileError> {
        let refuse = |Fault { event, why }| ProfileError { profile: self.0.name, event, why };
        let drafts = (self.0.read)(request, limits).map_err(refuse)?;
        Ok(drafts.into_iter().enumerate().map(|(index, draft)| self.event(index, draft)).collect())
    }

    /// How the vendor's clients read an answer: its status, and its body with the codings undone
    /// (`None` where it is not known).
    #[must_use]
    pub fn meaning(self, status: u16, body: Option<&[u8]>) -> Meaning {
        (self.0.meaning)(status, body)
    }

    /// What an answer says of single events, sorted; empty where it takes them all or tells nothing.
    #[must_use]
    pub fn fates(self, body: &[u8]) -> Vec<Fate> {
        let mut fates = (self.0.fates)(body);
        fates.sort_unstable();
        fates
    }

    /// Members of an event's canonical JSON, as pointers, that may differ between two records of one
    /// event: stamps of sending and receiving.
    #[must_use]
    pub fn volatile(self) -> &'static [&'static str] {
        self.0.volatile
    }

    fn event(self, index: usize, Draft { id, name, who, mut json }: Draft) -> Event {
        let canonical = json.canonical();
        let is_derived = id.is_none();
        let id = id.unwrap_or_else(|| {
            for pointer in self.0.volatile {
                json.remove(pointer.trim_start_matches('/'));
            }
            format!("xxh3:{:032x}", xxh3_128(json.canonical().as_bytes()))
        });
        Event { index, id, is_derived, name, who, json: canonical }
    }
}

impl From<ProfileName> for Profile {
    fn from(name: ProfileName) -> Self {
        let recipe = RECIPES.iter().find(|recipe| recipe.name == name);
        Self(recipe.expect("every name has a recipe: a test reads them all"))
    }
}

impl PartialEq for Profile {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for Profile {}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Profile({})", self.0.name)
    }
}

impl Meaning {
    /// As reports write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Retry => "retry",
            Self::Drop => "drop",
        }
    }
}

impl Fate {
    fn of(event: Option<usize>, why: impl Into<String>) -> Self {
        Self { event, why: why.into() }
    }
}

#[cfg(test)]
mod tests;
