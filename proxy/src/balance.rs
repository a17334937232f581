//! Whose turn it is among a role's addresses, and which of them are left out for a while.
//!
//! Requests go round the addresses. One that refuses a connection, or leaves several requests in a
//! row without an answer, is left out for a second, then two, up to half a minute, and then simply
//! tried again: live requests are the probes. An answer, whatever its status, is an answer: a replica
//! that says `500` stays, because to hide it would be to hide what the comparison looks for. Where all
//! are out, all are tried. All roles alike.

use crate::line::Address;
use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

/// Requests in a row without an answer after which an address is left out.
const UNANSWERED: u32 = 5;

/// How long an address is left out the first time; doubled each time in a row.
const OUT_FIRST: Duration = Duration::from_secs(1);

/// How often that doubles: to 32 seconds.
const DOUBLINGS: u32 = 5;

/// A role's addresses on one core.
pub(crate) struct Balance {
    slots: RefCell<Vec<Slot>>,
    turn: Cell<usize>,
}

struct Slot {
    address: Address,
    /// In a row, without an answer.
    failures: u32,
    /// How often it was left out since it last answered.
    outs: u32,
    out_until: Option<Instant>,
}

impl Slot {
    fn new(address: Address) -> Self {
        Self { address, failures: 0, outs: 0, out_until: None }
    }

    fn is_in(&self, now: Instant) -> bool {
        self.out_until.is_none_or(|until| until <= now)
    }
}

impl Balance {
    /// Of `addresses`, each once; there is at least one.
    pub(crate) fn new(addresses: &[Address]) -> Self {
        let new = Self { slots: RefCell::default(), turn: Cell::new(0) };
        new.replace(addresses);
        new
    }

    /// Whether there is nothing to choose.
    pub(crate) fn is_single(&self) -> bool {
        self.slots.borrow().len() == 1
    }

    /// Whether `address` is one of them.
    pub(crate) fn contains(&self, address: &Address) -> bool {
        self.slots.borrow().iter().any(|slot| slot.address == *address)
    }

    /// The addresses in the order in which they are to be tried now: whose turn it is first, those that
    /// are left out last.
    pub(crate) fn order(&self, now: Instant) -> Vec<Address> {
        let slots = self.slots.borrow();
        let (before, after) = slots.split_at(self.turn.get() % slots.len().max(1));
        let (ins, outs): (Vec<&Slot>, Vec<&Slot>) =
            after.iter().chain(before).partition(|slot| slot.is_in(now));
        ins.into_iter().chain(outs).map(|slot| slot.address.clone()).collect()
    }

    /// Whose turn it is.
    pub(crate) fn turn(&self, now: Instant) -> Option<Address> {
        let slots = self.slots.borrow();
        let (before, after) = slots.split_at(self.turn.get() % slots.len().max(1));
        let mut all = after.iter().chain(before);
        let first = all.clone().next();
        all.find(|slot| slot.is_in(now)).or(first).map(|slot| slot.address.clone())
    }

    /// `address` has had its turn.
    pub(crate) fn taken(&self, address: &Address) {
        let at = self.slots.borrow().iter().position(|slot| slot.address == *address);
        self.turn.set(at.unwrap_or_else(|| self.turn.get()) + 1);
    }

    /// `address` has answered; true if it had been left out.
    pub(crate) fn answered(&self, address: &Address) -> bool {
        self.change(address, |slot| {
            slot.failures = 0;
            slot.out_until = None;
            std::mem::take(&mut slot.outs) > 0
        })
    }

    /// `address` left a request without an answer; true if it is left out from now on.
    pub(crate) fn unanswered(&self, address: &Address, now: Instant) -> bool {
        self.change(address, |slot| {
            slot.failures += 1;
            slot.failures >= UNANSWERED && slot.leave_out(now)
        })
    }

    /// `address` took no connection; true if it was not left out already.
    pub(crate) fn refused(&self, address: &Address, now: Instant) -> bool {
        self.change(address, |slot| slot.leave_out(now))
    }

    /// These are the addresses from now on; what is known of those that stay is kept.
    pub(crate) fn replace(&self, addresses: &[Address]) {
        let mut slots = self.slots.borrow_mut();
        let mut old = std::mem::take(&mut *slots);
        for address in addresses {
            if slots.iter().all(|slot: &Slot| slot.address != *address) {
                let known = old.iter().position(|slot| slot.address == *address);
                slots.push(known.map_or_else(|| Slot::new(address.clone()), |at| old.swap_remove(at)));
            }
        }
    }

    fn change(&self, address: &Address, change: impl FnOnce(&mut Slot) -> bool) -> bool {
        let mut slots = self.slots.borrow_mut();
        slots.iter_mut().find(|slot| slot.address == *address).is_some_and(change)
    }
}

impl Slot {
    fn leave_out(&mut self, now: Instant) -> bool {
        let was_in = self.is_in(now);
        if was_in {
            self.failures = 0;
            self.out_until = Some(now + OUT_FIRST * 2_u32.pow(self.outs.min(DOUBLINGS)));
            self.outs = self.outs.saturating_add(1);
        }
        was_in
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> Address {
        Address::Tcp(([127, 0, 0, 1], port).into())
    }

    fn balance(ports: &[u16]) -> Balance {
        Balance::new(&ports.iter().map(|&port| address(port)).collect::<Vec<_>>())
    }

    fn turns(balance: &Balance, now: Instant, count: usize) -> Vec<Address> {
        let next = || {
            let address = balance.turn(now).unwrap();
            balance.taken(&address);
            address
        };
        std::iter::repeat_with(next).take(count).collect()
    }

    #[test]
    fn each_address_has_its_turn_and_is_there_once() {
        let (balance, now) = (balance(&[1, 2, 1, 3]), Instant::now());
        assert_eq!(turns(&balance, now, 6), [1, 2, 3, 1, 2, 3].map(address));
        assert!(!balance.is_single() && balance.contains(&address(3)) && !balance.contains(&address(4)));
    }

    #[test]
    fn one_that_refuses_is_left_out_for_longer_each_time_until_it_answers() {
        let (balance, now) = (balance(&[1, 2]), Instant::now());
        assert!(balance.refused(&address(1), now));
        assert!(!balance.refused(&address(1), now), "said once");
        assert_eq!(turns(&balance, now, 3), [2, 2, 2].map(address));
        assert_eq!(balance.order(now), [2, 1].map(address));
        let later = now + OUT_FIRST;
        assert_eq!(turns(&balance, later, 2), [1, 2].map(address));
        assert!(balance.refused(&address(1), later));
        assert_eq!(turns(&balance, later + OUT_FIRST, 2), [2, 2].map(address), "two seconds this time");
        assert!(balance.answered(&address(1)));
        assert!(!balance.answered(&address(1)));
        assert_eq!(turns(&balance, later, 2), [1, 2].map(address));
    }

    #[test]
    fn silence_in_a_row_leaves_one_out_and_an_answer_between_does_not() {
        let (balance, now) = (balance(&[1, 2]), Instant::now());
        let silent = |count| (0..count).map(|_| balance.unanswered(&address(1), now)).collect::<Vec<_>>();
        assert_eq!(silent(UNANSWERED - 1), [false; UNANSWERED as usize - 1]);
        balance.answered(&address(1));
        assert_eq!(silent(UNANSWERED - 1), [false; UNANSWERED as usize - 1]);
        assert_eq!(silent(1), [true]);
        assert_eq!(turns(&balance, now, 2), [2, 2].map(address));
    }

    #[test]
    fn where_all_are_out_all_are_tried() {
        let (balance, now) = (balance(&[1, 2]), Instant::now());
        balance.refused(&address(1), now);
        balance.refused(&address(2), now);
        assert_eq!(turns(&balance, now, 3), [1, 2, 1].map(address));
        assert_eq!(balance.order(now).len(), 2);
    }

    #[test]
    fn what_is_known_of_an_address_outlives_a_new_resolution() {
        let (balance, now) = (balance(&[1, 2]), Instant::now());
        balance.refused(&address(2), now);
        balance.replace(&[3, 2].map(address));
        assert_eq!(turns(&balance, now, 2), [3, 3].map(address));
        assert!(!balance.contains(&address(1)));
    }
}
