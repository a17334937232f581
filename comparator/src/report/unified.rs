//! Two answers as a unified diff, for people and for tools that read patches.

use similar::TextDiff;

/// Lines kept around a change.
const CONTEXT: usize = 3;
/// Bytes of a diff that are shown.
const SHOWN_MAX: usize = 8 << 10;

/// From the primary's answer to the candidate's; JSON is laid out first, so that lines are members.
pub(super) fn unified(primary: &str, candidate: &str) -> String {
    let (primary, candidate) = (laid_out(primary), laid_out(candidate));
    let diff = TextDiff::from_lines(&primary, &candidate);
    let text = diff.unified_diff().context_radius(CONTEXT).header("primary", "candidate").to_string();
    match text.len() > SHOWN_MAX {
        false => text,
        true => {
            let end = text[..text.floor_char_boundary(SHOWN_MAX)].rfind('\n').map_or(0, |end| end + 1);
            format!("{}… ({} bytes in all)\n", &text[..end], text.len())
        }
    }
}

/// The head as it is, the body with a line for each member where it is JSON.
fn laid_out(answer: &str) -> String {
    let (head, body) = answer.split_once("\n\n").unwrap_or((answer, ""));
    let mut text = format!("{head}\n");
    if !body.is_empty() {
        text.push('\n');
        match body.starts_with(['{', '[']) {
            true => indent(body, &mut text),
            false => text.push_str(body),
        }
        text.push('\n');
    }
    text
}

/// Writes JSON, or what begins like it, with line breaks; every other byte stays as written.
fn indent(json: &str, out: &mut String) {
    let (mut depth, mut quoted, mut escaped, mut last) = (0_usize, false, false, ' ');
    for character in json.chars() {
        if quoted {
            quoted = escaped || character != '"';
            escaped = !escaped && character == '\\';
            out.push(character);
            continue;
        }
        if character.is_ascii_whitespace() {
            continue;
        }
        if matches!(character, '}' | ']') {
            depth = depth.saturating_sub(1);
            if !matches!(last, '{' | '[') {
                line(depth, out);
            }
        } else if matches!(last, '{' | '[' | ',') {
            line(depth, out);
        }
        out.push(character);
        match character {
            '{' | '[' => depth += 1,
            ':' => out.push(' '),
            '"' => quoted = true,
            _ => {}
        }
        last = character;
    }
}

fn line(depth: usize, out: &mut String) {
    /// A deeper one would only push text out of sight.
    const DEPTH_MAX: usize = 20;
    out.push('\n');
    out.push_str(&"  ".repeat(depth.min(DEPTH_MAX)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_member_is_one_line_of_the_diff() {
        let answer = |n: u8| format!("200 OK\na: b\n\n{{\"a\":[1,{n}],\"s\":\"x,{{\\\"y\",\"e\":{{}}}}");
        let expected = "--- primary\n+++ candidate\n@@ -4,7 +4,7 @@\n {\n   \"a\": [\n     1,\n-    2\n+    3\n   ],\n   \"s\": \"x,{\\\"y\",\n   \"e\": {}\n";
        assert_eq!(unified(&answer(2), &answer(3)), expected);
        assert_eq!(unified(&answer(2), &answer(2)), "");
        assert!(unified("200 OK\n\nplain\n", "200 OK\n\nother\n").contains("-plain\n+other\n"));
    }

    #[test]
    fn a_long_diff_is_cut_at_a_line_and_says_so() {
        let body = |word: &str| format!("200 OK\n\n{}", format!("{word}ä\n").repeat(2_000));
        let text = unified(&body("left"), &body("right"));
        assert!(text.len() < SHOWN_MAX + 40 && text.ends_with("bytes in all)\n"), "{}", text.len());
    }
}
