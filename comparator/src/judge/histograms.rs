//! Latency from histograms alone: for imported tallies that count no pairs.
//!
//! Two arms are stored apart, so nothing is known of single requests, only how many of each arm lie below an
//! edge. Two e-processes about shares are averaged at every edge, and the smallest average counts: at the true
//! quantile of the control both are fair under the null, whatever the dependence between the arms (their product
//! would need independent arms, and arms that share requests are not). Valid for stationary latencies only, and
//! its units are requests. `verdict.md` 2.4; after Howard and Ramdas (Bernoulli 2022, theorem 5).

use super::Judge;
use super::latency::Tolerance;
use super::math::{ln, ln_1p, log_add_exp};
use super::mixture::{BETS, log_weighted};
use super::reason::odds;
use crate::check::{Check, Quantile};
use crate::latencies::{LONGEST_NS, Latencies, edge_above, edge_at};
use crate::rows::{RoleHistograms, SealedWindow};

/// What a judge does with histograms that come without pairs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Basis {
    /// Latency is judged from pairs, or not at all.
    #[default]
    Pairs,
    /// Requests are independent by assertion, so histograms are judged.
    Judged,
    /// They are shown.
    Shown,
}

/// Evidence of one quantile in one slice, from all latencies so far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Evidence {
    /// Requests of the smaller arm.
    pub n: u64,
    /// Logarithm of the evidence against "at most g_R times as slow".
    pub ln_r: f64,
    /// Logarithm of the evidence against "at least g_P times as slow".
    pub ln_p: f64,
}

impl Judge {
    /// Judges the slices whose histograms `window` added to.
    pub(super) fn judge_histograms(&mut self, window: &SealedWindow) {
        if self.basis != Basis::Judged {
            return;
        }
        self.digest.add_histograms(&window.latency);
        let checks = self.hypotheses.len();
        for slice in window.latency.keys() {
            let Ok(at) = self.slices.binary_search_by(|state| state.slice.cmp(slice)) else { continue };
            for check in 0..checks {
                let Check::Latency(quantile) = self.hypotheses[check].check else { continue };
                let Ok(tolerance) = Tolerance::new(&self.run.policy, quantile) else { continue };
                let found = evidence(&self.slices[at].latency, quantile, &tolerance);
                if found.n > 0 {
                    self.cells[at * checks + check].take_histograms(self.watermark, found);
                    self.ln_r[at * checks + check] = self.cells[at * checks + check].ln_r;
                    self.slices[at].last_window = self.watermark;
                }
            }
        }
    }

    /// What histograms that are not judged show, one line for each slice and quantile.
    pub(super) fn shown_latency(&self) -> Vec<String> {
        let shown = self.slices.iter().filter(|_| self.basis == Basis::Shown);
        let lines = shown.flat_map(|slice| Quantile::ALL.map(|quantile| self.shown_line(slice, quantile)));
        lines.flatten().collect()
    }

    fn shown_line(&self, slice: &super::slices::SliceState, quantile: Quantile) -> Option<String> {
        let tolerance = Tolerance::new(&self.run.policy, quantile).ok()?;
        let found = evidence(&slice.latency, quantile, &tolerance);
        let ratio = self.band.ratio(&slice.latency, quantile);
        let times = ratio.estimate.filter(|_| found.n > 0)?;
        let within = ratio.cs.map_or_else(String::new, |[low, high]| format!(" [{low}, {high}]"));
        Some(format!(
            "{}: shown, not judged (histograms without pairs are judged under policy.unit = \"request\" only): in {} \
             the candidate takes {times} x{within} the control's time; evidence for a reject {}, for a promote {}",
            Check::Latency(quantile),
            slice.slice,
            odds(found.ln_r),
            odds(found.ln_p),
        ))
    }
}

/// Evidence about one quantile: of 1 before both arms have latencies.
#[must_use]
pub fn evidence(latency: &RoleHistograms, quantile: Quantile, tolerance: &Tolerance) -> Evidence {
    let p = quantile.thousandths() as f64 / 1000.0;
    let candidate = Arm::new(&latency.candidate, latency.missing[1]);
    let control = Arm::new(&latency.control, latency.missing[2]);
    let n = candidate.count.min(control.count);
    if n == 0 {
        return Evidence::default();
    }
    let reject = Scan { counts: [control.count, candidate.count], p };
    let promote = Scan { counts: [candidate.count, control.count], p };
    Evidence {
        n,
        ln_r: reject.least(candidate.edges.len(), |at| reject_point(&candidate, &control, tolerance, at)),
        ln_p: promote.least(control.edges.len(), |at| promote_point(&candidate, &control, tolerance, at)),
    }
}

/// Hits of two arms at one place: of the one whose evidence rises with it, and of the one whose evidence falls.
type Point = [u64; 2];

/// Counts for a reject, `#{C < x}` and `#{K <= g_R(x)}`, at the first `x` that reaches the candidate's edge before
/// `at` (0: the first edge of all).
///
/// Between two such places only the control's count rises, so they are all that the smallest average can be at.
/// The control is counted low and the candidate high, for any x of the bucket.
fn reject_point(candidate: &Arm, control: &Arm, tolerance: &Tolerance, at: usize) -> Point {
    let reach = |edge: u64| tolerance.reject(edge_above(edge) - 1);
    let edge = match at.checked_sub(1).map(|before| candidate.edges[before]) {
        None => edge_at(1),
        Some(goal) => first_edge(|edge| reach(edge) >= goal),
    };
    [control.below(edge), candidate.up_to(reach(edge))]
}

/// The same for a promote: `#{K < g_P(x)}` and `#{C <= x}`, the candidate counted low and the control high, at the
/// control's edges.
fn promote_point(candidate: &Arm, control: &Arm, tolerance: &Tolerance, at: usize) -> Point {
    let edge = at.checked_sub(1).map_or(edge_at(1), |before| control.edges[before]);
    [candidate.below(tolerance.promote(edge)), control.up_to(edge)]
}

/// The first edge at which `holds`, which holds from some edge up to the last on.
fn first_edge(holds: impl Fn(u64) -> bool) -> u64 {
    let (mut below, mut at) = (0, LONGEST_NS);
    while at - below > 1 {
        let middle = below + (at - below) / 2;
        if holds(edge_at(middle)) { at = middle } else { below = middle }
    }
    edge_at(at)
}

/// The search for the smallest average.
struct Scan {
    /// Latencies of the arm whose evidence rises and of the one whose evidence falls.
    counts: [u64; 2],
    p: f64,
}

impl Scan {
    /// The smallest average over the places 0 to `last`, as a logarithm: scanned outward from where the two cross,
    /// until the one that grows is alone above the smallest so far.
    fn least(&self, last: usize, point: impl Fn(usize) -> Point) -> f64 {
        let both = |at: usize| {
            let [rising, falling] = point(at);
            [at_most(rising, self.counts[0], self.p), at_least(falling, self.counts[1], self.p)]
        };
        let (mut crossing, mut end) = (0, last + 1);
        while crossing < end {
            let middle = usize::midpoint(crossing, end);
            let [up, down] = both(middle);
            if up < down { crossing = middle + 1 } else { end = middle }
        }
        let mut smallest = f64::INFINITY;
        // Whether the term that grows leaves room for a smaller sum.
        let mut goes_on = |at: usize, growing: usize| {
            let terms = both(at);
            let room = terms[growing] < smallest;
            smallest = smallest.min(log_add_exp(terms[0], terms[1]));
            room
        };
        let _ = (crossing..=last).all(|at| goes_on(at, 0));
        let _ = (0..crossing).rev().all(|at| goes_on(at, 1));
        smallest - ln(2.0)
    }
}

/// `ln e<=(hits)`: evidence against "a share of at most `p` hits", after `count` of which `hits` hit.
fn at_most(hits: u64, count: u64, p: f64) -> f64 {
    mixture(hits, count, 1.0 / p, |stake| [stake * (1.0 - p), -stake * p])
}

/// `ln e>=(hits)`: evidence against "a share of at least `p` hits".
fn at_least(hits: u64, count: u64, p: f64) -> f64 {
    mixture(hits, count, 1.0 / (1.0 - p), |stake| [-stake * (1.0 - p), stake * p])
}

/// The mixture of `verdict.md` 2.2 over bets from `0.999 * largest` down; `gains` of a hit and of a miss.
fn mixture(hits: u64, count: u64, largest: f64, gains: impl Fn(f64) -> [f64; 2]) -> f64 {
    let (hits, misses) = (hits as f64, (count - hits) as f64);
    let mut stake = 0.999 * largest;
    let mut capitals = [0.0; BETS];
    for capital in &mut capitals {
        let [hit, miss] = gains(stake);
        *capital = hits * ln_1p(hit) + misses * ln_1p(miss);
        stake /= 2.0;
    }
    log_weighted(&capitals)
}

/// One arm with running counts; missing outcomes are beyond every edge.
struct Arm {
    edges: Vec<u64>,
    /// Latencies in the buckets before each edge, and in all.
    before: Vec<u64>,
    count: u64,
}

impl Arm {
    fn new(latencies: &Latencies, missing: u64) -> Self {
        let (mut edges, mut before, mut sum) = (Vec::new(), vec![0], 0_u64);
        for (edge, count) in latencies.buckets() {
            edges.push(*edge);
            sum = sum.saturating_add(*count);
            before.push(sum);
        }
        Self { edges, before, count: sum.saturating_add(missing) }
    }

    /// Latencies in buckets whose edge is below `edge`.
    fn below(&self, edge: u64) -> u64 {
        self.before[self.edges.partition_point(|own| *own < edge)]
    }

    /// Latencies in buckets whose edge is at most `edge`.
    fn up_to(&self, edge: u64) -> u64 {
        self.before[self.edges.partition_point(|own| *own <= edge)]
    }
}

#[cfg(test)]
mod tests;
