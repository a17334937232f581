//! One core's share of a run: its arrivals, its connections, its tally, and nothing shared.
//!
//! A turn of the loop releases what is due, then looks at the sockets, then waits for whichever comes
//! first. A release never waits: an arrival without a free connection stands in a queue of its own
//! lane and keeps its intended start. Every arrival leaves the lane through exactly one of the ways out
//! of its [`Books`].

use super::arm::Arm;
use super::books::Books;
use super::clock;
use super::connection::{Arrival, Connection, Flight, Phase};
use super::line::Line;
use super::live::LiveLane;
use super::poll::{Poll, Ready};
use super::tally::{Class, Failure, Tally};
use super::transport::Transport;
use super::{Options, Stop, WhenFull};
use crate::plan::Plan;
use crate::recording::reply;
use crate::source::{Learned, Source, learn};
use crate::target::Target;
use rustix::io::Errno;
use std::io;
use std::net::SocketAddr;

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
    pub(crate) target: &'a Target,
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
    books: Books<'a>,
    poll: Poll,
    slots: Vec<Slot>,
    free: Vec<usize>,
    line: Line<'a>,
    learned: Learned,
    connecting: usize,
    open: usize,
    open_max: usize,
    waiting_max: usize,
    buffer: Box<[u8]>,
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
        warm: Vec<Transport>,
    ) -> io::Result<Self> {
        let share = |whole: usize| (whole / setup.lanes as usize).max(1);
        let open_max = share(setup.options.connections);
        let mut lane = Self {
            books: Books::new(setup, number, live),
            poll: Poll::new(setup.options.spin)?,
            slots: Vec::new(),
            free: Vec::new(),
            line: Line::new(setup.source.sessions(), setup.lanes, open_max),
            learned: Learned::default(),
            connecting: 0,
            open: 0,
            open_max,
            waiting_max: share(setup.options.backlog),
            buffer: vec![0; READ_MAX].into_boxed_slice(),
        };
        for (owner, transport) in warm.into_iter().take(open_max).enumerate() {
            let slot = lane.occupy(Connection::opened(transport, setup.start_ns))?;
            lane.line.own(slot, owner);
            lane.line.next_of(slot);
        }
        Ok(lane)
    }

    /// Runs the plan to its end, or until the run is stopped.
    ///
    /// # Errors
    /// The operating system's, where not even waiting is possible.
    pub(crate) fn run(mut self) -> io::Result<Tally> {
        while !self.is_finished() {
            if self.books.setup.stop.is_set() {
                break;
            }
            let is_behind = self.release();
            self.sweep();
            self.poll.wait(if is_behind { 0 } else { self.books.next_wake_ns() })?;
            for at in 0..self.poll.len() {
                if let Some(ready) = self.poll.event(at) {
                    self.on_ready(ready);
                }
            }
        }
        Ok(self.close())
    }

    fn is_finished(&self) -> bool {
        self.line.waiting() == 0 && self.busy() == 0 && self.books.is_done(clock::now_ns())
    }

    /// Connections that carry a request: every open one is idle, connecting or busy.
    fn busy(&self) -> usize {
        self.open - self.line.idle() - self.connecting
    }

    // Releasing.

    /// Releases what is due; whether there is more.
    fn release(&mut self) -> bool {
        for _ in 0..RELEASES_MAX {
            let now = clock::now_ns();
            let free = self.open_max.saturating_sub(self.busy() + self.line.waiting());
            let Some(arrival) = self.books.release(now, free) else { return false };
            self.dispatch(arrival, now);
        }
        true
    }

    fn dispatch(&mut self, arrival: Arrival, now: u64) {
        if let Some(slot) = self.line.take(arrival) {
            return self.send(slot, arrival, now);
        }
        let can_open = self.open < self.open_max;
        if self.line.waiting() >= self.waiting_max {
            return self.books.shed(arrival, "the backlog of arrivals that wait for a connection was full");
        }
        if self.books.setup.options.when_full == WhenFull::Shed && !can_open {
            return self.books.shed(arrival, "every connection was busy");
        }
        self.books.tally.counts.queued += 1;
        self.line.wait(arrival);
        self.open_for_waiting(now);
    }

    fn send(&mut self, slot: usize, arrival: Arrival, now: u64) {
        if let Some(waited) = self.line.waited_ns(arrival) {
            self.books.tally.session_wait.saturating_record(waited);
        }
        if let Some(connection) = &mut self.slots[slot].connection {
            let source = self.books.setup.source;
            let (places, filled) = source.of(arrival.index).0.learned(&self.learned);
            self.books.tally.counts.remapped += filled;
            self.books.tally.counts.not_remapped += places - filled;
            connection.begin(source, arrival, &self.learned, now);
            self.write(slot, now);
        }
    }

    fn write(&mut self, slot: usize, now: u64) {
        let Some(connection) = &mut self.slots[slot].connection else { return };
        match connection.write(self.books.setup.source) {
            Ok(count) => self.books.tally.counts.bytes_sent += count as u64,
            Err(error) => self.fail(slot, Failure::Reset, now, || format!("while sending: {error}")),
        }
    }

    // Connections.

    /// Opens connections until there is one under way for every waiting arrival, or no more are allowed.
    fn open_for_waiting(&mut self, now: u64) {
        while let Some(owner) = self.line.wants(self.connecting, self.open < self.open_max) {
            let Setup { target, address, .. } = self.books.setup;
            let opened = Connection::open(target, address, now).and_then(|new| self.occupy(new));
            match opened {
                Ok(slot) => {
                    self.connecting += 1;
                    self.line.own(slot, owner);
                }
                Err(error) => self.fail_oldest_waiting(owner, &error, now),
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
            self.line.leave(slot);
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
        let Some(connection) = &mut self.slots[slot].connection else { return };
        match connection.handshake(self.books.setup.target) {
            Ok(false) => return,
            Ok(true) => self.connecting -= 1,
            Err(error) => {
                self.connecting -= 1;
                let owner = self.line.owner(slot);
                self.vacate(slot);
                self.fail_oldest_waiting(owner, &error, now);
                return self.open_for_waiting(now);
            }
        }
        let opened_ns = connection.opened_ns;
        self.books.tally.counts.connections += 1;
        self.books.tally.connect.saturating_record(now - opened_ns);
        self.reuse(slot, now);
    }

    /// An open connection takes the oldest waiting arrival, or becomes idle.
    fn reuse(&mut self, slot: usize, now: u64) {
        // Idle until it takes the next one, so that nothing finds it busy with what has ended.
        if let Some(connection) = &mut self.slots[slot].connection {
            connection.phase = Phase::Idle;
        }
        if let Some(arrival) = self.line.next_of(slot) {
            self.send(slot, arrival, now);
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
                return self.vacate(slot); // It was closed, or speaks without being asked.
            };
            let learns = !self.books.setup.source.of(flight.arrival.index).0.learns.is_empty();
            if learns || self.books.keeps_replies() {
                connection.keep(&self.buffer[..count]);
            }
            if count == 0 {
                return self.on_end(slot, flight);
            }
            let now = clock::now_ns();
            if flight.first_ns == 0 {
                connection.phase = Phase::Busy(Flight { first_ns: now, ..flight });
            }
            self.books.tally.counts.bytes_received += count as u64;
            match connection.reader.feed(&self.buffer[..count]) {
                Ok(None) if connection.is_drained(count, self.buffer.len()) && !is_ending => return,
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
            _ => self.vacate(slot),
        }
    }

    // The ways out.

    /// A whole reply came.
    fn complete(&mut self, slot: usize, status: u16, is_clean: bool, now: u64) {
        let Some(connection) = &mut self.slots[slot].connection else { return };
        let Phase::Busy(flight) = connection.phase else { return };
        let is_clean = is_clean && connection.is_written(self.books.setup.source);
        let kept = connection.take_kept();
        self.line.ended(flight.arrival, now);
        self.learn(flight.arrival, &kept);
        self.books.complete(flight, status, Class::of_status(status), now, kept);
        if is_clean {
            self.reuse(slot, now);
        } else {
            self.vacate(slot);
            self.open_for_waiting(now);
        }
    }

    /// Takes from an answer what later requests of its session need.
    fn learn(&mut self, arrival: Arrival, kept: &[u8]) {
        let learns = &self.books.setup.source.of(arrival.index).0.learns;
        if !learns.is_empty() {
            learn(learns, reply(kept).ok().as_ref(), &mut self.learned);
        }
    }

    /// The request of a busy connection got no reply; the connection is closed.
    fn fail(&mut self, slot: usize, failure: Failure, now: u64, message: impl FnOnce() -> String) {
        let Some(connection) = &self.slots[slot].connection else { return };
        let Phase::Busy(flight) = connection.phase else { return };
        self.line.ended(flight.arrival, now);
        self.learn(flight.arrival, &[]);
        self.books.fail(flight, failure, now, message);
        self.vacate(slot);
        self.open_for_waiting(now);
    }

    /// A connection could not be made: the arrival that has waited longest pays for it.
    fn fail_oldest_waiting(&mut self, owner: usize, error: &io::Error, now: u64) {
        if let Some(arrival) = self.line.oldest_of(owner) {
            self.books.fail_unsent(arrival, connect_failure(error), now, || error.to_string());
        }
    }

    // Time limits, and the end.

    /// Every now and then: fails what has run out of time, and tells how things stand.
    fn sweep(&mut self) {
        let Some(sweep) = self.books.sweep() else { return };
        let now = sweep.now;
        while let Some(arrival) = self.line.expire(|arrival| sweep.is_over(arrival.due_ns)) {
            self.books.expire(arrival, now);
        }
        for slot in 0..self.slots.len() {
            let Some(connection) = &self.slots[slot].connection else { continue };
            match connection.phase {
                Phase::Busy(flight) if sweep.is_over(flight.arrival.due_ns) => {
                    self.fail(slot, Failure::Timeout, now, || "no whole reply in time".to_owned());
                }
                Phase::Connecting if sweep.is_over(connection.opened_ns) => {
                    self.connecting -= 1;
                    self.vacate(slot);
                    self.open_for_waiting(now);
                }
                _ => {}
            }
        }
        self.books.publish(now);
    }

    fn close(self) -> Tally {
        let busy = self.slots.iter().filter_map(|slot| match slot.connection.as_ref()?.phase {
            Phase::Busy(flight) => Some(flight.arrival),
            _ => None,
        });
        self.books.close(busy.chain(self.line.arrivals()))
    }
}

/// Whether a connection failed for the target's reasons or for this machine's.
pub(super) fn connect_failure(error: &io::Error) -> Failure {
    let ours = [Errno::MFILE, Errno::NFILE, Errno::ADDRNOTAVAIL, Errno::NOBUFS, Errno::NOMEM];
    match error.raw_os_error() {
        Some(code) if ours.iter().any(|errno| errno.raw_os_error() == code) => Failure::Local,
        _ => Failure::Connect,
    }
}
