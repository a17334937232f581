//! Event times: exact for integers, whatever their unit; everything else as rules read times.

use crate::mask::value::Value;

/// Nanoseconds since 1970 of a time in a JSON text: RFC 3339 and its relatives, or a count of seconds,
/// milliseconds, microseconds or nanoseconds, told apart by size (between 2001 and 2100 they do not meet).
pub(super) fn of_json(text: &[u8]) -> Option<i64> {
    let inner = text.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(text);
    integer(inner).or_else(|| i64::try_from(Value::Json(text).time_ns()?).ok())
}

/// The same of a header's text.
pub(super) fn of_text(text: &[u8]) -> Option<i64> {
    integer(text).or_else(|| i64::try_from(Value::Text(text).time_ns()?).ok())
}

/// A count since 1970; `None` for what is no plain integer between 2001 and 2100.
fn integer(text: &[u8]) -> Option<i64> {
    const FIRST: u64 = 1_000_000_000; // 2001-09-09
    const LAST: u64 = 4_102_444_800; // 2100-01-01
    if text.len() < 10 || text.len() > 19 || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let count = text.iter().fold(0_u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    let units = [(1, 1_000_000_000), (1_000, 1_000_000), (1_000_000, 1_000), (1_000_000_000, 1)];
    let unit = units.into_iter().find(|(per_second, _)| (FIRST..LAST).contains(&(count / per_second)));
    unit.and_then(|(_, ns)| i64::try_from(count * ns).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_keep_every_nanosecond() {
        assert_eq!(of_json(b"1764000000123456789"), Some(1_764_000_000_123_456_789));
        assert_eq!(of_json(b"\"1764000000123\""), Some(1_764_000_000_123_000_000));
        assert_eq!(of_text(b"1764000000"), Some(1_764_000_000_000_000_000));
    }

    #[test]
    fn other_notations_are_read_as_rules_read_them() {
        assert_eq!(of_json(br#""2025-11-24T16:00:00.5Z""#), Some(1_764_000_000_500_000_000));
        assert_eq!(of_json(b"1764000000.5"), Some(1_764_000_000_500_000_000));
        assert_eq!(of_json(b"12"), None);
        assert_eq!(of_json(b"null"), None);
    }
}
