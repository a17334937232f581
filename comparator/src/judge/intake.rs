//! From a sealed window's rows to the cells that they touch: checked as a whole before anything
//! changes, merged, and in the order of the cells whatever order they came in.

use super::TallyError;
use super::mixture::Counts;
use super::policy::Hypothesis;
use super::slices::SliceState;
use crate::rows::{Row, Signs};

/// Units of a cell, all windows together: exact as `f64`, and their squares fit the sums of the design
/// effect.
pub(crate) const MOST_UNITS: u64 = 1 << 53;

/// What one window counted for one cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Touched {
    pub(crate) cell: usize,
    pub(crate) reject: Counts,
    /// The promote series of a latency check.
    pub(crate) promote: Option<Counts>,
    pub(crate) threshold_ns: Option<u64>,
    /// Units whose control-bad count is known, and that count.
    pub(crate) control: Option<[u64; 2]>,
}

/// The rows of a window by cell.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    /// Ascending, each cell once.
    pub(crate) touched: Vec<Touched>,
    /// Rows of slices or checks that the run does not have; for display elsewhere.
    pub(crate) foreign: u64,
    /// The largest number of units that a cell gains.
    pub(crate) most: u64,
    /// Whether any row counts by replica.
    pub(crate) has_replicas: bool,
}

impl Intake {
    pub(crate) fn read(
        rows: &[Row],
        slices: &[SliceState],
        hypotheses: &[Hypothesis],
        mut touched_before: Vec<Touched>,
    ) -> Result<Self, TallyError> {
        // The memory of the window before: taking it anew from the system costs more than filling it.
        touched_before.clear();
        touched_before.reserve(rows.len());
        let mut intake = Self { touched: touched_before, ..Self::default() };
        let (mut slice_at, mut check_at) = (0, 0);
        for row in rows {
            // Rows mostly come in the order of the cells, so the next one is tried first.
            let near = |at: usize| slices.get(at).is_some_and(|state| state.slice == row.slice);
            if !near(slice_at) {
                let next = slice_at + 1;
                let found = if near(next) {
                    Ok(next)
                } else {
                    slices.binary_search_by(|state| state.slice.cmp(&row.slice))
                };
                let Ok(at) = found else {
                    intake.foreign += 1;
                    continue;
                };
                (slice_at, check_at) = (at, 0);
            }
            if hypotheses.get(check_at).is_none_or(|hypothesis| hypothesis.check != row.check) {
                let Ok(at) = hypotheses.binary_search_by(|hypothesis| hypothesis.check.cmp(&row.check))
                else {
                    intake.foreign += 1;
                    continue;
                };
                check_at = at;
            }
            let cell = slice_at * hypotheses.len() + check_at;
            let touched =
                touched(cell, &hypotheses[check_at], row).map_err(|why| TallyError::row(row, why))?;
            intake.most = intake.most.max(touched.reject.n);
            intake.has_replicas |= !row.replicas.is_empty();
            intake.touched.push(touched);
            check_at += 1;
        }
        intake.touched.sort_by_key(|touched| touched.cell);
        intake.merge(rows)?;
        Ok(intake)
    }

    /// Adds up rows of the same cell: partitions may be given apart.
    fn merge(&mut self, rows: &[Row]) -> Result<(), TallyError> {
        let (mut clash, mut most) = (None, self.most);
        self.touched.dedup_by(|next, kept| {
            if next.cell != kept.cell {
                return false;
            }
            kept.reject.add(next.reject);
            most = most.max(kept.reject.n);
            if let (Some(kept), Some(next)) = (&mut kept.promote, next.promote) {
                kept.add(next);
            }
            kept.control = match (kept.control, next.control) {
                (Some(a), Some(b)) => Some([a[0] + b[0], a[1] + b[1]]),
                (a, b) => a.or(b),
            };
            if let (Some(a), Some(b)) = (kept.threshold_ns, next.threshold_ns)
                && a != b
            {
                clash = Some([a, b]);
            }
            kept.threshold_ns = kept.threshold_ns.or(next.threshold_ns);
            true
        });
        self.most = most;
        match clash {
            None => Ok(()),
            Some([a, b]) => {
                let window = rows.first().map_or(0, |row| row.window);
                Err(TallyError::Thresholds { window, a, b })
            }
        }
    }
}

fn touched(cell: usize, hypothesis: &Hypothesis, row: &Row) -> Result<Touched, &'static str> {
    if row.units > MOST_UNITS {
        return Err("it has more than 2^53 units");
    }
    let counts = |signs: Option<Signs>, absent| match signs {
        None if row.units == 0 => Ok(Counts::default()),
        None => Err(absent),
        Some(Signs { worse, better }) => match worse.checked_add(better) {
            Some(discordant) if discordant <= row.units => Ok(Counts::new(row.units, worse, better)),
            _ => Err("it has more worse and better units than units"),
        },
    };
    if row.control_bad.is_some_and(|bad| bad > row.units) {
        return Err("it has more control-bad units than units");
    }
    let (reject, promote) = if hypothesis.is_latency() {
        let reject = counts(row.reject, "a latency check needs `reject` counts")?;
        (reject, Some(counts(row.promote, "a latency check needs `promote` counts")?))
    } else {
        let reject = counts(row.signs, "it needs `worse` and `better` counts")?;
        (if hypothesis.grant() == 0 { reject } else { reject.with_both(both(row, reject)?) }, None)
    };
    let control = row.control_bad.map(|bad| [row.units, bad]);
    Ok(Touched { cell, reject, promote, threshold_ns: row.threshold_ns, control })
}

/// Units in which both arms were bad: of a request, those with a bad control in which the candidate was not better.
fn both(row: &Row, reject: Counts) -> Result<u64, &'static str> {
    match row.control_bad.and_then(|bad| bad.checked_sub(reject.better)) {
        _ if row.units == 0 => Ok(0),
        Some(both) if reject.worse + reject.better + both <= row.units => Ok(both),
        _ => Err(
            "under noise_ratio it needs `control_bad`: at least `better`, and with `worse` at most its units",
        ),
    }
}
