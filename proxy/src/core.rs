//! What one core owns: its pools, budgets, counters and exchanges in flight.
//!
//! Everything is reached from one thread through `Rc` and `Cell`; the three things that leave the
//! thread (ledger, queue, counters) are written without waiting.

use crate::counters::Counters;
use crate::observe::Observer;
use crate::pending::Pending;
use crate::quota::Share;
use crate::settings::Settings;
use crate::setup::Setup;
use parallax_exchange::{
    Admissions, DropReason, Exchange, ExchangeId, Full, Lane, MissingReason, Sender, ShedReason,
};
use slab::Slab;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Beyond the time limit of the copies, before an exchange that still waits for the primary is closed.
const PRIMARY_GRACE: Duration = Duration::from_millis(500);

/// What one core owns.
pub(crate) struct Core {
    pub(crate) counters: Arc<Counters>,
    /// Admitted exchanges that wait for an outcome.
    pub(crate) exchanges: RefCell<Slab<Rc<Pending>>>,
    /// No new exchange is begun.
    pub(crate) draining: Cell<bool>,
    /// The runtime is about to go; nothing may be spawned.
    pub(crate) closing: Cell<bool>,
    /// Who is told what has ended.
    pub(crate) observer: Observer,
    setup: RefCell<Rc<Setup>>,
    share: Share,
    lane: Lane,
    sink: Sender,
    place: ExchangeId,
    sequence: Cell<u64>,
    arrivals: Cell<u64>,
}

impl Core {
    /// The core whose exchanges are named after `place`.
    pub(crate) fn new(
        settings: Arc<Settings>,
        counters: Arc<Counters>,
        lane: Lane,
        sink: Sender,
        place: ExchangeId,
        share: Share,
        observer: Observer,
    ) -> Rc<Self> {
        Rc::new(Self {
            setup: RefCell::new(Setup::new(settings, &counters, share, None)),
            exchanges: RefCell::default(),
            draining: Cell::new(false),
            closing: Cell::new(false),
            sequence: Cell::new(0),
            arrivals: Cell::new(0),
            observer,
            counters,
            share,
            lane,
            sink,
            place,
        })
    }

    /// The setup for what begins now.
    pub(crate) fn setup(&self) -> Rc<Setup> {
        Rc::clone(&self.setup.borrow())
    }

    /// What begins from now on does so under `settings`.
    pub(crate) fn apply(&self, settings: Arc<Settings>) {
        let new = Setup::new(settings, &self.counters, self.share, Some(&*self.setup()));
        self.setup.replace(new);
        self.counters.generation.add(1);
    }

    /// Starts a task that nobody waits for.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        if !self.closing.get() {
            tokio::task::spawn_local(task);
        }
    }

    /// The id of the next admitted exchange.
    pub(crate) fn next_id(&self) -> ExchangeId {
        let sequence = self.sequence.get();
        self.sequence.set(sequence + 1);
        ExchangeId { sequence, ..self.place }
    }

    /// A number that no other connection or request of any proxy has, but by chance.
    pub(crate) fn unique(&self) -> u64 {
        let arrival = self.arrivals.get();
        self.arrivals.set(arrival + 1);
        // Complemented, so that it never equals the digest of an exchange's id.
        ExchangeId { sequence: !arrival, ..self.place }.digest()
    }

    /// Counts one offered request and what became of it.
    pub(crate) fn count(&self, admitted_ns: u64, change: impl FnOnce(&mut Admissions)) {
        self.lane.count(admitted_ns, |counts| {
            counts.offered += 1;
            change(counts);
        });
    }

    /// Counts a request that no route selects.
    pub(crate) fn leave_out(&self) {
        self.counters.not_selected.add(1);
        self.count(unix_now(), |counts| counts.not_selected += 1);
    }

    /// Counts a selected request that is not mirrored.
    pub(crate) fn drop_selected(&self, reason: DropReason) {
        self.counters.dropped(reason);
        self.count(unix_now(), |counts| *counts.dropped.entry(reason).or_default() += 1);
    }

    /// Counts a request that is mirrored by right and given up at once for all roles.
    pub(crate) fn shed(&self, reason: ShedReason) {
        self.counters.shed(reason);
        self.count(unix_now(), |counts| {
            counts.mirrored += 1;
            *counts.shed.entry(reason).or_default() += 1;
        });
    }

    /// Sends a complete exchange on; what does not fit is counted as lost.
    pub(crate) fn send(&self, exchange: Box<Exchange>) {
        match self.sink.offer(exchange) {
            Ok(()) => self.counters.exchanges.add(1),
            Err(Full(_)) => self.counters.lost.add(1),
        }
    }

    /// The periodic work: idle connections, exchanges whose primary takes longer than any copy may.
    pub(crate) fn sweep(&self) {
        let now = Instant::now();
        self.setup().sweep(now);
        for pending in self.admitted() {
            if tokio::time::Instant::from(now) > pending.deadline() + PRIMARY_GRACE {
                pending.give_up(MissingReason::Timeout);
            }
        }
    }

    /// Ends what is still in flight; nothing may be spawned afterwards.
    pub(crate) fn close(&self) {
        self.closing.set(true);
        self.admitted().iter().for_each(|pending| pending.give_up(MissingReason::Shutdown));
    }

    /// Whether nobody is served and nothing is in flight.
    pub(crate) fn is_idle(&self) -> bool {
        self.counters.connections.get() == 0 && self.counters.in_flight.get() == 0
    }

    fn admitted(&self) -> Vec<Rc<Pending>> {
        self.exchanges.borrow().iter().map(|(_, pending)| Rc::clone(pending)).collect()
    }
}

/// Nanoseconds since the Unix epoch.
pub(crate) fn unix_now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
