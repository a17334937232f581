//! Headers that are lists: items separated by commas, possibly over several lines of the section.

use super::treatment::How;
use crate::diff::Kind;

/// The items of a list header: commas inside quotes do not separate, empty items do not count
/// (RFC 9110, 5.6.1).
pub(crate) fn items<'a>(values: &[&'a [u8]]) -> Vec<&'a [u8]> {
    let mut items = Vec::new();
    for value in values {
        let (mut start, mut quoted, mut escaped) = (0, false, false);
        for (at, &byte) in value.iter().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b',' if !quoted => {
                    items.push(value[start..at].trim_ascii());
                    start = at + 1;
                }
                _ => {}
            }
        }
        items.push(value[start..].trim_ascii());
    }
    items.retain(|item| !item.is_empty());
    items
}

/// In which way two list headers differ; `None` where they mean the same.
pub(super) fn differ(how: How, left: &[&[u8]], right: &[&[u8]]) -> Option<Kind> {
    let mut left = normal(how, left);
    let mut right = normal(how, right);
    if left == right {
        return None;
    }
    left.sort_unstable();
    right.sort_unstable();
    match left == right {
        true if how.unordered => None,
        true => Some(Kind::Order),
        false if left.len() != right.len() => Some(Kind::Length),
        false => Some(Kind::Value),
    }
}

fn normal(how: How, values: &[&[u8]]) -> Vec<Vec<u8>> {
    let normal = |item: &[u8]| {
        let mut item = item.to_vec();
        if how.caseless {
            let name = item.iter().position(|&b| b == b'=').unwrap_or(item.len());
            item[..name].make_ascii_lowercase();
        }
        item
    };
    items(values).into_iter().map(normal).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SET: How = How { unordered: true, caseless: true };

    #[test]
    fn commas_in_quotes_do_not_separate() {
        let split = items(&[br#"private="a, \"b,", max-age=1"#, b" , no-store ,"]);
        assert_eq!(split, [&br#"private="a, \"b,""#[..], b"max-age=1", b"no-store"]);
    }

    #[test]
    fn order_case_and_lines_of_a_set_mean_nothing() {
        assert_eq!(differ(SET, &[b"Accept, Origin"], &[b"origin", b"accept"]), None);
        assert_eq!(differ(SET, &[b"a"], &[b"a, b"]), Some(Kind::Length));
        assert_eq!(differ(SET, &[b"a, c"], &[b"a, b"]), Some(Kind::Value));
        assert_eq!(differ(SET, &[b"private=A"], &[b"Private=a"]), Some(Kind::Value));
    }

    #[test]
    fn order_of_a_sequence_counts() {
        let sequence = How { unordered: false, caseless: true };
        assert_eq!(differ(sequence, &[b"gzip, br"], &[b"br, gzip"]), Some(Kind::Order));
        assert_eq!(differ(sequence, &[b"GZIP,br"], &[b"gzip, br"]), None);
    }
}
