//! What is counted of an exchange beside what its comparison says.
//!
//! Tally and report need a handful of numbers and names, so they take these and not the exchange: an
//! exchange that is still encoded ([`View`]) is counted as it lies, without being built first.

use parallax_exchange::codec::{FieldsView, OutcomeView, View};
use parallax_exchange::{CopyOrder, Exchange, ExchangeId, Outcome, Role};
use smallvec::SmallVec;

/// What is counted of one exchange.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// As [`Exchange::id`].
    pub id: ExchangeId,
    /// As [`Exchange::admitted_ns`].
    pub admitted_ns: u64,
    /// As [`Exchange::cluster_key`].
    pub cluster_key: u64,
    /// As [`Exchange::order`].
    pub order: CopyOrder,
    /// Names and values, as [`Exchange::labels`].
    pub labels: SmallVec<[(&'a str, &'a str); 4]>,
    /// What primary, candidate and control did.
    pub deeds: [Deed; 3],
    source: Source<'a>,
}

/// What a role did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// It was sent nothing.
    Nothing,
    /// No complete response.
    Missing,
    /// A response, so many nanoseconds after it was sent the request.
    Answered(u64),
}

/// Where the candidate's headers are.
#[derive(Debug, Clone, Copy)]
enum Source<'a> {
    Whole(&'a Exchange),
    Encoded(FieldsView<'a>),
}

impl Facts<'_> {
    /// Whether a copy was sent, or refused by the candidate's own budget; otherwise there is no evidence.
    #[must_use]
    pub fn is_mirrored(&self) -> bool {
        self.deeds[1] != Deed::Nothing
    }

    /// The place on the dimension `route`.
    #[must_use]
    pub fn route(&self) -> Option<&str> {
        self.labels.iter().find(|(name, _)| *name == "route").map(|(_, value)| *value)
    }

    /// The value of a header (`name` in lower case) of the candidate's answer, where it is text.
    #[must_use]
    pub fn candidate_header(&self, name: &str) -> Option<&str> {
        match self.source {
            Source::Whole(exchange) => {
                exchange.outcomes.candidate.as_ref()?.response()?.headers.get(name)?.to_str().ok()
            }
            Source::Encoded(headers) => {
                let value = headers.get(name.as_bytes())?;
                // As a header value is text: visible ASCII and spaces.
                let is_text = value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
                str::from_utf8(value).ok().filter(|_| is_text)
            }
        }
    }
}

impl<'a> From<&'a Exchange> for Facts<'a> {
    fn from(exchange: &'a Exchange) -> Self {
        let deed = |role| match exchange.outcomes.of(role) {
            None => Deed::Nothing,
            Some(Outcome::Missing { .. }) => Deed::Missing,
            Some(Outcome::Response(response)) => Deed::Answered(response.timing.latency_ns()),
        };
        Self {
            id: exchange.id,
            admitted_ns: exchange.admitted_ns,
            cluster_key: exchange.cluster_key,
            order: exchange.order,
            labels: exchange.labels.iter().map(|label| (&*label.name, &*label.value)).collect(),
            deeds: Role::ALL.map(deed),
            source: Source::Whole(exchange),
        }
    }
}

impl<'a> From<&View<'a>> for Facts<'a> {
    fn from(view: &View<'a>) -> Self {
        let deed = |role| match view.outcome(role) {
            None => Deed::Nothing,
            Some(OutcomeView::Missing { .. }) => Deed::Missing,
            Some(OutcomeView::Response(response)) => Deed::Answered(response.timing.latency_ns()),
        };
        Self {
            id: view.id,
            admitted_ns: view.admitted_ns,
            cluster_key: view.cluster_key,
            order: view.order,
            labels: view.labels.iter().copied().collect(),
            deeds: Role::ALL.map(deed),
            source: Source::Encoded(
                view.outcome(Role::Candidate)
                    .and_then(OutcomeView::response)
                    .map(|response| response.headers)
                    .unwrap_or_default(),
            ),
        }
    }
}
