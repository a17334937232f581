//! Where in the structure a place is, told from one text without reading its values.

use super::super::cursor::DEPTH_MAX;
use super::super::lanes::level;
use super::bits::{Bits, escaped, opens, parity};
use fearless_simd::prelude::*;
use smallvec::SmallVec;

/// A container that is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Frame {
    /// Offset of its opening bracket.
    pub(super) start: usize,
    /// Offset just after its last comma, or after its opening bracket.
    pub(super) member: usize,
    /// Commas passed in it: of an array, the index of the element.
    pub(super) index: usize,
    pub(super) is_array: bool,
}

/// The containers that are open, outermost first: a slice of frames.
#[derive(Debug)]
pub(super) struct Stack {
    /// Those from `depth` on are not in use: the loop over brackets only writes frames and counts.
    frames: SmallVec<[Frame; 16]>,
    depth: usize,
    /// Whether the outermost container was closed.
    pub(super) root_closed: bool,
}

impl Stack {
    pub(super) fn new() -> Self {
        Self { frames: SmallVec::from_buf([Frame::default(); 16]), depth: 0, root_closed: false }
    }

    pub(super) fn truncate(&mut self, depth: usize) {
        self.depth = self.depth.min(depth);
    }

    /// Drops the innermost container, which closes.
    pub(super) fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.root_closed |= self.depth == 0;
    }
}

impl std::ops::Deref for Stack {
    type Target = [Frame];

    #[inline]
    fn deref(&self) -> &[Frame] {
        &self.frames[..self.depth]
    }
}

/// The text is not what it seems, or is nested too deeply.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Odd;

/// Where following ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Halt {
    /// Where it was to end.
    Reached,
    /// At this bracket, which closes the innermost container, the watched one; it is open still.
    Watched(usize),
    /// At this bracket, which opens a container for which there is no frame.
    Full(usize),
}

/// Follows `text` from `from`, which is outside strings, up to `to`, and keeps `stack`. Halts before
/// the container that lies `watched` levels deep closes; 0 is none.
pub(super) fn follow(
    text: &[u8],
    from: usize,
    to: usize,
    stack: &mut Stack,
    watched: usize,
) -> Result<Halt, Odd> {
    let mut from = from;
    loop {
        let halt =
            fearless_simd::dispatch!(level(), simd => follow_with(simd, text, (from, to), stack, watched))?;
        let Halt::Full(at) = halt else { return Ok(halt) };
        if stack.depth >= DEPTH_MAX {
            return Err(Odd);
        }
        let frames = (2 * stack.frames.len()).min(DEPTH_MAX);
        stack.frames.resize(frames, Frame::default());
        from = at;
    }
}

#[inline(always)]
fn follow_with<S: Simd>(
    simd: S,
    text: &[u8],
    (from, to): (usize, usize),
    stack: &mut Stack,
    watched: usize,
) -> Result<Halt, Odd> {
    let mut strings = Strings::default();
    let frames = &mut stack.frames[..];
    let mut depth = stack.depth;
    let mut halt = Halt::Reached;
    let mut at = from;
    'blocks: while at < to {
        let bits = bits_at(simd, text, at);
        let here = if to - at < 64 { (1 << (to - at)) - 1 } else { u64::MAX };
        let outside = !strings.inside(&bits) & here;
        let mut commas = bits.commas & outside;
        let mut brackets = bits.brackets & outside;
        while brackets != 0 {
            let bit = brackets.trailing_zeros();
            brackets &= brackets - 1;
            let before = commas & ((1 << bit) - 1);
            commas ^= before;
            pass(&mut frames[..depth], before, at)?;
            let start = at + bit as usize;
            let bracket = text[start];
            if opens(bracket) {
                let Some(frame) = frames.get_mut(depth) else {
                    halt = Halt::Full(start);
                    break 'blocks;
                };
                *frame = Frame { start, member: start + 1, index: 0, is_array: bracket == b'[' };
                depth += 1;
            } else if depth == 0 {
                return Err(Odd);
            } else if depth == watched {
                halt = Halt::Watched(start);
                break 'blocks;
            } else {
                depth -= 1;
                stack.root_closed |= depth == 0;
            }
        }
        pass(&mut frames[..depth], commas, at)?;
        at += 64;
    }
    stack.depth = depth;
    Ok(halt)
}

/// Where the container that opens at `from` closes, brackets only being counted: the offset behind
/// its closing bracket, or nothing where it does not close.
pub(in super::super) fn closing(text: &[u8], from: usize) -> Option<usize> {
    fearless_simd::dispatch!(level(), simd => closing_with(simd, text, from))
}

#[inline(always)]
fn closing_with<S: Simd>(simd: S, text: &[u8], from: usize) -> Option<usize> {
    let (mut strings, mut level) = (Strings::default(), 0_usize);
    let mut at = from;
    while at < text.len() {
        let bits = bits_at(simd, text, at);
        let mut brackets = bits.brackets & !strings.inside(&bits);
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

/// What a block leaves open for the next.
#[derive(Default)]
struct Strings {
    /// A backslash at its end.
    carry: bool,
    /// All bits where it ends in a string.
    open: u64,
}

impl Strings {
    /// The bytes in strings: from each opening quote up to before its closing one.
    #[inline(always)]
    fn inside(&mut self, bits: &Bits) -> u64 {
        let quotes = bits.quotes & !escaped(bits.slashes, &mut self.carry);
        let inside = parity(quotes) ^ self.open;
        self.open = if inside >> 63 == 1 { u64::MAX } else { 0 };
        inside
    }
}

#[inline(always)]
fn bits_at<S: Simd>(simd: S, text: &[u8], at: usize) -> Bits {
    match text[at..].first_chunk::<64>() {
        Some(block) => Bits::of(simd, block),
        None => Bits::of(simd, &padded(&text[at..])),
    }
}

/// Passes commas, given as bits of the block at `at`, in the innermost container.
#[inline(always)]
fn pass(frames: &mut [Frame], commas: u64, at: usize) -> Result<(), Odd> {
    if commas != 0 {
        let frame = frames.last_mut().ok_or(Odd)?;
        frame.index += commas.count_ones() as usize;
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
        assert_eq!(follow(text.as_bytes(), 0, to, &mut stack, 0), Ok(Halt::Reached));
        stack.iter().map(|frame| (frame.start, frame.member, frame.index)).collect()
    }

    #[test]
    fn a_place_is_told_by_its_containers_and_members() {
        let text = r#"{"a":[1,{"b":"x,]}"},[2],3],"c":4}"#;
        assert_eq!(at(text, text.find("3").unwrap()), [(0, 1, 0), (5, 25, 3)]);
        assert_eq!(at(text, text.find("x,").unwrap()), [(0, 1, 0), (5, 8, 1), (8, 9, 0)]);
        assert_eq!(at(text, text.find("4").unwrap()), [(0, 28, 1)]);
        assert_eq!(at(text, text.len()), []);
    }

    #[test]
    fn following_halts_before_the_watched_container_closes_and_goes_on_behind_it() {
        let text = format!("[[1],[2,[3]],{}{}]", "[".repeat(40), "]".repeat(40));
        let mut stack = Stack::new();
        assert_eq!(follow(text.as_bytes(), 0, 6, &mut stack, 0), Ok(Halt::Reached));
        assert_eq!(follow(text.as_bytes(), 6, text.len(), &mut stack, 2), Ok(Halt::Watched(11)));
        assert_eq!(stack.last().map(|frame| (frame.start, frame.index)), Some((5, 1)));
        stack.close();
        assert_eq!(follow(text.as_bytes(), 12, text.len() - 41, &mut stack, 0), Ok(Halt::Reached));
        assert_eq!((stack.len(), stack.root_closed), (41, false));
        assert_eq!(follow(text.as_bytes(), text.len() - 41, text.len(), &mut stack, 0), Ok(Halt::Reached));
        assert!(stack.is_empty() && stack.root_closed);
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
        let follow = |text: &str| follow(text.as_bytes(), 0, text.len(), &mut Stack::new(), 0);
        assert_eq!(follow(&"[".repeat(DEPTH_MAX)), Ok(Halt::Reached));
        assert_eq!(follow(&"[".repeat(DEPTH_MAX + 1)), Err(Odd));
        assert_eq!(follow("1,2"), Err(Odd));
        assert_eq!(follow("[]]"), Err(Odd));
    }
}
