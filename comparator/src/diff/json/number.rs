//! Numbers as exact decimals: 1.0 = 1, 1e2 = 100, -0 = 0, at any length.
//!
//! Nothing is converted to binary and nothing is expanded, so `1e999999999` costs as little as `1`
//! and integers beyond 2^53 keep every digit. `NaN` and the infinities equal their own spelling only.

/// Whether two JSON number tokens have the same decimal value. Both must be well-formed.
///
/// Linear in the length of the tokens, no allocation.
pub(crate) fn same(left: &[u8], right: &[u8]) -> bool {
    if left == right {
        return true;
    }
    let (Some(left), Some(right)) = (Decimal::read(left), Decimal::read(right)) else { return false };
    match (left.is_zero(), right.is_zero()) {
        (true, true) => true,
        (false, false) => {
            left.negative == right.negative && left.digits_equal(&right) && left.same_magnitude(&right)
        }
        _ => false,
    }
}

/// A number token taken apart: sign, significant digits without zeros at either end, and the power
/// of ten of the first digit, kept as the written exponent plus a small correction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decimal<'a> {
    pub(crate) negative: bool,
    /// From the first to the last digit that is not zero, perhaps with a point in between.
    significant: &'a [u8],
    exponent_negative: bool,
    /// The written exponent's digits without leading zeros.
    exponent: &'a [u8],
    /// What to add to the written exponent for the power of ten of the first significant digit.
    shift: i64,
}

impl<'a> Decimal<'a> {
    /// Takes a well-formed token apart; `None` for `NaN` and the infinities.
    pub(crate) fn read(token: &'a [u8]) -> Option<Self> {
        let negative = token.first() == Some(&b'-');
        let token = &token[usize::from(negative)..];
        if !token.first()?.is_ascii_digit() {
            return None;
        }
        let (mantissa, exponent) = match token.iter().position(|b| matches!(b, b'e' | b'E')) {
            Some(at) => (&token[..at], &token[at + 1..]),
            None => (token, &[][..]),
        };
        let exponent_negative = exponent.first() == Some(&b'-');
        let exponent = match exponent.first() {
            Some(b'-' | b'+') => &exponent[1..],
            _ => exponent,
        };
        let point = mantissa.iter().position(|&b| b == b'.').unwrap_or(mantissa.len());
        let nonzero = |b: &u8| matches!(b, b'1'..=b'9');
        let (first, end) = match mantissa.iter().position(nonzero) {
            Some(first) => (first, mantissa.iter().rposition(nonzero).map_or(first, |last| last + 1)),
            None => (0, 0),
        };
        // Digits before the point count up from 0, those after it down from -1.
        let shift = if first < point { point as i64 - 1 - first as i64 } else { point as i64 - first as i64 };
        Some(Self {
            negative,
            significant: &mantissa[first..end],
            exponent_negative,
            exponent: &exponent[exponent.iter().take_while(|&&b| b == b'0').count()..],
            shift,
        })
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.significant.is_empty()
    }

    /// The significant digits, without the point.
    fn digits(&self) -> impl Iterator<Item = u8> + use<'a> {
        self.significant.iter().copied().filter(|&b| b != b'.')
    }

    /// The significant digits (none for zero) appended to `out`, and the power of ten of the first.
    ///
    /// `None` where the exponent is too long to be a number here; such tokens have no short form.
    pub(crate) fn normal(&self, out: &mut Vec<u8>) -> Option<i64> {
        /// So many digits fit an `i64` with room for any shift.
        const EXPONENT_DIGITS_MAX: usize = 17;
        if self.is_zero() {
            return Some(0);
        }
        if self.exponent.len() > EXPONENT_DIGITS_MAX {
            return None;
        }
        out.extend(self.digits());
        let written = self.exponent.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        Some(self.shift + if self.exponent_negative { -written } else { written })
    }

    fn digits_equal(&self, other: &Self) -> bool {
        self.digits().eq(other.digits())
    }

    /// Whether the first significant digits stand for the same power of ten.
    fn same_magnitude(&self, other: &Self) -> bool {
        exponent_difference(self, other) == Some(i128::from(other.shift) - i128::from(self.shift))
    }
}

/// Written exponent of `left` minus that of `right`; `None` where it is beyond any shift.
///
/// Digit by digit from the top: once the running difference exceeds 10^20 no later digit can bring
/// it back, and shifts are bounded by the length of a token.
fn exponent_difference(left: &Decimal<'_>, right: &Decimal<'_>) -> Option<i128> {
    const BEYOND: i128 = 100_000_000_000_000_000_000;
    let digit = |number: &Decimal<'_>, place: usize| {
        let value = match number.exponent.len().checked_sub(place) {
            Some(at) => i128::from(number.exponent[at] - b'0'),
            None => 0,
        };
        if number.exponent_negative { -value } else { value }
    };
    let mut difference: i128 = 0;
    for place in (1..=left.exponent.len().max(right.exponent.len())).rev() {
        difference = difference * 10 + digit(left, place) - digit(right, place);
        if difference.abs() > BEYOND {
            return None;
        }
    }
    Some(difference)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn equal(left: &str, right: &str) -> bool {
        let forth = same(left.as_bytes(), right.as_bytes());
        assert_eq!(forth, same(right.as_bytes(), left.as_bytes()));
        forth
    }

    #[test]
    fn numbers_with_one_decimal_value_are_equal() {
        for (left, right) in [
            ("1", "1.0"),
            ("1e2", "100"),
            ("-0", "0"),
            ("0.0e99", "-0"),
            ("0.001", "1e-3"),
            ("0.00120", "12E-4"),
            ("1.5e+3", "1500"),
            ("9007199254740993", "9007199254740993.0"),
            ("1e999999999999999999999999999999", "10e999999999999999999999999999998"),
            ("0.1e-999999999999999999999999999999", "1e-1000000000000000000000000000000"),
            ("1e0000000000000000000000000000000001", "10"),
            ("1e-0", "1"),
            ("NaN", "NaN"),
            ("-Infinity", "-Infinity"),
        ] {
            assert!(equal(left, right), "{left} = {right}");
        }
    }

    #[test]
    fn numbers_with_different_decimal_values_differ() {
        for (left, right) in [
            ("1", "-1"),
            ("1", "10"),
            ("0.1", "0.01"),
            ("9007199254740993", "9007199254740992"),
            ("0.1", "0.1000000000000000055511151231257827"),
            ("1e400", "1e401"),
            ("1e999999999999999999999999999999", "1e999999999999999999999999999998"),
            ("1e999999999999999999999999999999", "1e-999999999999999999999999999999"),
            ("0", "1e-999999999999999999999999999999"),
            ("1.01", "101"),
            ("NaN", "0"),
            ("Infinity", "-Infinity"),
        ] {
            assert!(!equal(left, right), "{left} != {right}");
        }
    }

    /// Value as (integer, power of ten), exact for the sizes generated here.
    fn oracle(text: &str) -> (i128, i32) {
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut value: i128 = format!("{whole}{fraction}").parse().unwrap();
        let mut power = exponent.parse::<i32>().unwrap() - fraction.len() as i32;
        if value == 0 {
            return (0, 0);
        }
        while value % 10 == 0 {
            value /= 10;
            power += 1;
        }
        (value, power)
    }

    proptest! {
        #[test]
        fn equality_is_that_of_exact_integers(
            left in "-?(0|[1-9][0-9]{0,4})(\\.[0-9]{1,4})?(e-?[0-9]{1,2})?",
            right in "-?(0|[1-9][0-9]{0,4})(\\.[0-9]{1,4})?(e-?[0-9]{1,2})?",
        ) {
            prop_assert_eq!(equal(&left, &right), oracle(&left) == oracle(&right));
        }

        #[test]
        fn moving_the_point_keeps_the_value(digits in "[1-9][0-9]{0,20}", by in 0_usize..40, e in -50_i64..50) {
            let written = format!("{digits}e{e}");
            let shifted = format!("{digits}{}e{}", "0".repeat(by), e - by as i64);
            prop_assert!(equal(&written, &shifted));
        }
    }
}
