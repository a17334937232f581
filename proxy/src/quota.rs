//! How much is mirrored: the caps of a second, and the minimum of a rare route.
//!
//! Both are plain numbers of one core. A cap is shared among the cores when they start, so that no
//! request has to ask another core, and the sum can never be above what is configured.

use crate::routes::{ALL_PPM, Selection};
use parallax_config::Mirror;
use parallax_exchange::DropReason;
use std::cell::Cell;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// What one core is among how many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Share {
    pub(crate) number: u64,
    pub(crate) of: u64,
}

impl Share {
    /// The core's part; all parts together are `whole`.
    fn part(self, whole: u64) -> u64 {
        whole / self.of + u64::from(self.number < whole % self.of)
    }
}

/// The caps of a second.
#[derive(Debug)]
pub(crate) struct Caps {
    copies: Option<u64>,
    bytes: Option<u64>,
    begun: Cell<Instant>,
    copies_sent: Cell<u64>,
    bytes_sent: Cell<u64>,
}

impl Caps {
    /// The core's share of what `mirror` allows.
    pub(crate) fn new(mirror: &Mirror, share: Share) -> Self {
        Self {
            copies: mirror.copies_per_second.map(|whole| share.part(whole)),
            bytes: mirror.bytes_per_second.map(|whole| share.part(whole)),
            begun: Cell::new(Instant::now()),
            copies_sent: Cell::new(0),
            bytes_sent: Cell::new(0),
        }
    }

    /// Takes what `copies` copies of a body of `length` bytes need at `now`.
    ///
    /// # Errors
    /// Which cap forbids it; nothing is taken then.
    pub(crate) fn take(&self, copies: u64, length: u64, now: Instant) -> Result<(), DropReason> {
        if (self.copies.is_none() && self.bytes.is_none()) || copies == 0 {
            return Ok(());
        }
        if now.saturating_duration_since(self.begun.get()) >= SECOND {
            self.begun.set(now);
            self.copies_sent.set(0);
            self.bytes_sent.set(0);
        }
        let copies = self.copies_sent.get() + copies;
        let bytes =
            self.bytes_sent.get().saturating_add(length.saturating_mul(copies - self.copies_sent.get()));
        if self.copies.is_some_and(|cap| copies > cap) {
            return Err(DropReason::CopyRate);
        }
        if self.bytes.is_some_and(|cap| bytes > cap) {
            return Err(DropReason::ByteRate);
        }
        self.copies_sent.set(copies);
        self.bytes_sent.set(bytes);
        Ok(())
    }
}

/// How long a route is watched to know its rate: a few requests a minute are a rate too.
const WATCH: Duration = Duration::from_secs(10);

/// How often a route was taken.
#[derive(Debug)]
pub(crate) struct Watched {
    begun: Cell<Instant>,
    now: Cell<u64>,
    before: Cell<u64>,
}

impl Watched {
    pub(crate) fn new() -> Self {
        Self { begun: Cell::new(Instant::now()), now: Cell::new(0), before: Cell::new(0) }
    }

    /// The share of keys that one more request of `selection` at `now` is sampled with: the route's own,
    /// or as much more as gives the minimum. A key that is in at one share is in at every larger one.
    pub(crate) fn ppm(&self, selection: &Selection, share: Share, now: Instant) -> u32 {
        let passed = now.saturating_duration_since(self.begun.get());
        if passed >= WATCH {
            self.before.set(if passed < 2 * WATCH { self.now.get() } else { 0 });
            self.now.set(0);
            self.begun.set(now);
        }
        self.now.set(self.now.get() + 1);
        let count = self.now.get().max(self.before.get());
        selection.sample_ppm.max(needed(selection.minimum, count, share))
    }
}

/// The share that takes this core's part of `minimum` requests a second out of `count` in a watch.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share between 0 and a million, of counts far below 2^53"
)]
fn needed(minimum: f64, count: u64, share: Share) -> u32 {
    let wanted = minimum * WATCH.as_secs_f64() / share.of as f64;
    (wanted / count as f64 * f64::from(ALL_PPM)).min(f64::from(ALL_PPM)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Share = Share { number: 0, of: 1 };

    #[test]
    fn the_parts_of_all_cores_are_the_whole() {
        for whole in [0, 1, 2, 3, 7, 1_000] {
            let parts = (0..3).map(|number| Share { number, of: 3 }.part(whole));
            assert_eq!(parts.sum::<u64>(), whole);
        }
    }

    #[test]
    fn a_cap_holds_in_each_second_and_says_which_it_was() {
        let mirror = Mirror { copies_per_second: Some(4), bytes_per_second: Some(100), ..Mirror::default() };
        let caps = Caps::new(&mirror, WHOLE);
        let now = Instant::now();
        assert_eq!(caps.take(2, 10, now), Ok(()));
        assert_eq!(caps.take(2, 41, now), Err(DropReason::ByteRate));
        assert_eq!(caps.take(2, 40, now), Ok(()));
        assert_eq!(caps.take(1, 0, now), Err(DropReason::CopyRate));
        assert_eq!(caps.take(1, 0, now + SECOND), Ok(()));
        assert_eq!(Caps::new(&Mirror::default(), WHOLE).take(9, u64::MAX, now), Ok(()));
    }

    #[test]
    fn a_rare_route_is_mirrored_whole_and_a_frequent_one_by_its_sample() {
        assert_eq!(needed(5.0, 50, WHOLE), ALL_PPM);
        assert_eq!(needed(5.0, 100, WHOLE), ALL_PPM / 2);
        assert_eq!(needed(5.0, 1, WHOLE), ALL_PPM);
        assert_eq!(needed(5.0, 100, Share { number: 0, of: 2 }), ALL_PPM / 4);
        assert_eq!(needed(0.0, 1, WHOLE), 0);
    }
}
