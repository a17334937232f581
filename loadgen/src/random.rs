//! Randomness that is a function of its arguments.
//!
//! Plans and the bundled recording must come out the same in every build and on every machine, so
//! they draw from a generator that is written down here and not from a library that may change its own.

/// The `index`-th number of the stream that `seed` names: SplitMix64 (Steele, Lea, Flood 2014) used as
/// a counter-based generator.
pub(crate) fn mix(seed: u64, index: u64) -> u64 {
    // The seed is mixed first, so that neighbouring seeds do not give shifted copies of one stream.
    finish(finish(seed).wrapping_add(index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

fn finish(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A stream that remembers how far it was drawn.
#[derive(Debug, Clone)]
pub(crate) struct Random {
    seed: u64,
    drawn: u64,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, drawn: 0 }
    }

    pub(crate) fn draw(&mut self) -> u64 {
        self.drawn += 1;
        mix(self.seed, self.drawn)
    }

    /// A number below `bound`, which is above 0 and far below 2^64 (the bias is `bound` / 2^64).
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.draw() % bound
    }

    /// Whether something with a chance of `percent` in 100 happens.
    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of `choices`, which are not empty.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}
