//! The bounded queue between those who capture exchanges and the one who compares them.
//!
//! The receiver looks for exchanges now and then instead of being woken for each: a wake-up would be a
//! system call of the sender, on the path of live requests, and a switch of threads for every exchange.
//!
//! Bounded in count and in bytes; a sender never waits. What does not fit is handed back, so that
//! the caller must count it: evidence that vanishes silently would make the verdict untrue.
//!
//! With a [`Redactor`] nothing leaves the queue that was not redacted. That is done on the receiver's
//! thread: reading a body takes longer than a live request may be kept waiting.

use crate::Exchange;
use crate::redact::Redactor;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long a receiver that found nothing sleeps at first; each time it finds nothing again, twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(1);

/// The longest sleep: what an exchange waits at most to be seen, and what an idle receiver costs.
const LONGEST_PAUSE: Duration = Duration::from_millis(8);

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
    (
        Sender { sender, held: Arc::clone(&held), bytes: limits.bytes },
        Receiver { receiver, held, redactor: None },
    )
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
    redactor: Option<Redactor>,
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
    /// Hands out only what `redactor` has gone over.
    #[must_use]
    pub fn redacted_by(self, redactor: Redactor) -> Self {
        Self { redactor: (!redactor.is_empty()).then_some(redactor), ..self }
    }

    /// Waits for the next exchange, `wait` at the longest.
    ///
    /// # Errors
    /// [`Empty`] says whether to ask again.
    pub fn receive(&self, wait: Duration) -> Result<Box<Exchange>, Empty> {
        let start = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            match self.receiver.try_recv() {
                Ok(mut exchange) => {
                    self.held.fetch_sub(exchange.weight(), Ordering::Relaxed);
                    if let Some(redactor) = &self.redactor {
                        redactor.redact(&mut exchange);
                    }
                    return Ok(exchange);
                }
                Err(mpsc::TryRecvError::Disconnected) => return Err(Empty::Closed),
                Err(mpsc::TryRecvError::Empty) => {}
            }
            let left = wait.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Err(Empty::Timeout);
            }
            std::thread::sleep(pause.min(left));
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Body, CopyOrder, ExchangeId, Outcomes, Request};
    use proptest::prelude::*;
    use std::collections::VecDeque;
    use std::thread;

    const NOW: Duration = Duration::ZERO;

    fn exchange(sequence: u64, body_bytes: usize) -> Box<Exchange> {
        Box::new(Exchange {
            id: ExchangeId { sequence, ..ExchangeId::default() },
            admitted_ns: 0,
            cluster_key: 0,
            labels: Vec::new(),
            order: CopyOrder::default(),
            sample_ppm: 1_000_000,
            request: Request { body: Body::whole(vec![0; body_bytes]), ..Request::default() },
            outcomes: Outcomes::default(),
        })
    }

    #[test]
    fn nothing_leaves_a_redacting_queue_as_it_came() {
        use crate::redact::{Key, Redactor};
        let (sender, receiver) = queue(QueueLimits { count: 2, bytes: usize::MAX });
        let redactor = Redactor::new(&Key::new(b"k"), ["query:token"]).unwrap();
        let receiver = receiver.redacted_by(redactor);
        let mut secret = exchange(0, 0);
        secret.request.target = "/a?token=s3cr3t".to_owned();
        sender.offer(secret).unwrap();
        let target = receiver.receive(NOW).unwrap().request.target;
        assert!(target.starts_with("/a?token=redacted-") && !target.contains("s3cr3t"), "{target}");
        assert_eq!(sender.held_bytes(), 0);
    }

    #[test]
    fn what_exceeds_the_count_comes_back_to_the_sender() {
        let (sender, receiver) = queue(QueueLimits { count: 2, bytes: usize::MAX });
        sender.offer(exchange(0, 0)).unwrap();
        sender.offer(exchange(1, 0)).unwrap();
        let Full(back) = sender.offer(exchange(2, 0)).unwrap_err();
        assert_eq!(back.id.sequence, 2);
        assert_eq!(receiver.receive(NOW).unwrap().id.sequence, 0);
        sender.offer(back).unwrap();
    }

    #[test]
    fn what_exceeds_the_bytes_comes_back_and_leaves_no_trace() {
        let one = exchange(0, 500).weight();
        let (sender, receiver) = queue(QueueLimits { count: 100, bytes: 2 * one });
        sender.offer(exchange(0, 500)).unwrap();
        sender.offer(exchange(1, 501)).unwrap_err();
        assert_eq!(sender.held_bytes(), one);
        sender.offer(exchange(2, 500)).unwrap();
        receiver.receive(NOW).unwrap();
        assert_eq!(sender.held_bytes(), one);
    }

    #[test]
    fn each_half_learns_that_the_other_is_gone() {
        let limits = QueueLimits { count: 2, bytes: usize::MAX };
        let (sender, receiver) = queue(limits);
        assert_eq!(receiver.receive(NOW).unwrap_err(), Empty::Timeout);
        sender.offer(exchange(7, 0)).unwrap();
        drop(sender);
        assert_eq!(receiver.receive(NOW).unwrap().id.sequence, 7, "what was accepted is delivered");
        assert_eq!(receiver.receive(NOW).unwrap_err(), Empty::Closed);

        let (sender, receiver) = queue(limits);
        drop(receiver);
        sender.offer(exchange(0, 0)).unwrap_err();
        assert_eq!(sender.held_bytes(), 0);
    }

    #[test]
    fn every_exchange_of_many_senders_is_received_or_handed_back() {
        const EACH: u64 = 500;
        let (sender, receiver) = queue(QueueLimits { count: 16, bytes: 16 << 10 });
        let offering = |sender: Sender, base| {
            move || (0..EACH).filter(|i| sender.offer(exchange(base + i, 100)).is_err()).count() as u64
        };
        let threads = [0, EACH, 2 * EACH].map(|base| thread::spawn(offering(sender.clone(), base)));
        drop(sender);
        let mut received = 0;
        while receiver.receive(Duration::from_secs(60)).is_ok() {
            received += 1;
        }
        let refused: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert_eq!(received + refused, 3 * EACH);
        assert_eq!(receiver.held.load(Ordering::Relaxed), 0);
    }

    fn held_by(waiting: &VecDeque<Box<Exchange>>) -> usize {
        waiting.iter().map(|exchange| exchange.weight()).sum()
    }

    proptest! {
        #[test]
        fn the_bounds_hold_at_every_moment(
            actions in proptest::collection::vec(proptest::option::of(0usize..3000), 1..60),
            count in 1usize..8, bytes in 0usize..12_000,
        ) {
            let (sender, receiver) = queue(QueueLimits { count, bytes });
            let mut waiting = VecDeque::new();
            for action in actions {
                match action {
                    Some(body_bytes) => {
                        let exchange = exchange(0, body_bytes);
                        let weight = exchange.weight();
                        let held = held_by(&waiting);
                        let fits = waiting.len() < count && held + weight <= bytes;
                        prop_assert_eq!(sender.offer(exchange.clone()).is_ok(), fits);
                        if fits {
                            waiting.push_back(exchange);
                        }
                    }
                    None => prop_assert_eq!(receiver.receive(NOW).ok(), waiting.pop_front()),
                }
                prop_assert_eq!(sender.held_bytes(), held_by(&waiting));
            }
        }
    }
}
