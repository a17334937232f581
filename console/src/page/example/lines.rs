//! A message as lines that know their place.
//!
//! JSON is laid out by moving white space alone, so every number, escape and duplicate key stays as
//! the server wrote it; and because the walk knows where it is, each line carries the JSON pointer of
//! the value it shows. That is how a line is tied to the difference reported for it. Text that is cut
//! or is not JSON after all is laid out as far as it goes.

use parallax_comparator::diff::Part;

/// One line of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// The text, indented.
    pub(crate) text: String,
    /// The part of the message.
    pub(crate) part: Part,
    /// The JSON pointer or the header's name in lower case; empty for status and unstructured text.
    pub(crate) path: String,
}

/// The lines of a response: status line, headers, an empty line, body.
pub(crate) fn of_response(text: &str) -> Vec<Line> {
    let text = text.replace("\r\n", "\n");
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    let mut lines: Vec<_> = head.lines().enumerate().map(|(index, line)| head_line(index, line)).collect();
    if !body.is_empty() {
        lines.push(Line { text: String::new(), part: Part::Header, path: String::new() });
        lines.extend(of_body(body));
    }
    lines
}

/// The lines of a body.
pub(crate) fn of_body(body: &str) -> Vec<Line> {
    if body.trim_start().starts_with(['{', '[']) {
        return Walk::default().lay_out(body);
    }
    body.lines().map(|line| Line { text: line.to_owned(), part: Part::Body, path: String::new() }).collect()
}

fn head_line(index: usize, line: &str) -> Line {
    let name = line.split_once(':').map_or("", |(name, _)| name);
    let (part, path) =
        if index == 0 { (Part::Status, String::new()) } else { (Part::Header, name.trim().to_lowercase()) };
    Line { text: line.to_owned(), part, path }
}

/// Where the walk is: the containers that are open.
#[derive(Default)]
struct Walk {
    lines: Vec<Line>,
    text: String,
    path: String,
    open: Vec<Level>,
}

enum Level {
    /// An object, and whether the next string is a key.
    Object { key_next: bool, key: String },
    /// An array, and the index of the present element.
    Array { index: usize },
}

impl Walk {
    fn lay_out(mut self, body: &str) -> Vec<Line> {
        let mut rest = body.trim();
        self.path = self.pointer();
        while let Some(first) = rest.chars().next() {
            let length = match first {
                '{' | '[' => self.container(rest),
                '}' | ']' => self.close(first),
                ',' => self.comma(),
                ':' => self.colon(),
                '"' => self.string(rest),
                c if c.is_whitespace() => c.len_utf8(),
                _ => self.scalar(rest),
            };
            rest = &rest[length..];
        }
        self.end_line();
        self.lines
    }

    fn container(&mut self, rest: &str) -> usize {
        let (open, close) = if rest.starts_with('{') { ('{', '}') } else { ('[', ']') };
        self.text.push(open);
        let inside = &rest[1..];
        let blank = inside.len() - inside.trim_start().len();
        if inside.trim_start().starts_with(close) {
            self.text.push(close);
            return 1 + blank + 1;
        }
        self.end_line();
        self.open.push(if open == '{' {
            Level::Object { key_next: true, key: String::new() }
        } else {
            Level::Array { index: 0 }
        });
        self.path = self.pointer();
        1
    }

    fn close(&mut self, close: char) -> usize {
        self.end_line();
        self.open.pop();
        self.path = self.pointer();
        self.text.push(close);
        1
    }

    fn comma(&mut self) -> usize {
        self.text.push(',');
        self.end_line();
        match self.open.last_mut() {
            Some(Level::Object { key_next, .. }) => *key_next = true,
            Some(Level::Array { index }) => *index += 1,
            None => {}
        }
        self.path = self.pointer();
        1
    }

    fn colon(&mut self) -> usize {
        self.text.push_str(": ");
        if let Some(Level::Object { key_next, .. }) = self.open.last_mut() {
            *key_next = false;
        }
        1
    }

    fn string(&mut self, rest: &str) -> usize {
        let length = string_length(rest);
        let token = &rest[..length];
        self.text.push_str(token);
        if let Some(Level::Object { key_next: true, key }) = self.open.last_mut() {
            *key = serde_json::from_str(token).unwrap_or_else(|_| token.trim_matches('"').to_owned());
            self.path = self.pointer();
        }
        length
    }

    fn scalar(&mut self, rest: &str) -> usize {
        let ends = |c: char| c.is_whitespace() || ",:{}[]\"".contains(c);
        let length = rest.find(ends).unwrap_or(rest.len());
        self.text.push_str(&rest[..length]);
        length
    }

    fn end_line(&mut self) {
        if self.text.is_empty() {
            return;
        }
        let indent = "  ".repeat(self.depth());
        let text = format!("{indent}{}", std::mem::take(&mut self.text));
        self.lines.push(Line { text, part: Part::Body, path: self.path.clone() });
    }

    /// Deep nesting is not indented for ever.
    fn depth(&self) -> usize {
        self.open.len().min(16)
    }

    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for level in &self.open {
            pointer.push('/');
            match level {
                Level::Object { key, .. } => pointer.push_str(&key.replace('~', "~0").replace('/', "~1")),
                Level::Array { index } => pointer.push_str(&index.to_string()),
            }
        }
        pointer
    }
}

/// Bytes of the string that `rest` begins with, quotes included; all of it where it never ends.
fn string_length(rest: &str) -> usize {
    let mut escaped = false;
    for (index, character) in rest.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return index + 1,
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn show(lines: &[Line]) -> Vec<(&str, &str)> {
        lines.iter().map(|line| (line.text.as_str(), line.path.as_str())).collect()
    }

    #[test]
    fn json_is_laid_out_as_written_with_the_pointer_of_each_line() {
        let body = r#"{"a":1.50,"b/c":[true,{"d~":"x, \"y\": {"}],"e":{},"a":1e400}"#;
        assert_eq!(
            show(&of_body(body)),
            [
                ("{", ""),
                ("  \"a\": 1.50,", "/a"),
                ("  \"b/c\": [", "/b~1c"),
                ("    true,", "/b~1c/0"),
                ("    {", "/b~1c/1"),
                ("      \"d~\": \"x, \\\"y\\\": {\"", "/b~1c/1/d~0"),
                ("    }", "/b~1c/1"),
                ("  ],", "/b~1c"),
                ("  \"e\": {},", "/e"),
                ("  \"a\": 1e400", "/a"),
                ("}", ""),
            ]
        );
    }

    #[test]
    fn a_response_has_a_status_headers_and_a_body() {
        let lines = of_response("200 OK\r\nContent-Type: text/plain\r\n\r\nhello\r\nthere");
        let parts: Vec<_> = lines.iter().map(|line| line.part).collect();
        assert_eq!(parts, [Part::Status, Part::Header, Part::Header, Part::Body, Part::Body]);
        assert_eq!(lines[1].path, "content-type");
        assert_eq!(of_response("timeout").len(), 1);
    }

    #[test]
    fn cut_json_is_laid_out_as_far_as_it_goes() {
        let lines = of_body(r#"{"a": [1, "unfinis"#);
        assert_eq!(show(&lines).last(), Some(&("    \"unfinis", "/a/1")));
    }

    proptest! {
        #[test]
        fn only_white_space_outside_strings_moves(body in r#"[\[{]([\[\]{},: \n]|"[a-z\\"/ ]{0,6}"|-?[0-9.e]{1,4}|é|null){0,40}"#) {
            let kept = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            let lines = of_body(&body);
            let text: String = lines.iter().map(|line| line.text.as_str()).collect();
            prop_assert_eq!(kept(&text), kept(&body));
        }

        #[test]
        fn any_text_has_lines(text in any::<String>()) {
            of_response(&text);
            of_body(&format!("{{{text}"));
        }
    }
}
