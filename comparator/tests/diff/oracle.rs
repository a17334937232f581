//! Equality of JSON texts the slow and obvious way: `serde_json` takes them apart, keeping numbers as
//! written and duplicate keys.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Whether two texts are equal JSON; `None` where `serde_json` does not read one of them.
pub(crate) fn equal(left: &[u8], right: &[u8]) -> Option<bool> {
    let (left, right): (&RawValue, &RawValue) =
        (serde_json::from_slice(left).ok()?, serde_json::from_slice(right).ok()?);
    Some(same(left.get(), right.get()))
}

fn same(left: &str, right: &str) -> bool {
    match (left.as_bytes()[0], right.as_bytes()[0]) {
        (b'{', b'{') => {
            let (left, right) = (members(left), members(right));
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(key, values)| right.get(key).is_some_and(|others| all_same(values, others)))
        }
        (b'[', b'[') => all_same(&read::<Vec<&RawValue>>(left), &read::<Vec<&RawValue>>(right)),
        (b'"', b'"') => read::<String>(left) == read::<String>(right),
        (b'-' | b'0'..=b'9', b'-' | b'0'..=b'9') => normal(left) == normal(right),
        _ => left == right,
    }
}

fn all_same(left: &[&RawValue], right: &[&RawValue]) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|(l, r)| same(l.get(), r.get()))
}

fn read<'a, T: Deserialize<'a>>(text: &'a str) -> T {
    serde_json::from_str(text).unwrap()
}

/// Sign, digits without zeros at either end, and power of ten. Exponents are small here.
fn normal(number: &str) -> (bool, String, i64) {
    let (negative, number) = number.strip_prefix('-').map_or((false, number), |rest| (true, rest));
    let lower = number.to_ascii_lowercase();
    let (mantissa, exponent) = lower.split_once('e').unwrap_or((&lower, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let power = exponent.parse::<i64>().unwrap() - fraction.len() as i64;
    let trimmed = digits.trim_end_matches('0');
    let power = power + (digits.len() - trimmed.len()) as i64;
    let trimmed = trimmed.trim_start_matches('0').to_owned();
    if trimmed.is_empty() { (false, trimmed, 0) } else { (negative, trimmed, power) }
}

/// The values of each key, in their order.
fn members(text: &str) -> BTreeMap<String, Vec<&RawValue>> {
    read::<Members<'_>>(text).0
}

struct Members<'a>(BTreeMap<String, Vec<&'a RawValue>>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Members(BTreeMap::new());
                while let Some((key, value)) = map.next_entry::<String, &'de RawValue>()? {
                    members.0.entry(key).or_default().push(value);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Collect)
    }
}
