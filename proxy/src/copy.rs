//! The copies: one task per role, which nobody waits for.
//!
//! Candidate and control are treated exactly alike: same pools, same limits, same deadline, same
//! headers but for the marker's value, sent back to back in an order that a hash decides.

use crate::core::Core;
use crate::forward::remove_hop_by_hop;
use crate::pending::Pending;
use crate::pool::{Lease, Pool};
use crate::seat::Seat;
use crate::setup::Shadow;
use crate::upstream::{self, Answered, Failure};
use http::StatusCode;
use parallax_exchange::{CopyOrder, MissingReason, Role};
use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;
use std::time::Instant;

/// Offers the copies of an exchange that has just been admitted.
pub(crate) fn offer(pending: &Rc<Pending>, order: CopyOrder) {
    let roles = match order {
        CopyOrder::CandidateFirst => [Role::Candidate, Role::Control],
        CopyOrder::ControlFirst => [Role::Control, Role::Candidate],
    };
    for role in roles {
        if let Some(shadow) = pending.setup().shadow(role) {
            offer_one(pending, role, shadow);
        }
    }
}

fn offer_one(pending: &Rc<Pending>, role: Role, shadow: &Shadow) {
    let seat = Seat::new(Rc::clone(pending), role, Instant::now());
    match Place::take(pending.core(), role, shadow) {
        None => seat.miss(MissingReason::Refused),
        Some(place) => pending.core().spawn(send(seat, Rc::clone(&shadow.pool), place)),
    }
}

/// Sends one copy and records what comes back.
async fn send(mut seat: Seat, pool: Rc<Pool>, _place: Place) {
    let pending = Rc::clone(seat.pending());
    let core = Rc::clone(pending.core());
    let deadline = pending.deadline();
    let part = pending.kept_trace().map(|(trace, method)| (trace, seat.role(), method));
    let sent = Instant::now();
    let request = pending.head_for(seat.role()).with(pending.payload());
    seat.sent_now();
    let answer = upstream::send(&pool, request, Some((pending, seat.role())));
    // One time limit for all of it: a timer costs as much as a small header map.
    let recorded = tokio::time::timeout_at(deadline, record(&seat, answer)).await;
    let ended = match recorded.unwrap_or(Err(MissingReason::Timeout)) {
        Ok((status, lease)) => {
            seat.end();
            lease.give_back();
            Ok(status)
        }
        Err(reason) => {
            seat.miss(reason);
            Err(reason.name())
        }
    };
    if let Some(part) = part {
        core.observer.copied(&core, part, ended, sent.elapsed());
    }
}

/// Records a whole response; the connection can then be used again.
async fn record(
    seat: &Seat,
    answer: impl Future<Output = Answered>,
) -> Result<(StatusCode, Lease), MissingReason> {
    let (response, lease) = answer.await.map_err(Failure::reason)?;
    let (mut parts, body) = response.into_parts();
    remove_hop_by_hop(&mut parts.headers);
    seat.begin(parts.status, &parts.headers);
    seat.see_rest(body).await?;
    Ok((parts.status, lease))
}

/// One of the copies that a role may have in flight; given back on drop.
struct Place {
    in_flight: Rc<Cell<usize>>,
    core: Rc<Core>,
    role: Role,
}

impl Place {
    fn take(core: &Rc<Core>, role: Role, shadow: &Shadow) -> Option<Self> {
        let in_flight = &shadow.in_flight;
        (in_flight.get() < shadow.limit).then(|| {
            in_flight.set(in_flight.get() + 1);
            core.counters.copies(role).add(1);
            Self { in_flight: Rc::clone(in_flight), core: Rc::clone(core), role }
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.in_flight.set(self.in_flight.get() - 1);
        self.core.counters.copies(self.role).subtract(1);
    }
}
