//! Sending one request to one role, with the one retry that is safe.
//!
//! A kept connection may have been closed by its peer just before it is used. Where hyper hands the
//! request back unsent, it goes out again on a new connection. Where the connection died without an
//! answer, a request is repeated only if its method is idempotent and it has no body (RFC 9110,
//! 9.2.2). A failure on a new connection is the role's answer. All three roles are treated alike.

use crate::payload::Payload;
use crate::pending::{Head, Pending};
use crate::pool::{ConnectError, Lease, Pool};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use parallax_exchange::{MissingReason, Role};
use std::error::Error;
use std::future::Future;
use std::io;
use std::rc::Rc;

/// Why a role has no response head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Refused or unreachable.
    Connect,
    /// The connection could not be made in time.
    ConnectTimeout,
    /// Closed or reset before an answer.
    Reset,
    /// What came is not HTTP.
    Protocol,
    /// No answer in time.
    Timeout,
    /// The client's own request broke off or was not HTTP.
    RequestCut,
}

impl Failure {
    /// How an outcome calls it.
    pub(crate) fn reason(self) -> MissingReason {
        match self {
            Self::Connect | Self::ConnectTimeout => MissingReason::Connect,
            Self::Reset => MissingReason::Reset,
            Self::Protocol => MissingReason::Protocol,
            Self::Timeout => MissingReason::Timeout,
            Self::RequestCut => MissingReason::ClientGone,
        }
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Timeout => Self::ConnectTimeout,
            ConnectError::Failed(_) => Self::Connect,
        }
    }
}

/// A role's response and the connection that it comes from.
pub(crate) type Answered = Result<(Response<Incoming>, Lease), Failure>;

/// The exchange to which a request belongs, and the role to which it goes.
pub(crate) type Part = (Rc<Pending>, Role);

/// Where the head comes from if the request must be repeated.
enum Spare {
    /// From the exchange.
    Part(Part),
    /// Cloned beforehand.
    Head(Head),
}

impl Spare {
    fn of(request: &Request<Payload>, part: Option<Part>) -> Option<Self> {
        is_repeatable(request).then(|| part.map_or_else(|| Self::Head(Head::of(request)), Self::Part))
    }

    fn into_request(self) -> Request<Payload> {
        let head = match self {
            Self::Head(head) => head,
            Self::Part((pending, role)) => pending.head_for(role),
        };
        head.with(Payload::empty())
    }
}

/// Hands `request` to a kept connection at once, if there is one; the future does the rest.
///
/// Not an `async fn`: the request is on its way when this returns, before anything else is done.
pub(crate) fn send(
    pool: &Rc<Pool>,
    request: Request<Payload>,
    part: Option<Part>,
) -> impl Future<Output = Answered> + use<> {
    let pool = Rc::clone(pool);
    let begun = match pool.checkout() {
        None => Err(request),
        Some(mut lease) => {
            let spare = Spare::of(&request, part);
            Ok((lease.send(request), lease, spare))
        }
    };
    async move {
        let request = match begun {
            Err(request) => request,
            Ok((sent, mut lease, spare)) => match sent.await {
                Ok(response) => return accept(response, lease),
                Err(error) => {
                    lease.excuse();
                    again(error, spare)?
                }
            },
        };
        // Apart, because connecting is rare, and every request would carry the room that it takes.
        Box::pin(send_on_new(pool, request)).await
    }
}

async fn send_on_new(pool: Rc<Pool>, request: Request<Payload>) -> Answered {
    let mut lease = pool.connect().await?;
    match lease.send(request).await {
        Ok(response) => accept(response, lease),
        Err(error) => Err(classify(&error.into_error())),
    }
}

fn is_repeatable(request: &Request<Payload>) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method()) && request.body().is_empty()
}

/// The request to send once more after a kept connection failed, if that is safe.
fn again(
    mut error: TrySendError<Request<Payload>>,
    spare: Option<Spare>,
) -> Result<Request<Payload>, Failure> {
    if let Some(unsent) = error.take_message() {
        return Ok(unsent);
    }
    match classify(&error.into_error()) {
        Failure::Reset => spare.map(Spare::into_request).ok_or(Failure::Reset),
        failure => Err(failure),
    }
}

/// No upgrade was asked for, so a switch of protocols is not an answer.
fn accept(response: Response<Incoming>, mut lease: Lease) -> Answered {
    lease.answered();
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        Err(Failure::Protocol)
    } else {
        Ok((response, lease))
    }
}

/// What a failed request or response body means.
pub(crate) fn classify(error: &hyper::Error) -> Failure {
    if error.is_user() {
        return Failure::RequestCut;
    }
    if error.is_timeout() {
        return Failure::Timeout;
    }
    if error.is_parse() && !error.is_incomplete_message() {
        return Failure::Protocol;
    }
    // Wrong chunk framing comes as an I/O error of these kinds.
    let kind = error.source().and_then(|source| source.downcast_ref::<io::Error>()).map(io::Error::kind);
    match kind {
        Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) => Failure::Protocol,
        _ => Failure::Reset,
    }
}
