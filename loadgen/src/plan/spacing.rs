//! Where arrivals lie under a rate: evenly, or at random.

use crate::random::mix;

/// How the arrivals of a profile are spaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spacing {
    /// Arrival `i` when the cumulative rate reaches `i + 1/2`.
    Even,
    /// A Poisson process: when the cumulative rate reaches a sum of unit exponential gaps.
    ///
    /// Gap `i` is a hash of the seed and `i` and of nothing else, so the plan does not depend on how
    /// many cores walk it. Every core adds up all gaps, its own and the others': some 10 ns each.
    Poisson {
        /// Names the plan: the same seed gives the same instants.
        seed: u64,
    },
}

/// Where a walk over a plan stands.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    /// The profile's piece of the last count.
    pub(super) piece: usize,
    drawn: u64,
    sum: f64,
}

impl Spacing {
    /// The cumulative rate at which arrival `index` is due; within one walk `index` must not fall.
    pub(super) fn count_at(self, index: u64, place: &mut Place) -> f64 {
        match self {
            Self::Even => index as f64 + 0.5,
            Self::Poisson { seed } => {
                while place.drawn <= index {
                    place.sum += exponential(seed, place.drawn);
                    place.drawn += 1;
                }
                place.sum
            }
        }
    }
}

/// The `index`-th unit exponential of a stream.
fn exponential(seed: u64, index: u64) -> f64 {
    // 53 random bits and a half are in (0, 1), so the logarithm is finite.
    let uniform = ((mix(seed, index) >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
    -uniform.ln()
}
