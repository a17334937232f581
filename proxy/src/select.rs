//! Whether a request is mirrored, and the exchange that this begins.

use crate::compact;
use crate::core::Core;
use crate::edit::Edit;
use crate::forward::Additions;
use crate::inbound::Inbound;
use crate::key::{Fallback, Keyed, cluster_key, is_sampled, sample_key};
use crate::pending::{Head, Pending, Selected};
use crate::routes::{Asked, Selection};
use crate::setup::Setup;
use http::Uri;
use http::header::HOST;
use parallax_exchange::{Body, DropReason, Request, ShedReason};
use std::rc::Rc;
use std::sync::Arc;

/// What becomes of a request at the mirror's door.
enum Decision<'c> {
    LeaveOut,
    Drop(DropReason),
    Shed(ShedReason),
    Take(Chosen<'c>),
}

/// A request that its route and its sample take.
struct Chosen<'c> {
    selection: &'c Selection,
    cluster_key: u64,
    sample_ppm: u32,
    /// Whether the sample goes by the body, which is not known yet.
    by_body: bool,
}

/// Decides and counts; the exchange if the request is to be mirrored.
///
/// `connection` is the key of requests that name none; `length` is the length of the body, where it is
/// known.
pub(crate) fn choose(
    core: &Rc<Core>,
    setup: &Setup,
    connection: u64,
    inbound: &Inbound,
    length: Option<u64>,
) -> Option<Taken> {
    match decide(core, setup, connection, inbound, length) {
        Decision::LeaveOut => core.leave_out(),
        Decision::Drop(reason) => core.drop_selected(reason),
        Decision::Shed(reason) => core.shed(reason),
        Decision::Take(Chosen { selection, cluster_key, sample_ppm, by_body }) => {
            let Head { uri, headers, .. } = &inbound.head;
            return Some(Taken {
                request: request(&inbound.head),
                cluster_key,
                labels: selection.labels(uri, headers),
                sample_ppm,
                by_body,
                edit: selection.edit.clone(),
                copy_uri: selection.copy_uri(uri),
            });
        }
    }
    None
}

/// A request that is to be mirrored, before it is known what goes to the roles.
pub(crate) struct Taken {
    request: Request,
    cluster_key: u64,
    labels: Vec<parallax_exchange::Label>,
    sample_ppm: u32,
    by_body: bool,
    edit: Option<Arc<Edit>>,
    copy_uri: Option<Uri>,
}

impl Taken {
    /// Begins the exchange; what goes to the roles is the request to `uri` with `additions`.
    pub(crate) fn open(
        self,
        core: &Rc<Core>,
        setup: &Rc<Setup>,
        uri: &Uri,
        additions: Additions,
    ) -> Rc<Pending> {
        let Self { request, cluster_key, labels, sample_ppm, by_body, edit, copy_uri } = self;
        let uri = compact::target(uri);
        let selected =
            Selected { request, uri, copy_uri, edit, additions, cluster_key, labels, sample_ppm, by_body };
        Pending::open(core, Rc::clone(setup), selected)
    }
}

fn decide<'c>(
    core: &Core,
    setup: &'c Setup,
    connection: u64,
    inbound: &Inbound,
    length: Option<u64>,
) -> Decision<'c> {
    let Head { method, uri, headers } = &inbound.head;
    let settings = &setup.settings;
    let Some(selection) = settings.routes.select(Asked { method, uri, headers }) else {
        return Decision::LeaveOut;
    };
    let fallback = Fallback { connection, request: core.unique() };
    let cluster_key = cluster_key(&settings.key, headers, uri.query(), fallback);
    let sample_ppm = setup.sample_ppm(selection);
    let sampled = match &selection.sample_by[..] {
        [] => Keyed::Key(cluster_key),
        sources => sample_key(sources, headers, uri.query(), fallback),
    };
    let by_body = sampled == Keyed::Body;
    if matches!(sampled, Keyed::Key(key) if !is_sampled(key, sample_ppm)) {
        return Decision::LeaveOut;
    }
    if inbound.is_copy {
        return Decision::Drop(DropReason::Loop);
    }
    if inbound.upgrade.is_some() {
        return Decision::Drop(DropReason::Upgrade);
    }
    if core.draining.get() {
        return Decision::Drop(DropReason::Draining);
    }
    if setup.expired.get() {
        return Decision::Drop(DropReason::Expired);
    }
    let limits = &settings.limits;
    if length.is_some_and(|length| length > limits.body_bytes as u64) {
        return Decision::Shed(ShedReason::BodyTooLarge);
    }
    if core.counters.in_flight.get() >= limits.copies_in_flight as u64 {
        return Decision::Shed(ShedReason::InFlight);
    }
    if setup.budget.is_spent() {
        return Decision::Shed(ShedReason::Bytes);
    }
    Decision::Take(Chosen { selection, cluster_key, sample_ppm, by_body })
}

/// The request as the client sent it, but for the body.
fn request(head: &Head) -> Request {
    let target = head.uri.path_and_query().map_or_else(String::new, |target| target.as_str().to_owned());
    let host = head.headers.get(HOST);
    Request {
        method: head.method.clone(),
        target,
        authority: host.map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned()).unwrap_or_default(),
        headers: compact::headers(&head.headers),
        body: Body::default(),
    }
}
