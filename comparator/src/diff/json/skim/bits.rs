//! Which of 64 bytes mean something to JSON's structure, as bits.

use fearless_simd::prelude::*;
use fearless_simd::u8x64;

/// One bit a byte, the first byte in the lowest bit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Bits {
    pub(super) quotes: u64,
    pub(super) slashes: u64,
    pub(super) commas: u64,
    /// Opening and closing brackets of both sorts.
    pub(super) brackets: u64,
}

impl Bits {
    #[inline(always)]
    pub(super) fn of<S: Simd>(simd: S, block: &[u8; 64]) -> Self {
        let bytes = u8x64::simd_from(simd, *block);
        let are = |byte| bytes.simd_eq(u8x64::splat(simd, byte)).to_bitmask();
        // `[` and `{`, and `]` and `}`, are each one bit apart; no third byte becomes one of them.
        let folded = bytes | u8x64::splat(simd, 0x20);
        let brackets = folded.simd_eq(u8x64::splat(simd, b'{')) | folded.simd_eq(u8x64::splat(simd, b'}'));
        Self { quotes: are(b'"'), slashes: are(b'\\'), commas: are(b','), brackets: brackets.to_bitmask() }
    }
}

/// Whether a bracket opens: `[` and `{`, not `]` and `}`.
#[inline(always)]
pub(super) const fn opens(bracket: u8) -> bool {
    // 0x5b and 0x7b against 0x5d and 0x7d.
    bracket & 0x04 == 0
}

/// For each bit, whether an odd number of bits is set up to and including it.
#[inline(always)]
pub(super) fn parity(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

/// The bytes that a backslash escapes. `carry` tells that the first byte is escaped by the block
/// before, and on return whether the first byte of the next block is.
#[inline(always)]
pub(super) fn escaped(slashes: u64, carry: &mut bool) -> u64 {
    if slashes == 0 && !*carry {
        return 0;
    }
    let mut escaped = u64::from(*carry);
    let mut pending = slashes & !escaped;
    *carry = false;
    while pending != 0 {
        let at = pending.trailing_zeros();
        if at == 63 {
            *carry = true;
            break;
        }
        escaped |= 2 << at;
        // What is escaped, a backslash too, escapes nothing.
        pending &= !(3 << at);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use fearless_simd::Level;
    use proptest::prelude::*;

    #[test]
    fn brackets_open_or_close() {
        assert_eq!(b"[{]}".map(opens), [true, true, false, false]);
    }

    proptest! {
        #[test]
        fn bits_agree_with_a_look_at_each_byte(bytes in prop::collection::vec(any::<u8>(), 64)) {
            let block: &[u8; 64] = bytes.as_slice().try_into().unwrap();
            let which = |set: &[u8]| (0..64).filter(|&i| set.contains(&block[i])).map(|i| 1_u64 << i).sum::<u64>();
            let expected = Bits {
                quotes: which(b"\""), slashes: which(b"\\"), commas: which(b","), brackets: which(b"[{]}"),
            };
            for level in [Level::new(), Level::baseline()] {
                prop_assert_eq!(fearless_simd::dispatch!(level, simd => Bits::of(simd, block)), expected);
            }
        }

        #[test]
        fn parity_and_escapes_agree_with_a_walk(slashes: u64, sparse: u64, carry: bool) {
            for slashes in [slashes, slashes & sparse, u64::MAX] {
                let (mut odd, mut skip, mut walked, mut parities) = (false, carry, 0_u64, 0_u64);
                for bit in 0..64 {
                    let set = slashes >> bit & 1 == 1;
                    odd ^= set;
                    parities |= u64::from(odd) << bit;
                    walked |= u64::from(skip) << bit;
                    skip = set && !skip;
                }
                let mut carried = carry;
                prop_assert_eq!(escaped(slashes, &mut carried), walked);
                prop_assert_eq!(carried, skip);
                prop_assert_eq!(parity(slashes), parities);
            }
        }
    }
}
