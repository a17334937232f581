//! Capturing a body as it passes: its frames up to the cap, then length and digest.
//!
//! Long frames are those that go to the peer, counted once more and not copied; short ones are
//! copied, so that they do not hold the buffer they were read into. Nothing waits. What is kept is
//! paid for from the core's byte [`Budget`] and given back when the capture goes.

use crate::compact;
use crate::counters::Counters;
use bytes::Bytes;
use parallax_exchange::{Body, ShedReason};
use smallvec::SmallVec;
use std::rc::Rc;
use std::sync::Arc;
use xxhash_rust::xxh3::Xxh3;

/// Bytes that one core's exchanges may hold.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: usize,
    /// Where what is held now is counted.
    counters: Arc<Counters>,
}

impl Budget {
    /// A budget of `limit` bytes.
    pub(crate) fn new(limit: usize, counters: Arc<Counters>) -> Rc<Self> {
        Rc::new(Self { limit, counters })
    }

    /// Bytes held now.
    pub(crate) fn held(&self) -> u64 {
        self.counters.held_bytes.get()
    }

    /// Whether nothing more may be held.
    pub(crate) fn is_spent(&self) -> bool {
        self.held() >= self.limit as u64
    }

    fn take(&self, bytes: usize) -> bool {
        let fits = self.held() + bytes as u64 <= self.limit as u64;
        if fits {
            self.counters.held_bytes.add(bytes as u64);
        }
        fits
    }

    fn give_back(&self, bytes: usize) {
        self.counters.held_bytes.subtract(bytes as u64);
    }
}

/// Bytes taken from a [`Budget`]; given back on drop.
#[derive(Debug)]
pub(crate) struct Hold {
    budget: Rc<Budget>,
    bytes: usize,
}

impl Hold {
    /// Nothing yet.
    pub(crate) fn of(budget: &Rc<Budget>) -> Self {
        Self { budget: Rc::clone(budget), bytes: 0 }
    }

    /// Takes `bytes` more, if they are there.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let taken = self.budget.take(bytes);
        if taken {
            self.bytes += bytes;
        }
        taken
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

/// Who pays for what a capture keeps.
pub(crate) trait Purse {
    /// Pays for `bytes` more, or says that there is nothing left.
    fn pay(&mut self, bytes: usize) -> bool;
}

impl Purse for Hold {
    fn pay(&mut self, bytes: usize) -> bool {
        self.grow(bytes)
    }
}

/// A body being captured.
pub(crate) struct Capture<P = Hold> {
    frames: SmallVec<[Bytes; 2]>,
    kept: usize,
    cap: usize,
    length: u64,
    /// Present once the body has outgrown the cap.
    digest: Option<Box<Xxh3>>,
    hold: P,
    overdrawn: bool,
}

impl Capture {
    /// Captures up to `cap` bytes, paid for from `budget`.
    pub(crate) fn new(cap: usize, budget: &Rc<Budget>) -> Self {
        Self::paid_by(cap, Hold::of(budget))
    }
}

impl<P: Purse> Capture<P> {
    /// Captures up to `cap` bytes, paid for by `hold`.
    pub(crate) fn paid_by(cap: usize, hold: P) -> Self {
        Self { frames: SmallVec::new(), kept: 0, cap, length: 0, digest: None, hold, overdrawn: false }
    }

    /// Bytes that have passed.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Takes the next frame.
    pub(crate) fn push(&mut self, frame: &Bytes) {
        self.length += frame.len() as u64;
        if let Some(digest) = &mut self.digest {
            digest.update(frame);
        } else if self.kept + frame.len() <= self.cap {
            self.keep(frame);
        } else {
            self.cut(frame);
        }
    }

    /// Why a request with this body cannot be copied.
    pub(crate) fn defect(&self) -> Option<ShedReason> {
        if self.digest.is_some() {
            return Some(ShedReason::BodyTooLarge);
        }
        self.overdrawn.then_some(ShedReason::Bytes)
    }

    /// Whether the budget ran out: what was captured is no longer the body.
    pub(crate) fn is_overdrawn(&self) -> bool {
        self.overdrawn
    }

    /// The body, and the bytes that it holds of the budget.
    pub(crate) fn finish(mut self) -> (Body, P) {
        let body = match self.digest {
            Some(digest) => {
                let prefix = Body::from_frames(self.frames.into_vec());
                Body::cut(prefix.bytes().clone(), self.length, digest.digest())
            }
            None if self.frames.len() == 1 => Body::whole(self.frames.remove(0)),
            None => Body::from_frames(self.frames.into_vec()),
        };
        (body, self.hold)
    }

    fn keep(&mut self, frame: &Bytes) {
        if frame.is_empty() {
            return;
        }
        if self.overdrawn || !self.hold.pay(frame.len()) {
            self.overdrawn = true;
            self.frames.clear();
            return;
        }
        self.kept += frame.len();
        self.frames.push(compact::frame(frame));
    }

    /// Begins the digest with everything kept so far, and fills the prefix up to the cap exactly, so
    /// that the prefix does not depend on how the role framed its answer.
    fn cut(&mut self, frame: &Bytes) {
        let mut digest = Box::new(Xxh3::new());
        for kept in &self.frames {
            digest.update(kept);
        }
        digest.update(frame);
        self.digest = Some(digest);
        self.keep(&frame.slice(..self.cap - self.kept));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xxhash_rust::xxh3::xxh3_64;

    fn capture(frames: &[&'static [u8]], cap: usize, limit: usize) -> (Capture, Rc<Budget>) {
        let budget = Budget::new(limit, Arc::default());
        let mut capture = Capture::new(cap, &budget);
        for frame in frames {
            capture.push(&Bytes::from_static(frame));
        }
        (capture, budget)
    }

    #[test]
    fn a_body_within_the_cap_is_kept_whole_and_paid_for() {
        let (capture, budget) = capture(&[b"he", b"", b"llo"], 5, 100);
        assert_eq!(budget.held(), 5);
        let (body, hold) = capture.finish();
        assert_eq!(body, Body::whole("hello"));
        drop(hold);
        assert_eq!(budget.held(), 0);
    }

    #[test]
    fn a_longer_body_keeps_its_prefix_its_length_and_its_digest_however_it_is_framed() {
        let expected = Body::cut("hell", 11, xxh3_64(b"hello world"));
        for frames in [&[b"hello world".as_slice()][..], &[b"hel", b"lo w", b"orld"], &[b"hell", b"o world"]]
        {
            let (capture, budget) = capture(frames, 4, 100);
            assert_eq!(capture.defect(), Some(ShedReason::BodyTooLarge));
            assert_eq!(budget.held(), 4);
            assert_eq!(capture.finish().0, expected);
        }
    }

    #[test]
    fn an_empty_budget_is_said_and_holds_nothing_more() {
        let (capture, budget) = capture(&[b"abc", b"def"], 100, 4);
        assert_eq!(capture.defect(), Some(ShedReason::Bytes));
        assert_eq!(budget.held(), 3);
        drop(capture);
        assert_eq!(budget.held(), 0);
    }
}
