//! The copies: one task per role, which nobody waits for.
//!
//! Candidate and control are treated exactly alike: same pools, same limits, same deadline, same
//! headers but for the marker's value, sent back to back in an order that a hash decides.

use crate::forward::remove_hop_by_hop;
use crate::pending::Pending;
use crate::pool::{Lease, Pool};
use crate::seat::Seat;
use crate::setup::Shadow;
use crate::upstream::{self, Answered, Failure};
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
    match Place::take(&shadow.in_flight, shadow.limit) {
        None => seat.miss(MissingReason::Refused),
        Some(place) => pending.core().spawn(send(seat, Rc::clone(&shadow.pool), place)),
    }
}

/// Sends one copy and records what comes back.
async fn send(mut seat: Seat, pool: Rc<Pool>, _place: Place) {
    let pending = Rc::clone(seat.pending());
    let deadline = pending.deadline();
    let request = pending.head_for(seat.role()).with(pending.payload());
    seat.sent_now();
    let answer = upstream::send(&pool, request, Some((pending, seat.role())));
    // One time limit for all of it: a timer costs as much as a small header map.
    match tokio::time::timeout_at(deadline, record(&seat, answer)).await {
        Ok(Ok(lease)) => {
            seat.end();
            lease.give_back();
        }
        Ok(Err(reason)) => seat.miss(reason),
        Err(_) => seat.miss(MissingReason::Timeout),
    }
}

/// Records a whole response; the connection can then be used again.
async fn record(seat: &Seat, answer: impl Future<Output = Answered>) -> Result<Lease, MissingReason> {
    let (response, lease) = answer.await.map_err(Failure::reason)?;
    let (mut parts, body) = response.into_parts();
    remove_hop_by_hop(&mut parts.headers);
    seat.begin(parts.status, &parts.headers);
    seat.see_rest(body).await?;
    Ok(lease)
}

/// One of the copies that a role may have in flight; given back on drop.
struct Place(Rc<Cell<usize>>);

impl Place {
    fn take(in_flight: &Rc<Cell<usize>>, limit: usize) -> Option<Self> {
        (in_flight.get() < limit).then(|| {
            in_flight.set(in_flight.get() + 1);
            Self(Rc::clone(in_flight))
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
