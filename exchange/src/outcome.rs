//! What a role did with a request.
//!
//! A failing candidate is data: a timeout or a reset is an [`Outcome`], never an error of ours.

use crate::Body;
use http::{HeaderMap, StatusCode};

/// What one role did with one request.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// A complete response.
    Response(Box<Response>),
    /// No complete response.
    Missing {
        /// Why there is none.
        reason: MissingReason,
        /// When that became known.
        timing: Timing,
    },
}

impl Outcome {
    /// The response, if there is one.
    #[must_use]
    pub fn response(&self) -> Option<&Response> {
        match self {
            Self::Response(response) => Some(response),
            Self::Missing { .. } => None,
        }
    }

    /// Whether no complete response came.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }

    /// When the request was sent and when the outcome was known.
    #[must_use]
    pub fn timing(&self) -> Timing {
        match self {
            Self::Response(response) => response.timing,
            Self::Missing { timing, .. } => *timing,
        }
    }
}

/// A complete response as the role sent it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Response {
    /// Any status from 100 to 999; 1xx responses are not recorded.
    pub status: StatusCode,
    /// End-to-end headers, in order, duplicates kept.
    pub headers: HeaderMap,
    /// Body as on the wire: content codings are not undone, chunk framing is.
    pub body: Body,
    /// Trailers; empty where none came.
    pub trailers: HeaderMap,
    /// Measured by the proxy.
    pub timing: Timing,
}

/// When things happened, in nanoseconds after the admission of the exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timing {
    /// The request was handed to the role's connection (or to its connect attempt).
    pub sent_ns: u64,
    /// The head of the response arrived; equals `done_ns` where none came.
    pub head_ns: u64,
    /// The last byte arrived, or the failure was known.
    pub done_ns: u64,
}

impl Timing {
    /// Latency of the role: from sending to the last byte.
    #[must_use]
    pub fn latency_ns(&self) -> u64 {
        self.done_ns.saturating_sub(self.sent_ns)
    }
}

/// Why a role has no response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MissingReason {
    /// The connection was refused or could not be made.
    Connect,
    /// The connection was closed or reset before the response was complete.
    Reset,
    /// The role's time limit passed.
    Timeout,
    /// The bytes received are not HTTP.
    Protocol,
    /// This role's own queue or budget was full: the copy was not sent.
    Refused,
    /// The client left before the primary's response was complete (primary only).
    ClientGone,
    /// The proxy was shut down first.
    Shutdown,
    /// A reason that only a newer build knows; met when reading its log, never made here.
    Unknown,
}

impl MissingReason {
    /// Every reason.
    pub const ALL: [Self; 8] = [
        Self::Connect,
        Self::Reset,
        Self::Timeout,
        Self::Protocol,
        Self::Refused,
        Self::ClientGone,
        Self::Shutdown,
        Self::Unknown,
    ];

    /// The name used in documents and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::Protocol => "protocol",
            Self::Refused => "refused",
            Self::ClientGone => "client_gone",
            Self::Shutdown => "shutdown",
            Self::Unknown => "unknown",
        }
    }
}
