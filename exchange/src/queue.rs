//! The bounded queue between those who capture exchanges and the one who compares them.
//!
//! Bounded in count and in bytes; a sender never waits. What does not fit is handed back, so that
//! the caller must count it: evidence that vanishes silently would make the verdict untrue.

use crate::Exchange;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

/// Bounds of a queue.
#[derive(Debug, Clone, Copy)]
pub struct QueueLimits {
    /// Exchanges, at least 1.
    pub count: usize,
    /// Bytes, by [`Exchange::weight`].
    pub bytes: usize,
}

/// The queue is full (or its receiver is gone); the exchange comes back.
#[derive(Debug)]
pub struct Full(pub Box<Exchange>);

/// Makes a queue.
#[must_use]
pub fn queue(limits: QueueLimits) -> (Sender, Receiver) {
    let (sender, receiver) = mpsc::sync_channel(limits.count.max(1));
    let held = Arc::new(AtomicUsize::new(0));
    (Sender { sender, held: Arc::clone(&held), bytes: limits.bytes }, Receiver { receiver, held })
}

/// The sending half; cheap to clone.
#[derive(Debug, Clone)]
pub struct Sender {
    sender: mpsc::SyncSender<Box<Exchange>>,
    held: Arc<AtomicUsize>,
    bytes: usize,
}

impl Sender {
    /// Offers an exchange; never waits.
    ///
    /// # Errors
    /// [`Full`] with the exchange when a bound is reached or nobody receives any more.
    pub fn offer(&self, exchange: Box<Exchange>) -> Result<(), Full> {
        let weight = exchange.weight();
        if self.held.fetch_add(weight, Ordering::Relaxed) + weight > self.bytes {
            self.held.fetch_sub(weight, Ordering::Relaxed);
            return Err(Full(exchange));
        }
        self.sender.try_send(exchange).map_err(|error| {
            self.held.fetch_sub(weight, Ordering::Relaxed);
            match error {
                mpsc::TrySendError::Full(back) | mpsc::TrySendError::Disconnected(back) => Full(back),
            }
        })
    }

    /// Bytes waiting in the queue.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }
}

/// The receiving half.
#[derive(Debug)]
pub struct Receiver {
    receiver: mpsc::Receiver<Box<Exchange>>,
    held: Arc<AtomicUsize>,
}

/// Why no exchange came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Empty {
    /// None within the time given.
    Timeout,
    /// None will ever come: every sender is gone.
    Closed,
}

impl Receiver {
    /// Waits for the next exchange, `wait` at the longest.
    ///
    /// # Errors
    /// [`Empty`] says whether to ask again.
    pub fn receive(&self, wait: Duration) -> Result<Box<Exchange>, Empty> {
        let exchange = self.receiver.recv_timeout(wait).map_err(|error| match error {
            mpsc::RecvTimeoutError::Timeout => Empty::Timeout,
            mpsc::RecvTimeoutError::Disconnected => Empty::Closed,
        })?;
        self.held.fetch_sub(exchange.weight(), Ordering::Relaxed);
        Ok(exchange)
    }
}
