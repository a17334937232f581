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
    let (chunks, rest) = terms.as_chunks::<16>();
    let parts = chunks.iter().flat_map(|chunk| exp_all(&chunk.map(|term| term - top)));
    let rest = rest.iter().map(|term| exp(term - top));
    top + ln(parts.chain(rest).sum::<f64>())
}

/// `exp` of several values at once, within two units in the last place; what lies beyond ±700 counts as
/// ±700.
///
/// The loop has neither calls nor branches, so the compiler turns it into vector instructions. Range
/// reduction by a multiple of ln 2 (in two parts, after Cody and Waite), then the Taylor series, whose
/// fourteenth term is below 1e-17 there.
pub(crate) fn exp_all<const N: usize>(values: &[f64; N]) -> [f64; N] {
    /// Adding it moves the nearest integer into the low bits.
    const SHIFT: f64 = 6_755_399_441_055_744.0;
    const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    let mut powers = [0.0; N];
    for (power, value) in powers.iter_mut().zip(values) {
        let value = value.clamp(-700.0, 700.0);
        let shifted = value * std::f64::consts::LOG2_E + SHIFT;
        let twos = shifted - SHIFT;
        let rest = value - twos * LN_2_HIGH - twos * LN_2_LOW;
        let series = taylor(rest);
        *power = f64::from_bits(series.to_bits().wrapping_add(shifted.to_bits() << 52));
    }
    powers
}

/// The series by Estrin's scheme: pairs, then pairs of pairs, so that the steps need not wait for each
/// other.
#[inline(always)]
fn taylor(x: f64) -> f64 {
    let pair = |k: usize| TAYLOR[k] + TAYLOR[k + 1] * x;
    let x2 = x * x;
    let four = |k: usize| pair(k) + pair(k + 2) * x2;
    let x4 = x2 * x2;
    let low = four(0) + four(4) * x4;
    let high = four(8) + pair(12) * x4;
    low + high * (x4 * x4)
}

/// `1/k!`.
const TAYLOR: [f64; 14] = {
    let mut terms = [1.0; 14];
    let mut k = 1;
    while k < 14 {
        terms[k] = terms[k - 1] / k as f64;
        k += 1;
    }
    terms
};

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
    fn several_powers_at_once_are_those_of_the_library() {
        for step in -14_000..14_000 {
            let value = f64::from(step) * 0.049_997;
            let [power, twice] = exp_all(&[value, value / 1e5]);
            assert!((power / exp(value) - 1.0).abs() < 5e-16, "exp({value}) = {power}");
            assert!((twice / exp(value / 1e5) - 1.0).abs() < 5e-16);
        }
        let [low, zero, high] = exp_all(&[-1e9, 0.0, f64::INFINITY]);
        assert!(low > 0.0 && low < 1e-300 && zero == 1.0 && high > 1e300 && high.is_finite());
    }

    #[test]
    fn sums_of_logarithms_neither_overflow_nor_vanish() {
        assert!((log_sum_exp(&[1000.0, 1000.0]) - (1000.0 + ln(2.0))).abs() < 1e-12);
        assert!((log_add_exp(-1000.0, -1000.0) - (-1000.0 + ln(2.0))).abs() < 1e-12);
        assert_eq!(log_sum_exp(&[]), f64::NEG_INFINITY);
        assert_eq!(log_add_exp(f64::NEG_INFINITY, -3.0), -3.0);
        assert_eq!(rounded(-1e-9).to_string(), "0");
    }
}
