//! Variable-length integers, most of which are one or two bytes long; times in nanoseconds are four.

/// Takes one off `rest`; `None` where it is cut short or longer than 64 bits.
///
/// `prost` does the same by a call for each; in place, and with the short ones first, walking over an
/// exchange takes half the time.
#[inline(always)]
pub(super) fn varint(rest: &mut &[u8]) -> Option<u64> {
    match **rest {
        [first @ ..0x80, ref behind @ ..] => {
            *rest = behind;
            Some(u64::from(first))
        }
        [first, second @ ..0x80, ref behind @ ..] => {
            *rest = behind;
            Some(u64::from(first & 0x7f) | u64::from(second) << 7)
        }
        [first, second, third @ ..0x80, ref behind @ ..] => {
            *rest = behind;
            Some(u64::from(first & 0x7f) | u64::from(second & 0x7f) << 7 | u64::from(third) << 14)
        }
        [first, second, third, fourth @ ..0x80, ref behind @ ..] => {
            *rest = behind;
            let low = u64::from(first & 0x7f) | u64::from(second & 0x7f) << 7;
            Some(low | u64::from(third & 0x7f) << 14 | u64::from(fourth) << 21)
        }
        _ => long(rest),
    }
}

#[inline(never)]
fn long(rest: &mut &[u8]) -> Option<u64> {
    prost::encoding::decode_varint(rest).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_written_is_read(value: u64, shift in 0..64, behind: u8) {
            let value = value >> shift;
            let mut bytes = Vec::new();
            prost::encoding::encode_varint(value, &mut bytes);
            let length = bytes.len();
            bytes.push(behind);
            let mut rest = &bytes[..];
            prop_assert_eq!(varint(&mut rest), Some(value));
            prop_assert_eq!(rest, &[behind][..]);
            prop_assert_eq!(varint(&mut &bytes[..length - 1]), None);
        }
    }
}
