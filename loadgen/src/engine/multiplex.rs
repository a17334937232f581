//! A lane whose connections carry many requests at once: HTTP/2, and gRPC on it.
//!
//! The protocol is the `h2` crate's; its futures are polled by this lane's own loop, because a runtime's
//! timers and wake-ups would stand between a due time and its bytes. A socket that is ready, or a request
//! that was handed over, marks its connection; marked connections are driven before the lane waits.
//! One stream is one request, so every time of an arrival is its stream's own: its first byte is the head
//! of its answer, whatever else the connection carries.

mod call;
mod link;

use self::link::{Ended, Link};
use super::WhenFull;
use super::books::Books;
use super::clock;
use super::connection::Arrival;
use super::lane::{Setup, connect_failure};
use super::live::LiveLane;
use super::poll::Poll;
use super::tally::{Class, Failure, Tally};
use super::transport::Transport;
use std::collections::VecDeque;
use std::io;

/// Releases in one turn; after these the sockets are looked at, however late the lane is.
const RELEASES_MAX: usize = 64;

/// One lane of a run over HTTP/2.
pub(super) struct MultiplexLane<'a> {
    books: Books<'a>,
    poll: Poll,
    /// By token; a closed connection leaves its place empty, and tokens are not used again.
    links: Vec<Option<Link>>,
    open: usize,
    open_max: usize,
    waiting: VecDeque<Arrival>,
    waiting_max: usize,
    ended: Vec<Ended>,
}

impl<'a> MultiplexLane<'a> {
    /// A lane with its share of the connections that were opened before the start.
    pub(super) fn new(
        setup: Setup<'a>,
        number: u64,
        live: LiveLane,
        warm: Vec<Transport>,
    ) -> io::Result<Self> {
        let share = |whole: usize| (whole / setup.lanes as usize).max(1);
        let mut lane = Self {
            books: Books::new(setup, number, live),
            poll: Poll::new(setup.options.spin)?,
            links: Vec::new(),
            open: 0,
            open_max: share(setup.options.connections),
            waiting: VecDeque::new(),
            waiting_max: share(setup.options.backlog),
            ended: Vec::new(),
        };
        for transport in warm {
            lane.occupy(Link::opened(transport, setup.options.streams)?)?;
        }
        lane.drive_all();
        Ok(lane)
    }

    /// Runs the plan to its end, or until the run is stopped.
    ///
    /// # Errors
    /// The operating system's, where not even waiting is possible.
    pub(super) fn run(mut self) -> io::Result<Tally> {
        while !self.is_finished() {
            if self.books.setup.stop.is_set() {
                break;
            }
            let is_behind = self.release();
            self.sweep();
            self.drive_all();
            self.poll.wait(if is_behind { 0 } else { self.books.next_wake_ns() })?;
            for at in 0..self.poll.len() {
                let ready = self.poll.event(at);
                if let Some(link) = ready.and_then(|ready| self.links.get_mut(ready.token as usize)?.as_mut())
                {
                    link.mark();
                }
            }
            self.drive_all();
        }
        let unfinished: Vec<Arrival> = self
            .links
            .iter()
            .flatten()
            .flat_map(Link::arrivals)
            .chain(self.waiting.iter().copied())
            .collect();
        Ok(self.books.close(unfinished.into_iter()))
    }

    fn is_finished(&self) -> bool {
        let is_idle = || self.links.iter().flatten().all(|link| link.calls() == 0);
        self.waiting.is_empty() && self.books.is_done(clock::now_ns()) && is_idle()
    }

    // Releasing.

    fn release(&mut self) -> bool {
        for _ in 0..RELEASES_MAX {
            let now = clock::now_ns();
            let Some(arrival) = self.books.release(now, self.places()) else { return false };
            self.dispatch(arrival, now);
        }
        true
    }

    /// In a closed loop: how many more requests may be under way.
    fn places(&self) -> usize {
        let busy: usize = self.links.iter().flatten().map(Link::calls).sum();
        (self.open_max * self.books.setup.options.streams).saturating_sub(busy + self.waiting.len())
    }

    fn dispatch(&mut self, arrival: Arrival, now: u64) {
        if let Some(link) = self.freest() {
            return self.send(link, arrival, now);
        }
        if self.waiting.len() >= self.waiting_max {
            return self.books.shed(arrival, "the backlog of arrivals that wait for a connection was full");
        }
        if self.books.setup.options.when_full == WhenFull::Shed && self.open >= self.open_max {
            return self.books.shed(arrival, "every stream of every connection was busy");
        }
        self.books.tally.counts.queued += 1;
        self.waiting.push_back(arrival);
        self.open_for_waiting(now);
    }

    /// The open connection with the fewest requests, if it has room for another.
    fn freest(&self) -> Option<usize> {
        let links = self.links.iter().enumerate().filter_map(|(token, link)| Some((token, link.as_ref()?)));
        let free = links.filter(|(_, link)| link.has_room()).min_by_key(|(_, link)| link.calls());
        free.map(|(token, _)| token)
    }

    fn send(&mut self, token: usize, arrival: Arrival, now: u64) {
        let Books { setup, .. } = self.books;
        let keeps = self.books.keeps_replies();
        let Some(link) = self.links.get_mut(token).and_then(Option::as_mut) else { return };
        if let Err((flight, why)) = link.send(setup.source, arrival, now, keeps, setup.target.protocol()) {
            // The connection is ending: the next turn finds it so, and opens another.
            self.books.fail(flight, Failure::Reset, now, || format!("while sending: {why}"));
        }
    }

    // Connections.

    /// Opens connections until those under way have room for every waiting arrival, or no more are allowed.
    fn open_for_waiting(&mut self, now: u64) {
        let streams = self.books.setup.options.streams;
        let opening = self.links.iter().flatten().filter(|link| link.is_opening()).count();
        let mut room = opening * streams;
        while room < self.waiting.len() && self.open < self.open_max {
            let Setup { target, address, .. } = self.books.setup;
            let opened = Link::open(target, address, streams, now).and_then(|link| self.occupy(link));
            match opened {
                Ok(()) => room += streams,
                Err(error) => self.fail_oldest_waiting(&error, now),
            }
        }
    }

    fn occupy(&mut self, link: Link) -> io::Result<()> {
        self.poll.add(link.socket(), self.links.len() as u64)?;
        self.links.push(Some(link));
        self.open += 1;
        Ok(())
    }

    fn fail_oldest_waiting(&mut self, error: &io::Error, now: u64) {
        if let Some(arrival) = self.waiting.pop_front() {
            self.books.fail_unsent(arrival, connect_failure(error), now, || error.to_string());
        }
    }

    /// Drives every connection that something has happened to, and gives room to those that wait.
    fn drive_all(&mut self) {
        for token in 0..self.links.len() {
            if self.links[token].as_ref().is_some_and(Link::is_marked) {
                self.drive(token);
            }
        }
    }

    fn drive(&mut self, token: usize) {
        let Some(link) = &mut self.links[token] else { return };
        let was_opening = link.is_opening();
        let mut ended = std::mem::take(&mut self.ended);
        let alive = link.drive(self.books.setup.target, &mut ended);
        self.books.tally.counts.bytes_sent += link.take_sent();
        self.books.tally.counts.bytes_received += link.take_received();
        let now = clock::now_ns();
        if was_opening && !link.is_opening() && link.opened_ns > 0 {
            self.books.tally.counts.connections += 1;
            self.books.tally.connect.saturating_record(now - link.opened_ns);
        }
        for Ended { flight, result } in ended.drain(..) {
            match result {
                Ok(answer) => {
                    if let Some(status) = answer.grpc {
                        *self.books.tally.counts.grpc_status.entry(status).or_default() += 1;
                    }
                    let class = answer.grpc.map_or(Class::of_status(answer.status), call::class_of_grpc);
                    self.books.complete(flight, answer.status, class, answer.done_ns, answer.kept);
                }
                Err((failure, why)) => self.books.fail(flight, failure, now, || why),
            }
        }
        self.ended = ended;
        if let Err(error) = alive {
            self.drop_link(token, &error, was_opening, now);
        }
        self.serve_waiting(now);
    }

    /// A connection is over: what it carried fails, and where it never opened so does who waited for it.
    fn drop_link(&mut self, token: usize, error: &io::Error, was_opening: bool, now: u64) {
        let Some(mut link) = self.links[token].take() else { return };
        self.open -= 1;
        for flight in link.take_flights() {
            self.books.fail(flight, Failure::Reset, now, || error.to_string());
        }
        if was_opening {
            self.fail_oldest_waiting(error, now);
        }
        self.open_for_waiting(now);
    }

    fn serve_waiting(&mut self, now: u64) {
        while !self.waiting.is_empty()
            && let Some(token) = self.freest()
            && let Some(arrival) = self.waiting.pop_front()
        {
            self.send(token, arrival, now);
        }
    }

    // Time limits.

    fn sweep(&mut self) {
        let Some(sweep) = self.books.sweep() else { return };
        let now = sweep.now;
        while let Some(arrival) = self.waiting.pop_front_if(|arrival| sweep.is_over(arrival.due_ns)) {
            self.books.expire(arrival, now);
        }
        for token in 0..self.links.len() {
            let Some(link) = &mut self.links[token] else { continue };
            for flight in link.take_over(|since| sweep.is_over(since)) {
                self.books.fail(flight, Failure::Timeout, now, || "no whole reply in time".to_owned());
            }
            if link.is_opening() && link.opened_ns > 0 && sweep.is_over(link.opened_ns) {
                self.drop_link(token, &io::ErrorKind::TimedOut.into(), false, now);
            }
        }
        self.books.publish(now);
    }
}

#[cfg(test)]
mod tests;
