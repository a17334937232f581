//! A latency distribution in characters: time over percentile, both axes logarithmic.
//!
//! Across, every column after the middle halves the rest of the distribution more and more, so that the
//! tail gets the room that an average hides.

use super::summary::time;
use hdrhistogram::Histogram;
use std::fmt::Write;

const ROWS: usize = 10;

/// Columns to each tenfold step towards 100 %.
const STEP: usize = 14;

/// Percentile labels, each at the begin of its step: 0, 90, 99, 99.9.
const LABELS: [&str; 5] = ["0", "90", "99", "99.9", "99.99 %"];

/// The plot, some 14 lines; empty where there is nothing to plot.
pub(super) fn render(histogram: &Histogram<u64>) -> String {
    if histogram.is_empty() {
        return String::new();
    }
    let columns = STEP * (LABELS.len() - 1) + 1;
    let values: Vec<f64> = (0..columns).map(|column| at(histogram, column)).collect();
    let (low, high) = (values[0].ln(), values[columns - 1].ln());
    // A distribution without width still gets a line.
    let scale = (ROWS - 1) as f64 / (high - low).max(1e-9);
    let heights: Vec<usize> =
        values.iter().map(|value| ((value.ln() - low) * scale).round() as usize).collect();
    let mut out = String::new();
    for row in (0..ROWS).rev() {
        let label = match row % 3 {
            0 => time((low + row as f64 / scale).exp() as u64),
            _ => String::new(),
        };
        let line: String = heights.iter().map(|&height| if height == row { '*' } else { ' ' }).collect();
        let _ = writeln!(out, "  {label:>9} |{}", line.trim_end());
    }
    let axis: String = (0..columns).map(|column| if column % STEP == 0 { '+' } else { '-' }).collect();
    let _ = writeln!(out, "  {:>9} +{}", "", &axis[1..]);
    let mut labels = String::new();
    for label in LABELS {
        let _ = write!(labels, "{label:<STEP$}");
    }
    let _ = writeln!(out, "  {:>9} {}", "", labels.trim_end());
    out
}

/// The time at a column: `1 - 10^-(column / STEP)` of the distribution is no longer.
fn at(histogram: &Histogram<u64>, column: usize) -> f64 {
    let quantile = 1.0 - 10f64.powf(-(column as f64) / STEP as f64);
    histogram.value_at_quantile(quantile).min(histogram.max()).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_shows_at_the_right() {
        let mut histogram = Histogram::new(3).unwrap();
        for value in 1..=1000u64 {
            histogram.record(if value > 990 { 80_000_000 } else { 1_000_000 + value * 1000 }).unwrap();
        }
        let plot = render(&histogram);
        let lines: Vec<&str> = plot.lines().collect();
        assert_eq!(lines.len(), ROWS + 2);
        assert!(lines[0].contains("80.0 ms |") && lines[0].ends_with('*'), "{plot}");
        assert!(lines[ROWS - 1].contains("1.00 ms |*"), "{plot}");
        assert!(plot.is_ascii());
    }

    #[test]
    fn one_value_is_a_flat_line_and_none_is_nothing() {
        let mut histogram = Histogram::<u64>::new(3).unwrap();
        assert_eq!(render(&histogram), "");
        histogram.record(5).unwrap();
        let plot = render(&histogram);
        assert_eq!(plot.matches('*').count(), STEP * 4 + 1, "{plot}");
    }
}
