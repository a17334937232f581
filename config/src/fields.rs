//! The order in which a struct declares its fields.
//!
//! JSON Schema keeps properties in a map sorted by name, but people read a configuration in the
//! order in which its parts make sense. serde hands the declared names to every deserializer;
//! this one keeps them and reads nothing, so that no second list has to be maintained.

use serde::Deserialize;
use serde::de::value::Error;
use serde::de::{Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;

/// The names of `T`'s fields as declared; empty when `T` is not a struct.
pub(crate) fn declared<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    let mut fields: &'static [&'static str] = &[];
    let outcome = T::deserialize(Listener { fields: &mut fields });
    debug_assert!(outcome.is_err(), "the listener yields no value");
    fields
}

struct Listener<'a> {
    fields: &'a mut &'static [&'static str],
}

impl<'de> Deserializer<'de> for Listener<'_> {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Error> {
        *self.fields = fields;
        Err(Error::custom("only the names were wanted"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
        Err(Error::custom("not a struct"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_in_the_declared_order() {
        assert_eq!(declared::<crate::Log>(), ["url", "segment_bytes", "total_bytes"]);
        assert_eq!(declared::<String>(), [""; 0]);
    }
}
