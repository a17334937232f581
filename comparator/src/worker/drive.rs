//! The worker's loop.

use super::keeper::Keeper;
use super::{Outcome, Publish, WorkerOptions};
use crate::trial::Trial;
use crate::verdict::State;
use parallax_exchange::log::Record;
use parallax_exchange::{Admissions, Empty, Exchange, Ledger, Receiver};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Longest wait for an exchange, so that a stop is noticed soon.
const WAIT_MAX: Duration = Duration::from_millis(20);

/// Most exchanges taken between a seal or a stop coming due and being carried out, so that senders who
/// go on offering cannot put it off for ever.
const WAITING_MAX: usize = 1 << 16;

/// Exchanges that go into the log with one write.
const BATCH_MAX: usize = 128;

/// Making what is published takes this thread at most one part in so many of its time, changes of state aside: the
/// document of thousands of slices costs a second.
const SHARE: u32 = 20;

/// Everything that the thread owns.
pub(super) struct Drive {
    trial: Trial,
    receiver: Receiver,
    ledger: Ledger,
    keeper: Keeper,
    options: WorkerOptions,
    publish: Publish,
    stop: Arc<AtomicBool>,
    window_ns: u64,
    seal_delay_ns: u64,
    exchanges: u64,
    /// When the next publication is due if something changed.
    publish_at_ns: u64,
    /// Something changed since the last publication.
    changed: bool,
    /// Until then nothing but a change of state is published, because the last publication took long to make.
    rest_until: Instant,
    /// The state that was published last.
    told: Option<(State, bool)>,
}

impl Drive {
    pub(super) fn new(
        trial: Trial,
        receiver: Receiver,
        ledger: Ledger,
        keeper: Keeper,
        options: WorkerOptions,
        publish: Publish,
        stop: Arc<AtomicBool>,
    ) -> Self {
        let policy = &trial.run().policy;
        Self {
            window_ns: policy.window.nanos(),
            seal_delay_ns: policy.seal_delay().nanos(),
            trial,
            receiver,
            ledger,
            keeper,
            options,
            publish,
            stop,
            exchanges: 0,
            publish_at_ns: 0,
            changed: true,
            rest_until: Instant::now(),
            told: None,
        }
    }

    /// Counts `exchanges` that were taken before this process began.
    pub(super) fn after(mut self, exchanges: u64) -> Self {
        self.exchanges = exchanges;
        self
    }

    pub(super) fn run(mut self) -> Outcome {
        self.keeper.begin(self.trial.run());
        while !self.stop.load(Ordering::Acquire) {
            let now_ns = (self.options.clock)();
            self.seal_due(now_ns);
            self.publish_due(now_ns);
            match self.receiver.receive(WAIT_MAX) {
                Ok(exchange) => drop(self.take(exchange)),
                Err(Empty::Timeout) => {}
                Err(Empty::Closed) => break,
            }
        }
        self.take_what_waits();
        self.end()
    }

    /// Takes an exchange and some of those that wait behind it; returns how many.
    ///
    /// What thresholds read is sealed before the exchange that needs them, and what was taken before
    /// is counted before the seal: the log has everything in the order in which it happened.
    fn take(&mut self, exchange: Box<Exchange>) -> usize {
        let (mut next, mut taken, mut batch) = (Some(exchange), 0, Vec::new());
        while let Some(exchange) = next {
            if let Some(through) = self.trial.read_by(self.trial.window_of(exchange.admitted_ns)) {
                self.count(std::mem::take(&mut batch));
                self.seal_through(through);
            }
            self.trial.announce(&exchange);
            batch.push(Record::Exchange(exchange));
            taken += 1;
            next = if taken < BATCH_MAX { self.receiver.receive(Duration::ZERO).ok() } else { None };
        }
        self.count(batch);
        taken
    }

    /// Puts exchanges into the log, where they are captured, and counts them.
    fn count(&mut self, batch: Vec<Record>) {
        self.exchanges += batch.len() as u64;
        self.changed |= !batch.is_empty();
        self.keeper.capture(&batch);
        for record in batch {
            let Record::Exchange(exchange) = &record else { continue };
            match self.trial.exchange(exchange) {
                Ok(taken) if taken.is_example => self.keeper.example(record),
                Ok(_) => {}
                Err(unsealed) => tracing::error!(%unsealed, "an exchange came to an unsealed past"),
            }
        }
    }

    /// Takes what is in the queue now, bounded.
    fn take_what_waits(&mut self) {
        let mut taken = 0;
        while taken < WAITING_MAX
            && let Ok(exchange) = self.receiver.receive(Duration::ZERO)
        {
            taken += self.take(exchange);
        }
    }

    /// Seals the windows whose end and seal delay have passed.
    ///
    /// What waits in the queue by then is taken first: it came in time, and that this thread is behind
    /// must not make it late.
    fn seal_due(&mut self, now_ns: u64) {
        let ended = now_ns.saturating_sub(self.seal_delay_ns) / self.window_ns;
        let Some(newest) = ended.checked_sub(1) else { return };
        if self.trial.next_to_seal(newest).is_some() {
            self.take_what_waits();
            self.seal_through(newest);
        }
    }

    fn seal_through(&mut self, newest: u64) {
        while let Some(window) = self.trial.next_to_seal(newest) {
            let admissions = self.ledger.take_through(window);
            if !self.seal(window, admissions) {
                break;
            }
        }
        // The document of a watermark that is about to be passed is worth building only if it says something new.
        if self.changed && Instant::now() >= self.rest_until {
            self.publish_now((self.options.clock)());
        }
    }

    /// Seals one window and keeps it; false where that fails, so that nobody tries for ever. A change of state is
    /// published at once.
    fn seal(&mut self, window: u64, admissions: Admissions) -> bool {
        match self.trial.seal(window, Some(admissions)) {
            Ok(sealed) => self.keeper.seal(sealed, &mut self.trial),
            Err(error) => {
                // The trial named the window itself, so this is a fault of ours.
                tracing::error!(%error, window, "a window could not be sealed");
                return false;
            }
        }
        self.changed = true;
        if self.told != Some(self.trial.state()) {
            self.publish_now((self.options.clock)());
        }
        true
    }

    fn publish_due(&mut self, now_ns: u64) {
        if self.changed && now_ns >= self.publish_at_ns && Instant::now() >= self.rest_until {
            self.publish_now(now_ns);
        }
    }

    fn publish_now(&mut self, now_ns: u64) {
        self.changed = false;
        let every = u64::try_from(self.options.publish_every.as_nanos()).unwrap_or(u64::MAX);
        self.publish_at_ns = now_ns.saturating_add(every);
        self.told = Some(self.trial.state());
        let begin = Instant::now();
        let published = self.published(now_ns);
        self.rest_until = begin + begin.elapsed() * SHARE;
        (self.publish)(published);
    }

    fn published(&mut self, now_ns: u64) -> crate::report::Published {
        let mut published = self.trial.published(now_ns, &self.ledger.untaken());
        self.keeper.annotate(&mut published);
        published
    }

    /// Seals everything, whatever the clock says: nothing more can come.
    ///
    /// What the door counted in later windows belongs to the last one, so that it adds up.
    fn end(mut self) -> Outcome {
        let now_ns = (self.options.clock)();
        let open = self.trial.newest_open();
        let is_left = open.is_some() || self.ledger.untaken() != Admissions::default();
        let newest = open.unwrap_or_else(|| self.trial.window_of(now_ns));
        while let Some(window) = self.trial.next_to_seal(newest).filter(|_| is_left) {
            let admissions = self.ledger.take_through(if window == newest { u64::MAX } else { window });
            if !self.seal(window, admissions) {
                break;
            }
        }
        self.trial.finish();
        self.keeper.end(&mut self.trial, self.exchanges);
        let published = self.published(now_ns);
        (self.publish)(published.clone());
        Outcome { published, exchanges: self.exchanges, log_failures: self.keeper.failures() }
    }
}
