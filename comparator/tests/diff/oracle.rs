//! Equality of JSON texts the slow and obvious way: `serde_json` takes them apart, keeping numbers as
//! written and duplicate keys.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Whether two texts are equal JSON; `None` where `serde_json` does not read one of them, or an
/// exponent is too long for this.
pub(crate) fn equal(left: &[u8], right: &[u8]) -> Option<bool> {
    let (left, right): (&RawValue, &RawValue) = (read(left)?, read(right)?);
    // Each against itself first: a fault behind the first difference is a fault all the same.
    same(left.get(), left.get())?;
    same(right.get(), right.get())?;
    same(left.get(), right.get())
}

fn same(left: &str, right: &str) -> Option<bool> {
    Some(match (left.as_bytes()[0], right.as_bytes()[0]) {
        (b'{', b'{') => {
            let (left, right) = (members(left)?, members(right)?);
            let mut equal = left.len() == right.len();
            for (key, values) in &left {
                match right.get(key) {
                    Some(others) => equal &= all_same(values, others)?,
                    None => equal = false,
                }
            }
            equal
        }
        (b'[', b'[') => {
            all_same(&read::<Vec<&RawValue>>(left.as_bytes())?, &read::<Vec<&RawValue>>(right.as_bytes())?)?
        }
        (b'"', b'"') => read::<String>(left.as_bytes())? == read::<String>(right.as_bytes())?,
        (b'-' | b'0'..=b'9', b'-' | b'0'..=b'9') => normal(left)? == normal(right)?,
        _ => left == right,
    })
}

fn all_same(left: &[&RawValue], right: &[&RawValue]) -> Option<bool> {
    let mut equal = left.len() == right.len();
    for (left, right) in left.iter().zip(right) {
        equal &= same(left.get(), right.get())?;
    }
    Some(equal)
}

fn read<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Option<T> {
    serde_json::from_slice(text).ok()
}

/// Sign, digits without zeros at either end, and power of ten.
fn normal(number: &str) -> Option<(bool, String, i64)> {
    let (negative, number) = number.strip_prefix('-').map_or((false, number), |rest| (true, rest));
    let lower = number.to_ascii_lowercase();
    let (mantissa, exponent) = lower.split_once('e').unwrap_or((&lower, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let power = i64::from(exponent.parse::<i32>().ok()?) - fraction.len() as i64;
    let trimmed = digits.trim_end_matches('0');
    let power = power + (digits.len() - trimmed.len()) as i64;
    let trimmed = trimmed.trim_start_matches('0').to_owned();
    Some(if trimmed.is_empty() { (false, trimmed, 0) } else { (negative, trimmed, power) })
}

/// The values of each key, in their order.
fn members(text: &str) -> Option<BTreeMap<String, Vec<&RawValue>>> {
    Some(read::<Members<'_>>(text.as_bytes())?.0)
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
