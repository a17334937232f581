//! A webhook: one CloudEvent for each change of a run's state, so that nobody has to poll.
//!
//! It is a convenience beside the gates, not a gate: an event may come late, twice or, after bounded
//! retries, never, so whoever acts on one reads the verdict before acting. Each event has an id that
//! stays the same over retries. Delivery runs on the console's thread, behind a bounded queue; a
//! receiver that is down or slow delays other events and nothing else.
//!
//! Requests are signed as Standard Webhooks describes: HMAC-SHA256 over id, time and body, so that a
//! receiver knows who sent it and can refuse what is old.

mod deliver;
mod event;
mod post;
mod queue;
mod tls;

pub(crate) use deliver::deliver;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use http::Uri;
use sha2::Sha256;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tls::Tls;

/// Where events go, and how hard to try.
#[derive(Debug, Clone)]
pub struct Webhook {
    pub(crate) url: Uri,
    /// How the receiver is known, where the address says https.
    pub(crate) tls: Option<Tls>,
    pub(crate) secret: Option<Secret>,
    pub(crate) timeout: Duration,
    pub(crate) attempts: u32,
    pub(crate) only_final: bool,
}

/// What both ends know.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

/// Why a webhook cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The address.
    #[error("the webhook's address `{0}` is not of the form http://host:port/path or https://host/path")]
    Address(String),
    /// The secret.
    #[error(
        "the webhook's secret has {0} bytes, 16 at least are needed; `openssl rand -base64 32` prints a good one"
    )]
    Short(usize),
    /// The roots that are to be trusted.
    #[error("the roots in {file} cannot be trusted: {why}")]
    Roots {
        /// The file; `the system` where none is named.
        file: String,
        /// What is wrong.
        why: String,
    },
    /// The encoding of the secret.
    #[error("the webhook's secret begins with `whsec_`, but what follows is no base64")]
    Encoding,
}

impl Webhook {
    /// A webhook at `url`, which is tried `attempts` times for each event, for `timeout` each time.
    ///
    /// # Errors
    /// [`WebhookError::Address`] unless `url` is an absolute `http:` or `https:` URL;
    /// [`WebhookError::Roots`] where it is `https:` and the system has no roots.
    pub fn new(url: &str, timeout: Duration, attempts: u32) -> Result<Self, WebhookError> {
        let refused = || WebhookError::Address(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| refused())?;
        if uri.host().is_none_or(str::is_empty) {
            return Err(refused());
        }
        let tls = match uri.scheme_str() {
            Some("http") => None,
            Some("https") => Some(Tls::of(&uri).ok_or_else(refused)?),
            _ => return Err(refused()),
        };
        Ok(Self { url: uri, tls, secret: None, timeout, attempts: attempts.max(1), only_final: false })
    }

    /// Trusts the certificates of this PEM file, and no others; the system's roots are trusted
    /// otherwise. An `http:` address needs none.
    ///
    /// # Errors
    /// [`WebhookError::Roots`] for a file without usable certificates.
    pub fn trusting(self, roots: &Path) -> Result<Self, WebhookError> {
        let tls = self.tls.map(|tls| tls.trusting(roots)).transpose()?;
        Ok(Self { tls, ..self })
    }

    /// Signs every request with this secret.
    #[must_use]
    pub fn signed_with(self, secret: Secret) -> Self {
        Self { secret: Some(secret), ..self }
    }

    /// Sends final verdicts only.
    #[must_use]
    pub fn only_final(self, only_final: bool) -> Self {
        Self { only_final, ..self }
    }
}

impl Secret {
    /// Reads a secret: `whsec_` and base64, or any other text as it stands; white space around it is
    /// not part of it.
    ///
    /// # Errors
    /// [`WebhookError`] for less than 16 bytes and for bad base64.
    pub fn read(text: &str) -> Result<Self, WebhookError> {
        const LEAST: usize = 16;
        let text = text.trim();
        let bytes = match text.strip_prefix("whsec_") {
            Some(encoded) => STANDARD.decode(encoded).map_err(|_| WebhookError::Encoding)?,
            None => text.as_bytes().to_vec(),
        };
        if bytes.len() < LEAST {
            return Err(WebhookError::Short(bytes.len()));
        }
        Ok(Self(bytes))
    }

    /// The value of `webhook-signature`: `v1,` and the base64 of the HMAC over `id.timestamp.body`.
    pub(crate) fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("an HMAC takes a key of any length");
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// The secret is not shown.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What became of events and of the attempts to deliver them.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Events that the receiver took.
    pub(crate) delivered: AtomicU64,
    /// Events given up after all attempts, or because the receiver is gone for good.
    pub(crate) failed: AtomicU64,
    /// Events that found the queue full, or were in it at the end.
    pub(crate) dropped: AtomicU64,
    /// Events waiting.
    pub(crate) queued: AtomicU64,
    /// Attempts that got a 2xx.
    pub(crate) accepted: AtomicU64,
    /// Attempts that got another status.
    pub(crate) refused: AtomicU64,
    /// Attempts without an answer: no connection, no answer in time, or one that broke off.
    pub(crate) unanswered: AtomicU64,
}

impl Counters {
    /// The counters in Prometheus text.
    pub(crate) fn write(&self, text: &mut String) {
        use fmt::Write as _;
        let mut table = |name: &str, kind: &str, help: &str, rows: &[(&str, &AtomicU64)]| {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for (labels, value) in rows {
                let _ = writeln!(text, "{name}{labels} {}", value.load(Ordering::Relaxed));
            }
        };
        table(
            "parallax_webhook_events_total",
            "counter",
            "Changes of state by what became of their event.",
            &[
                ("{outcome=\"delivered\"}", &self.delivered),
                ("{outcome=\"failed\"}", &self.failed),
                ("{outcome=\"dropped\"}", &self.dropped),
            ],
        );
        table(
            "parallax_webhook_attempts_total",
            "counter",
            "Requests to the webhook by their answer.",
            &[
                ("{outcome=\"accepted\"}", &self.accepted),
                ("{outcome=\"refused\"}", &self.refused),
                ("{outcome=\"unanswered\"}", &self.unanswered),
            ],
        );
        table(
            "parallax_webhook_queue_events",
            "gauge",
            "Events waiting for delivery.",
            &[("", &self.queued)],
        );
    }
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests;
