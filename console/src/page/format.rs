//! Numbers, shares and times as people read them.

/// `1234567` as `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `part` of `whole` in percent; `–` of nothing. Never rounds a part to nothing or to all.
pub(crate) fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    let percent = part as f64 / whole as f64 * 100.0;
    match percent {
        _ if part == 0 => "0%".to_owned(),
        _ if part == whole => "100%".to_owned(),
        p if p < 0.01 => "<0.01%".to_owned(),
        p if p > 99.99 => ">99.99%".to_owned(),
        p => format!("{}%", significant(p)),
    }
}

/// A signed share in percent: `+0.42%`, `−0.07%`, `0%`.
pub(crate) fn signed_percent(share: f64) -> String {
    let percent = share * 100.0;
    let sign = if percent > 0.0 { "+" } else { "" };
    if percent == 0.0 {
        "0%".to_owned()
    } else {
        format!("{sign}{}%", significant(percent)).replace('-', "−")
    }
}

/// Three significant digits, at most four decimals, without trailing zeros.
pub(crate) fn significant(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    let magnitude = number.abs().log10().floor();
    let decimals = (2.0 - magnitude).clamp(0.0, 4.0) as usize;
    let text = format!("{number:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Nanoseconds in the unit that leaves one to three digits before the point: `41.2 ms`.
pub(crate) fn nanoseconds(ns: u64) -> String {
    let (value, unit) = match ns {
        0..1_000 => (ns as f64, "ns"),
        1_000..1_000_000 => (ns as f64 / 1e3, "µs"),
        1_000_000..1_000_000_000 => (ns as f64 / 1e6, "ms"),
        _ => (ns as f64 / 1e9, "s"),
    };
    format!("{} {unit}", significant(value))
}

/// A quantile as `p50`, `p99.9`; 0 and 1 as `min` and `max`.
pub(crate) fn quantile(quantile: f64) -> String {
    match quantile {
        q if q <= 0.0 => "min".to_owned(),
        q if q >= 1.0 => "max".to_owned(),
        q => {
            let text = format!("{:.4}", q * 100.0);
            format!("p{}", text.trim_end_matches('0').trim_end_matches('.'))
        }
    }
}

/// What evidence of `log_e` (natural logarithm) is worth: `28.6`, or a power of ten beyond a million.
pub(crate) fn evidence(log_e: f64) -> String {
    let exponent = log_e / std::f64::consts::LN_10;
    let value = log_e.exp();
    match value {
        _ if exponent >= 6.0 => format!("10{}", superscript(exponent as u64)),
        v if v >= 1000.0 => count(v.round() as u64),
        v if v < 0.001 => "<0.001".to_owned(),
        v => significant(v),
    }
}

fn superscript(number: u64) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    number.to_string().bytes().map(|digit| DIGITS[usize::from(digit - b'0')]).collect()
}

/// Unix nanoseconds as `2026-11-22 14:41:10 UTC`.
pub(crate) fn time(unix_ns: u64) -> String {
    let nanoseconds = i128::from(unix_ns);
    match jiff::Timestamp::from_nanosecond(nanoseconds) {
        Ok(timestamp) => timestamp.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        Err(_) => unix_ns.to_string(),
    }
}

/// A time of the documents, such as `2026-11-22T14:41:10Z`, for people; other text stays.
pub(crate) fn rfc3339(text: &str) -> String {
    text.strip_suffix('Z')
        .map_or_else(|| text.to_owned(), |text| format!("{} UTC", text.replacen('T', " ", 1)))
}

/// A span in the two largest units: `2 h 5 min`, `41 s`.
pub(crate) fn span(seconds: u64) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest} s"),
        (0, _) if rest == 0 => format!("{minutes} min"),
        (0, _) => format!("{minutes} min {rest} s"),
        (_, 0) => format!("{hours} h"),
        _ => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped_by_thousands() {
        let texts = [0, 7, 999, 1_000, 12_345, 1_234_567, u64::MAX].map(count);
        let expected = ["0", "7", "999", "1,000", "12,345", "1,234,567", "18,446,744,073,709,551,615"];
        assert_eq!(texts, expected);
    }

    #[test]
    fn a_share_is_never_rounded_to_nothing_or_to_all() {
        let cases = [(0, 9), (9, 9), (1, 1_000_000), (999_999, 1_000_000), (1, 3), (5, 1000), (0, 0)];
        let texts = cases.map(|(part, whole)| share(part, whole));
        assert_eq!(texts, ["0%", "100%", "<0.01%", ">99.99%", "33.3%", "0.5%", "–"]);
        assert_eq!([0.00421, -0.0007, 0.0].map(signed_percent), ["+0.421%", "−0.07%", "0%"]);
    }

    #[test]
    fn times_have_the_unit_that_fits() {
        let texts = [0, 950, 1_500, 41_222_144, 1_250_000_000].map(nanoseconds);
        assert_eq!(texts, ["0 ns", "950 ns", "1.5 µs", "41.2 ms", "1.25 s"]);
        assert_eq!([41, 60, 65, 3600, 7500].map(span), ["41 s", "1 min", "1 min 5 s", "1 h", "2 h 5 min"]);
        assert_eq!(time(1_795_358_470_000_000_000), "2026-11-22 14:41:10 UTC");
        assert_eq!(rfc3339("2026-11-22T14:41:10Z"), "2026-11-22 14:41:10 UTC");
    }

    #[test]
    fn quantiles_have_their_usual_names() {
        assert_eq!(
            [0.0, 0.5, 0.99, 0.999, 0.9999, 1.0].map(quantile),
            ["min", "p50", "p99", "p99.9", "p99.99", "max"]
        );
    }

    #[test]
    fn evidence_is_a_number_until_it_is_astronomical() {
        let texts = [3.353_892, 0.0, 8.72, 72.03, -20.0].map(evidence);
        assert_eq!(texts, ["28.6", "1", "6,124", "10³¹", "<0.001"]);
    }
}
