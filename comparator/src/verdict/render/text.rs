//! Numbers and places as people read them.

use crate::judge::evidence_text;
use crate::verdict::{CheckLine, State, Verdict};

/// `64.2k`, `1.3M`; exact below 10,000.
pub(crate) fn count(units: u64) -> String {
    match units {
        0..10_000 => units.to_string(),
        10_000..1_000_000 => format!("{:.1}k", units as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1}M", units as f64 / 1e6),
        _ => format!("{:.1}G", units as f64 / 1e9),
    }
}

/// A share in percent, without digits that say nothing.
pub(crate) fn percent(share: f64) -> String {
    let text = format!("{:.4}", share * 100.0);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{}%", if text == "-0" { "0" } else { text })
}

/// The level of the intervals in percent.
pub(crate) fn confidence(verdict: &Verdict) -> String {
    percent(1.0 - verdict.policy.alpha)
}

/// The state as a headline: `REJECT`, `WAIT (not final)`.
pub(crate) fn headline(verdict: &Verdict) -> String {
    let name = verdict.verdict.name().to_uppercase();
    match verdict.verdict {
        State::Invalid if !verdict.is_final => format!("{name} (may pass)"),
        State::Wait if verdict.partial => format!("{name} (ended early)"),
        _ => name,
    }
}

/// What the evidence of one check says, in one line without markup.
pub(crate) fn finding(verdict: &Verdict, line: &CheckLine) -> String {
    let level = confidence(verdict);
    let size = if let Some(excess) = line.excess {
        let estimate = excess.estimate.map_or("unknown".to_owned(), percent);
        let [lower, upper] = excess.cs.map(percent);
        let tolerance = percent(line.tau);
        format!("excess {estimate} of units, {level} CS [{lower}, {upper}], tolerance {tolerance}")
    } else {
        slowdown(line)
    };
    format!("{size}, log e {:.2} of {:.2}", line.log_e_reject, line.log_threshold_reject)
}

fn slowdown(line: &CheckLine) -> String {
    let ratio = line.ratio.and_then(|ratio| ratio.estimate);
    let ratio = ratio.map_or_else(String::new, |ratio| format!("{ratio} times the control's quantile, "));
    let limits = line.latency.and_then(|latency| latency.thresholds_ms);
    let limits = limits.map_or("no threshold yet".to_owned(), |limits| {
        format!("threshold {} ms, tolerated up to {} ms", limits.x, limits.g_reject)
    });
    format!("{ratio}{limits}")
}

/// The counts of one check: `worse=310 better=52 n=61210`.
pub(crate) fn counts(line: &CheckLine) -> String {
    let signs = line.signs.or(line.latency.map(|latency| latency.reject)).unwrap_or_default();
    format!("worse={} better={} n={}", signs.worse, signs.better, line.n)
}

/// What a check that is not proved yet waits for.
pub(crate) fn waiting(line: &CheckLine) -> String {
    match line.need_units {
        None => "waiting: at this rate no number of units is enough".to_owned(),
        Some(0) => "waiting: its own evidence suffices, the run's does not yet".to_owned(),
        Some(units) => format!("waiting: needs {} more units", count(units)),
    }
}

/// Evidence as odds: `28.6`, `e^72.0`.
pub(crate) fn evidence(ln_e: f64) -> String {
    evidence_text(ln_e)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_say_what_they_mean() {
        assert_eq!([count(9_999), count(48_123), count(2_500_000)], ["9999", "48.1k", "2.5M"]);
        assert_eq!(
            [percent(0.00421), percent(0.0005), percent(0.0), percent(-1e-9)],
            ["0.421%", "0.05%", "0%", "0%"]
        );
    }
}
