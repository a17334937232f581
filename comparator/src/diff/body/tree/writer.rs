//! Writing JSON text token by token, with a bound on its length.

/// JSON text that grows up to a limit.
///
/// Beyond the limit nothing is added and [`Writer::finish`] fails, so callers need not check: their
/// loops are bounded by their input.
#[derive(Debug)]
pub(super) struct Writer {
    text: Vec<u8>,
    limit: usize,
    /// Whether a value was written at this level before.
    follows: bool,
    full: bool,
}

impl Writer {
    pub(super) fn new(limit: usize) -> Self {
        Self { text: Vec::new(), limit, follows: false, full: false }
    }

    /// The text.
    ///
    /// # Errors
    /// It would be longer than the limit.
    pub(super) fn finish(self) -> Result<Vec<u8>, String> {
        if self.full { Err(format!("it holds more than {} bytes", self.limit)) } else { Ok(self.text) }
    }

    pub(super) fn object(
        &mut self,
        fill: impl FnOnce(&mut Self) -> Result<(), String>,
    ) -> Result<(), String> {
        self.nest(b'{', b'}', fill)
    }

    pub(super) fn array(&mut self, fill: impl FnOnce(&mut Self) -> Result<(), String>) -> Result<(), String> {
        self.nest(b'[', b']', fill)
    }

    fn nest(
        &mut self,
        open: u8,
        close: u8,
        fill: impl FnOnce(&mut Self) -> Result<(), String>,
    ) -> Result<(), String> {
        self.separate();
        self.append(&[open]);
        self.follows = false;
        fill(self)?;
        self.append(&[close]);
        self.follows = true;
        Ok(())
    }

    /// What `fill` writes, by itself; `None` where it fails or is longer than what may yet be written.
    pub(super) fn aside(&self, fill: impl FnOnce(&mut Self) -> Result<(), String>) -> Option<Vec<u8>> {
        let mut inner = Self::new(self.limit - self.text.len());
        fill(&mut inner).ok()?;
        inner.finish().ok()
    }

    /// The key of the value that is written next.
    pub(super) fn key(&mut self, key: &[u8]) {
        self.string(key);
        self.append(b":");
        self.follows = false;
    }

    /// A string; bytes that are not UTF-8 stay as they are, and are compared as bytes.
    pub(super) fn string(&mut self, text: &[u8]) {
        self.separate();
        self.append(b"\"");
        let mut rest = text;
        while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)) {
            self.append(&rest[..at]);
            match rest[at] {
                b'"' => self.append(b"\\\""),
                b'\\' => self.append(b"\\\\"),
                b'\n' => self.append(b"\\n"),
                b'\r' => self.append(b"\\r"),
                b'\t' => self.append(b"\\t"),
                control => self.append(format!("\\u{control:04x}").as_bytes()),
            }
            rest = &rest[at + 1..];
        }
        self.append(rest);
        self.append(b"\"");
    }

    /// A number, a literal, or JSON text that is known to be well-formed.
    pub(super) fn token(&mut self, token: &[u8]) {
        self.separate();
        self.append(token);
    }

    fn separate(&mut self) {
        if self.follows {
            self.append(b",");
        }
        self.follows = true;
    }

    fn append(&mut self, bytes: &[u8]) {
        self.full |= self.text.len() + bytes.len() > self.limit;
        if !self.full {
            self.text.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(limit: usize) -> Result<Vec<u8>, String> {
        let mut out = Writer::new(limit);
        out.object(|out| {
            out.key(b"a\"");
            out.array(|out| {
                out.token(b"1");
                out.string(b"\x01\n\xff");
                out.array(|_| Ok(()))
            })?;
            out.key(b"b");
            out.token(b"null");
            Ok(())
        })?;
        out.finish()
    }

    #[test]
    fn what_is_written_is_json() {
        assert_eq!(written(100).unwrap(), b"{\"a\\\"\":[1,\"\\u0001\\n\xff\",[]],\"b\":null}");
    }

    #[test]
    fn a_text_ends_at_its_limit() {
        let length = written(100).unwrap().len();
        assert!(written(length).is_ok());
        assert_eq!(written(length - 1).unwrap_err(), format!("it holds more than {} bytes", length - 1));
    }
}
