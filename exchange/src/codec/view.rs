//! An encoded exchange, looked at in place.
//!
//! Most exchanges are equal, and what is counted of an equal one is a handful of numbers. Decoding
//! builds four header maps and copies three texts first, which costs five times what comparing does;
//! a view notes where the parts lie and builds nothing. What differs after all is decoded alone
//! ([`ResponseView::decode`]).
//!
//! A view checks the framing of what it walks over and nothing else: whether a method, a header name
//! or a target is one, only decoding says. It knows the layout that every encoder writes; anything
//! odd that protobuf also allows (a message in two parts, say) makes [`View::read`] give up, and
//! [`super::decode`] then reads it or says what is wrong.

use super::decode::{self, DecodeError};
use super::fields::{self, FieldsView};
use super::varint::varint;
use crate::{Body, CopyOrder, Exchange, ExchangeId, MissingReason, Outcome, Response, Role, Timing};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use smallvec::SmallVec;

/// Where the parts of an encoded exchange lie.
#[derive(Debug, Clone)]
pub struct View<'a> {
    source: &'a Bytes,
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
    request: &'a [u8],
    /// By the position of the role in [`Role::ALL`].
    outcomes: [Option<OutcomeView<'a>>; 3],
}

/// What a role did.
#[derive(Debug, Clone, Copy)]
pub enum OutcomeView<'a> {
    /// A complete response.
    Response(ResponseView<'a>),
    /// No complete response.
    Missing {
        /// Why there is none.
        reason: MissingReason,
        /// When that became known.
        timing: Timing,
    },
}

/// Where the parts of a response lie.
#[derive(Debug, Clone, Copy)]
pub struct ResponseView<'a> {
    source: &'a Bytes,
    /// As [`Response::status`].
    pub status: StatusCode,
    /// The header section.
    pub headers: FieldsView<'a>,
    /// The trailers.
    pub trailers: FieldsView<'a>,
    /// The body.
    pub body: BodyView<'a>,
    /// As [`Response::timing`].
    pub timing: Timing,
}

/// A body in place; equal views are equal bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BodyView<'a> {
    bytes: &'a [u8],
    length: Option<u64>,
    digest: u64,
}

impl<'a> View<'a> {
    /// Looks at an encoded exchange; `None` where only [`super::decode`] can tell what it is.
    #[must_use]
    pub fn read(source: &'a Bytes) -> Option<Self> {
        let mut view = Self {
            source,
            id: ExchangeId::default(),
            admitted_ns: 0,
            cluster_key: 0,
            order: CopyOrder::CandidateFirst,
            labels: SmallVec::new(),
            request: &[],
            outcomes: [None; 3],
        };
        let (mut rest, mut has_request) = (&source[..], false);
        while let Some((number, part)) = next(&mut rest)? {
            match (number, part) {
                (1, Part::Fixed32(proxy)) => view.id.proxy = proxy,
                (2, Part::Fixed32(epoch)) => view.id.epoch = epoch,
                (3, Part::Varint(sequence)) => view.id.sequence = sequence,
                (4, Part::Fixed64(admitted_ns)) => view.admitted_ns = admitted_ns,
                (5, Part::Fixed64(cluster_key)) => view.cluster_key = cluster_key,
                (6, Part::Bytes(label)) => view.labels.push(read_label(label)?),
                (7, Part::Varint(order)) => view.order = decode::order(low(order)),
                (8, Part::Varint(_)) => {}
                (9, Part::Bytes(request)) if !has_request => (view.request, has_request) = (request, true),
                (10..=12, Part::Bytes(outcome)) => {
                    put(&mut view.outcomes[number as usize - 10], read_outcome(source, outcome)?)?;
                }
                (1..=12, _) => return None,
                _ => {}
            }
        }
        has_request.then_some(view)
    }

    /// What `role` did.
    #[must_use]
    pub fn outcome(&self, role: Role) -> Option<&OutcomeView<'a>> {
        let [primary, candidate, control] = &self.outcomes;
        match role {
            Role::Primary => primary.as_ref(),
            Role::Candidate => candidate.as_ref(),
            Role::Control => control.as_ref(),
        }
    }

    /// The path of the request, as [`crate::Request::path`]; `None` where the target is not text.
    #[must_use]
    pub fn path(&self) -> Option<&'a str> {
        let (mut rest, mut target) = (self.request, &[][..]);
        while let Some((number, part)) = next(&mut rest)? {
            if let (2, Part::Bytes(bytes)) = (number, part) {
                target = bytes;
            }
        }
        str::from_utf8(target.split(|byte| *byte == b'?').next()?).ok()
    }

    /// The whole exchange.
    ///
    /// # Errors
    /// As [`super::decode`].
    pub fn decode(&self) -> Result<Exchange, DecodeError> {
        decode::decode(self.source.clone())
    }
}

impl<'a> OutcomeView<'a> {
    /// The response, if there is one.
    #[must_use]
    pub fn response(&self) -> Option<&ResponseView<'a>> {
        match self {
            Self::Response(response) => Some(response),
            Self::Missing { .. } => None,
        }
    }

    /// The outcome, built.
    ///
    /// # Errors
    /// As [`ResponseView::decode`].
    pub fn decode(&self) -> Result<Outcome, DecodeError> {
        Ok(match self {
            Self::Response(response) => Outcome::Response(Box::new(response.decode()?)),
            Self::Missing { reason, timing } => Outcome::Missing { reason: *reason, timing: *timing },
        })
    }
}

impl ResponseView<'_> {
    /// The response, built; body and header values are slices of the encoded exchange.
    ///
    /// # Errors
    /// A header section that is none.
    pub fn decode(&self) -> Result<Response, DecodeError> {
        let section = |fields: FieldsView<'_>| fields::read(&self.source.slice_ref(fields.0));
        Ok(self.decode_with(section(self.headers)?, section(self.trailers)?))
    }

    /// The response with these header sections in place of its own, which are not read.
    #[must_use]
    pub fn decode_with(&self, headers: HeaderMap, trailers: HeaderMap) -> Response {
        let bytes = self.source.slice_ref(self.body.bytes);
        let body = match self.body.length {
            Some(length) => Body::cut(bytes, length, self.body.digest),
            None => Body::whole(bytes),
        };
        Response { status: self.status, headers, body, trailers, timing: self.timing }
    }
}

impl<'a> BodyView<'a> {
    /// The captured bytes, as [`Body::bytes`].
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// All bytes of the body; `None` where it was cut at the capture cap.
    #[must_use]
    pub fn whole(&self) -> Option<&'a [u8]> {
        self.length.is_none().then_some(self.bytes)
    }
}

/// One field of a message.
enum Part<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(&'a [u8]),
}

/// Takes the next field, with its number, off `rest`; `Some(None)` at the end, `None` where it is broken.
///
/// In place at each of its callers: most of what it makes is taken apart at once, and would otherwise
/// go through memory.
#[expect(clippy::option_option, reason = "the end of a message, and what is no message")]
#[inline(always)]
fn next<'a>(rest: &mut &'a [u8]) -> Option<Option<(u64, Part<'a>)>> {
    if rest.is_empty() {
        return Some(None);
    }
    let key = varint(rest)?;
    let part = match key & 7 {
        0 => Part::Varint(varint(rest)?),
        1 => Part::Fixed64(u64::from_le_bytes(*take(rest, 8)?.first_chunk()?)),
        2 => {
            let length = usize::try_from(varint(rest)?).ok()?;
            Part::Bytes(take(rest, length)?)
        }
        5 => Part::Fixed32(u32::from_le_bytes(*take(rest, 4)?.first_chunk()?)),
        _ => return None,
    };
    // A key is a 32-bit number; 0 numbers no field.
    (8..=u64::from(u32::MAX)).contains(&key).then_some(Some((key >> 3, part)))
}

/// An `int32` or enumeration of a varint: its low half, as protobuf has it.
#[expect(clippy::cast_possible_truncation, reason = "that is the point")]
fn low(varint: u64) -> i32 {
    varint as i32
}

#[inline]
fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(taken)
}

/// Fills a place that must be empty: a message in two parts would have to be joined.
fn put<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.is_none().then(|| *place = Some(value))
}

fn read_label(mut rest: &[u8]) -> Option<(&str, &str)> {
    let (mut name, mut value) = (&[][..], &[][..]);
    while let Some((number, part)) = next(&mut rest)? {
        match (number, part) {
            (1, Part::Bytes(bytes)) => name = bytes,
            (2, Part::Bytes(bytes)) => value = bytes,
            (1 | 2, _) => return None,
            _ => {}
        }
    }
    Some((str::from_utf8(name).ok()?, str::from_utf8(value).ok()?))
}

fn read_outcome<'a>(source: &'a Bytes, mut rest: &'a [u8]) -> Option<OutcomeView<'a>> {
    let mut outcome = None;
    while let Some((number, part)) = next(&mut rest)? {
        match (number, part) {
            (1, Part::Bytes(response)) => {
                put(&mut outcome, OutcomeView::Response(read_response(source, response)?))?;
            }
            (2, Part::Bytes(missing)) => put(&mut outcome, read_missing(missing)?)?,
            (1 | 2, _) => return None,
            _ => {}
        }
    }
    let unknown = OutcomeView::Missing { reason: MissingReason::Unknown, timing: Timing::default() };
    Some(outcome.unwrap_or(unknown))
}

fn read_response<'a>(source: &'a Bytes, mut rest: &'a [u8]) -> Option<ResponseView<'a>> {
    let (mut status, mut headers, mut trailers) = (0, &[][..], &[][..]);
    let (mut body, mut timing) = (None, None);
    while let Some((number, part)) = next(&mut rest)? {
        match (number, part) {
            (1, Part::Varint(number)) => status = number,
            (2, Part::Bytes(block)) => headers = block,
            (3, Part::Bytes(message)) => put(&mut body, read_body(message)?)?,
            (4, Part::Bytes(block)) => trailers = block,
            (5, Part::Bytes(message)) => put(&mut timing, read_timing(message)?)?,
            (1..=5, _) => return None,
            _ => {}
        }
    }
    Some(ResponseView {
        source,
        status: StatusCode::from_u16(u16::try_from(status).ok()?).ok()?,
        headers: FieldsView(headers),
        trailers: FieldsView(trailers),
        body: body.unwrap_or_default(),
        timing: timing.unwrap_or_default(),
    })
}

fn read_missing<'a>(mut rest: &'a [u8]) -> Option<OutcomeView<'a>> {
    let (mut reason, mut timing) = (0, None);
    while let Some((number, part)) = next(&mut rest)? {
        match (number, part) {
            (1, Part::Varint(number)) => reason = number,
            (2, Part::Bytes(message)) => put(&mut timing, read_timing(message)?)?,
            (1 | 2, _) => return None,
            _ => {}
        }
    }
    Some(OutcomeView::Missing { reason: decode::reason(low(reason)), timing: timing.unwrap_or_default() })
}

fn read_body(mut rest: &[u8]) -> Option<BodyView<'_>> {
    let mut body = BodyView::default();
    while let Some((number, part)) = next(&mut rest)? {
        match (number, part) {
            (1, Part::Bytes(bytes)) => body.bytes = bytes,
            (2, Part::Varint(length)) => body.length = Some(length),
            (3, Part::Fixed64(digest)) => body.digest = digest,
            (1..=3, _) => return None,
            _ => {}
        }
    }
    if body.length.is_none() {
        body.digest = 0; // of a whole body it says nothing
    }
    Some(body)
}

fn read_timing(mut rest: &[u8]) -> Option<Timing> {
    let mut timing = Timing::default();
    while let Some((number, part)) = next(&mut rest)? {
        match (number, part) {
            (1, Part::Varint(ns)) => timing.sent_ns = ns,
            (2, Part::Varint(ns)) => timing.head_ns = ns,
            (3, Part::Varint(ns)) => timing.done_ns = ns,
            (1..=3, _) => return None,
            _ => {}
        }
    }
    Some(timing)
}
