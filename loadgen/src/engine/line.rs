//! Who gets which connection: any arrival any one, or each session its own.
//!
//! By default the connection that was used last takes the arrival that has waited longest. In session order
//! a session has a home, which has one connection at most, and the requests of a home go out one after the
//! other in the order in which they are due: so a session's requests are never on two connections and never
//! overtake each other. There are as many homes as connections are allowed, and sessions are dealt out to them
//! in turn; a request keeps its intended start while it waits for its predecessor, and how long that was is a
//! histogram of its own, because that wait is the recording's doing and not the connections'.

use super::connection::Arrival;
use crate::source::Sessions;
use std::collections::VecDeque;

/// The arrivals of a lane that wait, and its connections that are free.
#[derive(Debug)]
pub(super) enum Line<'a> {
    /// One queue for all.
    Any {
        waiting: VecDeque<Arrival>,
        /// Open and free; the last one used is the first one used again.
        idle: Vec<usize>,
    },
    /// A queue for each home.
    Homes(Homes<'a>),
}

/// Sessions and their connections.
#[derive(Debug)]
pub(super) struct Homes<'a> {
    sessions: &'a Sessions,
    lanes: u64,
    homes: Vec<Home>,
    /// Homes with a queue and no connection, for which one is to be opened.
    claims: VecDeque<usize>,
    /// By slot: whose connection it is.
    owners: Vec<usize>,
    waiting: usize,
    idle: usize,
    /// By session of this lane: when its last request ended; 0 before.
    ended_ns: Vec<u64>,
}

#[derive(Debug, Default)]
struct Home {
    slot: Option<usize>,
    is_idle: bool,
    is_claimed: bool,
    queue: VecDeque<Arrival>,
}

impl<'a> Line<'a> {
    /// A line of a lane that may open so many connections; in session order where there are sessions.
    pub(super) fn new(sessions: Option<&'a Sessions>, lanes: u64, open_max: usize) -> Self {
        match sessions {
            None => Self::Any { waiting: VecDeque::new(), idle: Vec::new() },
            Some(sessions) => Self::Homes(Homes {
                sessions,
                lanes,
                homes: std::iter::repeat_with(Home::default).take(open_max).collect(),
                claims: VecDeque::new(),
                owners: Vec::new(),
                waiting: 0,
                idle: 0,
                ended_ns: vec![0; sessions.count().div_ceil(lanes as usize)],
            }),
        }
    }

    /// Arrivals that wait.
    pub(super) fn waiting(&self) -> usize {
        match self {
            Self::Any { waiting, .. } => waiting.len(),
            Self::Homes(homes) => homes.waiting,
        }
    }

    /// Connections that are open and free.
    pub(super) fn idle(&self) -> usize {
        match self {
            Self::Any { idle, .. } => idle.len(),
            Self::Homes(homes) => homes.idle,
        }
    }

    /// A free connection for an arrival.
    pub(super) fn take(&mut self, arrival: Arrival) -> Option<usize> {
        match self {
            Self::Any { idle, .. } => idle.pop(),
            Self::Homes(homes) => {
                let at = homes.home_of(arrival);
                let home = &mut homes.homes[at];
                if !home.is_idle || !home.queue.is_empty() {
                    return None;
                }
                home.is_idle = false;
                homes.idle -= 1;
                home.slot
            }
        }
    }

    /// An arrival waits for a connection.
    pub(super) fn wait(&mut self, arrival: Arrival) {
        match self {
            Self::Any { waiting, .. } => waiting.push_back(arrival),
            Self::Homes(homes) => {
                let at = homes.home_of(arrival);
                homes.homes[at].queue.push_back(arrival);
                homes.waiting += 1;
                homes.claim(at);
            }
        }
    }

    /// Whether one more connection is to be opened, beside those under way: for whom.
    pub(super) fn wants(&mut self, connecting: usize, has_room: bool) -> Option<usize> {
        match self {
            Self::Any { waiting, .. } => (has_room && connecting < waiting.len()).then_some(0),
            Self::Homes(homes) => {
                let at = homes.claims.pop_front()?;
                homes.homes[at].is_claimed = false;
                Some(at)
            }
        }
    }

    /// The connection in `slot` is opened, or was opened before the start, for `owner`.
    pub(super) fn own(&mut self, slot: usize, owner: usize) {
        if let Self::Homes(homes) = self {
            homes.owners.resize(homes.owners.len().max(slot + 1), 0);
            homes.owners[slot] = owner;
            homes.homes[owner].slot = Some(slot);
        }
    }

    /// The arrival that a connection which has become free takes; without one it is idle.
    pub(super) fn next_of(&mut self, slot: usize) -> Option<Arrival> {
        match self {
            Self::Any { waiting, idle } => waiting.pop_front().or_else(|| {
                idle.push(slot);
                None
            }),
            Self::Homes(homes) => {
                let home = &mut homes.homes[homes.owners[slot]];
                let next = home.queue.pop_front();
                home.is_idle = next.is_none();
                homes.waiting -= usize::from(next.is_some());
                homes.idle += usize::from(next.is_none());
                next
            }
        }
    }

    /// The arrival that pays for a connection which could not be opened for `owner`.
    pub(super) fn oldest_of(&mut self, owner: usize) -> Option<Arrival> {
        match self {
            Self::Any { waiting, .. } => waiting.pop_front(),
            Self::Homes(homes) => {
                let oldest = homes.homes[owner].queue.pop_front();
                homes.waiting -= usize::from(oldest.is_some());
                homes.claim(owner);
                oldest
            }
        }
    }

    /// Whose connection is in `slot`.
    pub(super) fn owner(&self, slot: usize) -> usize {
        match self {
            Self::Any { .. } => 0,
            Self::Homes(homes) => homes.owners[slot],
        }
    }

    /// The connection in `slot` is closed.
    pub(super) fn leave(&mut self, slot: usize) {
        match self {
            Self::Any { idle, .. } => idle.retain(|&other| other != slot),
            Self::Homes(homes) => {
                let at = homes.owners[slot];
                let home = &mut homes.homes[at];
                home.slot = None;
                homes.idle -= usize::from(std::mem::take(&mut home.is_idle));
                homes.claim(at);
            }
        }
    }

    /// Takes an arrival out that waits and is meant by `is_over`; those before it in its queue are not.
    pub(super) fn expire(&mut self, is_over: impl Fn(Arrival) -> bool) -> Option<Arrival> {
        match self {
            Self::Any { waiting, .. } => waiting.pop_front_if(|arrival| is_over(*arrival)),
            Self::Homes(homes) => {
                let mut queues = homes.homes.iter_mut().map(|home| &mut home.queue);
                let found = queues.find_map(|queue| queue.pop_front_if(|arrival| is_over(*arrival)))?;
                homes.waiting -= 1;
                Some(found)
            }
        }
    }

    /// The arrivals that wait, for the books at the end.
    pub(super) fn arrivals(&self) -> impl Iterator<Item = Arrival> + '_ {
        let (any, homes) = match self {
            Self::Any { waiting, .. } => (Some(waiting), None),
            Self::Homes(homes) => (None, Some(&homes.homes)),
        };
        any.into_iter().chain(homes.into_iter().flatten().map(|home| &home.queue)).flatten().copied()
    }

    /// A request has ended; its session goes on.
    pub(super) fn ended(&mut self, arrival: Arrival, now: u64) {
        if let Self::Homes(homes) = self {
            let session = homes.session_of(arrival);
            homes.ended_ns[session] = now;
        }
    }

    /// How long an arrival waited for its predecessor in the session; `None` where it did not.
    pub(super) fn waited_ns(&self, arrival: Arrival) -> Option<u64> {
        let Self::Homes(homes) = self else { return None };
        homes.ended_ns[homes.session_of(arrival)].checked_sub(arrival.due_ns).filter(|&waited| waited > 0)
    }
}

impl Homes<'_> {
    /// Sessions of a lane are numbered by themselves.
    fn session_of(&self, arrival: Arrival) -> usize {
        (u64::from(self.sessions.of(arrival.index)) / self.lanes) as usize
    }

    fn home_of(&self, arrival: Arrival) -> usize {
        self.session_of(arrival) % self.homes.len()
    }

    fn claim(&mut self, at: usize) {
        let home = &mut self.homes[at];
        if home.slot.is_none() && !home.queue.is_empty() && !home.is_claimed {
            home.is_claimed = true;
            self.claims.push_back(at);
        }
    }
}
