//! Integers of documents: beyond 2^53 they are text, because many readers of JSON keep numbers as
//! binary floating point. Read in either form.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The largest integer below which every one is exact in binary floating point.
const EXACT: u64 = 1 << 53;

/// For `#[serde(with)]`; takes `serde`'s reference.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
pub(super) fn serialize<S: Serializer>(value: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    if *value <= EXACT { serializer.serialize_u64(*value) } else { serializer.collect_str(value) }
}

/// For `#[serde(with)]`.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Ok(Wire::deserialize(deserializer)?.0)
}

/// The same for a field that may be absent.
pub(super) mod option {
    use super::*;

    #[expect(clippy::ref_option, reason = "serde gives a reference")]
    pub(in super::super) fn serialize<S: Serializer>(
        value: &Option<u64>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.map(Wire).serialize(serializer)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<u64>, D::Error> {
        Ok(Option::<Wire>::deserialize(deserializer)?.map(|wire| wire.0))
    }
}

struct Wire(u64);

impl Serialize for Wire {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Wire {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either<'a> {
            Number(u64),
            Borrowed(&'a str),
            Owned(String),
        }
        let parse = |text: &str| {
            text.parse().map_err(|_| D::Error::custom(format!("`{text}` is no integer from 0 to 2^64 - 1")))
        };
        match Either::deserialize(deserializer)? {
            Either::Number(number) => Ok(Self(number)),
            Either::Borrowed(text) => parse(text).map(Self),
            Either::Owned(text) => parse(&text).map(Self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Line {
        #[serde(with = "super")]
        count: u64,
        #[serde(default, with = "super::option", skip_serializing_if = "Option::is_none")]
        maybe: Option<u64>,
    }

    #[test]
    fn large_integers_are_text_and_both_forms_are_read() {
        let line = Line { count: u64::MAX, maybe: Some(1 << 53) };
        let text = serde_json::to_string(&line).unwrap();
        assert_eq!(text, r#"{"count":"18446744073709551615","maybe":9007199254740992}"#);
        assert_eq!(serde_json::from_str::<Line>(&text).unwrap(), line);
        let text = r#"{"count":"7"}"#;
        assert_eq!(serde_json::from_str::<Line>(text).unwrap(), Line { count: 7, maybe: None });
        assert!(serde_json::from_str::<Line>(r#"{"count":-1}"#).is_err());
        assert!(serde_json::from_str::<Line>(r#"{"count":"1e3"}"#).is_err());
    }
}
