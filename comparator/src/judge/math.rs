//! Elementary functions with the same bits on every machine, and sums of logarithms.
//!
//! `f64::exp` and its kin call the platform's library, whose last digit differs between systems; a
//! verdict must not. `libm` is plain Rust arithmetic, so equal tallies give equal documents anywhere.

pub(crate) use libm::{exp, log as ln, log1p as ln_1p};

/// `ln(sum exp(x))`, summed in the order given; `-inf` for nothing.
pub(crate) fn log_sum_exp(terms: &[f64]) -> f64 {
    let top = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if top == f64::NEG_INFINITY {
        return top;
    }
    top + ln(terms.iter().map(|term| exp(term - top)).sum::<f64>())
}

/// `ln(exp(a) + exp(b))`.
pub(crate) fn log_add_exp(a: f64, b: f64) -> f64 {
    let (top, low) = if a >= b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY { top } else { top + ln_1p(exp(low - top)) }
}

/// Rounds to the 6 decimals that documents print; never `-0`.
pub(crate) fn rounded(value: f64) -> f64 {
    let rounded = (value * 1e6).round() / 1e6;
    if rounded == 0.0 { 0.0 } else { rounded }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_logarithms_neither_overflow_nor_vanish() {
        assert!((log_sum_exp(&[1000.0, 1000.0]) - (1000.0 + ln(2.0))).abs() < 1e-12);
        assert!((log_add_exp(-1000.0, -1000.0) - (-1000.0 + ln(2.0))).abs() < 1e-12);
        assert_eq!(log_sum_exp(&[]), f64::NEG_INFINITY);
        assert_eq!(log_add_exp(f64::NEG_INFINITY, -3.0), -3.0);
        assert_eq!(rounded(-1e-9).to_string(), "0");
    }
}
