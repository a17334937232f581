//! Many bytes at a time, with the instructions that the processor has.
//!
//! `fearless_simd` chooses while running (SSE2, SSE4.2, AVX2, AVX-512; NEON) and keeps the unsafe part
//! to itself: what is here is safe code, compiled once for each set of instructions. What the results
//! are does not depend on the choice, which a test holds to.

use fearless_simd::prelude::*;
use fearless_simd::{Level, u8x16, u8x64};
use std::sync::OnceLock;

/// Set once, by the first comparison or before it.
static LEVEL: OnceLock<Level> = OnceLock::new();

/// The instructions to use.
#[inline]
pub(super) fn level() -> Level {
    *LEVEL.get_or_init(Level::new)
}

/// Uses nothing that not every processor of this architecture has, whatever this one has.
///
/// To measure that path, and to rule out the choice when results are in doubt; they are the same
/// either way. Returns whether it came before the first comparison: later it changes nothing.
pub fn portable() -> bool {
    LEVEL.set(Level::baseline()).is_ok()
}

/// How many bytes at the start are equal.
pub(super) fn common_prefix(left: &[u8], right: &[u8]) -> usize {
    fearless_simd::dispatch!(level(), simd => common_prefix_with(simd, left, right))
}

#[inline(always)]
fn common_prefix_with<S: Simd>(simd: S, left: &[u8], right: &[u8]) -> usize {
    let length = left.len().min(right.len());
    let (left, right) = (&left[..length], &right[..length]);
    let (left_blocks, _) = left.as_chunks::<64>();
    let (right_blocks, _) = right.as_chunks::<64>();
    for (index, (l, r)) in left_blocks.iter().zip(right_blocks).enumerate() {
        let equal = equal_bytes(simd, l, r);
        if equal != u64::MAX {
            return index * 64 + equal.trailing_ones() as usize;
        }
    }
    // The last block again, as far as it goes back: its first bytes are known to be equal.
    if let (Some(l), Some(r)) = (left.last_chunk::<64>(), right.last_chunk::<64>()) {
        return length - 64 + equal_bytes(simd, l, r).trailing_ones() as usize;
    }
    let (left_words, _) = left.as_chunks::<8>();
    let (right_words, _) = right.as_chunks::<8>();
    let words = left_words.iter().zip(right_words).take_while(|(l, r)| l == r).count();
    let rest = left[words * 8..].iter().zip(&right[words * 8..]).take_while(|(l, r)| l == r).count();
    words * 8 + rest
}

#[inline(always)]
fn equal_bytes<S: Simd>(simd: S, left: &[u8; 64], right: &[u8; 64]) -> u64 {
    u8x64::simd_from(simd, *left).simd_eq(u8x64::simd_from(simd, *right)).to_bitmask()
}

/// How many bytes at the start are neither a quote, a backslash nor a control character.
///
/// Strings are short and many, so this takes 16 bytes at a time and what every processor has: a choice
/// would cost more than wider steps save.
#[inline]
pub(super) fn plain_run(bytes: &[u8]) -> usize {
    fearless_simd::dispatch!(Level::baseline(), simd => plain_run_with(simd, bytes))
}

#[inline(always)]
fn plain_run_with<S: Simd>(simd: S, bytes: &[u8]) -> usize {
    let (blocks, tail) = bytes.as_chunks::<16>();
    for (index, block) in blocks.iter().enumerate() {
        let block = u8x16::simd_from(simd, *block);
        let ends = block.simd_eq(u8x16::splat(simd, b'"'))
            | block.simd_eq(u8x16::splat(simd, b'\\'))
            | block.min(u8x16::splat(simd, 0x1f)).simd_eq(block);
        let ends = ends.to_bitmask();
        if ends != 0 {
            return index * 16 + ends.trailing_zeros() as usize;
        }
    }
    let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    blocks.len() * 16 + tail.iter().position(ends).unwrap_or(tail.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_common_prefix_is_that_of_a_look_at_each_byte(
            start in prop::collection::vec(any::<u8>(), 0..300),
            left in prop::collection::vec(any::<u8>(), 0..80),
            right in prop::collection::vec(any::<u8>(), 0..80),
        ) {
            let (left, right) = ([&start[..], &left].concat(), [&start[..], &right].concat());
            let expected = left.iter().zip(&right).take_while(|(l, r)| l == r).count();
            for level in [Level::new(), Level::baseline()] {
                let found = fearless_simd::dispatch!(level, simd => common_prefix_with(simd, &left, &right));
                prop_assert_eq!(found, expected);
            }
        }

        #[test]
        fn a_plain_run_ends_at_the_first_byte_that_means_something(
            bytes in prop::collection::vec(prop_oneof![30 => 0x1e_u8..=0x24, 30 => 0x5a_u8..=0x5e, 40 => any::<u8>()], 0..80),
            plain in 0_usize..60,
        ) {
            let bytes = [vec![b'x'; plain], bytes].concat();
            let ends = |byte: &u8| *byte == b'"' || *byte == b'\\' || *byte < 0x20;
            prop_assert_eq!(plain_run(&bytes), bytes.iter().position(ends).unwrap_or(bytes.len()));
        }
    }
}
