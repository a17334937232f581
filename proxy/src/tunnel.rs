//! Upgrades, such as to WebSocket: passed through to the primary, never mirrored.
//!
//! After the switch the two connections carry bytes that are no exchange of HTTP, so there is
//! nothing to copy or compare; the request was counted as dropped for this reason.

use crate::answer::Answer;
use crate::connection::Open;
use crate::core::Core;
use crate::payload::Payload;
use crate::pending::Head;
use crate::pool::Pool;
use crate::upstream::{Answered, Failure, classify};
use bytes::Bytes;
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use std::rc::Rc;

/// What a client that asks for another protocol offers.
pub(crate) struct Offer {
    /// The protocols, as the client wrote them.
    pub(crate) protocols: HeaderValue,
    /// Its connection, once it has been told of the switch.
    pub(crate) client: OnUpgrade,
}

/// Asks the primary, on a connection that is not shared.
pub(crate) async fn ask(
    primary: &Rc<Pool>,
    mut head: Head,
    payload: Payload,
    protocols: &HeaderValue,
) -> Answered {
    announce(&mut head.headers, protocols.clone());
    let request: Request<Payload> = head.with(payload);
    let mut lease = primary.connect_for_upgrade().await?;
    match lease.send(request).await {
        Ok(response) => {
            lease.answered();
            Ok((response, lease))
        }
        Err(error) => Err(classify(&error.into_error())),
    }
}

/// Tells the client of the switch, and joins the two connections once it has been told.
///
/// # Errors
/// [`Failure::Protocol`] where the primary names no protocol.
pub(crate) fn join(
    core: &Rc<Core>,
    mut response: Response<hyper::body::Incoming>,
    client: OnUpgrade,
) -> Result<Response<Answer>, Failure> {
    let protocol = response.headers().get(UPGRADE).cloned().ok_or(Failure::Protocol)?;
    let primary = hyper::upgrade::on(&mut response);
    // The connection's task ends with HTTP; the tunnel goes on counting as a connection.
    let open = Open::new(core);
    core.spawn(async move {
        if let (Ok(client), Ok(primary)) = tokio::join!(client, primary) {
            relay(client, primary).await;
        }
        drop(open);
    });
    let (mut parts, _) = response.into_parts();
    crate::forward::remove_hop_by_hop(&mut parts.headers);
    announce(&mut parts.headers, protocol);
    let mut answer = Response::new(Answer::own(Bytes::new()));
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *answer.headers_mut() = parts.headers;
    Ok(answer)
}

async fn relay(client: Upgraded, primary: Upgraded) {
    let (mut client, mut primary) = (TokioIo::new(client), TokioIo::new(primary));
    if let Err(error) = tokio::io::copy_bidirectional(&mut client, &mut primary).await {
        tracing::debug!(%error, "a tunnel ended early");
    }
}

fn announce(headers: &mut HeaderMap, protocol: HeaderValue) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, protocol);
}
