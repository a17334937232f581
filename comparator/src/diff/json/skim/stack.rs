//! Where in the structure a place is, told from one text without reading its values.

use super::super::cursor::DEPTH_MAX;
use super::bits::{Bits, escaped, opens, parity};
use smallvec::SmallVec;

/// A container that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    /// Offset of its opening bracket.
    pub(super) start: usize,
    /// Offset just after its last comma, or after its opening bracket.
    pub(super) member: usize,
    /// Of an array: commas passed in it, the index of the element.
    pub(super) index: usize,
    pub(super) is_array: bool,
}

/// The containers that are open, outermost first.
pub(super) type Stack = SmallVec<[Frame; 16]>;

/// The text is not what it seems, or is nested too deeply.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Odd;

/// Follows `text` from `from`, which is outside strings, up to `to`, and keeps `stack`.
/// `closed` sees each container that closes, the last of the stack, before it is dropped.
pub(super) fn follow<E: From<Odd>>(
    text: &[u8],
    from: usize,
    to: usize,
    stack: &mut Stack,
    mut closed: impl FnMut(&Stack) -> Result<(), E>,
) -> Result<(), E> {
    let (mut carry, mut in_string) = (false, 0_u64);
    let mut at = from;
    while at < to {
        let bits = match text[at..].first_chunk::<64>() {
            Some(block) => Bits::of(block),
            None => Bits::of(&padded(&text[at..])),
        };
        let quotes = bits.quotes & !escaped(bits.slashes, &mut carry);
        // From each opening quote up to before its closing one.
        let inside = parity(quotes) ^ in_string;
        in_string = if inside >> 63 == 1 { u64::MAX } else { 0 };
        let here = if to - at < 64 { (1 << (to - at)) - 1 } else { u64::MAX };
        let outside = !inside & here;
        let mut commas = bits.commas & outside;
        let mut brackets = bits.brackets & outside;
        while brackets != 0 {
            let bit = brackets.trailing_zeros();
            brackets &= brackets - 1;
            let before = commas & ((1 << bit) - 1);
            commas ^= before;
            pass(stack, before, at)?;
            let start = at + bit as usize;
            if opens(text[start]) {
                if stack.len() >= DEPTH_MAX {
                    return Err(Odd.into());
                }
                stack.push(Frame { start, member: start + 1, index: 0, is_array: text[start] == b'[' });
            } else if stack.is_empty() {
                return Err(Odd.into());
            } else {
                closed(stack)?;
                stack.pop();
            }
        }
        pass(stack, commas, at)?;
        at += 64;
    }
    Ok(())
}

/// Where the container that opens at `from` closes, brackets only being counted: the offset behind
/// its closing bracket, or nothing where it does not close.
pub(in super::super) fn closing(text: &[u8], from: usize) -> Option<usize> {
    let (mut carry, mut in_string, mut level) = (false, 0_u64, 0_usize);
    let mut at = from;
    while at < text.len() {
        let bits = match text[at..].first_chunk::<64>() {
            Some(block) => Bits::of(block),
            None => Bits::of(&padded(&text[at..])),
        };
        let quotes = bits.quotes & !escaped(bits.slashes, &mut carry);
        let inside = parity(quotes) ^ in_string;
        in_string = if inside >> 63 == 1 { u64::MAX } else { 0 };
        let mut brackets = bits.brackets & !inside;
        while brackets != 0 {
            let bit = brackets.trailing_zeros();
            brackets &= brackets - 1;
            if opens(text[at + bit as usize]) {
                level += 1;
            } else {
                level = level.checked_sub(1)?;
                if level == 0 {
                    return Some(at + bit as usize + 1);
                }
            }
        }
        at += 64;
    }
    None
}

/// Passes commas, given as bits of the block at `at`, in the innermost container.
#[inline]
fn pass(stack: &mut Stack, commas: u64, at: usize) -> Result<(), Odd> {
    if commas != 0 {
        let frame = stack.last_mut().ok_or(Odd)?;
        // Counting bits takes a dozen instructions without a newer processor's own.
        if frame.is_array {
            frame.index += commas.count_ones() as usize;
        }
        frame.member = at + 64 - commas.leading_zeros() as usize;
    }
    Ok(())
}

#[cold]
fn padded(tail: &[u8]) -> [u8; 64] {
    let mut block = [b' '; 64];
    block[..tail.len()].copy_from_slice(tail);
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, to: usize) -> Vec<(usize, usize, usize)> {
        let mut stack = Stack::new();
        follow::<Odd>(text.as_bytes(), 0, to, &mut stack, |_| Ok(())).unwrap();
        stack.iter().map(|frame| (frame.start, frame.member, frame.index)).collect()
    }

    #[test]
    fn a_place_is_told_by_its_containers_and_members() {
        let text = r#"{"a":[1,{"b":"x,]}"},[2],3],"c":4}"#;
        assert_eq!(at(text, text.find("3").unwrap()), [(0, 1, 0), (5, 25, 3)]);
        assert_eq!(at(text, text.find("x,").unwrap()), [(0, 1, 0), (5, 8, 1), (8, 9, 0)]);
        assert_eq!(at(text, text.find("4").unwrap()), [(0, 28, 0)]);
        assert_eq!(at(text, text.len()), []);
    }

    #[test]
    fn strings_and_escapes_across_blocks_hide_their_brackets() {
        for pad in 0..130 {
            let text = format!(r#"["{}\\\"]}},[{{",[7]]"#, "a".repeat(pad));
            assert_eq!(
                at(&text, text.find('7').unwrap()),
                [(0, pad + 13, 1), (pad + 13, pad + 14, 0)],
                "{pad}"
            );
        }
    }

    #[test]
    fn too_many_levels_and_stray_commas_are_odd() {
        let follow =
            |text: &str| follow::<Odd>(text.as_bytes(), 0, text.len(), &mut Stack::new(), |_| Ok(()));
        assert_eq!(follow(&"[".repeat(DEPTH_MAX)), Ok(()));
        assert_eq!(follow(&"[".repeat(DEPTH_MAX + 1)), Err(Odd));
        assert_eq!(follow("1,2"), Err(Odd));
    }
}
