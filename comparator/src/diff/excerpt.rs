//! Bounded views of the two sides of a difference.

/// Bytes shown before the first difference of two long texts.
const CONTEXT: usize = 32;

/// Both sides as text, each of about `limit` bytes at most.
///
/// A longer text is cut between characters and marked with `…`. Where two long texts differ only
/// further on, both excerpts start shortly before the difference: otherwise they would look alike.
pub(super) fn sides(
    left: Option<&[u8]>,
    right: Option<&[u8]>,
    limit: usize,
) -> (Option<String>, Option<String>) {
    let start = match (left, right) {
        (Some(left), Some(right)) if left.len().max(right.len()) > limit => {
            let same = left.iter().zip(right).take_while(|(l, r)| l == r).count();
            if same + CONTEXT < limit { 0 } else { same.saturating_sub(CONTEXT) }
        }
        _ => 0,
    };
    let side = |text: &[u8]| excerpt(text, start.min(text.len()), limit);
    (left.map(side), right.map(side))
}

fn excerpt(text: &[u8], start: usize, limit: usize) -> String {
    if text.len() <= limit
        && let Ok(text) = std::str::from_utf8(text)
    {
        return text.to_owned();
    }
    let start = boundary(text, start);
    let end = boundary(text, text.len().min(start + limit));
    let before = if start > 0 { "…" } else { "" };
    let after = if end < text.len() { "…" } else { "" };
    format!("{before}{}{after}", String::from_utf8_lossy(&text[start..end]))
}

/// The start of the character that holds byte `at`, at most three bytes back.
fn boundary(text: &[u8], at: usize) -> usize {
    let is_inside = |at: &usize| text.get(*at).is_some_and(|byte| byte & 0xc0 == 0x80);
    (at.saturating_sub(3)..=at).rev().find(|at| !is_inside(at)).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &[u8], limit: usize) -> String {
        sides(Some(text), None, limit).0.unwrap()
    }

    #[test]
    fn long_sides_are_cut_at_a_character_and_marked() {
        assert_eq!(one(b"abc", 3), "abc");
        assert_eq!(one(b"abcd", 3), "abc…");
        assert_eq!(one("aé€".as_bytes(), 2), "a…");
        assert_eq!(one("a€€".as_bytes(), 6), "a€…");
        assert_eq!(one(&[0xff; 9], 2), "\u{fffd}\u{fffd}…");
        assert_eq!(one(&[0x80; 9], 5), "\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}…");
    }

    #[test]
    fn a_difference_far_into_long_texts_is_visible() {
        let (left, right) = ("a".repeat(500) + "X" + &"b".repeat(500), "a".repeat(500) + "Y");
        let (left, right) = sides(Some(left.as_bytes()), Some(right.as_bytes()), 64);
        let (left, right) = (left.unwrap(), right.unwrap());
        assert_eq!(left, format!("…{}X{}…", "a".repeat(32), "b".repeat(31)));
        assert_eq!(right, format!("…{}Y", "a".repeat(32)));
    }

    #[test]
    fn an_absent_side_stays_absent() {
        assert_eq!(sides(None, Some(b"x"), 10), (None, Some("x".to_owned())));
    }
}
