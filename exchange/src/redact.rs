//! Redaction: secrets leave an exchange before it leaves memory, and equality still compares.
//!
//! A [`Redactor`] is built once from a list of places and a key; [`Redactor::redact`] is a pure
//! function of the exchange. Whoever captures calls it before the exchange reaches a queue, a log or
//! a trace:
//!
//! ```
//! use parallax_exchange::redact::{Key, Redactor};
//! # use parallax_exchange::{Exchange, ExchangeId, CopyOrder, Request, Outcomes};
//! # let mut exchange = Exchange { id: ExchangeId::default(), admitted_ns: 0, cluster_key: 0,
//! #   labels: Vec::new(), order: CopyOrder::CandidateFirst, sample_ppm: 1_000_000,
//! #   request: Request { target: "/a?token=s3cr3t".into(), ..Request::default() },
//! #   outcomes: Outcomes::default() };
//! let key = Key::new(&[7; 32]);
//! let places = ["header:authorization", "cookie:session", "query:token", "body:/users/*/email"];
//! let redactor = Redactor::new(&key, places)?;
//! let done = redactor.redact(&mut exchange);
//! assert_eq!(done.values, 1);
//! assert!(exchange.request.target.starts_with("/a?token=redacted-"));
//! # Ok::<(), parallax_exchange::redact::RedactError>(())
//! ```
//!
//! Places are written as in rules: `header:NAME` (requests, answers and trailers), `cookie:NAME`
//! (`Cookie` and `Set-Cookie`), `query:NAME` (the target, `Location`, `Content-Location` and
//! `Referer`, fragments included), `body:POINTER` (a JSON Pointer with `*` and `**`). `cookie:*` and
//! `query:*` are all of them.
//!
//! A value becomes `redacted-` and 96 bits of its HMAC-SHA256. Under one key equal values give equal
//! tokens, wherever they stand and however they are spelled: escapes in strings, `1.0` and `1`, the
//! order of members. Without the key nobody can try candidates against a token, which a plain digest
//! of an email address would allow. Keys of several proxies need not agree for comparing, since the
//! answers to one request are redacted together.
//!
//! Bodies are read as JSON, as lines of JSON, or as a form, under gzip, deflate, br and zstd, declared
//! or (gzip, zstd) not; what is not redacted keeps its bytes. **A body in which a pointer cannot be
//! looked for** (another format, damaged, cut at the capture cap, nested too deeply, expanding too
//! far) **is replaced whole** by its length and a keyed digest, so that it still compares, unless
//! [`Unreadable::Keep`] says otherwise. `null` stays: that there is no value is no secret. Names of
//! members are not redacted.

mod body;
mod json;
mod number;
mod pattern;
mod text;
mod token;

pub use token::Key;

use crate::{Exchange, Outcome};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use pattern::Pattern;

/// Replaces what lies at the configured places; see the [module](self).
#[derive(Debug, Clone)]
pub struct Redactor {
    key: Key,
    headers: Vec<HeaderName>,
    cookies: Names,
    query: Names,
    body: Vec<Pattern>,
    unreadable: Unreadable,
}

/// What happens to a body in which a `body:` place cannot be looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unreadable {
    /// It is replaced by its length and a keyed digest.
    #[default]
    Digest,
    /// It stays as it is: for services whose other bodies are known to hold nothing.
    Keep,
}

/// What one call replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Redacted {
    /// Values that became tokens.
    pub values: u64,
    /// Bodies that were replaced whole.
    pub bodies: u64,
}

/// Why a list of places cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedactError {
    /// The part before the colon.
    #[error(
        "the place `{0}` names nothing: write header:NAME, cookie:NAME, query:NAME or body:/JSON/POINTER"
    )]
    Place(String),
    /// A header's name.
    #[error("`{0}` is no name of a header: whole names are needed, such as header:authorization")]
    Header(String),
    /// A pointer.
    #[error("the pointer in `{place}` cannot be used: {why}")]
    Pointer {
        /// The place as it was written.
        place: String,
        /// What to write instead.
        why: String,
    },
}

/// Whole names, or all.
#[derive(Debug, Clone, Default)]
struct Names {
    all: bool,
    names: Vec<String>,
}

impl Names {
    fn add(&mut self, name: &str) {
        if name == "*" {
            self.all = true;
        } else {
            self.names.push(name.to_owned());
        }
    }

    fn has(&self, name: &str) -> bool {
        self.all || self.names.iter().any(|known| known == name)
    }

    fn is_empty(&self) -> bool {
        !self.all && self.names.is_empty()
    }
}

impl Redactor {
    /// A redactor of `places`, written as the [module](self) says.
    ///
    /// # Errors
    /// [`RedactError`] names the first place that cannot be used.
    pub fn new<'a>(key: &Key, places: impl IntoIterator<Item = &'a str>) -> Result<Self, RedactError> {
        let mut redactor = Self {
            key: key.clone(),
            headers: Vec::new(),
            cookies: Names::default(),
            query: Names::default(),
            body: Vec::new(),
            unreadable: Unreadable::default(),
        };
        for place in places {
            redactor.add(place)?;
        }
        Ok(redactor)
    }

    /// Says what happens to bodies that cannot be read.
    #[must_use]
    pub fn unreadable(self, unreadable: Unreadable) -> Self {
        Self { unreadable, ..self }
    }

    /// Whether there is nothing to redact.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.headers.is_empty() && self.cookies.is_empty() && self.query.is_empty() && self.body.is_empty()
    }

    /// Replaces every value at one of the places, in the request and in the answer of each role.
    ///
    /// Linear in the bytes of the exchange. What needs the values themselves, such as the cluster key
    /// and labels, must be taken before.
    pub fn redact(&self, exchange: &mut Exchange) -> Redacted {
        let mut done = Redacted::default();
        let request = &mut exchange.request;
        if !self.query.is_empty()
            && let Some(target) = text::parameters(&request.target, &self.query, &self.key, &mut done)
        {
            request.target = target;
        }
        // The body is read by the types that the headers name.
        body::redact(self, &request.headers, &mut request.body, &mut done);
        self.header_map(&mut request.headers, &mut done);
        let outcomes = &mut exchange.outcomes;
        for outcome in [&mut outcomes.primary, &mut outcomes.candidate, &mut outcomes.control] {
            if let Some(Outcome::Response(response)) = outcome {
                body::redact(self, &response.headers, &mut response.body, &mut done);
                self.header_map(&mut response.headers, &mut done);
                self.header_map(&mut response.trailers, &mut done);
            }
        }
        done
    }

    fn add(&mut self, place: &str) -> Result<(), RedactError> {
        let unknown = || RedactError::Place(place.to_owned());
        let (part, name) = place.split_once(':').ok_or_else(unknown)?;
        match part {
            _ if part != "body" && name.is_empty() => return Err(unknown()),
            "header" => match name.parse() {
                // `*` is a token, so it would pass as a name that no header has.
                Ok(name) if name != "*" => self.headers.push(name),
                _ => return Err(RedactError::Header(name.to_owned())),
            },
            "cookie" => self.cookies.add(name),
            "query" => self.query.add(name),
            "body" => {
                let pattern = Pattern::parse(name);
                let refused = |why| RedactError::Pointer { place: place.to_owned(), why };
                self.body.push(pattern.map_err(refused)?);
            }
            _ => return Err(unknown()),
        }
        Ok(())
    }

    fn header_map(&self, headers: &mut HeaderMap, done: &mut Redacted) {
        for (name, value) in headers.iter_mut() {
            if let Some(new) = self.header(name, value, done) {
                *value = new;
            }
        }
    }

    /// The value that takes the place of this one, if any.
    fn header(&self, name: &HeaderName, value: &HeaderValue, done: &mut Redacted) -> Option<HeaderValue> {
        if self.headers.contains(name) {
            done.values += 1;
            return Some(token::header_value(self.key.text(value.as_bytes())));
        }
        let bytes = match *name {
            header::COOKIE if !self.cookies.is_empty() => {
                text::cookies(value.as_bytes(), &self.cookies, &self.key, done)
            }
            header::SET_COOKIE if !self.cookies.is_empty() => {
                text::set_cookie(value.as_bytes(), &self.cookies, &self.key, done)
            }
            header::LOCATION | header::CONTENT_LOCATION | header::REFERER if !self.query.is_empty() => {
                let url = String::from_utf8_lossy(value.as_bytes());
                text::parameters(&url, &self.query, &self.key, done).map(String::into_bytes)
            }
            _ => None,
        }?;
        // Made of bytes of a header and of tokens, so it is one; if ever not, it goes whole.
        let kept = HeaderValue::from_bytes(&bytes);
        Some(kept.unwrap_or_else(|_| token::header_value(self.key.text(value.as_bytes()))))
    }
}

#[cfg(test)]
mod tests;
