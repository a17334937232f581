//! What the specification lists as not simulated: incidents across shards, keys chosen wrongly, weights with
//! unequal traffic, latency with the guard and published thresholds, the replica rule and the blocking rules.

mod keys;
mod rig;
mod shards;
mod thresholds;

use crate::case::Case;

pub(crate) fn cases() -> Vec<Case> {
    [shards::cases(), keys::cases(), thresholds::cases(), rig::cases()].into_iter().flatten().collect()
}
