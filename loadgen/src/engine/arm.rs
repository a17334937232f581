//! What became of each arrival, for those who look at each: the comparison of several targets that get
//! the same arrivals, and the list of requests.
//!
//! A lane must not wait for whoever looks: it hands an answer on, or drops and counts it.

use super::Failure;
use crate::random::mix;
use parallax_exchange::Role;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

/// Between the requests of one arrival to two targets. The order is drawn for each arrival, so that to be
/// first is no target's advantage; the step is large enough that the order is the one that happens.
const STAGGER_NS: u64 = 20_000;

/// Answers on their way to the comparison, at most.
const CAUGHT_MAX: usize = 8192;

/// Bytes of such answers, at most.
const CAUGHT_BYTES_MAX: usize = 128 << 20;

/// Names the stream of orders.
const ORDER_SEED: u64 = 0x0a_b0;

/// Which of the targets a lane sends to.
#[derive(Debug)]
pub(crate) struct Arm {
    role: Role,
    /// Its place among the targets.
    number: u64,
    targets: u64,
    keeps_replies: bool,
    caught: mpsc::SyncSender<(Role, Caught)>,
    held: Arc<AtomicUsize>,
    dropped: AtomicU64,
}

/// What became of one arrival at one target; times in nanoseconds after the start of the plan.
#[derive(Debug)]
pub(crate) struct Caught {
    pub(crate) index: u64,
    /// When it was due here: its turn among the targets included.
    pub(crate) due_ns: u64,
    /// When its first byte went out; `None` where it never did.
    pub(crate) sent_ns: Option<u64>,
    /// When the first byte came; 0 where none did.
    pub(crate) first_ns: u64,
    pub(crate) done_ns: u64,
    pub(crate) ended: Ended,
}

/// How it ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// With a status, and these bytes where they are wanted, or one more than are kept.
    Reply(u16, Vec<u8>),
    /// Without a reply.
    Failed(Failure),
}

/// The comparison's end of all arms.
#[derive(Debug)]
pub(super) struct Catch {
    caught: mpsc::Receiver<(Role, Caught)>,
    held: Arc<AtomicUsize>,
}

impl Catch {
    /// The next answer; `None` when every arm is gone.
    pub(super) fn next(&self) -> Option<(Role, Caught)> {
        let (role, caught) = self.caught.recv().ok()?;
        self.held.fetch_sub(caught.bytes(), Ordering::Relaxed);
        Some((role, caught))
    }
}

/// An arm for each role, and where their answers come together.
pub(super) fn arms(roles: &[Role], keeps_replies: bool) -> (Vec<Arm>, Catch) {
    let (sender, caught) = mpsc::sync_channel(CAUGHT_MAX);
    let held = Arc::<AtomicUsize>::default();
    let arm = |(number, role): (usize, &Role)| Arm {
        role: *role,
        number: number as u64,
        targets: roles.len() as u64,
        keeps_replies,
        caught: sender.clone(),
        held: Arc::clone(&held),
        dropped: AtomicU64::new(0),
    };
    (roles.iter().enumerate().map(arm).collect(), Catch { caught, held })
}

impl Arm {
    /// How long after its due time arrival `index` goes to this target.
    pub(crate) fn stagger_ns(&self, index: u64) -> u64 {
        place(index, self.number, self.targets) * STAGGER_NS
    }

    /// Whether whoever looks wants the bytes of replies.
    pub(crate) fn keeps_replies(&self) -> bool {
        self.keeps_replies
    }

    /// Hands an answer on, unless too many wait already.
    pub(crate) fn hand_on(&self, caught: Caught) {
        let bytes = caught.bytes();
        let held = self.held.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if held > CAUGHT_BYTES_MAX || self.caught.try_send((self.role, caught)).is_err() {
            self.held.fetch_sub(bytes, Ordering::Relaxed);
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Answers that were dropped because too many waited.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Caught {
    fn bytes(&self) -> usize {
        match &self.ended {
            Ended::Reply(_, bytes) => bytes.len(),
            Ended::Failed(_) => 0,
        }
    }
}

/// The place of a target in the order of an arrival: every order is as likely as every other.
pub(super) fn place(index: u64, number: u64, targets: u64) -> u64 {
    let key = |number: u64| (mix(ORDER_SEED + number, index), number);
    (0..targets).filter(|&other| key(other) < key(number)).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_first_equally_often_and_places_differ() {
        let (arms, _catch) = arms(&Role::ALL, true);
        let (mut firsts, mut candidate_before_control) = ([0; 3], 0);
        for index in 0..3000 {
            let mut places: Vec<u64> = arms.iter().map(|arm| arm.stagger_ns(index)).collect();
            firsts[places.iter().position(|&place| place == 0).expect("one is first")] += 1;
            candidate_before_control += u64::from(places[1] < places[2]);
            places.sort_unstable();
            assert_eq!(places, [0, STAGGER_NS, 2 * STAGGER_NS]);
        }
        assert!(firsts.iter().all(|count| (900..1100).contains(count)), "{firsts:?}");
        assert!((1400..1600).contains(&candidate_before_control), "{candidate_before_control}");
    }

    #[test]
    fn what_nobody_takes_is_dropped_and_counted() {
        let (arms, catch) = arms(&[Role::Primary], true);
        let caught = |bytes| Caught {
            index: 0,
            due_ns: 0,
            sent_ns: None,
            first_ns: 0,
            done_ns: 0,
            ended: Ended::Reply(200, vec![0; bytes]),
        };
        arms[0].hand_on(caught(CAUGHT_BYTES_MAX));
        arms[0].hand_on(caught(1));
        assert_eq!(arms[0].dropped(), 1);
        catch.next().expect("the first one was taken");
        arms[0].hand_on(caught(1));
        assert_eq!(arms[0].dropped(), 1);
    }
}
