//! Reading JSON text token by token, without building anything.
//!
//! Strict about the grammar of RFC 8259, with two deliberate exceptions: `NaN`, `Infinity` and
//! `-Infinity` are tokens (Python's `json` writes them), and bytes that are not UTF-8 are let through
//! inside strings, where they are compared as bytes.

use super::lanes::plain_run;
use super::string::RawStr;

/// Levels of nesting that are read; a deeper text counts as unparsable.
///
/// `serde_json` stops at 128 and Python at about 1,000. The walk recurses, so the bound also keeps
/// it inside the 2 MiB stack of a worker thread.
pub(crate) const DEPTH_MAX: usize = 512;

/// Where a text stops being JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Offset in bytes.
    pub(crate) at: usize,
    /// What should have been there.
    pub(crate) expected: &'static str,
}

/// The type of a JSON value, told by its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Object,
    Array,
    String,
    Number,
    Boolean,
    Null,
}

impl Type {
    /// The type of the value that starts with `byte`.
    pub(crate) const fn of(byte: u8) -> Option<Self> {
        Some(match byte {
            b'{' => Self::Object,
            b'[' => Self::Array,
            b'"' => Self::String,
            b'-' | b'0'..=b'9' | b'N' | b'I' => Self::Number,
            b't' | b'f' => Self::Boolean,
            b'n' => Self::Null,
            _ => return None,
        })
    }
}

/// The text is not JSON; [`Cursor::fault`] tells where and why.
///
/// Nothing travels with the error, so that results fit into registers: every token has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken;

/// A place in a JSON text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
    /// What should have been at `at`, once the text proved broken.
    expected: &'static str,
    /// Set by strings with escapes, for those who reset it before.
    pub(super) escaped: bool,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, expected: "", escaped: false }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn seek(&mut self, at: usize) {
        self.at = at;
    }

    /// The text from `start` up to here.
    pub(crate) fn since(&self, start: usize) -> &'a [u8] {
        &self.text[start..self.at]
    }

    pub(crate) fn slice(&self, span: &std::ops::Range<usize>) -> &'a [u8] {
        &self.text[span.clone()]
    }

    /// The whole text.
    pub(crate) fn text(&self) -> &'a [u8] {
        self.text
    }

    /// The text from here on.
    pub(crate) fn rest(&self) -> &'a [u8] {
        &self.text[self.at..]
    }

    /// Where the text proved broken.
    pub(crate) fn fault(&self) -> Fault {
        Fault { at: self.at, expected: self.expected }
    }

    #[cold]
    fn broken<T>(&mut self, expected: &'static str) -> Result<T, Broken> {
        self.expected = expected;
        Err(Broken)
    }

    #[cold]
    fn broken_at<T>(&mut self, at: usize, expected: &'static str) -> Result<T, Broken> {
        self.at = at;
        self.broken(expected)
    }

    /// Passes white space and returns the byte after it; `None` at the end.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<u8> {
        match self.text.get(self.at) {
            Some(b' ' | b'\n' | b'\r' | b'\t') => self.peek_far(),
            other => other.copied(),
        }
    }

    /// [`Self::peek`] where there is white space; indentation eight spaces at a time.
    fn peek_far(&mut self) -> Option<u8> {
        loop {
            match self.text.get(self.at)? {
                b' ' => match self.rest().first_chunk::<8>() {
                    Some(b"        ") => self.at += 8,
                    _ => self.at += 1,
                },
                b'\n' | b'\r' | b'\t' => self.at += 1,
                other => return Some(*other),
            }
        }
    }

    /// The type of the value that starts here, white space passed.
    #[inline]
    pub(crate) fn peek_type(&mut self) -> Result<Type, Broken> {
        match self.peek().and_then(Type::of) {
            Some(kind) => Ok(kind),
            None => self.broken("a value"),
        }
    }

    /// Passes one byte that was peeked at.
    #[inline]
    pub(crate) fn bump(&mut self) {
        self.at += 1;
    }

    /// Passes `token` if the text goes on with exactly these bytes.
    #[inline]
    pub(crate) fn eat(&mut self, token: &[u8]) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    /// Passes white space and then `value`, if that is the whole value which follows. A value that is
    /// not eaten may be the same all the same.
    #[inline]
    pub(crate) fn eat_value(&mut self, value: &[u8]) -> bool {
        self.peek();
        // A number might go on.
        let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t');
        let found = self.rest().starts_with(value) && self.text.get(self.at + value.len()).is_none_or(ends);
        if found {
            self.at += value.len();
        }
        found
    }

    /// Reads a string, the cursor standing on its opening quote.
    #[inline]
    pub(crate) fn string(&mut self) -> Result<RawStr<'a>, Broken> {
        let start = self.at + 1;
        let mut at = start;
        loop {
            at += plain_run(&self.text[at..]);
            match self.text.get(at) {
                Some(b'"') => {
                    self.at = at + 1;
                    return Ok(RawStr(&self.text[start..at]));
                }
                Some(b'\\') => at += self.escape(at)?,
                Some(_) => return self.broken_at(at, "no control character in a string"),
                None => return self.broken_at(at, "the closing quote of a string"),
            }
        }
    }

    /// Length of the escape at `at`, backslash included.
    #[cold]
    fn escape(&mut self, at: usize) -> Result<usize, Broken> {
        self.escaped = true;
        match self.text.get(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(2),
            Some(b'u')
                if self.text.get(at + 2..at + 6).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) =>
            {
                Ok(6)
            }
            _ => self.broken_at(at, "a known escape"),
        }
    }

    /// Reads a number, the cursor standing on its first byte.
    #[inline]
    pub(crate) fn number(&mut self) -> Result<&'a [u8], Broken> {
        let start = self.at;
        if self.text[start] == b'N' {
            return self.word(b"NaN");
        }
        if self.text[start] == b'-' {
            self.at += 1;
        }
        match self.text.get(self.at) {
            Some(b'I') => {
                self.word(b"Infinity")?;
                return Ok(self.since(start));
            }
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return self.broken("a digit"),
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.text.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.text.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(self.since(start))
    }

    #[inline]
    fn digits(&mut self) -> Result<(), Broken> {
        let start = self.at;
        while self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        if self.at == start { self.broken("a digit") } else { Ok(()) }
    }

    /// Reads `true`, `false` or `null`.
    #[inline]
    pub(crate) fn literal(&mut self) -> Result<&'a [u8], Broken> {
        match self.text[self.at] {
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            _ => self.word(b"null"),
        }
    }

    fn word(&mut self, word: &'static [u8]) -> Result<&'a [u8], Broken> {
        let start = self.at;
        if self.eat(word) { Ok(self.since(start)) } else { self.broken("a value") }
    }

    /// Reads one value of any type, `depth` levels down, and returns its text.
    pub(crate) fn skip(&mut self, depth: usize) -> Result<&'a [u8], Broken> {
        let kind = self.peek_type()?;
        let start = self.at;
        match kind {
            Type::String => {
                self.string()?;
            }
            Type::Number => {
                self.number()?;
            }
            Type::Boolean | Type::Null => {
                self.literal()?;
            }
            Type::Object => {
                self.bump();
                let mut first = true;
                while self.member(&mut first, depth)? {
                    self.key()?;
                    self.skip(depth + 1)?;
                }
            }
            Type::Array => {
                self.bump();
                let mut first = true;
                while self.element(&mut first, depth)? {
                    self.skip(depth + 1)?;
                }
            }
        }
        Ok(self.since(start))
    }

    /// Moves to the key of the next member of an object; `false` after the last, with the brace
    /// passed. `first` says that the opening brace was just passed.
    #[inline]
    pub(crate) fn member(&mut self, first: &mut bool, depth: usize) -> Result<bool, Broken> {
        match self.peek() {
            Some(b'}') => {
                self.bump();
                return Ok(false);
            }
            Some(b',') if !*first => self.bump(),
            Some(b'"') if *first => self.check_depth(depth)?,
            _ => return self.broken(if *first { "a key or `}`" } else { "`,` or `}`" }),
        }
        *first = false;
        if self.peek() == Some(b'"') { Ok(true) } else { self.broken("a key") }
    }

    /// Reads a key and its colon, the cursor standing on the opening quote.
    #[inline]
    pub(crate) fn key(&mut self) -> Result<RawStr<'a>, Broken> {
        let key = self.string()?;
        if self.peek() != Some(b':') {
            return self.broken("`:`");
        }
        self.bump();
        Ok(key)
    }

    /// Moves to the next element of an array; `false` after the last, with the bracket passed.
    #[inline]
    pub(crate) fn element(&mut self, first: &mut bool, depth: usize) -> Result<bool, Broken> {
        match self.peek() {
            Some(b']') => {
                self.bump();
                return Ok(false);
            }
            Some(b',') if !*first => self.bump(),
            Some(_) if *first => self.check_depth(depth)?,
            _ => return self.broken("`,` or `]`"),
        }
        *first = false;
        Ok(true)
    }

    #[inline]
    fn check_depth(&mut self, depth: usize) -> Result<(), Broken> {
        if depth >= DEPTH_MAX { self.broken("fewer than 512 levels of nesting") } else { Ok(()) }
    }

    /// Nothing but white space may follow.
    pub(crate) fn finish(&mut self) -> Result<(), Broken> {
        if self.peek().is_some() { self.broken("the end of the text") } else { Ok(()) }
    }
}
