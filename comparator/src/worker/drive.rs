//! The worker's loop.

use super::keeper::Keeper;
use super::{Outcome, Publish, WorkerOptions};
use crate::trial::Trial;
use parallax_exchange::{Empty, Exchange, Ledger, Receiver};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Longest wait for an exchange, so that a stop is noticed soon.
const WAIT_MAX: Duration = Duration::from_millis(20);

/// Most exchanges taken between a seal coming due and being carried out, so that senders who go on
/// offering cannot put it off for ever.
const TAKEN_BEFORE_SEAL_MAX: usize = 1 << 16;

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
        }
    }

    pub(super) fn run(mut self) -> Outcome {
        self.keeper.begin(self.trial.run());
        loop {
            let now_ns = (self.options.clock)();
            self.seal_due(now_ns);
            self.publish_due(now_ns);
            // Read before the queue is found empty: what was offered before the stop is then received.
            let stopping = self.stop.load(Ordering::Acquire);
            match self.receiver.receive(if stopping { Duration::ZERO } else { WAIT_MAX }) {
                Ok(exchange) => self.take(exchange),
                Err(Empty::Timeout) if !stopping => {}
                Err(Empty::Timeout | Empty::Closed) => return self.end(),
            }
        }
    }

    /// Counts an exchange, after sealing what its thresholds read.
    fn take(&mut self, exchange: Box<Exchange>) {
        self.exchanges += 1;
        self.changed = true;
        let window = self.trial.window_of(exchange.admitted_ns);
        if let Some(through) = self.trial.read_by(window) {
            self.seal_through(through);
        }
        let exchange = self.keeper.capture(exchange);
        match self.trial.exchange(&exchange) {
            Ok(taken) if taken.is_example => self.keeper.example(exchange),
            Ok(_) => {}
            Err(unsealed) => tracing::error!(%unsealed, "an exchange came to an unsealed past"),
        }
    }

    /// Seals the windows whose end and seal delay have passed.
    ///
    /// What waits in the queue by then is taken first: it came in time, and that this thread is behind
    /// must not make it late.
    fn seal_due(&mut self, now_ns: u64) {
        let ended = now_ns.saturating_sub(self.seal_delay_ns) / self.window_ns;
        let Some(newest) = ended.checked_sub(1) else { return };
        if self.trial.next_to_seal(newest).is_none() {
            return;
        }
        for _ in 0..TAKEN_BEFORE_SEAL_MAX {
            let Ok(exchange) = self.receiver.receive(Duration::ZERO) else { break };
            self.take(exchange);
        }
        self.seal_through(newest);
    }

    fn seal_through(&mut self, newest: u64) {
        while let Some(window) = self.trial.next_to_seal(newest) {
            let admissions = self.ledger.take_through(window);
            match self.trial.seal(window, Some(admissions)) {
                Ok(sealed) => self.keeper.seal(sealed, &self.trial),
                Err(error) => {
                    // The trial named the window itself, so this is a fault of ours; do not spin on it.
                    tracing::error!(%error, window, "a window could not be sealed");
                    return;
                }
            }
            self.publish_now((self.options.clock)());
        }
    }

    fn publish_due(&mut self, now_ns: u64) {
        if self.changed && now_ns >= self.publish_at_ns {
            self.publish_now(now_ns);
        }
    }

    fn publish_now(&mut self, now_ns: u64) {
        let every = u64::try_from(self.options.publish_every.as_nanos()).unwrap_or(u64::MAX);
        self.publish_at_ns = now_ns.saturating_add(every);
        self.changed = false;
        let published = self.published(now_ns);
        (self.publish)(published);
    }

    fn published(&mut self, now_ns: u64) -> crate::report::Published {
        let mut published = self.trial.published(now_ns, &self.ledger.untaken());
        self.keeper.annotate(&mut published);
        published
    }

    /// Seals everything, whatever the clock says: nothing more can come.
    fn end(mut self) -> Outcome {
        if let Some(newest) = self.trial.newest_open() {
            self.seal_through(newest);
        }
        self.trial.finish();
        self.keeper.end(&self.trial, self.exchanges);
        let published = self.published((self.options.clock)());
        (self.publish)(published.clone());
        Outcome { published, exchanges: self.exchanges, log_failures: self.keeper.failures() }
    }
}
