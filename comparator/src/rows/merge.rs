//! Adding up parts of one window.

use super::{Row, SealedWindow, Signs};

impl SealedWindow {
    /// Adds another part of the same window.
    ///
    /// Units of one cluster key must all be in one part: signs are added, not units
    /// (partition by cluster key; `verdict.md` 2.1).
    ///
    /// # Errors
    /// Says which counts do not belong together.
    pub fn merge(&mut self, other: Self) -> Result<(), String> {
        self.end_ns = match (self.end_ns, other.end_ns) {
            (0, end) | (end, 0) => end,
            (a, b) if a == b => a,
            (a, b) => return Err(format!("window {} ends both at {a} and at {b}", self.window)),
        };
        for row in other.rows {
            let key = |row: &Row| (row.slice.clone(), row.check.clone());
            match self.rows.binary_search_by_key(&key(&row), key) {
                Ok(at) => self.rows[at].merge(row)?,
                Err(at) => self.rows.insert(at, row),
            }
        }
        add_option(&mut self.exposure, other.exposure, |a, b| a.merge(&b));
        add_option(&mut self.admissions, other.admissions, |a, b| a.merge(&b));
        for (slice, counts) in other.slices {
            self.slices.entry(slice).or_default().merge(counts);
        }
        for (slice, latency) in other.latency {
            self.latency.entry(slice).or_default().merge(&latency);
        }
        self.faults.extend(other.faults);
        add_option(&mut self.gap, other.gap, |a, b| a.merge(&b));
        Ok(())
    }
}

impl Row {
    fn merge(&mut self, other: Self) -> Result<(), String> {
        if self.threshold_ns != other.threshold_ns {
            return Err(format!("{} of slice {} has two thresholds in one window", self.check, self.slice));
        }
        self.units += other.units;
        let signs: fn(&mut Signs, Signs) = Signs::merge;
        add_option(&mut self.signs, other.signs, signs);
        add_option(&mut self.reject, other.reject, signs);
        add_option(&mut self.promote, other.promote, signs);
        add_option(&mut self.control_bad, other.control_bad, |a, b| *a += b);
        for (replica, counts) in other.replicas {
            self.replicas.entry(replica).or_default().merge(counts);
        }
        Ok(())
    }
}

fn add_option<T>(into: &mut Option<T>, from: Option<T>, add: impl FnOnce(&mut T, T)) {
    match (into, from) {
        (Some(mine), Some(theirs)) => add(mine, theirs),
        (mine @ None, theirs) => *mine = theirs,
        (Some(_), None) => {}
    }
}
