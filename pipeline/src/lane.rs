//! One partition as a judge sees it: how far it is read, who writes to it, and how far time has come.

use crate::stamp::Stamp;
use std::collections::BTreeMap;

/// A partition.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lane {
    /// The first offset of the run.
    begin: i64,
    /// The next offset to take.
    pub(crate) next: i64,
    /// Nothing lay behind `next` when the broker was last asked.
    pub(crate) is_at_end: bool,
    origins: BTreeMap<(u64, u64), Origin>,
}

/// A producer's process.
#[derive(Debug, Clone)]
struct Origin {
    next: u64,
    clock_ms: i64,
    heard_ns: u64,
    is_closed: bool,
}

/// What the number of a record says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// It was there before.
    Repeat,
    /// New, after this many that never came.
    New { missing: u64 },
}

impl Lane {
    pub(crate) fn new(begin: i64) -> Self {
        Self { begin, next: begin, ..Self::default() }
    }

    /// Hears of a record written at `clock_ms` by its producer's clock and read at `heard_ns` by ours.
    pub(crate) fn arrive(&mut self, stamp: &Stamp, clock_ms: i64, heard_ns: u64) -> Arrival {
        let known = self.origins.get(&(stamp.producer, stamp.epoch)).map(|origin| origin.next);
        // A run that begins in the middle of a partition cannot know what came before.
        let expected = known.unwrap_or(if self.begin == 0 { 0 } else { stamp.sequence });
        if stamp.sequence < expected {
            return Arrival::Repeat;
        }
        let origin = self.origins.entry((stamp.producer, stamp.epoch)).or_insert(Origin {
            next: 0,
            clock_ms,
            heard_ns,
            is_closed: false,
        });
        origin.next = stamp.sequence + 1;
        origin.clock_ms = origin.clock_ms.max(clock_ms);
        origin.heard_ns = heard_ns;
        Arrival::New { missing: stamp.sequence - expected }
    }

    /// Hears that a producer has ended.
    pub(crate) fn close(&mut self, stamp: &Stamp) {
        if let Some(origin) = self.origins.get_mut(&(stamp.producer, stamp.epoch)) {
            origin.is_closed = true;
        }
    }

    /// Up to when, in milliseconds, everything has come; `i64::MAX` where nobody is waited for.
    ///
    /// Producers are waited for until they close, or are silent for `idle_ns` at the end of the
    /// partition: in the middle of it, it is the reader who is behind. Whoever is not known yet can
    /// write behind the end only.
    pub(crate) fn clock_ms(&self, now_ns: u64, idle_ns: u64) -> i64 {
        let is_idle = |origin: &Origin| now_ns.saturating_sub(origin.heard_ns) >= idle_ns;
        let open = self.origins.values().filter(|origin| !origin.is_closed);
        let waited = open.filter(|origin| !(self.is_at_end && is_idle(origin)));
        let nobody = if self.is_at_end { i64::MAX } else { i64::MIN };
        let oldest = waited.map(|origin| origin.clock_ms).min();
        match (oldest, self.is_at_end) {
            (Some(oldest), _) => oldest,
            // Behind what is closed there may be others, not read yet.
            (None, _) => nobody,
        }
    }

    /// Whether somebody wrote, all of them are done, and everything is read.
    pub(crate) fn is_over(&self, now_ns: u64, idle_ns: u64) -> bool {
        self.is_at_end && self.clock_ms(now_ns, idle_ns) == i64::MAX
    }

    /// Whether anybody wrote to it.
    pub(crate) fn is_known(&self) -> bool {
        !self.origins.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stamp::Kind;

    fn stamp(producer: u64, sequence: u64) -> Stamp {
        Stamp { kind: Kind::Mark, producer, epoch: 1, sequence }
    }

    #[test]
    fn repeats_are_told_and_gaps_are_counted() {
        let mut lane = Lane::new(0);
        assert_eq!(lane.arrive(&stamp(1, 0), 5, 0), Arrival::New { missing: 0 });
        assert_eq!(lane.arrive(&stamp(1, 3), 6, 0), Arrival::New { missing: 2 });
        assert_eq!(lane.arrive(&stamp(1, 1), 7, 0), Arrival::Repeat);
        assert_eq!(lane.arrive(&stamp(2, 1), 7, 0), Arrival::New { missing: 1 }, "another producer");
        assert_eq!(
            Lane::new(9).arrive(&stamp(1, 7), 1, 0),
            Arrival::New { missing: 0 },
            "begun in the middle"
        );
    }

    #[test]
    fn time_is_that_of_the_slowest_who_is_still_there() {
        let mut lane = Lane::new(0);
        assert_eq!(lane.clock_ms(0, 100), i64::MIN, "nothing is read yet");
        lane.arrive(&stamp(1, 0), 50, 0);
        lane.arrive(&stamp(2, 0), 90, 60);
        assert_eq!(lane.clock_ms(1000, 100), 50, "a reader that is behind waits");
        lane.is_at_end = true;
        assert_eq!(lane.clock_ms(120, 100), 90, "the first is silent");
        lane.close(&stamp(2, 0));
        assert_eq!(lane.clock_ms(120, 100), i64::MAX);
        assert!(lane.is_over(120, 100) && !lane.is_over(50, 100));
    }
}
