//! Values inside of JSON texts: replaced in place, so that everything else keeps its bytes.
//!
//! The reader is strict about structure and gives up on anything that is not JSON: a text that it
//! misread could hide a secret from it.

use super::number;
use super::pattern::{Pattern, States};
use super::token::Key;

/// Values inside of values that are read; ours and other readers give up near it too.
const DEPTH_MAX: u32 = 128;

/// The text does not read as JSON.
#[derive(Debug)]
struct Fault;

type Read<T = ()> = Result<T, Fault>;

/// Replaces the values at the patterns' places; `None` where the text is not JSON.
///
/// Gives the new text, where anything was replaced, and the number of values. Where `lines`, or
/// where one value follows another, places count from the value as well as from the list of values,
/// in which the first step is its index: a pattern that means either redacts.
pub(super) fn redact(
    text: &[u8],
    patterns: &[Pattern],
    key: &Key,
    lines: bool,
) -> Option<(Option<Vec<u8>>, u64)> {
    let mut reader = Reader::new(text, patterns, key);
    if !lines && reader.whole().is_ok() {
        return Some(reader.finish());
    }
    let mut reader = Reader::new(text, patterns, key);
    reader.lines().ok()?;
    Some(reader.finish())
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    patterns: &'a [Pattern],
    key: &'a Key,
    out: Vec<u8>,
    /// Bytes of `text` that are in `out` or replaced there.
    copied: usize,
    values: u64,
}

impl<'a> Reader<'a> {
    fn new(text: &'a [u8], patterns: &'a [Pattern], key: &'a Key) -> Self {
        let at = if text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        Self { text, at, patterns, key, out: Vec::new(), copied: 0, values: 0 }
    }

    fn finish(mut self) -> (Option<Vec<u8>>, u64) {
        if self.values == 0 {
            return (None, 0);
        }
        self.out.extend_from_slice(&self.text[self.copied..]);
        (Some(self.out), self.values)
    }

    fn whole(&mut self) -> Read {
        let start: Vec<States> = self.patterns.iter().map(Pattern::start).collect();
        self.value(&start, 0)?;
        if self.peek().is_some() { Err(Fault) } else { Ok(()) }
    }

    fn lines(&mut self) -> Read {
        let mut index = 0_u64;
        while self.peek().is_some() {
            let name = index.to_string();
            let start =
                |pattern: &Pattern| pattern.start() | pattern.advance(pattern.start(), name.as_bytes());
            let states: Vec<States> = self.patterns.iter().map(start).collect();
            self.value(&states, 0)?;
            index += 1;
        }
        if index == 0 { Err(Fault) } else { Ok(()) }
    }

    /// Reads a value at which the patterns are in these states; no states at all: no pattern can
    /// mean it or anything in it.
    fn value(&mut self, states: &[States], depth: u32) -> Read {
        let first = self.peek().ok_or(Fault)?;
        let secret = self.patterns.iter().zip(states).any(|(pattern, states)| pattern.accepts(*states));
        if secret && first != b'n' {
            let begin = self.at;
            let token = self.token(depth)?;
            self.out.extend_from_slice(&self.text[self.copied..begin]);
            self.out.extend_from_slice(format!("\"{token}\"").as_bytes());
            self.copied = self.at;
            self.values += 1;
            return Ok(());
        }
        match first {
            b'{' => self.members(depth, |reader, name| {
                let below = reader.below(states, name);
                reader.value(&below, depth + 1)
            }),
            b'[' => self.items(depth, |reader, index| {
                // Most arrays are not looked into, and then their indices need not be written.
                let index = if states.is_empty() { String::new() } else { index.to_string() };
                let below = reader.below(states, index.as_bytes());
                reader.value(&below, depth + 1)
            }),
            b'"' => self.string().map(drop),
            _ => self.scalar().map(drop),
        }
    }

    fn below(&self, states: &[States], name: &[u8]) -> Vec<States> {
        let advance = |(pattern, states): (&Pattern, &States)| pattern.advance(*states, name);
        let below: Vec<States> = self.patterns.iter().zip(states).map(advance).collect();
        if below.iter().all(|states| *states == 0) { Vec::new() } else { below }
    }

    /// Reads a value and gives its token. A text has the one that it has in a header as well.
    fn token(&mut self, depth: u32) -> Read<String> {
        match self.peek() {
            Some(b'"') => Ok(self.key.text(&self.string()?)),
            Some(b'-' | b'0'..=b'9') => Ok(self.key.value(b'n', &number::canonical(self.scalar()?))),
            _ => {
                let mut canonical = Vec::new();
                self.canonical(&mut canonical, depth)?;
                Ok(self.key.value(b'c', &canonical))
            }
        }
    }

    /// Reads a value and writes it so that equal values are written alike: members sorted by name,
    /// each part with its length, texts without escapes, numbers in one spelling.
    fn canonical(&mut self, out: &mut Vec<u8>, depth: u32) -> Read {
        match self.peek().ok_or(Fault)? {
            b'{' => {
                let mut members = Vec::new();
                self.members(depth, |reader, name| {
                    let mut value = Vec::new();
                    reader.canonical(&mut value, depth + 1)?;
                    members.push((name.to_vec(), value));
                    Ok(())
                })?;
                // Stable: the values of a name that comes twice keep their order.
                members.sort_by(|(left, _), (right, _)| left.cmp(right));
                out.push(b'{');
                for (name, value) in members {
                    part(out, &name);
                    part(out, &value);
                }
            }
            b'[' => {
                out.push(b'[');
                self.items(depth, |reader, _| {
                    let mut value = Vec::new();
                    reader.canonical(&mut value, depth + 1)?;
                    part(out, &value);
                    Ok(())
                })?;
            }
            b'"' => {
                out.push(b'"');
                out.extend_from_slice(&self.string()?);
            }
            b'-' | b'0'..=b'9' => out.extend_from_slice(&number::canonical(self.scalar()?)),
            _ => out.extend_from_slice(self.scalar()?),
        }
        Ok(())
    }

    fn members(&mut self, depth: u32, mut each: impl FnMut(&mut Self, &[u8]) -> Read) -> Read {
        self.enter(depth)?;
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(Fault);
            }
            let name = self.string()?;
            self.expect(b':')?;
            each(self, &name)?;
            if !self.take(b',') {
                return self.expect(b'}');
            }
        }
    }

    fn items(&mut self, depth: u32, mut each: impl FnMut(&mut Self, u64) -> Read) -> Read {
        self.enter(depth)?;
        if self.take(b']') {
            return Ok(());
        }
        for index in 0.. {
            each(self, index)?;
            if !self.take(b',') {
                return self.expect(b']');
            }
        }
        Err(Fault)
    }

    /// Steps over the bracket.
    fn enter(&mut self, depth: u32) -> Read {
        self.at += 1;
        if depth >= DEPTH_MAX { Err(Fault) } else { Ok(()) }
    }

    /// The next byte that is no white space, at which the reader then stands.
    fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.text.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Read {
        if self.take(byte) { Ok(()) } else { Err(Fault) }
    }

    /// A number or a word; which of them is checked as far as it matters for where it ends.
    fn scalar(&mut self) -> Read<&'a [u8]> {
        let begin = self.at;
        let rest = &self.text[begin..];
        let length = rest
            .iter()
            .position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')))
            .unwrap_or(rest.len());
        let token = &rest[..length];
        if !is_scalar(token) {
            return Err(Fault);
        }
        self.at += length;
        Ok(token)
    }

    /// A text without its quotes and escapes. Half of a surrogate pair stands for itself.
    fn string(&mut self) -> Read<std::borrow::Cow<'a, [u8]>> {
        let text = self.text;
        let begin = self.at + 1;
        let mut at = begin;
        let mut owned: Option<Vec<u8>> = None;
        loop {
            let run = text[at..].iter().position(|&byte| matches!(byte, b'"' | b'\\') || byte < 0x20);
            let stop = at + run.ok_or(Fault)?;
            if let Some(owned) = &mut owned {
                owned.extend_from_slice(&text[at..stop]);
            }
            match text[stop] {
                b'"' => {
                    self.at = stop + 1;
                    return Ok(owned.map_or(text[begin..stop].into(), Into::into));
                }
                b'\\' => {
                    let out = owned.get_or_insert_with(|| text[begin..stop].to_vec());
                    at = stop + escape(&text[stop..], out)?;
                }
                _ => return Err(Fault),
            }
        }
    }
}

/// Appends what an escape stands for; gives its length.
fn escape(text: &[u8], out: &mut Vec<u8>) -> Read<usize> {
    let plain = match text.get(1).ok_or(Fault)? {
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        byte @ (b'"' | b'\\' | b'/') => *byte,
        b'u' => {
            let high = unit(text)?;
            let low = unit(text.get(6..).unwrap_or_default());
            let pair = match low {
                Ok(low) if (0xd800..0xdc00).contains(&high) && (0xdc00..0xe000).contains(&low) => {
                    char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00))
                }
                _ => None,
            };
            let one = pair.or_else(|| char::from_u32(high));
            match one {
                Some(one) => out.extend_from_slice(one.encode_utf8(&mut [0; 4]).as_bytes()),
                // Half a pair: written as it stands, which no whole text contains raw.
                None => out.extend_from_slice(&text[..6]),
            }
            return Ok(if pair.is_some() { 12 } else { 6 });
        }
        _ => return Err(Fault),
    };
    out.push(plain);
    Ok(2)
}

/// The code unit of `\uXXXX`.
fn unit(text: &[u8]) -> Read<u32> {
    match text {
        [b'\\', b'u', digits @ ..] if digits.len() >= 4 && digits[..4].iter().all(u8::is_ascii_hexdigit) => {
            let digits = std::str::from_utf8(&digits[..4]).map_err(|_| Fault)?;
            u32::from_str_radix(digits, 16).map_err(|_| Fault)
        }
        _ => Err(Fault),
    }
}

fn is_scalar(token: &[u8]) -> bool {
    match token {
        b"true" | b"false" | b"null" => true,
        // `Infinity` and its like are no numbers of JSON, and `1a` is no token.
        _ => {
            token.iter().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(byte))
                && token.iter().any(u8::is_ascii_digit)
        }
    }
}

fn part(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
    out.extend_from_slice(bytes);
}
