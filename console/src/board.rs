//! The board: what the worker pins up and the console reads.
//!
//! A publication replaces one immutable snapshot by the next, so a reader sees one moment in whole,
//! holds it as long as it likes, and never makes the publisher wait: the lock inside is held for a
//! pointer, not for a read.

use crate::limits;
use crate::signed::Signed;
use metrics_exporter_prometheus::PrometheusHandle;
use parallax_comparator::report::Published;
use parallax_comparator::verdict::signature::SigningKey;
use parallax_comparator::verdict::{State, Verdict};
use serde::Serialize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::sync::watch;

/// A handle to what has been published; clones share it.
#[derive(Clone)]
pub struct Board {
    shared: Arc<Shared>,
}

struct Shared {
    snapshot: watch::Sender<Arc<Snapshot>>,
    metrics: OnceLock<PrometheusHandle>,
    signing_key: OnceLock<SigningKey>,
    draining: AtomicBool,
}

/// Everything on the board at one moment.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    /// Publications so far.
    pub(crate) version: u64,
    /// The run that was seen first most recently comes first.
    pub(crate) runs: Vec<Entry>,
}

/// One run on the board.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The newest publication of the run.
    pub(crate) published: Published,
    /// States it went through, oldest first.
    pub(crate) changes: Arc<[Change]>,
    /// The signature over the newest document, where the board has a key.
    pub(crate) signed: Option<Arc<Signed>>,
}

/// A change of a run's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Changes of this run so far, this one included: 1 for its first state.
    pub number: u64,
    /// The watermark at which it changed; `null` before the first.
    pub watermark: Option<String>,
    /// Windows sealed by then.
    pub sealed_windows: u64,
    /// The new state.
    pub verdict: State,
    /// Whether it stands for good.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// Why.
    pub reason: String,
}

impl Board {
    /// An empty board.
    #[must_use]
    pub fn new() -> Self {
        let snapshot = watch::Sender::new(Arc::default());
        let (metrics, signing_key) = (OnceLock::new(), OnceLock::new());
        Self { shared: Arc::new(Shared { snapshot, metrics, signing_key, draining: AtomicBool::new(false) }) }
    }

    /// Signs every document from now on with this key. The first key stays.
    #[must_use]
    pub fn with_signing_key(self, key: SigningKey) -> Self {
        let _ = self.shared.signing_key.set(key);
        self
    }

    /// Serves this recorder's metrics at `/metrics`, beside those of the verdict. The first handle stays.
    #[must_use]
    pub fn with_metrics(self, handle: PrometheusHandle) -> Self {
        let _ = self.shared.metrics.set(handle);
        self
    }

    /// Pins up a run's newest verdict and report, and wakes readers that wait.
    ///
    /// Cheap: a few pointers are copied. Publish once as soon as a run starts, so that the console is
    /// ready before the first window is sealed, and then at every watermark. Of many runs the newest
    /// 32 are kept.
    pub fn publish(&self, published: Published) {
        // Before the lock is taken: a signature takes some 20 us.
        let signed = self.shared.signing_key.get().map(|key| Arc::new(Signed::new(&published, key)));
        let entry = Entry::new(published, signed);
        // The old snapshot is freed after the lock is released: it may be the last owner of a report.
        let mut old = None;
        self.shared.snapshot.send_modify(|snapshot| {
            let next = Arc::new(snapshot.with(entry));
            old = Some(std::mem::replace(snapshot, next));
        });
    }

    /// Says that the process is about to end: `/readyz` answers 503 from now on, everything else as before.
    pub fn drain(&self) {
        self.shared.draining.store(true, Ordering::Relaxed);
    }

    /// Whether [`Board::drain`] was called.
    pub(crate) fn is_draining(&self) -> bool {
        self.shared.draining.load(Ordering::Relaxed)
    }

    /// The newest publication of the newest run.
    #[must_use]
    pub fn latest(&self) -> Option<Published> {
        self.snapshot().latest().map(|entry| entry.published.clone())
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.snapshot.borrow().clone()
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.shared.snapshot.subscribe()
    }

    pub(crate) fn metrics(&self) -> Option<&PrometheusHandle> {
        self.shared.metrics.get()
    }
}

impl Default for Board {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Board {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Board").field("snapshot", &self.snapshot()).finish_non_exhaustive()
    }
}

impl Snapshot {
    /// The newest run.
    pub(crate) fn latest(&self) -> Option<&Entry> {
        self.runs.first()
    }

    /// The run of that name.
    pub(crate) fn run(&self, name: &str) -> Option<&Entry> {
        self.runs.iter().find(|entry| entry.verdict().run == name)
    }

    /// The newest run that validates this candidate digest.
    pub(crate) fn candidate(&self, digest: &str) -> Option<&Entry> {
        self.runs.iter().find(|entry| entry.verdict().candidate.digest.as_deref() == Some(digest))
    }

    fn with(&self, newer: Entry) -> Self {
        let mut runs = self.runs.clone();
        match runs.iter_mut().find(|entry| entry.verdict().run == newer.verdict().run) {
            Some(entry) => entry.replace(newer),
            None => {
                runs.truncate(limits::RUNS - 1);
                runs.insert(0, newer);
            }
        }
        Self { version: self.version + 1, runs }
    }
}

impl Entry {
    pub(crate) fn verdict(&self) -> &Verdict {
        &self.published.verdict
    }

    fn new(published: Published, signed: Option<Arc<Signed>>) -> Self {
        let changes = Arc::new([Change::to(&published.verdict)]);
        Self { published, changes, signed }
    }

    /// Takes the place of an older publication, whose history it goes on with.
    fn replace(&mut self, newer: Self) {
        let last = self.changes.last().map(|change| (change.verdict, change.is_final));
        let mut changes = self.changes.clone();
        if last != Some((newer.verdict().verdict, newer.verdict().is_final)) {
            let number = changes.last().map_or(1, |change| change.number + 1);
            let newest = Change { number, ..Change::to(newer.verdict()) };
            let surplus = (changes.len() + 1).saturating_sub(limits::CHANGES);
            changes = changes[surplus..].iter().cloned().chain([newest]).collect();
        }
        *self = Self { changes, ..newer };
    }
}

impl Change {
    fn to(verdict: &Verdict) -> Self {
        Self {
            number: 1,
            watermark: verdict.watermark.clone(),
            sealed_windows: verdict.sealed_windows,
            verdict: verdict.verdict,
            is_final: verdict.is_final,
            reason: verdict.reason.clone(),
        }
    }
}
