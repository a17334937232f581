//! The live path: one request to the primary, its response to the client.
//!
//! It awaits the client and the primary, and nothing else. What the mirror does on the way is done
//! at once (open an exchange, offer copies, count) or in passing (capture frames).

use crate::answer::Answer;
use crate::connection::{Busy, Client};
use crate::context::Trace;
use crate::core::Core;
use crate::forward::{Additions, remove_hop_by_hop};
use crate::inbound::Inbound;
use crate::observe::Watch;
use crate::payload::{Payload, Progress, Upload};
use crate::pending::Pending;
use crate::reply::{Refusal, TraceId, unanswered};
use crate::seat::Seat;
use crate::select::choose;
use crate::tunnel::{self, Offer};
use crate::upstream::{self, Answered, Failure};
use http::header::{CONNECTION, CONTENT_LENGTH};
use http::request::Parts;
use http::{Request, Response, StatusCode, Version};
use http_body::Body;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use parallax_exchange::Role;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Serves one request.
pub(crate) async fn serve(
    core: Rc<Core>,
    client: Rc<Client>,
    request: Request<Incoming>,
) -> Result<Response<Answer>, Infallible> {
    let arrived = Instant::now();
    core.counters.requests.add(1);
    let is_h2 = request.version() == Version::HTTP_2;
    let busy = is_h2.then(|| Busy::new(&client));
    let (parts, body) = request.into_parts();
    let mut watch = Watch::begin(&core, client.forwarded.client(), &parts, arrived);
    let trace = watch.as_ref().map_or_else(|| Trace::of(&parts.headers), Watch::trace);
    let name = || u128::from(client.key) << 64 | u128::from(core.unique());
    let mut answer = match forward(&core, &client, parts, body, arrived, watch.as_mut()).await {
        Ok(response) => response,
        Err(Unserved::Refused(refusal)) => {
            core.counters.requests_refused.add(1);
            fail(&mut watch, refusal.name());
            refusal.answer(&TraceId::of(trace, name))
        }
        Err(Unserved::Unanswered(failure)) => {
            core.counters.primary_failures.add(1);
            fail(&mut watch, failure.reason().name());
            let trace = TraceId::of(trace, name);
            tracing::debug!(%trace, ?failure, "the primary did not answer");
            unanswered(failure, &trace)
        }
    };
    if is_h2 {
        // Ends one stream there, not the connection.
        answer.headers_mut().remove(CONNECTION);
    }
    if let Some(mut watch) = watch {
        watch.headed(answer.status());
        answer = answer.map(|body| body.watched(watch));
    }
    Ok(match busy {
        Some(busy) => answer.map(|body| body.during(busy)),
        None => answer,
    })
}

fn fail(watch: &mut Option<Watch>, why: &'static str) {
    if let Some(watch) = watch {
        watch.failed(why);
    }
}

/// Why the client does not get the primary's response.
enum Unserved {
    Refused(Refusal),
    Unanswered(Failure),
}

impl From<Refusal> for Unserved {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

async fn forward(
    core: &Rc<Core>,
    client: &Client,
    parts: Parts,
    body: Incoming,
    arrived: Instant,
    watch: Option<&mut Watch>,
) -> Result<Response<Answer>, Unserved> {
    let inbound = Inbound::read(parts, !body.is_end_stream())?;
    let setup = core.setup();
    let primary_timeout = setup.settings.limits.primary_timeout.0;
    let taken = choose(core, &setup, client.key, &inbound, body.size_hint().exact());
    let Inbound { mut head, version, has_host, is_chunked, awaits_continue, upgrade, .. } = inbound;
    let default_host = (!has_host).then(|| setup.primary.target().authority.clone());
    let trace = watch.as_ref().and_then(|watch| watch.trace());
    if let Some(watch) = watch.filter(|_| taken.is_some()) {
        watch.selected();
    }
    let additions =
        Additions { forwarded: Some(client.forwarded.clone()), version, default_host, is_chunked, trace };
    additions.add(&mut head.headers);
    let pending = taken.map(|taken| taken.open(core, &setup, &head.uri, additions));

    let (payload, progress) = receive(body, awaits_continue, pending.as_ref()).await?;
    if let Some(Offer { protocols, client }) = upgrade.filter(|_| setup.primary.can_switch()) {
        let answered = tunnel::ask(&setup.primary, head, payload, &protocols);
        let answered = patient(answered, primary_timeout, progress);
        // Boxed, so that ordinary requests do not carry the room that this takes.
        return Box::pin(switch(core, client, answered, arrived)).await;
    }
    let complete = payload.complete();
    let sent = Instant::now();
    let exchange = pending.clone().map(|pending| (pending, Role::Primary));
    let answered = upstream::send(&setup.primary, head.with(payload), exchange);
    // The primary's request is on its way; only now is anything done for the copies.
    if let (Some(pending), Some(body)) = (&pending, complete) {
        let mut capture = pending.capture();
        capture.push(&body);
        pending.admit(capture, None);
    }
    let seat = pending.clone().map(|pending| Seat::new(pending, Role::Primary, sent));
    let answered = patient(answered, primary_timeout, progress);
    // Boxed, so that it is not moved with every future around it.
    let answer = Box::pin(pass_back(Rc::clone(core), answered, seat, sent - arrived));
    match pending {
        Some(pending) => OutlivesClient { answer: Some(answer), pending }.await,
        None => answer.await,
    }
}

/// The request's body on its way: whole if it came with the head, streamed otherwise.
async fn receive(
    mut body: Incoming,
    awaits_continue: bool,
    pending: Option<&Rc<Pending>>,
) -> Result<(Payload, Option<Progress>), Refusal> {
    if body.is_end_stream() {
        return Ok((Payload::empty(), None));
    }
    // Asking for the body is what makes hyper answer `100 Continue`: a client that waits for it is
    // asked only once the primary's connection is there.
    let first = if awaits_continue {
        Poll::Pending
    } else {
        poll_fn(|cx| Poll::Ready(Pin::new(&mut body).poll_frame(cx))).await
    };
    let first = match first {
        Poll::Pending => None,
        Poll::Ready(None) => return Ok((Payload::empty(), None)),
        Poll::Ready(Some(Err(_))) => return Err(Refusal::Body),
        Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
            Ok(data) if body.is_end_stream() => return Ok((Payload::Whole(data, None), None)),
            Ok(data) => Some(http_body::Frame::data(data)),
            Err(frame) => Some(frame),
        },
    };
    let progress = Progress::now();
    let upload = Upload::new(first, body, progress.clone(), pending.cloned());
    Ok((Payload::Stream(Box::new(upload)), Some(progress)))
}

/// Waits for the head of the primary's response: `limit` after the request was complete, or after
/// the upload last moved.
async fn patient(
    answered: impl Future<Output = Answered>,
    limit: Duration,
    progress: Option<Progress>,
) -> Answered {
    let mut answered = std::pin::pin!(answered);
    let mut deadline = tokio::time::Instant::now() + limit;
    loop {
        if let Ok(answered) = tokio::time::timeout_at(deadline, answered.as_mut()).await {
            return answered;
        }
        match progress.as_ref().map(|progress| tokio::time::Instant::from(progress.last()) + limit) {
            Some(moved) if moved > deadline => deadline = moved,
            _ => return Err(Failure::Timeout),
        }
    }
}

/// Gives the primary's response to the client, or says why there is none.
async fn pass_back(
    core: Rc<Core>,
    answered: impl Future<Output = Answered>,
    seat: Option<Seat>,
    before: Duration,
) -> Result<Response<Answer>, Unserved> {
    let (response, lease) = match answered.await {
        Ok(answered) => answered,
        Err(failure) => {
            if let Some(seat) = seat {
                seat.miss(failure.reason());
            }
            return Err(Unserved::Unanswered(failure));
        }
    };
    let headed = Instant::now();
    let (mut parts, body) = response.into_parts();
    remove_hop_by_hop(&mut parts.headers);
    if let Some(seat) = &seat {
        seat.begin(parts.status, &parts.headers);
    }
    parts.version = Version::HTTP_11;
    if matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        // There is no body to which it could belong on this connection.
        parts.headers.remove(CONTENT_LENGTH);
    }
    let response = Response::from_parts(parts, Answer::primary(body, lease, seat));
    core.counters.overhead(before + headed.elapsed());
    Ok(response)
}

/// Joins the client to the primary if that agrees to switch protocols; else its response is passed on.
async fn switch(
    core: &Rc<Core>,
    client: OnUpgrade,
    answered: impl Future<Output = Answered>,
    arrived: Instant,
) -> Result<Response<Answer>, Unserved> {
    let before = arrived.elapsed();
    match answered.await {
        Ok((response, _)) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
            tunnel::join(core, response, client).map_err(Unserved::Unanswered)
        }
        answered => pass_back(Rc::clone(core), std::future::ready(answered), None, before).await,
    }
}

/// An answer that is awaited also when its client has left, if the exchange was admitted: a client's
/// impatience must not decide which exchanges are compared.
struct OutlivesClient<F: Future + 'static> {
    answer: Option<Pin<Box<F>>>,
    pending: Rc<Pending>,
}

impl<F: Future> Future for OutlivesClient<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let answer = self.answer.as_mut().expect("a future is not polled after it is ready");
        let polled = answer.as_mut().poll(cx);
        if polled.is_ready() {
            self.answer = None;
        }
        polled
    }
}

impl<F: Future> Drop for OutlivesClient<F> {
    fn drop(&mut self) {
        if let Some(answer) = self.answer.take()
            && self.pending.is_admitted()
        {
            self.pending.core().spawn(async move {
                drop(answer.await);
            });
        }
    }
}
