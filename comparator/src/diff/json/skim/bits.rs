//! Which of 64 bytes mean something to JSON's structure, as bits.

use wide::u8x16;

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
    #[inline]
    pub(super) fn of(block: &[u8; 64]) -> Self {
        let (lanes, _) = block.as_chunks::<16>();
        let lanes = [0, 1, 2, 3].map(|index| u8x16::new(lanes[index]));
        let slashes = lanes.map(|lane| lane.simd_eq(u8x16::splat(b'\\')));
        // Most blocks have none: one look at all four lanes is enough.
        let any_slash = (slashes[0] | slashes[1] | slashes[2] | slashes[3]).to_bitmask() != 0;
        Self {
            quotes: joined(lanes.map(|lane| lane.simd_eq(u8x16::splat(b'"')))),
            slashes: if any_slash { joined(slashes) } else { 0 },
            commas: joined(lanes.map(|lane| lane.simd_eq(u8x16::splat(b',')))),
            brackets: joined(lanes.map(|lane| {
                // `[` and `{`, and `]` and `}`, are each one bit apart; no third byte becomes one of them.
                let folded = lane | u8x16::splat(0x20);
                folded.simd_eq(u8x16::splat(b'{')) | folded.simd_eq(u8x16::splat(b'}'))
            })),
        }
    }
}

/// The marks of four lanes as 64 bits.
#[inline]
fn joined(lanes: [u8x16; 4]) -> u64 {
    let [a, b, c, d] = lanes.map(|lane| u64::from(lane.to_bitmask()));
    a | b << 16 | c << 32 | d << 48
}

/// Whether a bracket opens: `[` and `{`, not `]` and `}`.
#[inline]
pub(super) const fn opens(bracket: u8) -> bool {
    // 0x5b and 0x7b against 0x5d and 0x7d.
    bracket & 0x04 == 0
}

/// For each bit, whether an odd number of bits is set up to and including it.
#[inline]
pub(super) fn parity(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

/// The bytes that a backslash escapes. `carry` tells that the first byte is escaped by the block
/// before, and on return whether the first byte of the next block is.
#[inline]
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
            prop_assert_eq!(Bits::of(block), expected);
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
