//! Sessions of web and mobile clients that send batches of analytics events.
//!
//! Rare things are dealt out by counting sessions, not by chance, so that every regression of the
//! collector meets a known share of the traffic and no session meets two of them.

mod events;

use super::SESSION_HEADER;
use crate::random::Random;
use http::Method;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use parallax_exchange::{Body, Request};

/// 2026-01-01T12:00:00Z in nanoseconds.
const BEGIN_NS: u64 = 1_767_268_800_000_000_000;

const SESSIONS: u64 = 330;

const SPAN_MS: u64 = 58_000;

/// Campaigns send a tenth of the sessions each, within a second and a half.
const BURSTS_MS: [u64; 3] = [11_000, 29_500, 46_000];

const SEED: u64 = 20_260_101;

/// What is special about a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing.
    Plain,
    /// Not logged in.
    Guest,
    /// An app from before version 2.
    OldClient,
    /// Types characters outside the basic plane.
    Emoji,
    /// Buys something at a discount.
    Discount,
    /// Sends something that is not right.
    Broken,
}

impl Kind {
    fn of(session: u64) -> Self {
        match session % 25 {
            3 => Self::Guest,
            8 => Self::OldClient,
            13 => Self::Emoji,
            18 => Self::Discount,
            23 if session.is_multiple_of(2) => Self::Broken,
            _ => Self::Plain,
        }
    }
}

/// Who is talking to the collector.
struct Session {
    random: Random,
    kind: Kind,
    id: String,
    user: String,
    client: Client,
    /// Milliseconds after the beginning.
    now_ms: u64,
}

#[derive(Clone, Copy)]
struct Client {
    name: &'static str,
    version: &'static str,
    agent: &'static str,
}

const CLIENTS: [Client; 5] = [
    Client { name: "web", version: "2.4.0", agent: "Mozilla/5.0 (X11; Linux x86_64) Web/2.4" },
    Client { name: "web", version: "2.4.1", agent: "Mozilla/5.0 (Macintosh) Web/2.4" },
    Client { name: "web", version: "2.3.7", agent: "Mozilla/5.0 (Windows NT 10.0) Web/2.3" },
    Client { name: "ios", version: "2.1.0", agent: "ShopApp/2.1 (iPhone; iOS 19.1)" },
    Client { name: "android", version: "2.0.5", agent: "ShopApp/2.0 (Android 16)" },
];

const OLD_CLIENT: Client = Client { name: "android", version: "1.9.3", agent: "ShopApp/1.9 (Android 12)" };

/// Every request with its Unix time in nanoseconds, in order.
pub(super) fn requests() -> Vec<(u64, Request)> {
    let mut all: Vec<_> = (0..SESSIONS).flat_map(|number| Session::new(number).requests(number)).collect();
    all.sort_by_key(|(at_ns, _)| *at_ns);
    all
}

impl Session {
    fn new(number: u64) -> Self {
        let mut random = Random::new(SEED + number);
        let kind = Kind::of(number);
        let id = format!("s-{:08x}", random.draw() as u32);
        let user = match kind {
            Kind::Guest => format!("guest-{:05}", random.below(100_000)),
            _ => format!("u-{:05}", random.below(100_000)),
        };
        let client = if kind == Kind::OldClient { OLD_CLIENT } else { random.pick(&CLIENTS) };
        let now_ms = match BURSTS_MS.get(random.below(10) as usize) {
            Some(burst) => burst + random.below(1500),
            None => random.below(SPAN_MS),
        };
        Self { random, kind, id, user, client, now_ms }
    }

    /// What the session does: perhaps fetch its configuration, send a batch or two, look itself up.
    fn requests(mut self, number: u64) -> Vec<(u64, Request)> {
        let mut requests = Vec::new();
        if self.random.chance(22) {
            let target = format!("/v1/config?client={}", self.client.name);
            requests.push(self.request(Method::GET, target, None));
        }
        let batches = 1 + u64::from(self.random.chance(12));
        for batch in 0..batches {
            let body = events::batch(&mut self, number, batch);
            requests.push(self.request(Method::POST, "/v1/events".to_owned(), Some(body)));
        }
        if self.random.chance(10) {
            // A broken client asks for a session of another system.
            let id = if self.kind == Kind::Broken { "00000000" } else { &self.id };
            requests.push(self.request(Method::GET, format!("/v1/sessions/{id}"), None));
        }
        requests
    }

    fn request(&mut self, method: Method, target: String, body: Option<String>) -> (u64, Request) {
        let at_ns = BEGIN_NS + self.now_ms * 1_000_000 + self.random.below(1_000_000);
        self.now_ms += 40 + self.random.below(400);
        let mut headers = HeaderMap::new();
        let mut set = |name: HeaderName, value: &str| {
            headers.append(name, HeaderValue::from_str(value).expect("the generator writes printable ASCII"));
        };
        set(USER_AGENT, self.client.agent);
        set(ACCEPT, "application/json");
        set(SESSION_HEADER, &self.id);
        if body.is_some() {
            set(CONTENT_TYPE, "application/json");
        }
        let authority = "collect.shop.example".to_owned();
        let body = body.map(Body::whole).unwrap_or_default();
        (at_ns, Request { method, target, authority, headers, body })
    }
}
