//! How fast a shadow may talk.
//!
//! A core reads its shadows on the thread that serves clients, so a shadow which sends without end (a
//! body, interim answers, pings) would keep that thread from them: as long as there is something to
//! read, reading goes on. Hence two bounds on the work with each shadow, both above anything that a
//! build comparable with the primary's makes: a pause after each [`TURN`], in which clients have their
//! turn, and no more work than a multiple of that with the primary and [`RATE`] beside it. What is over
//! that waits in the shadow's own buffers, and its time limit goes on.
//!
//! Work is counted in bytes read; each write counts as well, as [`WRITE`] of them, because a peer can
//! make one necessary with a few bytes.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// Work with one connection before others have their turn: one buffer of the largest kind.
pub(crate) const TURN: usize = 64 << 10;

/// The same with HTTP/2, where a few bytes are a frame: what the longest frame takes.
pub(crate) const TURN_H2: usize = 16 << 10;

/// What a write costs: about as much as reading this.
const WRITE: usize = 2 << 10;

/// Work a second that a shadow may make, whatever the primary does.
const RATE: i64 = 4 << 20;

/// Work that it may make for each byte of the primary's.
const SHARE: i64 = 2;

/// Work that it may be behind its right: a large answer of the primary may be the shadow's a while later.
const CREDIT: i64 = 64 << 20;

/// How long a shadow waits that has made too much: long enough that a thousand of them cost little.
const PAUSE: Duration = Duration::from_millis(50);

/// What work the primary has made on one core.
#[derive(Debug, Default)]
pub(crate) struct Measure(Cell<u64>);

/// The right of one role to be read.
#[derive(Debug)]
pub(crate) enum Pace {
    /// The primary: it is measured.
    Measured(Rc<Measure>),
    /// A shadow: it is held to the measure.
    Held(Rc<Allowance>),
}

/// What work a shadow may still make on one core.
#[derive(Debug)]
pub(crate) struct Allowance {
    measure: Rc<Measure>,
    /// What of the measure has been granted.
    granted: Cell<u64>,
    /// Below zero after a read that took more than was left.
    bytes: Cell<i64>,
    since: Cell<Instant>,
}

impl Allowance {
    /// A full second's, for a start.
    pub(crate) fn new(measure: &Rc<Measure>) -> Rc<Self> {
        Rc::new(Self {
            granted: Cell::new(measure.0.get()),
            measure: Rc::clone(measure),
            bytes: Cell::new(RATE),
            since: Cell::new(Instant::now()),
        })
    }

    /// Whether something may be read at `now`.
    fn is_left(&self, now: Instant) -> bool {
        // Added up only where nothing is left.
        if self.bytes.get() <= 0 {
            let passed = now.saturating_duration_since(self.since.replace(now));
            let micros = i64::try_from(passed.as_micros()).unwrap_or(i64::MAX);
            let primary = self.measure.0.get();
            let answered = primary.wrapping_sub(self.granted.replace(primary));
            let answered = i64::try_from(answered).unwrap_or(i64::MAX).saturating_mul(SHARE);
            let more = (micros.saturating_mul(RATE) / 1_000_000).min(RATE).saturating_add(answered);
            self.bytes.set(self.bytes.get().saturating_add(more).min(CREDIT));
        }
        self.bytes.get() > 0
    }

    fn take(&self, bytes: usize) {
        self.bytes.set(self.bytes.get().saturating_sub_unsigned(bytes as u64));
    }
}

impl Pace {
    /// The stream, read at this pace; others have their turn after `limit` of it.
    pub(crate) fn stream<S>(&self, inner: S, limit: usize) -> Paced<S> {
        let pace = match self {
            Self::Measured(measure) => Self::Measured(Rc::clone(measure)),
            Self::Held(allowance) => Self::Held(Rc::clone(allowance)),
        };
        Paced { inner, pace, turn: 0, limit, pause: None }
    }
}

/// A connection to a role.
pub(crate) struct Paced<S> {
    inner: S,
    pace: Pace,
    /// Work since others had their turn.
    turn: usize,
    limit: usize,
    /// Present while it waits.
    pause: Option<Pin<Box<Sleep>>>,
}

impl<S> Paced<S> {
    /// Whether it may be read now; wakes the task when it may.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Pace::Held(allowance) = &self.pace else { return Poll::Ready(()) };
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        if self.turn >= self.limit {
            return self.end_turn(cx);
        }
        if allowance.bytes.get() > 0 || allowance.is_left(Instant::now()) {
            return Poll::Ready(());
        }
        let mut pause = Box::pin(tokio::time::sleep(PAUSE));
        // Polled once, so that it wakes the task.
        let polled = pause.as_mut().poll(cx);
        self.pause = polled.is_pending().then_some(pause);
        polled
    }
}

impl<S> Paced<S> {
    fn count(&mut self, work: usize) {
        match &self.pace {
            Pace::Measured(measure) => measure.0.set(measure.0.get().wrapping_add(work as u64)),
            Pace::Held(allowance) => {
                allowance.take(work);
                self.turn += work;
            }
        }
    }

    fn end_turn<T>(&mut self, cx: &mut Context<'_>) -> Poll<T> {
        self.turn = 0;
        // Woken after the runtime has looked for what clients sent. A plain wake would come before it:
        // it looks only after every sixty-first task.
        let _ = pin!(tokio::task::yield_now()).poll(cx);
        Poll::Pending
    }

    /// Counts a write, or ends the turn before it.
    fn poll_write_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.turn >= self.limit {
            return self.end_turn(cx);
        }
        self.count(WRITE);
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_turn(cx));
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buffer);
        let count = buffer.filled().len() - before;
        self.count(count);
        if polled.is_pending() {
            // Nothing to read: others have their turn by themselves.
            self.turn = 0;
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_write_turn(cx));
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_write_turn(cx));
        Pin::new(&mut self.inner).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shadow_may_send_its_rate_and_twice_what_the_primary_sends() {
        let measure = Rc::<Measure>::default();
        let allowance = Allowance::new(&measure);
        let start = allowance.since.get();
        assert!(allowance.is_left(start));
        allowance.take(RATE as usize);
        assert!(!allowance.is_left(start), "the first second's is spent");
        assert!(allowance.is_left(start + Duration::from_millis(250)));
        assert_eq!(allowance.bytes.get(), RATE / 4);
        allowance.take(RATE as usize / 4);
        measure.0.set(1000);
        assert!(allowance.is_left(start + Duration::from_millis(250)));
        assert_eq!(allowance.bytes.get(), 2000);
        allowance.take(3000);
        assert!(!allowance.is_left(start + Duration::from_millis(250)), "what was read is owed");
        measure.0.set(u64::MAX / 4);
        assert!(allowance.is_left(start + Duration::from_secs(1000)));
        assert_eq!(allowance.bytes.get(), CREDIT);
    }

    #[tokio::test]
    async fn what_is_over_the_allowance_waits_and_others_have_their_turn() {
        use tokio::io::AsyncReadExt as _;
        let allowance = Allowance::new(&Rc::default());
        let mut endless = Pace::Held(Rc::clone(&allowance)).stream(tokio::io::repeat(b'x'), TURN);
        let mut buffer = vec![0; TURN];
        assert_eq!(endless.read(&mut buffer).await.unwrap(), TURN);
        let read = endless.read(&mut buffer);
        let mut read = std::pin::pin!(read);
        std::future::poll_fn(|cx| {
            assert!(read.as_mut().poll(cx).is_pending(), "others have their turn");
            Poll::Ready(())
        })
        .await;
        assert_eq!(read.await.unwrap(), TURN);
        allowance.take(2 * RATE as usize);
        let before = Instant::now();
        let _ = endless.read(&mut buffer).await.unwrap();
        assert!(before.elapsed() >= PAUSE);
    }
}
