//! One spelling for each number, so that equal numbers have equal tokens.

/// The canonical form of a JSON number: sign, digits without outer zeros, exponent.
///
/// `1`, `1.0`, `10e-1` and `0.1E1` all give `1e0`; zero is `0`, whatever its sign. An exponent that
/// 64 bits cannot hold leaves the number as it is written.
pub(super) fn canonical(number: &[u8]) -> Vec<u8> {
    let (negative, rest) = match number.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, number),
    };
    let (mantissa, exponent) = match rest.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (&rest[..at], std::str::from_utf8(&rest[at + 1..]).ok()),
        None => (rest, Some("0")),
    };
    let point = mantissa.iter().position(|&byte| byte == b'.');
    let fraction = point.map_or(0, |at| mantissa.len() - at - 1);
    let digits: Vec<u8> = mantissa.iter().copied().filter(u8::is_ascii_digit).collect();
    let Some(first) = digits.iter().position(|&digit| digit != b'0') else { return b"0".to_vec() };
    let last = digits.iter().rposition(|&digit| digit != b'0').unwrap_or(first);
    let shift = digits.len() - 1 - last;
    let scaled = exponent
        .and_then(|text| text.parse::<i64>().ok())
        .and_then(|exponent| exponent.checked_sub(i64::try_from(fraction).ok()?))
        .and_then(|exponent| exponent.checked_add(i64::try_from(shift).ok()?));
    let Some(scaled) = scaled else { return number.to_vec() };
    let mut out = if negative { b"-".to_vec() } else { Vec::new() };
    out.extend_from_slice(&digits[first..=last]);
    out.extend_from_slice(format!("e{scaled}").as_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_numbers_have_one_spelling() {
        let same = [
            &["1", "1.0", "10e-1", "0.1E1", "1e0", "100E-2", "1e+0"][..],
            &["0", "-0", "0.00", "0e9", "-0.0e-7"],
            &["-12300", "-1.23e4", "-123E+2"],
            &["9007199254740993", "9007199254740993.0"],
        ];
        for group in same {
            for number in group {
                assert_eq!(canonical(number.as_bytes()), canonical(group[0].as_bytes()), "{number}");
            }
        }
        assert_ne!(canonical(b"9007199254740993"), canonical(b"9007199254740992"));
        assert_ne!(canonical(b"1"), canonical(b"-1"));
        assert_ne!(canonical(b"1"), canonical(b"10"));
        assert_eq!(canonical(b"1e99999999999999999999"), b"1e99999999999999999999");
    }
}
