//! Keeps evidence in the log, and goes on without where the log fails.

use crate::report::Published;
use crate::resume::Resumed;
use crate::rows::SealedWindow;
use crate::run::Run;
use crate::trial::{Header, Trial};
use crate::verdict::Verdict;
use bytes::Bytes;
use parallax_exchange::log::{Record, Writer};
use std::collections::VecDeque;
use std::sync::Arc;

/// Records other than exchanges that wait for a log that fails just now.
const BACKLOG_MAX: usize = 64;

/// The writing side of a run's log.
///
/// Seals and verdicts that cannot be written wait, up to a bound, for the log to recover: a verdict can
/// be recomputed as long as every seal is there. Exchanges do not wait; capture ends with the first one
/// that is refused, because a recording with holes would look like evidence that was lost.
pub(super) struct Keeper {
    log: Option<Box<dyn Writer>>,
    /// Every exchange so far is in the log.
    captures: bool,
    examples_left: u64,
    backlog: VecDeque<Record>,
    /// Records given up.
    dropped: u64,
    failures: u64,
    last_error: String,
    told: Option<(crate::verdict::State, bool)>,
    /// The run's header is in the log already.
    begun: bool,
}

impl Keeper {
    pub(super) fn new(log: Option<Box<dyn Writer>>, capture: bool, examples_max: u64) -> Self {
        Self {
            captures: capture && log.is_some(),
            examples_left: if capture { 0 } else { examples_max },
            log,
            backlog: VecDeque::new(),
            dropped: 0,
            failures: 0,
            last_error: String::new(),
            told: None,
            begun: false,
        }
    }

    /// Goes on in the log of a run that was cut off: captures as long as all of it was captured.
    pub(super) fn resume(log: Box<dyn Writer>, resumed: &Resumed, examples_max: u64) -> Self {
        let examples = if resumed.captured { 0 } else { examples_max.saturating_sub(resumed.examples) };
        Self {
            examples_left: examples,
            told: resumed.told,
            begun: true,
            ..Self::new(Some(log), resumed.captured, examples_max)
        }
    }

    /// Appends refused by the log so far.
    pub(super) fn failures(&self) -> u64 {
        self.failures
    }

    pub(super) fn begin(&mut self, run: &Run) {
        if self.begun {
            return;
        }
        let header = Header { run: run.clone(), captured: self.captures };
        self.keep(Record::Run(header.to_bytes()));
    }

    /// Puts exchanges into the log, where capture is on, before they count.
    pub(super) fn capture(&mut self, exchanges: &[Record]) {
        if !self.captures || exchanges.is_empty() {
            return;
        }
        // A seal that waits comes first: the order of records is the order of events.
        if !self.flush() || !self.append(exchanges) {
            self.captures = false;
            tracing::warn!(error = %self.last_error, "capture ends: the log does not take exchanges");
        }
    }

    /// Keeps an exchange as an example for people, as long as there is room for one.
    pub(super) fn example(&mut self, exchange: Record) {
        let Record::Exchange(exchange) = exchange else { return };
        if self.examples_left > 0 && self.log.is_some() && self.backlog.is_empty() {
            self.examples_left -= 1;
            self.append(&[Record::Example(exchange)]);
        }
    }

    /// Keeps a seal and, where it changed, the verdict after it; then makes them durable.
    pub(super) fn seal(&mut self, window: SealedWindow, trial: &mut Trial) {
        if self.log.is_none() {
            return;
        }
        let seal = trial.record(window, self.captures);
        self.keep(Record::Sealed(seal.to_bytes()));
        let state = trial.state();
        if self.told != Some(state) {
            self.told = Some(state);
            self.keep(Record::Verdict(trial.verdict_json()));
        }
        self.sync();
    }

    /// Keeps the last verdict and the end.
    pub(super) fn end(&mut self, trial: &mut Trial, exchanges: u64) {
        self.keep(Record::Verdict(trial.verdict_json()));
        let end = serde_json::json!({ "run": trial.run().run, "exchanges": exchanges, "log_failures": self.failures });
        self.keep(Record::End(Bytes::from(end.to_string())));
        self.sync();
    }

    /// Says in the verdict that it cannot be recomputed, while that is so.
    pub(super) fn annotate(&self, published: &mut Published) {
        if self.dropped == 0 && self.backlog.is_empty() {
            return;
        }
        let mut verdict = Verdict::clone(&published.verdict);
        verdict.not_checked.push(format!(
            "log: evidence is not kept, so this verdict cannot be recomputed ({}); make room and start a new run",
            self.last_error
        ));
        published.verdict_json = verdict.to_json().into();
        published.verdict = Arc::new(verdict);
    }

    fn keep(&mut self, record: Record) {
        if self.log.is_none() || (self.flush() && self.append(std::slice::from_ref(&record))) {
            return;
        }
        if self.backlog.len() < BACKLOG_MAX {
            self.backlog.push_back(record);
        } else {
            self.dropped += 1;
        }
    }

    /// Writes what waits; false while the log fails.
    fn flush(&mut self) -> bool {
        while let Some(record) = self.backlog.pop_front() {
            if !self.append(std::slice::from_ref(&record)) {
                self.backlog.push_front(record);
                return false;
            }
        }
        true
    }

    fn append(&mut self, records: &[Record]) -> bool {
        let Some(log) = &mut self.log else { return true };
        match log.append_batch(records) {
            Ok(_) => true,
            Err(error) => {
                self.fail(&error);
                false
            }
        }
    }

    fn sync(&mut self) {
        if let Some(Err(error)) = self.log.as_mut().map(|log| log.sync()) {
            self.fail(&error);
        }
    }

    /// Counts every failure and warns of the first.
    fn fail(&mut self, error: &parallax_exchange::log::LogError) {
        self.failures += 1;
        self.last_error = chain(error);
        if self.failures == 1 {
            tracing::warn!(error = %self.last_error, "the log cannot be written; judging goes on");
        }
    }
}

/// An error with its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
