//! Waiting for sockets and for an absolute time at once.
//!
//! One `epoll` per lane, sockets edge-triggered and registered once, and one `timerfd` on the same
//! absolute clock as the plan. The timer has nanoseconds and no slack on every kernel, whereas an
//! `epoll_wait` timeout is rounded to milliseconds and counts from whenever the call happens to start.

use super::clock;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use std::io;

/// Events taken from the kernel at once.
const EVENTS_MAX: usize = 256;

const TIMER: u64 = u64::MAX;

const NOTHING: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// Something that a socket reported.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ready {
    /// As given to [`Poll::add`].
    pub(crate) token: u64,
    /// More can be written, or a connection attempt has ended.
    pub(crate) can_write: bool,
    /// The peer has closed its half, or the connection has failed.
    pub(crate) is_ending: bool,
}

/// An `epoll` with a timer.
pub(crate) struct Poll {
    epoll: OwnedFd,
    timer: OwnedFd,
    armed_ns: u64,
    events: Vec<epoll::Event>,
    /// How long before its time a wait ends, for a caller that then asks the clock again and again.
    early_ns: u64,
}

/// A timer that is ready when its process sleeps is late by 50 µs and less; a spinning one by nothing.
const SPIN_NS: u64 = 60_000;

impl Poll {
    /// With `spin`, waits end 60 µs early, and return at once from then on.
    pub(crate) fn new(spin: bool) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        // Edge-triggered: each expiry wakes once, so the timer never has to be read.
        epoll::add(&epoll, &timer, EventData::new_u64(TIMER), EventFlags::IN | EventFlags::ET)?;
        let early_ns = if spin { SPIN_NS } else { 0 };
        Ok(Self { epoll, timer, armed_ns: 0, events: Vec::with_capacity(EVENTS_MAX), early_ns })
    }

    /// Reports `socket` under `token` until it is closed.
    pub(crate) fn add(&self, socket: impl AsFd, token: u64) -> io::Result<()> {
        let interest = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(token), interest)?)
    }

    /// Waits until `until_ns` (somewhat less with `spin`) or until a socket has news, whichever is first.
    pub(crate) fn wait(&mut self, until_ns: u64) -> io::Result<()> {
        self.events.clear();
        let until_ns = until_ns.saturating_sub(self.early_ns);
        let is_due = until_ns <= clock::now_ns();
        if !is_due && self.armed_ns != until_ns {
            let timer = Itimerspec { it_interval: NOTHING, it_value: clock::timespec(until_ns) };
            timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &timer)?;
            self.armed_ns = until_ns;
        }
        let timeout = is_due.then_some(&NOTHING);
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), timeout) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// How many events [`Self::wait`] found, the timer's included.
    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    /// One of the events; `None` for the timer's.
    pub(crate) fn event(&self, at: usize) -> Option<Ready> {
        let event = self.events.get(at)?;
        let (flags, token) = (event.flags, event.data.u64());
        (token != TIMER).then(|| Ready {
            token,
            can_write: flags.contains(EventFlags::OUT),
            is_ending: flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_after_its_time_and_not_before() {
        let mut poll = Poll::new(false).unwrap();
        for ahead in [0, 200_000, 3_000_000, 200_000] {
            let until = clock::now_ns() + ahead;
            while clock::now_ns() < until {
                poll.wait(until).unwrap();
                assert!(clock::now_ns() >= until || poll.len() == 0, "woken early by the timer");
            }
        }
        poll.wait(0).unwrap(); // A time that has passed does not wait.
    }
}
