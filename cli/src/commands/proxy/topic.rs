//! The log in Kafka: exchanges as they come, and marks that say how far time has come.

use super::{LOOK, Recorded};
use crate::commands::outputs::topics::failure;
use crate::exit::Failure;
use parallax_config::Config;
use parallax_exchange::{Admissions, Empty, Ledger, Receiver};
use parallax_pipeline::Publisher;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often a mark is written; windows are sealed no finer.
const MARK: Duration = Duration::from_millis(500);

/// How many of the newest windows the door's counts are told for one by one; older ones together.
const WINDOWS: u64 = 64;

/// How long the end may wait for the brokers.
const DRAIN: Duration = Duration::from_secs(30);

/// The writing end.
pub(super) struct Topic {
    publisher: Publisher,
    receiver: Receiver,
    ledger: Ledger,
    window_ns: u64,
    told: Admissions,
}

impl Topic {
    pub(super) fn new(config: &Config, receiver: Receiver, ledger: Ledger) -> Result<Self, Failure> {
        let publisher = config.log.url.parse().and_then(Publisher::new).map_err(failure)?;
        let window_ns = config.policy.window.nanos().max(1);
        Ok(Self { publisher, receiver, ledger, window_ns, told: Admissions::default() })
    }

    /// Writes until the proxy is gone.
    pub(super) fn record(mut self) -> (Recorded, Admissions) {
        let mut marked = Instant::now();
        loop {
            match self.receiver.receive(LOOK.min(MARK)) {
                Ok(exchange) => self.publisher.exchange(&exchange),
                Err(Empty::Timeout) => {}
                Err(Empty::Closed) => break,
            }
            self.publisher.poll();
            if marked.elapsed() >= MARK {
                marked = Instant::now();
                let admissions = self.admissions();
                self.publisher.mark(admissions);
            }
        }
        let admissions = self.admissions();
        let published = self.publisher.close(admissions, DRAIN);
        let lost = published.queued - published.acknowledged + published.full + published.unreached;
        (Recorded { exchanges: published.acknowledged, failed: lost }, self.told)
    }

    /// What the door counted since it was asked last, by window.
    fn admissions(&mut self) -> Vec<(u64, Admissions)> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let newest = u64::try_from(now).unwrap_or(u64::MAX) / self.window_ns;
        let mut all = Vec::new();
        for window in newest.saturating_sub(WINDOWS)..=newest {
            let counts = self.ledger.take_through(window);
            if counts != Admissions::default() {
                self.told.merge(&counts);
                all.push((window, counts));
            }
        }
        all
    }
}
