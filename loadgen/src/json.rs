//! Where the scalars of a JSON text are, without building its values.
//!
//! A replay changes ids inside of bodies and takes values out of answers; everything else must keep its bytes,
//! so what is wanted is a place in the text.

use std::ops::Range;

/// Values inside of values that are read.
const DEPTH_MAX: usize = 128;

/// A scalar of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scalar<'a> {
    /// Its place, as a JSON Pointer.
    pub(crate) pointer: &'a str,
    /// Its bytes; of a string what lies between the quotes, as written.
    pub(crate) at: Range<usize>,
    pub(crate) is_string: bool,
}

/// Calls `each` for every string and number, in the order of the text; whether the text is JSON.
///
/// A text that ends early or goes wrong has given what came before.
pub(crate) fn scalars(text: &[u8], each: &mut dyn FnMut(Scalar<'_>)) -> bool {
    let mut reader = Reader { text, at: 0, pointer: String::new(), each };
    reader.value(0).is_some() && reader.peek().is_none()
}

/// Whether a pointer is meant by a pattern in which `*` is one step and `**` any number of them.
pub(crate) fn is_at(pattern: &str, pointer: &str) -> bool {
    let steps = |text: &str| text.split('/').skip(1).map(str::to_owned).collect::<Vec<_>>();
    fits(&steps(pattern), &steps(pointer))
}

fn fits(pattern: &[String], steps: &[String]) -> bool {
    match (pattern.split_first(), steps.split_first()) {
        (None, None) => true,
        (Some((any, rest)), _) if any == "**" => {
            fits(rest, steps) || steps.split_first().is_some_and(|(_, steps)| fits(pattern, steps))
        }
        (Some((name, rest)), Some((step, steps))) => (name == "*" || name == step) && fits(rest, steps),
        _ => false,
    }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    pointer: String,
    each: &'a mut dyn FnMut(Scalar<'_>),
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Option<()> {
        match self.peek()? {
            _ if depth > DEPTH_MAX => None,
            b'{' => self.members(depth),
            b'[' => self.items(depth),
            b'"' => {
                let at = self.string()?;
                (self.each)(Scalar { pointer: &self.pointer, at, is_string: true });
                Some(())
            }
            first => {
                let begin = self.at;
                let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
                self.at += self.text[begin..].iter().take_while(|byte| is_part(byte)).count();
                if first == b'-' || first.is_ascii_digit() {
                    (self.each)(Scalar { pointer: &self.pointer, at: begin..self.at, is_string: false });
                } else if !matches!(&self.text[begin..self.at], b"true" | b"false" | b"null") {
                    return None;
                }
                Some(())
            }
        }
    }

    fn members(&mut self, depth: usize) -> Option<()> {
        self.at += 1;
        if self.take(b'}') {
            return Some(());
        }
        loop {
            if self.peek()? != b'"' {
                return None;
            }
            let name = self.string()?;
            let name = String::from_utf8_lossy(&self.text[name]).replace('~', "~0").replace('/', "~1");
            self.take(b':').then_some(())?;
            self.below(&name, depth)?;
            if !self.take(b',') {
                return self.take(b'}').then_some(());
            }
        }
    }

    fn items(&mut self, depth: usize) -> Option<()> {
        self.at += 1;
        if self.take(b']') {
            return Some(());
        }
        for index in 0.. {
            self.below(&index.to_string(), depth)?;
            if !self.take(b',') {
                break;
            }
        }
        self.take(b']').then_some(())
    }

    fn below(&mut self, step: &str, depth: usize) -> Option<()> {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(step);
        let read = self.value(depth + 1);
        self.pointer.truncate(length);
        read
    }

    /// What lies between the quotes.
    fn string(&mut self) -> Option<Range<usize>> {
        self.at += 1;
        let begin = self.at;
        loop {
            let rest = self.text.get(self.at..)?;
            self.at += memchr::memchr2(b'"', b'\\', rest)?;
            if self.text[self.at] == b'"' {
                self.at += 1;
                return Some(begin..self.at - 1);
            }
            self.at += 2;
        }
    }

    fn peek(&mut self) -> Option<u8> {
        let rest = self.text.get(self.at..)?;
        self.at += rest.iter().take_while(|byte| b" \t\r\n".contains(byte)).count();
        self.text.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> (Vec<(String, String)>, bool) {
        let mut found = Vec::new();
        let whole = scalars(text.as_bytes(), &mut |scalar| {
            found.push((scalar.pointer.to_owned(), text[scalar.at].to_owned()));
        });
        (found, whole)
    }

    #[test]
    fn every_scalar_has_its_pointer_and_its_bytes() {
        let text = r#" {"a": [1, -2.5e3, {"b/c": "x\"y"}], "d": null, "": "ä", "e": {}, "f": []} "#;
        let expected = [("/a/0", "1"), ("/a/1", "-2.5e3"), ("/a/2/b~1c", "x\\\"y"), ("/", "ä")];
        let expected = expected.map(|(pointer, text)| (pointer.to_owned(), text.to_owned()));
        assert_eq!(found(text), (expected.to_vec(), true));
        assert_eq!(found("\"alone\""), (vec![(String::new(), "alone".to_owned())], true));
    }

    #[test]
    fn what_is_no_json_is_said_and_never_panics() {
        for text in ["", "{", "[1", "{\"a\"}", "{\"a\":1,}x", "[1 2]", "nul", "\"\\", "{1:2}", "[1]]"] {
            assert!(!found(text).1, "{text}");
        }
        assert!(!found(&"[".repeat(1000)).1);
    }

    #[test]
    fn a_pattern_steps_over_names_and_levels() {
        assert!(is_at("/a/*/c", "/a/0/c") && !is_at("/a/*/c", "/a/0/1/c"));
        assert!(is_at("/**/id", "/id") && is_at("/**/id", "/a/0/id") && !is_at("/**/id", "/a/ids"));
        assert!(is_at("/**", "/a/b") && !is_at("/a", "/a/b"));
    }
}
