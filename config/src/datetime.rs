//! Days and instants, bare or quoted.
//!
//! TOML has dates of its own and hands them over as a map of its own making; JSON and quotes give text.
//! Both are read through their text, so that a type needs only `FromStr`.

use serde::de::{self, Deserialize as _, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

/// Reads a date or time; `expecting` describes it in the error about anything else.
///
/// # Errors
/// It is neither text nor a date of TOML, or `T` cannot be parsed from its text.
pub(crate) fn deserialize<'de, D, T>(deserializer: D, expecting: &'static str) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    deserializer.deserialize_any(Text { expecting, of: PhantomData })
}

struct Text<T> {
    expecting: &'static str,
    of: PhantomData<T>,
}

impl<'de, T: FromStr<Err: fmt::Display>> Visitor<'de> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<T, M::Error> {
        let datetime = toml::value::Datetime::deserialize(MapAccessDeserializer::new(map))?;
        self.visit_str(&datetime.to_string())
    }
}
