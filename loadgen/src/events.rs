//! Made-up events of the vendors' APIs, and bodies from templates.
//!
//! Request `i` of a generator is a pure function of its seed and `i`: the same users, sessions and
//! ids on any number of cores and in every run, nothing kept between requests, and no id sent twice.
//! The shapes are those that the vendors' own clients send; the words in them are made up.

mod shapes;
mod template;

pub use template::{Template, TemplateError};

use crate::random::{Random, mix};
use bytes::Bytes;
use http::Method;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use parallax_exchange::{Body, Request};
use serde_json::Value;
use std::str::FromStr;

/// Whose events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Vendor {
    /// `POST /v1/log_event`.
    Statsig,
    /// `POST /v1/batch`.
    Segment,
    /// `POST /com.snowplowanalytics.snowplow/tp2`.
    Snowplow,
    /// `POST /batch/`.
    Posthog,
    /// `POST /2/httpapi`.
    Amplitude,
    /// `POST /mp/collect`; at most 25 events in a request.
    Ga4,
    /// A batch in structured mode.
    CloudEvents,
    /// Log records as JSON to `POST /v1/logs`.
    Otlp,
}

impl Vendor {
    /// Every vendor.
    pub const ALL: [Self; 8] = [
        Self::Statsig,
        Self::Segment,
        Self::Snowplow,
        Self::Posthog,
        Self::Amplitude,
        Self::Ga4,
        Self::CloudEvents,
        Self::Otlp,
    ];

    /// The name, as the profiles of the comparator have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Statsig => "statsig",
            Self::Segment => "segment",
            Self::Snowplow => "snowplow",
            Self::Posthog => "posthog",
            Self::Amplitude => "amplitude",
            Self::Ga4 => "ga4",
            Self::CloudEvents => "cloudevents",
            Self::Otlp => "otlp",
        }
    }

    /// Where its clients send to.
    const fn path(self) -> &'static str {
        match self {
            Self::Statsig => "/v1/log_event",
            Self::Segment => "/v1/batch",
            Self::Snowplow => "/com.snowplowanalytics.snowplow/tp2",
            Self::Posthog => "/batch/",
            Self::Amplitude => "/2/httpapi",
            Self::Ga4 => "/mp/collect?measurement_id=G-LOAD&api_secret=load",
            Self::CloudEvents => "/events",
            Self::Otlp => "/v1/logs",
        }
    }
}

impl FromStr for Vendor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|vendor| vendor.name() == text);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("`{text}` is none of {names}")
        })
    }
}

/// How many events lie in a request: `10`, or drawn evenly from `1..20`, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    least: u64,
    most: u64,
}

impl FromStr for Batch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (least, most) = text.split_once("..").unwrap_or((text, text));
        match (least.parse(), most.parse()) {
            (Ok(least), Ok(most)) if 1 <= least && least <= most && most <= 10_000 => {
                Ok(Self { least, most })
            }
            _ => Err(format!("`{text}` is no number of events: write 10, or 1..20; from 1 to 10000")),
        }
    }
}

/// What the requests hold.
#[derive(Debug, Clone)]
pub enum What {
    /// Events of a vendor.
    Events(Vendor, Batch),
    /// One request whose body is a template.
    Template(Template, Box<Request>),
}

/// Makes requests.
#[derive(Debug, Clone)]
pub struct Generator {
    what: What,
    seed: u64,
    users: u64,
    /// Unix milliseconds of the first event.
    base_ms: u64,
    /// Where to, where that is not the vendor's own path.
    path: Option<String>,
    headers: HeaderMap,
}

/// Requests of one user between two sessions.
const SESSION_REQUESTS: u64 = 20;

/// Names the streams of a request, apart from those of plans.
const STREAM: u64 = 0x0e_7e_17;

impl Generator {
    /// A generator of `what` by `users` users, at least 1, drawn from `seed`; events are stamped a
    /// millisecond apart from `base_ms` on, and sent to `path` where one is given.
    #[must_use]
    pub fn new(what: What, seed: u64, users: u64, base_ms: u64, path: Option<String>) -> Self {
        Self { what, seed, users: users.max(1), base_ms, path, headers: HeaderMap::new() }
    }

    /// With these headers on each request of events, instead of those of the same names.
    #[must_use]
    pub fn with_headers(self, headers: HeaderMap) -> Self {
        Self { headers, ..self }
    }

    /// Request `index`.
    #[must_use]
    pub fn request(&self, index: u64) -> Request {
        let mut random = Random::new(mix(self.seed ^ STREAM, index));
        let user = random.below(self.users);
        // A user is in 1 of `users` requests: after so many of its own, another session begins.
        let session = index / (self.users.saturating_mul(SESSION_REQUESTS));
        match &self.what {
            What::Template(template, request) => {
                let draw = Draw { generator: self, index, user, session, number: 0 };
                let body = template.render(&draw, &mut random);
                Request { body: Body::whole(body), ..Request::clone(request) }
            }
            What::Events(vendor, Batch { least, most }) => {
                let count = least + random.below(most - least + 1);
                let count = if *vendor == Vendor::Ga4 { count.min(25) } else { count };
                let draws = (0..count).map(|number| Draw { generator: self, index, user, session, number });
                let (body, headers) = shapes::body(*vendor, &draws.collect::<Vec<_>>(), &mut random);
                self.post(*vendor, &body, headers)
            }
        }
    }

    fn post(&self, vendor: Vendor, body: &Value, more: &[(&'static str, &'static str)]) -> Request {
        let header = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let mut headers: HeaderMap = more.iter().map(header).collect();
        let json = HeaderValue::from_static("application/json");
        headers.entry(http::header::CONTENT_TYPE).or_insert(json);
        headers.extend(self.headers.clone());
        Request {
            method: Method::POST,
            target: self.path.clone().unwrap_or_else(|| vendor.path().to_owned()),
            headers,
            body: Body::whole(Bytes::from(body.to_string())),
            ..Request::default()
        }
    }
}

/// One event, before it has a shape.
struct Draw<'a> {
    generator: &'a Generator,
    index: u64,
    user: u64,
    session: u64,
    /// Its place in the request.
    number: u64,
}

impl Draw<'_> {
    fn user(&self) -> String {
        format!("user-{}", self.user)
    }

    fn session(&self) -> String {
        format!("{}-{}", self.session_number(), self.user)
    }

    /// As some vendors want it: Unix milliseconds of its begin.
    fn session_number(&self) -> u64 {
        self.generator.base_ms + self.session
    }

    fn time_ms(&self) -> u64 {
        self.generator.base_ms + self.index + self.number
    }

    fn time(&self) -> String {
        let time = jiff::Timestamp::from_millisecond(self.time_ms() as i64).unwrap_or_default();
        format!("{time:.3}")
    }

    /// 128 bits that no other event of this seed has but by chance.
    fn bits(&self) -> [u64; 2] {
        let stream = mix(self.generator.seed ^ STREAM, self.index);
        [mix(stream, self.number << 1), mix(stream, self.number << 1 | 1)]
    }

    /// The same as a UUID of version 4.
    fn uuid(&self) -> String {
        let [high, low] = self.bits();
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 48 & 0x3fff | 0x8000,
            low & 0xffff_ffff_ffff,
        )
    }
}

#[cfg(test)]
mod tests;
