//! One core's share of a run: its arrivals, its connections, its tally, and nothing shared.
//!
//! A turn of the loop releases what is due, then looks at the sockets, then waits for whichever comes
//! first. A release never waits: an arrival without a free connection stands in a queue of its own
//! lane and keeps its intended start. Every arrival leaves the lane through exactly one of
//! [`Lane::complete`], [`Lane::fail`], [`Lane::shed`] and [`Lane::close`].

use super::arm::{Arm, Caught, Ended};
use super::clock;
use super::connection::{Arrival, Connection, Flight, Phase};
use super::live::LiveLane;
use super::poll::{Poll, Ready};
use super::tally::{Class, Failure, Tally};
use super::{Options, Stop, WhenFull};
use crate::plan::{Plan, Stripe};
use crate::source::Source;
use rustix::io::Errno;
use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpStream};

/// Releases in one turn; after these the sockets are looked at, however late the lane is.
const RELEASES_MAX: usize = 64;

/// Bytes read at once.
const READ_MAX: usize = 64 * 1024;

/// What the lanes of a run have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) source: &'a Source,
    pub(crate) options: &'a Options,
    pub(crate) address: SocketAddr,
    /// Lanes that share the plan's arrivals.
    pub(crate) lanes: u64,
    /// Where several targets get the same arrivals: which of them this lane sends to.
    pub(crate) arm: Option<&'a Arm>,
    /// When the plan's time 0 is.
    pub(crate) start_ns: u64,
    pub(crate) stop: &'a Stop,
}

/// One lane of a run.
pub(crate) struct Lane<'a> {
    setup: Setup<'a>,
    live: LiveLane,
    plan: Stripe<'a>,
    next: Option<Arrival>,
    poll: Poll,
    slots: Vec<Slot>,
    free: Vec<usize>,
    /// Open and free connections; the last one used is the first one used again.
    idle: Vec<usize>,
    connecting: usize,
    open: usize,
    open_max: usize,
    waiting: VecDeque<Arrival>,
    waiting_max: usize,
    tally: Tally,
    buffer: Box<[u8]>,
    next_sweep_ns: u64,
}

/// A place for a connection; the generation tells an event of the present one from one of the past.
#[derive(Default)]
struct Slot {
    generation: u32,
    connection: Option<Connection>,
}

impl<'a> Lane<'a> {
    /// A lane with its share of the connections that were opened before the start.
    pub(crate) fn new(
        setup: Setup<'a>,
        number: u64,
        live: LiveLane,
        warm: Vec<TcpStream>,
    ) -> io::Result<Self> {
        let share = |whole: usize| (whole / setup.lanes as usize).max(1);
        let mut lane = Self {
            setup,
            live,
            plan: setup.plan.stripe(number, setup.lanes),
            next: None,
            poll: Poll::new()?,
            slots: Vec::new(),
            free: Vec::new(),
            idle: Vec::new(),
            connecting: 0,
            open: 0,
            open_max: share(setup.options.connections),
            waiting: VecDeque::new(),
            waiting_max: share(setup.options.backlog),
            tally: Tally::new(),
            buffer: vec![0; READ_MAX].into_boxed_slice(),
            next_sweep_ns: 0,
        };
        lane.advance();
        for stream in warm {
            let slot = lane.occupy(Connection::opened(stream, setup.start_ns)?)?;
            lane.idle.push(slot);
        }
        Ok(lane)
    }

    /// Runs the plan to its end, or until the run is stopped.
    ///
    /// # Errors
    /// The operating system's, where not even waiting is possible.
    pub(crate) fn run(mut self) -> io::Result<Tally> {
        while !self.is_finished() {
            if self.setup.stop.is_set() {
                break;
            }
            let is_behind = self.release();
            self.sweep();
            let due_ns = self.next.map_or(u64::MAX, |arrival| arrival.due_ns);
            self.poll.wait(if is_behind { 0 } else { due_ns.min(self.next_sweep_ns) })?;
            for at in 0..self.poll.len() {
                if let Some(ready) = self.poll.event(at) {
                    self.on_ready(ready);
                }
            }
        }
        Ok(self.close())
    }

    fn is_finished(&self) -> bool {
        // Every open connection is idle exactly when none is connecting or busy.
        self.next.is_none() && self.waiting.is_empty() && self.idle.len() + self.connecting == self.open
    }

    fn advance(&mut self) {
        let Setup { start_ns, arm, .. } = self.setup;
        self.next = self.plan.next().map(|(index, due)| {
            let stagger = arm.map_or(0, |arm| arm.stagger_ns(index));
            Arrival { index, due_ns: start_ns + due + stagger }
        });
    }

    /// Nanoseconds after the start of the run.
    fn since_start(&self, ns: u64) -> u64 {
        ns.saturating_sub(self.setup.start_ns)
    }

    // Releasing.

    /// Releases what is due; whether there is more.
    fn release(&mut self) -> bool {
        for _ in 0..RELEASES_MAX {
            let now = clock::now_ns();
            let Some(arrival) = self.next.filter(|arrival| arrival.due_ns <= now) else { return false };
            self.tally.counts.released += 1;
            self.tally.generator_lag.saturating_record(now - arrival.due_ns);
            self.tally.windows.released(self.since_start(arrival.due_ns), self.since_start(now));
            self.dispatch(arrival, now);
            self.advance();
        }
        true
    }

    fn dispatch(&mut self, arrival: Arrival, now: u64) {
        if let Some(slot) = self.idle.pop() {
            return self.send(slot, arrival, now);
        }
        let can_open = self.open < self.open_max;
        if self.waiting.len() >= self.waiting_max {
            return self.shed(arrival, "the backlog of arrivals that wait for a connection was full");
        }
        if self.setup.options.when_full == WhenFull::Shed && !can_open {
            return self.shed(arrival, "every connection was busy");
        }
        self.tally.counts.queued += 1;
        self.waiting.push_back(arrival);
        self.open_for_waiting(now);
    }

    fn send(&mut self, slot: usize, arrival: Arrival, now: u64) {
        if let Some(connection) = &mut self.slots[slot].connection {
            connection.begin(self.setup.source, arrival, now);
            self.write(slot, now);
        }
    }

    fn write(&mut self, slot: usize, now: u64) {
        let Some(connection) = &mut self.slots[slot].connection else { return };
        match connection.write(self.setup.source) {
            Ok(count) => self.tally.counts.bytes_sent += count as u64,
            Err(error) => self.fail(slot, Failure::Reset, now, || format!("while sending: {error}")),
        }
    }

    // Connections.

    /// Opens connections until there is one under way for every waiting arrival, or no more are allowed.
    fn open_for_waiting(&mut self, now: u64) {
        while self.connecting < self.waiting.len() && self.open < self.open_max {
            let opened = Connection::open(self.setup.address, now).and_then(|new| self.occupy(new));
            match opened {
                Ok(_) => self.connecting += 1,
                Err(error) => self.fail_oldest_waiting(&error, now),
            }
        }
    }

    /// Gives a connection its slot and has its events reported.
    fn occupy(&mut self, connection: Connection) -> io::Result<usize> {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() - 1
        });
        let token = slot as u64 | u64::from(self.slots[slot].generation) << 32;
        if let Err(error) = self.poll.add(connection.stream(), token) {
            self.free.push(slot);
            return Err(error);
        }
        self.slots[slot].connection = Some(connection);
        self.open += 1;
        Ok(slot)
    }

    /// Closes the connection of a slot; what it carried has been accounted for.
    fn vacate(&mut self, slot: usize) {
        let place = &mut self.slots[slot];
        if place.connection.take().is_some() {
            place.generation = place.generation.wrapping_add(1);
            self.free.push(slot);
            self.open -= 1;
        }
    }

    /// The phase of the connection that an event is about, unless it was closed earlier in this turn.
    fn phase_of(&self, token: u64) -> Option<(usize, Phase)> {
        let place = self.slots.get(token as u32 as usize)?;
        let connection = place.connection.as_ref().filter(|_| place.generation == (token >> 32) as u32)?;
        Some((token as u32 as usize, connection.phase))
    }

    fn on_ready(&mut self, ready: Ready) {
        match self.phase_of(ready.token) {
            Some((slot, Phase::Connecting)) => self.on_opened(slot),
            Some((slot, Phase::Busy(_))) if ready.can_write => self.write(slot, clock::now_ns()),
            _ => {}
        }
        // Asked again, because either may have closed the connection and given its place to another.
        if let Some((slot, Phase::Idle | Phase::Busy(_))) = self.phase_of(ready.token) {
            self.read(slot, ready.is_ending);
        }
    }

    fn on_opened(&mut self, slot: usize) {
        let now = clock::now_ns();
        let Some(connection) = &self.slots[slot].connection else { return };
        self.connecting -= 1;
        if let Err(error) = connection.stream().take_error().and_then(|found| found.map_or(Ok(()), Err)) {
            self.vacate(slot);
            self.fail_oldest_waiting(&error, now);
            return self.open_for_waiting(now);
        }
        self.tally.counts.connections += 1;
        self.tally.connect.saturating_record(now - connection.opened_ns);
        self.reuse(slot, now);
    }

    /// An open connection takes the oldest waiting arrival, or becomes idle.
    fn reuse(&mut self, slot: usize, now: u64) {
        if let Some(arrival) = self.waiting.pop_front() {
            return self.send(slot, arrival, now);
        }
        if let Some(connection) = &mut self.slots[slot].connection {
            connection.phase = Phase::Idle;
            self.idle.push(slot);
        }
    }

    // Replies.

    fn read(&mut self, slot: usize, is_ending: bool) {
        loop {
            let Some(connection) = &mut self.slots[slot].connection else { return };
            let phase = connection.phase;
            let count = match connection.read(&mut self.buffer) {
                Ok(None) => return,
                Ok(Some(count)) => count,
                Err(error) => return self.on_lost(slot, &error.to_string()),
            };
            let Phase::Busy(flight) = phase else {
                return self.drop_idle(slot); // It was closed, or speaks without being asked.
            };
            if self.setup.arm.is_some_and(Arm::keeps_replies) {
                connection.keep(&self.buffer[..count]);
            }
            if count == 0 {
                return self.on_end(slot, flight);
            }
            let now = clock::now_ns();
            if flight.first_ns == 0 {
                connection.phase = Phase::Busy(Flight { first_ns: now, ..flight });
            }
            self.tally.counts.bytes_received += count as u64;
            match connection.reader.feed(&self.buffer[..count]) {
                Ok(None) if count < self.buffer.len() && !is_ending => return, // The socket is empty.
                Ok(None) => {}
                Ok(Some(reply)) => {
                    let is_clean = reply.keep_alive && reply.used == count && !is_ending;
                    return self.complete(slot, reply.status, is_clean, now);
                }
                Err(error) => return self.fail(slot, Failure::Protocol, now, || error.to_string()),
            }
        }
    }

    /// The peer closed a busy connection: the end of the reply, or of hope for one.
    fn on_end(&mut self, slot: usize, flight: Flight) {
        let now = clock::now_ns();
        let end = self.slots[slot].connection.as_ref().and_then(|connection| connection.reader.end());
        match end {
            Some(status) => self.complete(slot, status, false, now),
            None if flight.first_ns == 0 => {
                self.fail(slot, Failure::Reset, now, || "closed before any reply".to_owned());
            }
            None => self.fail(slot, Failure::Reset, now, || "closed inside the reply".to_owned()),
        }
    }

    fn on_lost(&mut self, slot: usize, why: &str) {
        match self.slots[slot].connection.as_ref().map(|connection| connection.phase) {
            Some(Phase::Busy(_)) => self.fail(slot, Failure::Reset, clock::now_ns(), || why.to_owned()),
            _ => self.drop_idle(slot),
        }
    }

    fn drop_idle(&mut self, slot: usize) {
        self.idle.retain(|&idle| idle != slot);
        self.vacate(slot);
    }

    // The ways out.

    /// A whole reply came.
    fn complete(&mut self, slot: usize, status: u16, is_clean: bool, now: u64) {
        let Some(connection) = &self.slots[slot].connection else { return };
        let Phase::Busy(flight) = connection.phase else { return };
        let is_clean = is_clean && connection.is_written(self.setup.source);
        *self.tally.counts.status.entry(status).or_default() += 1;
        self.record(Class::of_status(status), Some(flight), flight.arrival, now);
        self.tell(slot, flight, now, Ok(status));
        if is_clean {
            self.reuse(slot, now);
        } else {
            self.vacate(slot);
            self.open_for_waiting(now);
        }
    }

    /// The request of a busy connection got no reply; the connection is closed.
    fn fail(&mut self, slot: usize, failure: Failure, now: u64, message: impl FnOnce() -> String) {
        let Some(connection) = &self.slots[slot].connection else { return };
        let Phase::Busy(flight) = connection.phase else { return };
        self.tally.fail(failure, message);
        self.record(Class::Failed, Some(flight), flight.arrival, now);
        self.tell(slot, flight, now, Err(failure));
        self.vacate(slot);
        self.open_for_waiting(now);
    }

    /// A connection could not be made: the arrival that has waited longest pays for it.
    fn fail_oldest_waiting(&mut self, error: &io::Error, now: u64) {
        if let Some(arrival) = self.waiting.pop_front() {
            let failure = connect_failure(error);
            self.tally.fail(failure, || error.to_string());
            self.record(Class::Failed, None, arrival, now);
            self.tell_unsent(arrival, now, failure);
        }
    }

    /// An arrival is given up unsent; its response time is known only at the end.
    fn shed(&mut self, arrival: Arrival, why: &str) {
        self.tally.fail(Failure::Shed, || why.to_owned());
        self.tally.shed_due.saturating_record(self.since_start(arrival.due_ns));
        self.tell_unsent(arrival, arrival.due_ns, Failure::Shed);
    }

    fn record(&mut self, class: Class, flight: Option<Flight>, arrival: Arrival, now: u64) {
        let response = now.saturating_sub(arrival.due_ns);
        self.tally.response[class as usize].saturating_record(response);
        self.live.record(response);
        if let Some(flight) = flight {
            self.tally.send_lag.saturating_record(flight.sent_ns.saturating_sub(arrival.due_ns));
            self.tally.service.saturating_record(now - flight.sent_ns);
            if flight.first_ns > 0 {
                self.tally.first_byte.saturating_record(flight.first_ns - flight.sent_ns);
            }
        }
    }

    /// Hands on what became of a request that was sent, where somebody looks at each.
    fn tell(&mut self, slot: usize, flight: Flight, now: u64, result: Result<u16, Failure>) {
        let (Some(arm), Some(connection)) = (self.setup.arm, &mut self.slots[slot].connection) else {
            return;
        };
        let kept = connection.take_kept();
        let ended = match result {
            Ok(status) => Ended::Reply(status, kept),
            Err(failure) => Ended::Failed(failure),
        };
        self.hand_on(arm, flight.arrival, Some(flight), now, ended);
    }

    fn tell_unsent(&mut self, arrival: Arrival, now: u64, failure: Failure) {
        if let Some(arm) = self.setup.arm {
            self.hand_on(arm, arrival, None, now, Ended::Failed(failure));
        }
    }

    fn hand_on(&self, arm: &Arm, arrival: Arrival, flight: Option<Flight>, done_ns: u64, ended: Ended) {
        arm.hand_on(Caught {
            index: arrival.index,
            due_ns: self.since_start(arrival.due_ns),
            sent_ns: flight.map(|flight| self.since_start(flight.sent_ns)),
            first_ns: self.since_start(flight.map_or(0, |flight| flight.first_ns)),
            done_ns: self.since_start(done_ns),
            ended,
        });
    }

    // Time limits, and the end.

    /// Every now and then: fails what has run out of time, and tells how things stand.
    fn sweep(&mut self) {
        let now = clock::now_ns();
        if now < self.next_sweep_ns {
            return;
        }
        self.next_sweep_ns = now + self.setup.options.sweep_ns();
        let limit = self.setup.options.timeout_ns();
        let is_over = |since: u64| now.saturating_sub(since) >= limit;
        while self.waiting.front().is_some_and(|oldest| is_over(oldest.due_ns)) {
            if let Some(arrival) = self.waiting.pop_front() {
                self.tally.fail(Failure::Timeout, || "no connection was free in time".to_owned());
                self.record(Class::Failed, None, arrival, now);
                self.tell_unsent(arrival, now, Failure::Timeout);
            }
        }
        for slot in 0..self.slots.len() {
            let Some(connection) = &self.slots[slot].connection else { continue };
            match connection.phase {
                Phase::Busy(flight) if is_over(flight.arrival.due_ns) => {
                    self.fail(slot, Failure::Timeout, now, || "no whole reply in time".to_owned());
                }
                Phase::Connecting if is_over(connection.opened_ns) => {
                    self.connecting -= 1;
                    self.vacate(slot);
                    self.open_for_waiting(now);
                }
                _ => {}
            }
        }
        self.live.publish(&self.tally.counts, now);
    }

    /// Accounts for what has not ended, and for what was never released.
    fn close(mut self) -> Tally {
        let now = clock::now_ns();
        let busy = self.slots.iter().filter_map(|slot| match slot.connection.as_ref()?.phase {
            Phase::Busy(flight) => Some(flight.arrival),
            _ => None,
        });
        let unfinished: Vec<Arrival> = busy.chain(self.waiting.iter().copied()).collect();
        self.tally.counts.in_flight_at_end = unfinished.len() as u64;
        for arrival in unfinished {
            self.record(Class::Censored, None, arrival, now);
        }
        while let Some(arrival) = self.next.filter(|arrival| arrival.due_ns <= now) {
            self.tally.counts.unreleased += 1;
            self.record(Class::Censored, None, arrival, now);
            self.advance();
        }
        self.tally.counts.not_due = u64::from(self.next.is_some()) + self.plan.remaining();
        self.tally.close(self.since_start(now));
        self.tally.cpu_ns = clock::thread_cpu_ns();
        self.live.finish(&self.tally.counts);
        self.tally
    }
}

/// Whether a connection failed for the target's reasons or for this machine's.
fn connect_failure(error: &io::Error) -> Failure {
    let ours = [Errno::MFILE, Errno::NFILE, Errno::ADDRNOTAVAIL, Errno::NOBUFS, Errno::NOMEM];
    match error.raw_os_error() {
        Some(code) if ours.iter().any(|errno| errno.raw_os_error() == code) => Failure::Local,
        _ => Failure::Connect,
    }
}
