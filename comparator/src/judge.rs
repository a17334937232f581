//! The judge: from sealed windows of integers to a verdict.
//!
//! Pure: no I/O, no clock, no randomness. The state is a flat vector of cells, one for each
//! hypothesis of each slice; a window touches some of them, each at a cost that does not grow with the
//! run, and the document is built only when it is asked for. What is computed and why is `verdict.md` 2;
//! each part has a file of its own.

pub mod bounds;
mod cell;
mod decision;
mod digest;
mod document;
mod error;
pub mod explain;
mod futility;
pub mod guard;
pub mod histograms;
mod intake;
mod lacking;
pub mod latency;
mod math;
pub mod mixture;
mod offline;
pub mod plan;
mod policy;
mod ratio;
mod reason;
mod replicas;
pub mod restarts;
mod rig;
mod slices;
mod weights;

pub use error::{JudgeError, TallyError};
pub use offline::{Import, OfflineError, Progress, Streamed, judge_ordered_tallies, judge_tallies};
pub(crate) use reason::odds as evidence_text;

use crate::check::Check;
use crate::rows::SealedWindow;
use crate::run::Run;
use crate::verdict::{State, Verdict};
use cell::Cell;
use decision::Outcome;
use digest::Digest;
use histograms::Basis;
use intake::Intake;
use policy::{Hypothesis, Levels};
use ratio::Band;
use replicas::Replicas;
use rig::Rig;
use slices::SliceState;

/// Judges one run.
///
/// A verdict is a function of the run's header and of its sealed windows; rows of one window may come
/// in any order and in any partition.
#[derive(Debug, Clone)]
pub struct Judge {
    run: Run,
    policy_hash: String,
    levels: Levels,
    band: Band,
    /// In the order of the documents; each slice has them all.
    hypotheses: Vec<Hypothesis>,
    slices: Vec<SliceState>,
    /// Slice by slice, check by check.
    cells: Vec<Cell>,
    /// `ln_r` of each cell: read at every watermark, and so kept apart from what is read when a cell is touched.
    ln_r: Vec<f64>,
    /// No cell has more units.
    most_units: u64,
    rig: Rig,
    replicas: Replicas,
    digest: Digest,
    /// The newest sealed run window; 0 before the first.
    watermark: u64,
    /// Its end in Unix nanoseconds; 0 where it is not known.
    watermark_ns: u64,
    /// Checks of the policy that the run gathers no evidence for.
    unjudged: Vec<Check>,
    /// What latency is judged from.
    basis: Basis,
    /// Rules that imported tallies give no evidence for.
    skipped: Vec<String>,
    /// Rows of slices or checks that the run does not have.
    foreign_rows: u64,
    futile_looks: u64,
    /// The cell that kept the newest look from a promote.
    failed_last: usize,
    /// Logarithm of the weighted mean of all reject evidence at the watermark.
    ln_mean: f64,
    /// Memory for the next window.
    spare: Vec<intake::Touched>,
    outcome: Outcome,
    /// The document at the watermark that decided.
    settled: Option<Box<Verdict>>,
    ended: bool,
}

impl Judge {
    /// A judge for `run`, before its first window.
    ///
    /// # Errors
    /// A policy by which nothing can be judged; the error names the setting and the remedy.
    pub fn new(run: &Run) -> Result<Self, JudgeError> {
        policy::validate(run)?;
        let levels = Levels::new(run);
        let hypotheses = policy::hypotheses(run)?;
        let slices = slices::slices(run, &hypotheses, &levels)?;
        let cells = vec![Cell::default(); slices.len() * hypotheses.len()];
        Ok(Self {
            policy_hash: digest::policy_hash(run, &slices),
            digest: Digest::new(&slices, &hypotheses),
            replicas: Replicas::new(&run.replicas),
            unjudged: policy::unjudged(run),
            rig: Rig::default(),
            run: run.clone(),
            band: Band::new(run.policy.alpha / 2.0),
            levels,
            hypotheses,
            slices,
            ln_r: vec![0.0; cells.len()],
            most_units: 0,
            cells,
            watermark: 0,
            watermark_ns: 0,
            basis: Basis::default(),
            skipped: Vec::new(),
            foreign_rows: 0,
            futile_looks: 0,
            failed_last: 0,
            ln_mean: 0.0,
            spare: Vec::new(),
            outcome: Outcome::Wait,
            settled: None,
            ended: false,
        })
    }

    /// Judges at the watermark that `window` brings, and gives the document.
    ///
    /// Windows come in ascending order; windows left out are empty ones, and are judged as such.
    ///
    /// # Errors
    /// Rows that contradict themselves, or a window that was sealed before; nothing has changed then.
    pub fn seal(&mut self, window: &SealedWindow) -> Result<Verdict, TallyError> {
        self.step(window)?;
        Ok(self.verdict())
    }

    /// Judges at the watermark that `window` brings, without building the document.
    ///
    /// # Errors
    /// As [`Judge::seal`].
    pub fn step(&mut self, window: &SealedWindow) -> Result<State, TallyError> {
        if window.window <= self.watermark {
            return Err(TallyError::Order { window: window.window, newest: self.watermark });
        }
        let intake =
            Intake::read(&window.rows, &self.slices, &self.hypotheses, std::mem::take(&mut self.spare))?;
        self.check_totals(&intake, window)?;
        while self.watermark + 1 < window.window && self.settled.is_none() {
            self.watermark += 1;
            self.watermark_ns = self.watermark_ns.saturating_add(match self.watermark_ns {
                0 => 0,
                _ => self.run.policy.window.nanos(),
            });
            self.look();
        }
        self.watermark = window.window;
        self.watermark_ns = window.end_ns;
        self.take(&intake, window);
        self.spare = intake.touched;
        self.look();
        Ok(self.state())
    }

    /// Ends the run here: an undecided one stays undecided.
    ///
    /// The verdict of such a run is still `wait` (exit code 20) and not final, and its document says
    /// `partial`: stopping early is no decision, and the run may be continued.
    pub fn finish(&mut self) -> Verdict {
        self.end();
        self.verdict()
    }

    /// [`Judge::finish`] without the document.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// SHA-256 of the state at the newest watermark, in hexadecimal: everything counted, what it decided, and the
    /// weighted mean of all reject evidence to its last bit.
    ///
    /// A document per watermark would be the same proof for a hundred times the cost; a log keeps the document where the
    /// state changes and at the end, and this at every watermark.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let state =
            [self.watermark, u64::from(self.state().code()), u64::from(self.is_final()), self.futile_looks];
        self.digest.with(&self.policy_hash, &[state.as_slice(), &[self.ln_mean.to_bits()]].concat())
    }

    /// `sha256:` of policy, rules, profiles and slice weights: another one is another trial.
    #[must_use]
    pub fn policy_hash(&self) -> &str {
        &self.policy_hash
    }

    /// The verdict at the newest watermark: the one that decided, once there is one.
    #[must_use]
    pub fn state(&self) -> State {
        self.settled.as_ref().map_or_else(|| self.outcome.state(), |settled| settled.verdict)
    }

    /// Whether the verdict stands for good.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.settled.is_some()
    }

    /// The newest sealed run window; 0 before the first.
    #[must_use]
    pub fn watermark(&self) -> u64 {
        self.watermark
    }

    /// The run window at which an undecided run becomes inconclusive: `ceil(deadline / window)`.
    #[must_use]
    pub fn deadline(&self) -> u64 {
        self.levels.deadline
    }

    /// The checks that this run judges, in the order of the documents.
    pub fn checks(&self) -> impl Iterator<Item = &Check> {
        self.hypotheses.iter().map(|hypothesis| &hypothesis.check)
    }

    /// Adds a window's counts to the cells that it touches.
    fn take(&mut self, intake: &Intake, window: &SealedWindow) {
        self.rig.add(window);
        self.foreign_rows += intake.foreign;
        self.digest.add(window, &intake.touched, self.rig.distinct_keys());
        let checks = self.hypotheses.len();
        for touched in &intake.touched {
            let hypothesis = &self.hypotheses[touched.cell % checks];
            let cell = &mut self.cells[touched.cell];
            cell.add(hypothesis, self.watermark, touched);
            if touched.reject.n > 0 {
                cell.judge(&self.run.policy);
                self.ln_r[touched.cell] = cell.ln_r;
                self.slices[touched.cell / checks].last_window = self.watermark;
            }
        }
        self.most_units = self.most_units.saturating_add(intake.most);
        let with_replicas = window.rows.iter().filter(|row| intake.has_replicas && !row.replicas.is_empty());
        for row in with_replicas {
            let slice = self.slices.iter().position(|state| state.slice == row.slice);
            let check = self.hypotheses.iter().position(|hypothesis| hypothesis.check == row.check);
            if let (Some(slice), Some(check)) = (slice, check) {
                self.replicas.add(slice * checks + check, &row.replicas);
            }
        }
        for (slice, histograms) in &window.latency {
            if let Ok(at) = self.slices.binary_search_by(|state| state.slice.cmp(slice)) {
                self.slices[at].latency.merge(histograms);
            }
        }
        self.judge_histograms(window);
    }

    /// Looks at the evidence at the newest watermark.
    fn look(&mut self) {
        self.ln_mean = self.mean();
        if self.watermark >= self.survey() {
            self.fix_required();
        }
        if self.watermark <= self.run.carried_windows {
            return; // An earlier run looked at these and did not decide.
        }
        self.outcome = self.decide();
        if self.settled.is_none() && self.outcome.is_final() {
            self.settled = Some(Box::new(self.document()));
        }
    }

    /// Windows after which the expected units of every slice are taken as known.
    fn survey(&self) -> u64 {
        self.run.policy.guard_windows.max(1)
    }

    fn fix_required(&mut self) {
        let (checks, mismatch) = (self.hypotheses.len(), self.mismatch());
        let scale = self.levels.deadline as f64 / self.watermark.max(1) as f64;
        for (slice, cells) in self.slices.iter_mut().zip(self.cells.chunks(checks)) {
            if slice.required.is_none() {
                slice.fix(&self.hypotheses, cells[mismatch].units().n as f64 * scale);
            }
        }
    }

    /// Refuses counts that would leave the exact range, before anything changes.
    fn check_totals(&self, intake: &Intake, window: &SealedWindow) -> Result<(), TallyError> {
        if self.most_units.saturating_add(intake.most) <= intake::MOST_UNITS {
            return Ok(()); // No cell needs to be looked at, and most windows of most runs end here.
        }
        let over = |touched: &&intake::Touched| {
            self.cells[touched.cell].units().n + touched.reject.n > intake::MOST_UNITS
        };
        match intake.touched.iter().find(over) {
            None => Ok(()),
            Some(_) => Err(TallyError::TooManyUnits { window: window.window }),
        }
    }

    /// Position of the mismatch check among the hypotheses: the one whose units stand for a slice's.
    fn mismatch(&self) -> usize {
        self.hypotheses.iter().position(|hypothesis| hypothesis.check == Check::Mismatch).unwrap_or(0)
    }

    fn mismatch_of_all(&self) -> usize {
        let all = self.slices.iter().position(|state| state.slice.is_all()).unwrap_or(0);
        all * self.hypotheses.len() + self.mismatch()
    }

    fn hypothesis_of(&self, cell: usize) -> &Hypothesis {
        &self.hypotheses[cell % self.hypotheses.len()]
    }

    fn slice_of(&self, cell: usize) -> &SliceState {
        &self.slices[cell / self.hypotheses.len()]
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
