//! One side of a difference as rules see it: a JSON value, a header's value, or a whole text.

use crate::diff::json::Cursor;
use crate::diff::path::unescape_token;
use jiff::{Timestamp, civil, tz::TimeZone};
use parallax_config::Class;
use std::borrow::Cow;
use std::net::IpAddr;

/// One side of a difference.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    /// A JSON value as written.
    Json(&'a [u8]),
    /// Anything else.
    Text(&'a [u8]),
}

impl<'a> Value<'a> {
    pub(crate) fn is_null(self) -> bool {
        matches!(self, Self::Json(b"null"))
    }

    /// An empty text, array or object; a null is empty, other scalars are not.
    pub(crate) fn is_empty(self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::Json(b"\"\"" | b"null") => true,
            Self::Json([open @ (b'[' | b'{'), inner @ .., _]) => {
                let _: &u8 = open;
                inner.trim_ascii().is_empty()
            }
            Self::Json(_) => false,
        }
    }

    /// The text that a JSON string means, or any other text as it is.
    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(String::from_utf8_lossy(text)),
            Self::Json(json @ [b'"', ..]) => {
                let string = Cursor::new(json).string().ok()?;
                Some(Cow::Owned(String::from_utf8_lossy(&string.unescaped()).into_owned()))
            }
            Self::Json(_) => None,
        }
    }

    /// The text of a string or a number.
    fn token(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Json(json @ [b'-' | b'0'..=b'9', ..]) => Some(String::from_utf8_lossy(json)),
            other => other.text(),
        }
    }

    /// The nearest binary number: good enough to say how far apart two values are.
    pub(crate) fn number(self) -> Option<f64> {
        let token = self.token()?;
        let token = token.trim();
        let plain = token.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
        token.parse().ok().filter(|number: &f64| plain && number.is_finite())
    }

    /// The moment in nanoseconds since 1970.
    pub(crate) fn time_ns(self) -> Option<i128> {
        match self.number() {
            Some(number) => epoch_ns(number),
            None => date_ns(self.text()?.trim()),
        }
    }

    pub(crate) fn is_of(self, class: Class) -> bool {
        match class {
            Class::NonEmpty => !self.is_empty(),
            Class::Number => self.number().is_some(),
            Class::Timestamp => self.time_ns().is_some(),
            Class::Ip => self.text().is_some_and(|text| text.trim().parse::<IpAddr>().is_ok()),
            Class::Uuid => self.text().is_some_and(|text| is_uuid(text.trim())),
        }
    }
}

/// Counts since 1970 are told apart by their size: between 2001 and 2100 the ranges of seconds,
/// milliseconds, microseconds and nanoseconds do not meet.
fn epoch_ns(number: f64) -> Option<i128> {
    const FIRST: f64 = 1e9; // 2001-09-09
    const LAST: f64 = 4.102_444_8e9; // 2100-01-01
    let unit = [1e9, 1e6, 1e3, 1.0].into_iter().find(|ns| (FIRST..LAST).contains(&(number * ns / 1e9)))?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the range is checked; a fraction of a ns means nothing"
    )]
    let ns = (number * unit) as i128;
    Some(ns)
}

/// RFC 3339, a date and time without offset (taken as UTC), or an HTTP date.
fn date_ns(text: &str) -> Option<i128> {
    let dated = text.len() > 10 && text.as_bytes()[0].is_ascii_digit();
    let timestamp = if dated {
        let with_offset = text.parse::<Timestamp>().ok();
        with_offset.or_else(|| {
            let civil: civil::DateTime = text.parse().ok()?;
            Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
        })
    } else {
        jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
    };
    timestamp.map(Timestamp::as_nanosecond)
}

fn is_uuid(text: &str) -> bool {
    let groups = text.split('-').map(str::len);
    let shape = groups.clone().eq([8, 4, 4, 4, 12]) || groups.eq([32]);
    shape && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

/// The steps of a JSON pointer, unescaped.
pub(crate) fn tokens(pointer: &str) -> Vec<Box<[u8]>> {
    pointer.split('/').skip(1).map(|token| unescape_token(token).as_bytes().into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(class: Class, json: &str) -> bool {
        Value::Json(json.as_bytes()).is_of(class)
    }

    #[test]
    fn classes_hold_what_their_names_say() {
        assert!(is(Class::Uuid, r#""3f2504e0-4f89-11d3-9a0c-0305e82c3301""#));
        assert!(is(Class::Uuid, r#""3F2504E04F8911D39A0C0305E82C3301""#));
        assert!(!is(Class::Uuid, r#""3f2504e0-4f89-11d3-9a0c-0305e82c330""#) && !is(Class::Uuid, "1"));
        assert!(is(Class::Ip, r#""10.0.0.1""#) && is(Class::Ip, r#""::1""#) && !is(Class::Ip, r#""10.0.0""#));
        assert!(is(Class::Number, "-1.5e3") && is(Class::Number, r#""42""#) && !is(Class::Number, r#""4x""#));
        assert!(!is(Class::Number, "NaN") && !is(Class::Number, r#""inf""#) && !is(Class::Number, "true"));
        assert!(is(Class::NonEmpty, "[0]") && is(Class::NonEmpty, "0") && is(Class::NonEmpty, r#"" ""#));
        assert!(!is(Class::NonEmpty, "[ ]") && !is(Class::NonEmpty, "null") && !is(Class::NonEmpty, r#""""#));
    }

    #[test]
    fn times_are_read_in_every_common_notation() {
        let ns = |json: &str| Value::Json(json.as_bytes()).time_ns();
        let moment = Some(1_764_000_000_000_000_000);
        for notation in [
            "1764000000",
            "1764000000000",
            "1764000000000000",
            "1764000000000000000",
            "1.764e9",
            r#""1764000000""#,
            r#""2025-11-24T16:00:00Z""#,
            r#""2025-11-24T17:00:00+01:00""#,
            r#""2025-11-24 16:00:00""#,
            r#""Mon, 24 Nov 2025 16:00:00 GMT""#,
        ] {
            assert_eq!(ns(notation), moment, "{notation}");
        }
        for nothing in ["7", "99999999999999999999999", r#""2025-11-24""#, r#""soon""#, "null", "-1764000000"]
        {
            assert_eq!(ns(nothing), None, "{nothing}");
        }
    }
}
