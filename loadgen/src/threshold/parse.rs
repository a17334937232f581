//! The grammar of thresholds; see [`super`].

use super::{Bound, Comparison, Count, Metric, Series, Statistic, Threshold};

const GRAMMAR: &str =
    "write a metric, a comparison and a value, such as p99<50ms, service.max<=2s, errors<0.1% or rate>900/s";

pub(super) fn threshold(text: &str) -> Result<Threshold, String> {
    let at = text.find(['<', '>']).ok_or(GRAMMAR)?;
    let (metric, rest) = text.split_at(at);
    let (comparison, value) = [
        ("<=", Comparison::LessOrEqual),
        (">=", Comparison::GreaterOrEqual),
        ("<", Comparison::Less),
        (">", Comparison::Greater),
    ]
    .into_iter()
    .find_map(|(sign, comparison)| Some((comparison, rest.strip_prefix(sign)?)))
    .ok_or(GRAMMAR)?;
    let metric = self::metric(metric.trim())?;
    let bound = bound(metric, value.trim())?;
    check_direction(metric, comparison)?;
    Ok(Threshold { text: text.trim().to_owned(), metric, comparison, bound })
}

fn metric(text: &str) -> Result<Metric, String> {
    let count = match text {
        "rate" => return Ok(Metric::Rate),
        "errors" => Some(Count::Errors),
        "failures" => Some(Count::Failures),
        "http_errors" => Some(Count::HttpErrors),
        _ => text.strip_prefix("status.").map(status).transpose()?,
    };
    if let Some(count) = count {
        return Ok(Metric::Count(count));
    }
    let (series, statistic) =
        text.split_once('.').filter(|(series, _)| !is_quantile(series)).unwrap_or(("response", text));
    let series = match series {
        "response" => Series::Response,
        "service" => Series::Service,
        "send_lag" => Series::SendLag,
        "first_byte" => Series::FirstByte,
        "connect" => Series::Connect,
        _ => {
            return Err(format!("`{series}` is none of response, service, send_lag, first_byte and connect"));
        }
    };
    let statistic = match statistic {
        "min" => Statistic::Min,
        "max" => Statistic::Max,
        "mean" => Statistic::Mean,
        _ => quantile(statistic)?,
    };
    Ok(Metric::Time(series, statistic))
}

/// Whether a text is the first half of `p99.9`.
fn is_quantile(text: &str) -> bool {
    text.strip_prefix('p').is_some_and(is_digits)
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `p50`, `p99.9`, and without a point `p999`: from p9 on, digits behind the second are decimals.
fn quantile(text: &str) -> Result<Statistic, String> {
    let unknown = || format!("`{text}` is no metric; {GRAMMAR}");
    let digits = text.strip_prefix('p').filter(|digits| !digits.is_empty()).ok_or_else(unknown)?;
    let percent = match digits.split_at_checked(2) {
        Some((whole, decimals)) if whole.starts_with('9') && is_digits(decimals) && !decimals.is_empty() => {
            format!("{whole}.{decimals}")
        }
        _ => digits.to_owned(),
    };
    let percent = number(&percent).ok_or_else(unknown)?;
    if percent > 100.0 {
        return Err(format!("`{text}` is above p100"));
    }
    Ok(Statistic::Quantile(percent / 100.0))
}

fn status(text: &str) -> Result<Count, String> {
    let unknown = || format!("`status.{text}` is no status; write status.503 or status.5xx");
    if let Some(hundred) = text.strip_suffix("xx") {
        let hundred = hundred.parse().ok().filter(|hundred| (1..=9).contains(hundred));
        return hundred.map(Count::StatusClass).ok_or_else(unknown);
    }
    let status = text.parse().ok().filter(|status| (100..=999).contains(status));
    status.map(Count::Status).ok_or_else(unknown)
}

fn bound(metric: Metric, text: &str) -> Result<Bound, String> {
    match metric {
        Metric::Time(..) => {
            let units = [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9)];
            let found = units.into_iter().find_map(|(unit, ns)| Some(number(text.strip_suffix(unit)?)? * ns));
            found
                .map(Bound::Nanoseconds)
                .ok_or_else(|| format!("`{text}` is no time; write 50ms, 1.5s or 800us"))
        }
        Metric::Count(_) => match text.strip_suffix('%') {
            Some(percent) => number(percent)
                .filter(|&percent| percent <= 100.0)
                .map(|percent| Bound::Share(percent / 100.0)),
            None => number(text).map(Bound::Number),
        }
        .ok_or_else(|| format!("`{text}` is neither a number nor a percentage up to 100%")),
        Metric::Rate => text.parse().map(Bound::PerSecond).map_err(|error| format!("{error}")),
    }
}

/// A decimal number without sign or exponent.
fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|_| is_plain)
}

fn check_direction(metric: Metric, comparison: Comparison) -> Result<(), String> {
    match (metric, comparison.is_upper_bound()) {
        (Metric::Time(..) | Metric::Count(Count::Errors | Count::Failures | Count::HttpErrors), false) => Err(
            "a threshold says what must hold, so times and errors take an upper bound: write < instead of >"
                .to_owned(),
        ),
        (Metric::Rate, true) => {
            Err("a threshold says what must hold, so a rate takes a lower bound: write > instead of <"
                .to_owned())
        }
        _ => Ok(()),
    }
}
