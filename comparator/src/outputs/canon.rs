//! A hash of what a JSON text means, found in the one pass that also finds its id and its time.
//!
//! Texts with one hash are equal under the rules of [`crate::diff::json`]: any order of keys,
//! numbers by exact decimal value, strings after their escapes are undone, ignored places left out.
//! The converse does not hold: a tolerance or a class has no hash. So equal hashes settle a
//! pair, and unequal ones only say that it must be looked at. Hashes have 128 bits; none is kept
//! from one run to the next.

use super::place::Pointer;
use crate::diff::json::{Broken, Cursor, Decimal, RawStr, Type};
use crate::diff::path::Step;
use crate::mask::Masks;
use crate::mask::pattern::Pattern;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::ops::Range;
use xxhash_rust::xxh3::xxh3_128;

/// What the hash leaves out, and what is looked for on the way.
#[derive(Debug)]
pub(super) struct Canon {
    ignored: Vec<Pattern>,
    exact_spelling: bool,
    pointers: Vec<Pointer>,
}

/// Memory that is used again for each record.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// Hashes of the keys of the open objects, outermost first.
    keys: Vec<u64>,
    digits: Vec<u8>,
    /// How many steps of each pointer lead to the present place.
    reached: SmallVec<[usize; 4]>,
    /// Where the value of each pointer is; of several the last.
    pub(super) found: SmallVec<[Option<Range<usize>>; 4]>,
}

const STRING: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834;
const NUMBER: u128 = 0x6a09_e667_f3bc_c908_bb67_ae85_84ca_a73b;
const WORD: u128 = 0x3c6e_f372_fe94_f82b_a54f_f53a_5f1d_36f1;
const OBJECT: u128 = 0x510e_527f_ade6_82d1_9b05_688c_2b3e_6c1f;
const ARRAY: u128 = 0x1f83_d9ab_fb41_bd6b_5be0_cd19_137e_2179;
const HIDDEN: u128 = 0xcbbb_9d5d_c105_9ed8_629a_292a_367c_d507;

/// From here on the keys of an object are counted in a map, since searching them is quadratic.
const SEARCHED_KEYS_MAX: usize = 64;

impl Canon {
    pub(super) fn new(masks: &Masks, pointers: Vec<Pointer>) -> Self {
        Self {
            ignored: masks.ignored_places().cloned().collect(),
            exact_spelling: masks.has_exact_spelling(),
            pointers,
        }
    }

    /// The hash of `text`; `scratch.found` says where the pointers' values are.
    ///
    /// # Errors
    /// The text is not JSON.
    pub(super) fn hash(&self, text: &[u8], scratch: &mut Scratch) -> Result<u128, Broken> {
        scratch.keys.clear();
        scratch.reached.clear();
        scratch.reached.resize(self.pointers.len(), 0);
        scratch.found.clear();
        scratch.found.resize(self.pointers.len(), None);
        let mut walk = Walk { canon: self, cursor: Cursor::new(text), path: SmallVec::new(), scratch };
        let hash = walk.value(0)?;
        walk.cursor.finish()?;
        Ok(if self.hides(&[]) { HIDDEN } else { hash })
    }

    fn hides(&self, path: &[Step<'_>]) -> bool {
        self.ignored.iter().any(|pattern| pattern.meet(path).within)
    }
}

struct Walk<'a, 'c> {
    canon: &'c Canon,
    cursor: Cursor<'a>,
    /// Kept only where places are ignored.
    path: SmallVec<[Step<'a>; 16]>,
    scratch: &'c mut Scratch,
}

impl<'a> Walk<'a, '_> {
    fn value(&mut self, depth: usize) -> Result<u128, Broken> {
        Ok(match self.cursor.peek_type()? {
            Type::String => STRING ^ xxh3_128(&self.cursor.string()?.unescaped()),
            Type::Number => {
                let token = self.cursor.number()?;
                self.number(token)
            }
            Type::Boolean | Type::Null => WORD ^ xxh3_128(self.cursor.literal()?),
            Type::Object => self.object(depth)?,
            Type::Array => self.array(depth)?,
        })
    }

    /// The sum over the members, since their order means nothing.
    fn object(&mut self, depth: usize) -> Result<u128, Broken> {
        self.cursor.bump();
        let base = self.scratch.keys.len();
        let mut map = None;
        let (mut first, mut sum) = (true, 0_u128);
        while self.cursor.member(&mut first, depth)? {
            let key = self.cursor.key()?;
            let (hidden, value) = self.below(Step::Key(key), depth)?;
            if !hidden {
                let name = key_hash(&key);
                let nth = self.occurrence(name as u64, base, &mut map);
                sum = sum.wrapping_add(mix(name.wrapping_add(nth), value));
            }
        }
        self.scratch.keys.truncate(base);
        Ok(mix(OBJECT, sum))
    }

    fn array(&mut self, depth: usize) -> Result<u128, Broken> {
        self.cursor.bump();
        let (mut first, mut index, mut hash) = (true, 0, ARRAY);
        while self.cursor.element(&mut first, depth)? {
            let (hidden, value) = self.below(Step::Index(index), depth)?;
            hash = mix(hash, if hidden { HIDDEN } else { value });
            index += 1;
        }
        Ok(mix(hash, index as u128))
    }

    /// The hash of the value one step down, and whether it is ignored.
    #[inline]
    fn below(&mut self, step: Step<'a>, depth: usize) -> Result<(bool, u128), Broken> {
        let mut entered = false;
        for (pointer, reached) in self.canon.pointers.iter().zip(&mut self.scratch.reached) {
            if *reached == depth && pointer.leads(depth, &step) {
                *reached += 1;
                entered = true;
            }
        }
        let hidden = !self.canon.ignored.is_empty() && {
            self.path.push(step);
            self.canon.hides(&self.path)
        };
        self.cursor.peek();
        let start = self.cursor.at();
        let value = self.value(depth + 1)?;
        if entered {
            self.leave(depth, start);
        }
        self.path.pop();
        Ok((hidden, value))
    }

    fn leave(&mut self, depth: usize, start: usize) {
        for (index, pointer) in self.canon.pointers.iter().enumerate() {
            let reached = &mut self.scratch.reached[index];
            if *reached == depth + 1 {
                *reached = depth;
                if pointer.len() == depth + 1 {
                    self.scratch.found[index] = Some(start..self.cursor.at());
                }
            }
        }
    }

    /// How often the key came before in its object: readers disagree on which occurrence counts, so
    /// the n-th is compared with the n-th.
    #[inline]
    fn occurrence(&mut self, key: u64, base: usize, map: &mut Option<HashMap<u64, u32>>) -> u128 {
        if let Some(map) = map {
            let count = map.entry(key).or_default();
            *count += 1;
            return u128::from(*count - 1);
        }
        let keys = &mut self.scratch.keys;
        let before = keys[base..].iter().filter(|other| **other == key).count();
        keys.push(key);
        if keys.len() - base > SEARCHED_KEYS_MAX {
            let map = map.insert(HashMap::new());
            for key in &keys[base..] {
                *map.entry(*key).or_default() += 1;
            }
        }
        before as u128
    }

    fn number(&mut self, token: &[u8]) -> u128 {
        if self.canon.exact_spelling {
            return WORD ^ xxh3_128(token);
        }
        number_hash(token, &mut self.scratch.digits)
    }
}

fn key_hash(key: &RawStr<'_>) -> u128 {
    xxh3_128(&key.unescaped())
}

/// The hash of a number's exact decimal value.
fn number_hash(token: &[u8], digits: &mut Vec<u8>) -> u128 {
    let (negative, unsigned) = match token {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, token),
    };
    if unsigned.iter().all(u8::is_ascii_digit) {
        let zeros = unsigned.iter().rev().take_while(|digit| **digit == b'0').count();
        let significant = &unsigned[..unsigned.len() - zeros];
        return if significant.is_empty() {
            decimal_hash(false, b"", 0)
        } else {
            decimal_hash(negative, significant, unsigned.len() as i64 - 1)
        };
    }
    digits.clear();
    match Decimal::read(token).map(|decimal| (decimal.normal(digits), decimal.is_zero(), decimal.negative)) {
        Some((Some(magnitude), is_zero, negative)) => decimal_hash(negative && !is_zero, digits, magnitude),
        // NaN and infinities equal their own spelling; an exponent beyond all bounds is left to the
        // comparison.
        _ => WORD ^ xxh3_128(token),
    }
}

fn decimal_hash(negative: bool, significant: &[u8], magnitude: i64) -> u128 {
    mix(NUMBER ^ u128::from(negative), xxh3_128(significant).wrapping_add(magnitude as u128))
}

/// Combines two hashes, in this order.
#[inline]
pub(super) fn mix(left: u128, right: u128) -> u128 {
    const A: u64 = 0xa076_1d64_78bd_642f;
    const B: u64 = 0xe703_7ed1_a0b4_28db;
    let (l0, l1) = (left as u64, (left >> 64) as u64);
    let (r0, r1) = (right as u64, (right >> 64) as u64);
    let one = u128::from(l0 ^ A).wrapping_mul(u128::from(r0 ^ B));
    let two = u128::from(l1 ^ B).wrapping_mul(u128::from(r1 ^ A));
    one.wrapping_add(two.rotate_left(64)) ^ left.rotate_left(41).wrapping_add(right)
}

/// The hash of an id, from its JSON text: the string `"7"` and the number 7 are one id, so that a
/// changed type shows as a difference of that record. `None` for null.
pub(super) fn id_hash(text: &[u8], scratch: &mut Vec<u8>) -> Option<u128> {
    match text.first()? {
        b'n' => None,
        b'"' => {
            let string = Cursor::new(text).string().ok()?;
            Some(xxh3_128(&string.unescaped()))
        }
        b'-' | b'0'..=b'9' => {
            scratch.clear();
            Some(match plain_number(text, scratch) {
                Some(()) => xxh3_128(scratch),
                None => xxh3_128(text),
            })
        }
        b'{' | b'[' => {
            let canon = Canon { ignored: Vec::new(), exact_spelling: false, pointers: Vec::new() };
            canon.hash(text, &mut Scratch::default()).ok()
        }
        _ => Some(xxh3_128(text)),
    }
}

/// One spelling for each number: an integer of ordinary size as people write it.
fn plain_number(token: &[u8], out: &mut Vec<u8>) -> Option<()> {
    const ORDINARY: i64 = 64;
    let decimal = Decimal::read(token)?;
    if decimal.negative && !decimal.is_zero() {
        out.push(b'-');
    }
    let start = out.len();
    let magnitude = decimal.normal(out)?;
    if out.len() == start {
        out.push(b'0');
    }
    let digits = (out.len() - start) as i64;
    if (digits - 1..ORDINARY).contains(&magnitude) {
        out.extend(std::iter::repeat_n(b'0', (magnitude + 1 - digits) as usize));
    } else {
        out.push(b'e');
        out.extend_from_slice(magnitude.to_string().as_bytes());
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Comparer;
    use parallax_config::{Action, Place, Rule};
    use proptest::prelude::*;

    fn rule(pointer: &str, action: Action) -> Rule {
        Rule { at: Place::Body(pointer.to_owned()), action, route: None, owner: None, expires: None }
    }

    fn hash(text: &str, rules: &[Rule]) -> u128 {
        let canon = Canon::new(&Masks::new(rules, None).unwrap(), Vec::new());
        canon.hash(text.as_bytes(), &mut Scratch::default()).unwrap()
    }

    fn json() -> impl Strategy<Value = String> {
        let numbers = ["0", "-0.0", "1", "1.0", "10e-1", "100", "1e2", "-1", "NaN", "9007199254740993"];
        let leaf = prop_oneof![
            prop::sample::select(numbers.to_vec()).prop_map(str::to_owned),
            prop::sample::select(vec!["\"a\"", "\"\\u0061\"", "\"1\"", "true", "null", "\"\""])
                .prop_map(str::to_owned),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            let member = (prop::sample::select(vec!["\"a\"", "\"b\"", "\"\\u0062\""]), inner.clone());
            prop_oneof![
                prop::collection::vec(inner, 0..4).prop_map(|all| format!("[{}]", all.join(", "))),
                prop::collection::vec(member, 0..4).prop_map(|all| {
                    let members: Vec<_> = all.iter().map(|(key, value)| format!("{key}:{value}")).collect();
                    format!("{{{}}}", members.join(","))
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn hashes_are_equal_exactly_where_the_comparison_finds_nothing(left in json(), right in json(), ignore: bool) {
            let rules = if ignore { vec![rule("/**/a", Action::Ignore)] } else { Vec::new() };
            let comparison = Comparer::new(&rules, &[]).unwrap().compare_json(None, left.as_bytes(), right.as_bytes());
            prop_assert_eq!(
                hash(&left, &rules) == hash(&right, &rules),
                comparison.differences.is_empty(),
                "{} {}", left, right
            );
        }
    }

    #[test]
    fn members_may_come_in_any_order_but_copies_of_a_key_may_not() {
        assert_eq!(hash(r#"{"a":1,"b":[2]}"#, &[]), hash(r#"{"b":[2.0],"a":1}"#, &[]));
        assert_ne!(hash(r#"{"a":1,"a":2}"#, &[]), hash(r#"{"a":2,"a":1}"#, &[]));
        let many = |first: u32| {
            let keys: Vec<_> = (0..200).map(|n| format!("\"{}\":{}", n % 100, n + first)).collect();
            format!("{{{}}}", keys.join(","))
        };
        assert_eq!(hash(&many(0), &[]), hash(&many(0), &[]));
        assert_ne!(hash(&many(0), &[]), hash(&many(1), &[]));
    }

    #[test]
    fn spelling_counts_where_a_rule_says_so() {
        let exact = [rule("/n", Action::ExactSpelling)];
        assert_ne!(hash(r#"{"n":1}"#, &exact), hash(r#"{"n":1.0}"#, &exact));
    }

    #[test]
    fn one_number_is_one_id() {
        let id = |text: &str| id_hash(text.as_bytes(), &mut Vec::new());
        assert_eq!(id("\"7\""), id("7"));
        assert_eq!(id("1e2"), id("100"));
        assert_eq!(id("-0.0"), id("0"));
        assert_ne!(id("1e99"), id("1e98"));
        assert_ne!(id("[1]"), id("[2]"));
        assert_eq!(id("null"), None);
    }
}
