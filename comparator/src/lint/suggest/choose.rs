//! The narrowest action that hides the noise of one place.
//!
//! In order: what keeps the value comparable (case, tolerance with twice the observed range, order),
//! then what keeps its shape (class, regular expression), then its presence, and last `ignore`.

use super::values::{Noise, Numbers, Texts, either, letters};
use parallax_config::{Action, Class, Span, Tolerance};
use std::fmt::Write;
use std::time::Duration;

/// A time that varies more than this is not a time measured twice.
const SKEW_MAX: Duration = Duration::from_secs(3600);
/// A number that varies by a larger share than this is not a quantity measured twice.
const SHARE_MAX: f64 = 0.5;
/// Values from which the shape of a text is learned at least; fewer happen to look alike.
const SHAPE_MIN: u64 = 8;

/// The action; `None` where nothing but hiding everything would do.
pub(super) fn action(noise: &Noise, is_body: bool) -> Option<Action> {
    let Noise { values, orders, lengths, others, nulls, lone, whole, .. } = *noise;
    let only = |count: u64| count > 0 && count == values + orders + lengths + others + nulls + lone;
    if whole > 0 {
        return None;
    }
    Some(if lone > 0 || (nulls > 0 && !only(nulls)) {
        Action::Ignore
    } else if only(nulls) && is_body {
        Action::NullEqualsAbsent
    } else if only(orders) {
        Action::Unordered
    } else if only(values) {
        value(noise)
    } else if others == 0 && noise.texts.as_ref().is_none_or(|texts| texts.non_empty) {
        Action::Class(Class::NonEmpty)
    } else {
        Action::Present
    })
}

fn value(noise: &Noise) -> Action {
    let (Some(texts), Some(numbers)) = (&noise.texts, &noise.numbers) else { return Action::Present };
    if texts.text && texts.case_only {
        return Action::CaseFold;
    }
    let class = [(texts.uuid, Class::Uuid), (texts.ip, Class::Ip)].into_iter().find(|(holds, _)| *holds);
    if let Some((_, class)) = class {
        return Action::Class(class);
    }
    if let Some(action) = distance(numbers) {
        return action;
    }
    if texts.text
        && noise.values >= SHAPE_MIN
        && let Some(regex) = shape(texts)
    {
        return Action::Matches(regex);
    }
    if texts.non_empty { Action::Class(Class::NonEmpty) } else { Action::Present }
}

fn distance(numbers: &Numbers) -> Option<Action> {
    if numbers.time {
        let skew = Duration::from_nanos(u64::try_from(numbers.skew_ns).unwrap_or(u64::MAX));
        return Some(match skew <= SKEW_MAX {
            true => Action::Tolerate(Tolerance::Skew(Span(rounded_span(2 * skew)))),
            false => Action::Class(Class::Timestamp),
        });
    }
    if !numbers.number {
        return None;
    }
    if numbers.apart == 0.0 {
        return Some(Action::Class(Class::Number)); // apart by less than binary numbers tell
    }
    let (least, most) = numbers.magnitude;
    Some(if numbers.share <= SHARE_MAX && least > 0.0 && most / least > 10.0 {
        Action::Tolerate(Tolerance::Percent(rounded(2.0 * numbers.share * 100.0).min(100.0)))
    } else if numbers.apart <= SHARE_MAX * most {
        Action::Tolerate(Tolerance::Absolute(rounded(2.0 * numbers.apart)))
    } else {
        Action::Class(Class::Number)
    })
}

/// The next of 1, 2, 5, 10, 20 … at or above; `number` is above zero.
fn rounded(number: f64) -> f64 {
    let exponent = libm::floor(libm::log10(number));
    // Read as text: people are to read it, and 2e-3 is not 2.0 * 0.001 in binary.
    let steps =
        ["1", "2", "5", "10"].into_iter().filter_map(|step| format!("{step}e{exponent}").parse().ok());
    steps.into_iter().find(|step| *step >= number).unwrap_or(number)
}

/// The next round span at or above, a millisecond at least.
fn rounded_span(span: Duration) -> Duration {
    const ROUND_MS: [u64; 16] =
        [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000];
    let round = ROUND_MS.map(Duration::from_millis).into_iter().find(|round| *round >= span);
    round.unwrap_or_else(|| Duration::from_secs(span.as_secs().div_ceil(3600) * 3600))
}

/// A regular expression for a common beginning and characters of few kinds behind it.
fn shape(texts: &Texts) -> Option<String> {
    use letters::{DIGIT, HYPHEN, LOWER, LOWER_HEX, OTHER, UNDERSCORE, UPPER, UPPER_HEX};
    // Letters and digits at its end may belong to what varies.
    let end = texts.prefix.rfind(|last: char| !last.is_ascii_alphanumeric());
    let prefix = end.map_or("", |end| &texts.prefix[..end + 1]);
    if !prefix.is_ascii() || texts.length.1 == prefix.len() {
        return None;
    }
    let [kinds, signs] = texts.letters[prefix.len()..].iter().copied().fold([0; 2], either);
    if kinds & OTHER != 0 {
        return None;
    }
    let mut set = String::new();
    for (kind, range) in
        [(DIGIT, "0-9"), (LOWER_HEX, "a-f"), (LOWER, "g-z"), (UPPER_HEX, "A-F"), (UPPER, "G-Z")]
    {
        if kinds & kind != 0 {
            set.push_str(range);
        }
    }
    let set = set.replace("a-fg-z", "a-z").replace("A-FG-Z", "A-Z");
    let mut set = set.replace("g-z", "a-z").replace("G-Z", "A-Z");
    for (bit, sign) in letters::SIGNS.iter().enumerate() {
        if signs & (1 << bit) != 0 {
            set.push(*sign);
        }
    }
    if kinds & UNDERSCORE != 0 {
        set.push('_');
    }
    if kinds & HYPHEN != 0 {
        set.push('-');
    }
    let (least, most) = (texts.length.0.saturating_sub(prefix.len()), texts.length.1 - prefix.len());
    let mut regex = format!("{}[{set}]", regex::escape(prefix).replace("\\-", "-"));
    match least == most {
        true => write!(regex, "{{{least}}}"),
        false => write!(regex, "{}", if least == 0 { "*" } else { "+" }),
    }
    .expect("a String takes any text");
    Some(regex)
}
