//! The burst guard: do the units of one window share fate?
//!
//! An incident in one arm makes many units of a window worse together; counted as separate evidence
//! they would reject an innocent candidate. So whole windows are tested beside units, and the smaller
//! evidence counts, at first always and later wherever the counts are seen to cluster.
//! `verdict.md` 2.8.

use super::mixture::{Bets, Counts, Grant};
use super::restarts::{OneUnit, Restarts};
use serde::{Deserialize, Serialize};

/// Whether windows are tested beside units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// Too few windows to tell; on.
    #[default]
    Start,
    /// Units do not share fate; off.
    Off,
    /// Units were seen to share fate; on for the rest of the run.
    Latched,
}

impl Guard {
    /// Whether the smaller of both kinds of evidence counts.
    #[must_use]
    pub fn is_on(self) -> bool {
        self != Self::Off
    }

    /// The name in the document.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Off => "off",
            Self::Latched => "latched",
        }
    }

    /// The guard after a watermark at which the cell has `windows` windows with units and a design
    /// effect of `deff`, and its farthest window lies `farthest` variances from those before it.
    #[must_use]
    pub fn after(self, windows: u64, deff: f64, farthest: f64, guard_windows: u64, deff_limit: f64) -> Self {
        match self {
            Self::Latched => Self::Latched,
            _ if windows < guard_windows => Self::Start,
            _ if deff > deff_limit || farthest > ONE_WINDOW * deff_limit => Self::Latched,
            _ => Self::Off,
        }
    }
}

/// By how many times the limit of the design effect the square of one window's deviation may exceed its variance:
/// four standard deviations at a limit of 2. A single window scatters more than a run.
const ONE_WINDOW: f64 = 8.0;

/// Sums over windows with units, for the design effect.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spread {
    dd: i128,
    nd: i128,
    nn: i128,
    /// The largest squared deviation of a window from those before it, in variances.
    farthest: f64,
    /// The measure of `dd` and `nd`.
    grant: Grant,
}

impl Spread {
    /// Adds a window to those `before` it.
    fn add(&mut self, window: Counts, before: Counts, grant: Grant) {
        self.grant = grant;
        self.farthest = self.farthest.max(deviation(window, before, grant));
        let n = i128::from(window.n);
        let d = grant.net(window);
        // In thousandths the square of an absurd count may not fit.
        self.dd = self.dd.saturating_add(d.saturating_mul(d));
        self.nd += n * d;
        self.nn += n * n;
    }

    /// How much more the net counts of windows vary than those of independent units would:
    /// `(Sdd - 2 r Snd + r^2 Snn) / (b + c)` with `r = (b - c)/n`; 0 where nothing is discordant.
    ///
    /// Centred at the cell's own rate, so neither a steady excess nor uneven traffic counts.
    #[must_use]
    pub fn design_effect(&self, total: Counts) -> f64 {
        let squares = self.grant.squares(total);
        if squares == 0.0 {
            return 0.0;
        }
        let rate = real(self.grant.net(total)) / total.n as f64;
        let [dd, nd, nn] = [self.dd, self.nd, self.nn].map(real);
        let centred = dd - 2.0 * rate * nd + rate * rate * nn;
        centred / squares
    }
}

/// The nearest `f64`. Most sums fit 64 bits, which the processor converts itself, to the same bits.
fn real(sum: i128) -> f64 {
    #[cold]
    fn wide(sum: i128) -> f64 {
        sum as f64
    }
    match i64::try_from(sum) {
        Ok(small) => small as f64,
        Err(_) => wide(sum),
    }
}

/// How far the net count of `window` lies from the rate `before`: squared, in variances of the difference.
///
/// The design effect is an average over the run, so one incident among many windows, or among many discordant
/// units, leaves it small; restarts, however, stake capital on each window of its own.
fn deviation(window: Counts, before: Counts, grant: Grant) -> f64 {
    let net = |counts: Counts| real(grant.net(counts));
    let discordant = |counts: Counts| grant.squares(counts);
    let [n, past] = [window.n, before.n].map(|units| units as f64);
    let apart = net(window) * past - net(before) * n;
    // A window without a discordant unit varies as those before it did, not by nothing.
    let own = (discordant(window) * past).max(discordant(before) * n);
    let variance = own * past + discordant(before) * n * n;
    if past > 0.0 && variance > 0.0 { apart * apart / variance } else { 0.0 }
}

/// One series of a cell: its units, its windows, and both with restarts.
#[derive(Debug, Clone, Default)]
pub struct Series {
    units: Restarts,
    windows: Restarts,
    spread: Spread,
}

impl Series {
    /// Adds what run window `window` counted (`counts.n > 0`).
    pub fn add(&mut self, bets: &Bets, window_bets: &OneUnit, window: u64, counts: Counts) {
        self.spread.add(counts, self.units.counts(), bets.grant());
        self.units.add(bets, window, counts);
        self.windows.add_one(window_bets, window, sign_of(counts, bets.grant()));
    }

    /// Units so far.
    #[must_use]
    pub fn units(&self) -> Counts {
        self.units.counts()
    }

    /// Windows with units so far, by the sign of their net count.
    #[must_use]
    pub fn windows(&self) -> Counts {
        self.windows.counts()
    }

    /// How much the units of a window share fate; about 1 where they do not.
    #[must_use]
    pub fn design_effect(&self) -> f64 {
        self.spread.design_effect(self.units())
    }

    /// How far the farthest window lies from those before it: squared, in variances.
    #[must_use]
    pub fn farthest(&self) -> f64 {
        self.spread.farthest
    }

    /// Logarithm of the judged e-value: the unit-level one, or the smaller of both while the guard is on.
    #[must_use]
    pub(crate) fn ln_judged(&self, guard: Guard) -> f64 {
        if guard.is_on() { self.units.ln_least(&self.windows) } else { self.units.ln_e() }
    }

    /// Logarithms of the unit-level and the window-level e-value, with restarts.
    #[must_use]
    pub fn ln_e(&self) -> [f64; 2] {
        [self.units.ln_e(), self.windows.ln_e()]
    }
}

/// A series whose evidence needs no restarts: the promote side of a latency check.
#[derive(Debug, Clone, Default)]
pub struct Tracked {
    units: Counts,
    windows: Counts,
    spread: Spread,
}

impl Tracked {
    /// Adds what a run window counted (`counts.n > 0`).
    pub fn add(&mut self, counts: Counts) {
        self.spread.add(counts, self.units, Grant::default());
        self.units.add(counts);
        self.windows.add(sign_of(counts, Grant::default()));
    }

    /// Units so far.
    #[must_use]
    pub fn units(&self) -> Counts {
        self.units
    }

    /// Windows with units so far, by the sign of their net count.
    #[must_use]
    pub fn windows(&self) -> Counts {
        self.windows
    }

    /// How much the units of a window share fate.
    #[must_use]
    pub fn design_effect(&self) -> f64 {
        self.spread.design_effect(self.units)
    }

    /// How far the farthest window lies from those before it: squared, in variances.
    #[must_use]
    pub fn farthest(&self) -> f64 {
        self.spread.farthest
    }
}

/// A window as one unit: the sign of its net count.
fn sign_of(counts: Counts, grant: Grant) -> Counts {
    let net = grant.net(counts);
    Counts::new(1, u64::from(net > 0), u64::from(net < 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(windows: impl IntoIterator<Item = (u64, u64, u64)>) -> Series {
        let (bets, window_bets) = (Bets::reject(5e-4), OneUnit::from(Bets::reject(0.02)));
        let mut series = Series::default();
        for (window, (n, worse, better)) in windows.into_iter().enumerate() {
            series.add(&bets, &window_bets, window as u64 + 1, Counts::new(n, worse, better));
        }
        series
    }

    const CALM: [(u64, u64, u64); 3] = [(120, 1, 0), (120, 0, 1), (240, 2, 0)];

    #[test]
    fn sums_of_any_size_are_rounded_alike() {
        let edges =
            [0, 1, 1 << 53, (1 << 53) + 1, (1 << 62) + 513, i128::from(i64::MAX), 1 << 63, (1 << 90) + 1];
        for sum in edges.into_iter().flat_map(|sum| [sum - 1, sum, sum + 1, -sum]) {
            assert_eq!(real(sum).to_bits(), (sum as f64).to_bits(), "{sum}");
        }
    }

    #[test]
    fn golden_design_effects() {
        let calm = series(CALM.into_iter().cycle().take(30));
        let sums = |series: &Series| [series.spread.dd, series.spread.nd, series.spread.nn];
        assert_eq!(sums(&calm), [60, 4800, 864_000]);
        assert_eq!(calm.design_effect(), 0.875);
        let burst = series(CALM.into_iter().cycle().take(30).chain([(120, 40, 2)]));
        assert_eq!(sums(&burst), [1504, 9360, 878_400]);
        assert!((burst.design_effect() - 17.138898158761478).abs() < 1e-12);
        assert_eq!(burst.windows(), Counts::new(31, 21, 10));
        assert!((Bets::reject(0.02).ln_e(burst.windows()) - 0.5215672422650408).abs() < 1e-12);
        assert!((Bets::promote(0.1).ln_e(burst.windows()) + 0.929521153560319).abs() < 1e-12);
    }

    #[test]
    fn the_restart_sequence_has_its_golden_design_effect() {
        let windows =
            [(1000, 1, 1), (1000, 0, 0), (1200, 9, 1), (800, 6, 0), (1000, 8, 2), (50_000, 120, 40)];
        let series = series(windows);
        assert!((series.design_effect() - 1.0511693335677863).abs() < 1e-12);
        assert_eq!(series.windows().n, 6);
    }

    #[test]
    fn one_incident_among_many_discordant_units_latches() {
        // Half of the units are discordant, as those of a median latency are, and one window in a hundred is hit.
        let calm = (0..100).map(|at| (120, 30 + at % 3, 31 - at % 3));
        let series = series(calm.clone().chain([(120, 58, 3)]));
        let (deff, farthest) = (series.design_effect(), series.farthest());
        assert!(deff < 2.0 && farthest > 16.0, "{deff} {farthest}");
        assert_eq!(Guard::Off.after(101, deff, farthest, 30, 2.0), Guard::Latched);
        let early = self::series([(120, 58, 3)].into_iter().chain(calm.clone()));
        assert!(early.farthest() > 16.0, "an incident in the first window is seen from the second on");
        assert!(self::series(calm).farthest() < 1.0);
        // A steady excess of many units is none.
        assert_eq!(self::series((0..100).map(|_| (100_000, 240, 200))).farthest(), 0.0);
    }

    #[test]
    fn the_guard_goes_off_after_its_windows_and_latches_on_a_burst() {
        let guard = Guard::default();
        assert_eq!(guard.after(29, 17.0, 0.0, 30, 2.0), Guard::Start, "no latch before the start is over");
        let off = guard.after(30, 0.875, 0.0, 30, 2.0);
        assert_eq!(off, Guard::Off);
        let latched = off.after(31, 17.1, 0.0, 30, 2.0);
        assert_eq!(latched, Guard::Latched);
        assert_eq!(latched.after(500, 0.5, 0.0, 30, 2.0), Guard::Latched, "a latch stays");
    }
}
