//! The worker with a clock, a queue and a log that the test owns.

use super::*;
use crate::testing::{MemoryLog, SECOND, START_NS, exchange, run};
use parallax_exchange::log::Record;
use parallax_exchange::{Exchange, QueueLimits, Sender, queue};
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

struct Rig {
    now: Arc<AtomicU64>,
    ledger: Ledger,
    lane: parallax_exchange::Lane,
    sender: Sender,
    published: Arc<Mutex<Vec<Published>>>,
    handle: WorkerHandle,
}

impl Rig {
    fn start(log: Option<&MemoryLog>, capture: bool) -> Self {
        let (sender, receiver) = queue(QueueLimits { count: 10_000, bytes: 64 << 20 });
        let now = Arc::new(AtomicU64::new(START_NS));
        let clock = Arc::clone(&now);
        let options = WorkerOptions {
            capture,
            publish_every: Duration::ZERO,
            clock: Arc::new(move || clock.load(Ordering::Acquire)),
            ..WorkerOptions::default()
        };
        let ledger = Ledger::new(run().policy.window.nanos());
        let published = Arc::<Mutex<Vec<Published>>>::default();
        let publish = Arc::clone(&published);
        let log = log.map(|log| Box::new(log.clone()) as Box<dyn Writer>);
        let publish: Publish = Box::new(move |now| publish.lock().unwrap().push(now));
        let handle = Worker::start(run(), receiver, ledger.clone(), log, options, publish).unwrap();
        Self { now, lane: ledger.lane(), ledger, sender, published, handle }
    }

    /// Admits an exchange at the door and gives it to the worker.
    fn send(&self, exchange: Box<Exchange>) {
        self.lane.count(exchange.admitted_ns, |counts| {
            counts.offered += 1;
            counts.mirrored += 1;
            counts.candidate_offered += 1;
            counts.control_offered += 1;
        });
        self.sender.offer(exchange).unwrap();
    }

    fn wait(&self, what: &str, holds: impl Fn(&Published) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.published.lock().unwrap().last().is_some_and(&holds) {
            assert!(Instant::now() < deadline, "never: {what}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn stop(self) -> (Outcome, Ledger) {
        drop(self.sender);
        (self.handle.stop().unwrap(), self.ledger)
    }
}

#[test]
fn windows_are_sealed_when_their_delay_has_passed() {
    let rig = Rig::start(None, false);
    rig.wait("a first publication", |published| published.verdict.sealed_windows == 0);
    rig.send(exchange(1, START_NS));
    rig.send(exchange(2, START_NS + SECOND));
    rig.wait("both compared", |published| published.report.conservation.compared == 2);
    rig.now.store(START_NS + 3 * SECOND - 1, Ordering::Release);
    rig.send(exchange(3, START_NS + SECOND));
    rig.wait("all compared", |published| published.report.conservation.compared == 3);
    assert_eq!(rig.published.lock().unwrap().last().unwrap().verdict.sealed_windows, 0);
    rig.now.store(START_NS + 3 * SECOND, Ordering::Release);
    rig.wait("the first window is sealed", |published| published.verdict.sealed_windows == 1);
    rig.send(exchange(4, START_NS));
    rig.wait("a latecomer", |published| published.report.conservation.late == 1);
    let (outcome, ledger) = rig.stop();
    assert_eq!(outcome.exchanges, 4);
    let counts = &outcome.published.report.conservation;
    assert_eq!((counts.mirrored, counts.compared, counts.late, counts.lost, counts.open), (4, 3, 1, 0, 0));
    assert_eq!(ledger.untaken(), parallax_exchange::Admissions::default());
}

/// The worker reads its clock only after the exchange was offered, and the clock says that the window's
/// time is over.
#[test]
fn what_waits_in_the_queue_is_not_late_because_the_worker_is_behind() {
    let (sender, receiver) = queue(QueueLimits { count: 10, bytes: 1 << 20 });
    sender.offer(exchange(1, START_NS)).unwrap();
    sender.offer(exchange(2, START_NS)).unwrap();
    let options = WorkerOptions { clock: Arc::new(|| START_NS + 100 * SECOND), ..WorkerOptions::default() };
    let ledger = Ledger::new(run().policy.window.nanos());
    let handle = Worker::start(run(), receiver, ledger, None, options, Box::new(drop)).unwrap();
    drop(sender);
    let counts = handle.stop().unwrap().published.report.conservation.clone();
    assert_eq!((counts.compared, counts.late), (2, 0));
}

#[test]
fn an_exchange_forces_the_seals_that_its_thresholds_read() {
    let log = MemoryLog::default();
    let rig = Rig::start(Some(&log), true);
    rig.send(exchange(1, START_NS));
    rig.send(exchange(2, START_NS + 10 * SECOND));
    rig.wait("the first windows are sealed", |published| published.verdict.sealed_windows == 8);
    let (outcome, _) = rig.stop();
    assert_eq!(outcome.published.verdict.sealed_windows, 11);
    let kinds: Vec<&str> = log.records().iter().map(kind).collect();
    assert_eq!(
        kinds,
        ["run", "exchange", "sealed", "verdict", "sealed", "exchange", "sealed", "verdict", "end"]
    );
}

fn kind(record: &Record) -> &'static str {
    match record {
        Record::Run(_) => "run",
        Record::Exchange(_) => "exchange",
        Record::Example(_) => "example",
        Record::Sealed(_) => "sealed",
        Record::Verdict(_) => "verdict",
        Record::End(_) => "end",
    }
}

#[test]
fn a_full_disk_stops_neither_comparing_nor_judging() {
    let log = MemoryLog::default();
    let rig = Rig::start(Some(&log), true);
    rig.send(exchange(1, START_NS));
    rig.wait("one compared", |published| published.report.conservation.compared == 1);
    log.limit(Some(0));
    rig.send(exchange(2, START_NS + SECOND));
    rig.send(exchange(3, START_NS + 10 * SECOND));
    rig.wait("seals go on", |published| published.verdict.sealed_windows == 8);
    rig.wait("the verdict says so", |published| {
        published.verdict.not_checked.iter().any(|note| note.contains("evidence is not kept"))
    });
    log.limit(None);
    let (outcome, _) = rig.stop();
    assert_eq!(outcome.published.report.conservation.compared, 3);
    assert!(outcome.log_failures > 0);
    assert!(
        !outcome.published.verdict.not_checked.iter().any(|note| note.contains("not kept")),
        "what waited was written when there was room again"
    );
    let verification = crate::verify::verify(&mut log.reader(), None).unwrap();
    assert_eq!(verification.difference, None);
    assert_eq!((verification.windows, verification.recounted), (4, 0), "capture ended before the first seal");
    let seals = log.records().iter().filter(|record| matches!(record, Record::Sealed(_))).count();
    assert_eq!(seals, 4);
}

/// Only the log survives, so the second worker knows of the example and of nothing else that was open.
#[test]
fn a_worker_that_goes_on_tells_what_was_open_and_is_lost() {
    let killed = MemoryLog::default();
    let rig = Rig::start(Some(&killed), false);
    rig.send(exchange(1, START_NS));
    let mut differs = exchange(2, START_NS);
    differs.outcomes.candidate = Some(crate::testing::answer(500, "{}", 1));
    rig.send(differs);
    rig.wait("both compared", |published| published.report.conservation.compared == 2);
    let mut log = MemoryLog::default();
    log.append_batch(&killed.records()).unwrap();
    drop(rig.stop());

    let mut reader = log.reader();
    let found = crate::resume::find(&mut reader, None).unwrap().unwrap();
    let resumed = crate::resume::resume(&mut reader, &found, &run(), |_| {}).unwrap();
    let (sender, receiver) = queue(QueueLimits { count: 10, bytes: 1 << 20 });
    let back_ns = START_NS + 4 * SECOND;
    let options = WorkerOptions { clock: Arc::new(move || back_ns), ..WorkerOptions::default() };
    let ledger = Ledger::new(run().policy.window.nanos());
    ledger.lane().count(back_ns, |door| (door.offered, door.mirrored) = (1, 1));
    sender.offer(exchange(3, back_ns)).unwrap();
    drop(sender);
    let kept = Box::new(log.clone());
    let handle = Worker::resume(resumed, receiver, ledger, kept, options, Box::new(drop)).unwrap();
    let verdict = handle.stop().unwrap().published.verdict;
    let seen = &verdict.exposure;
    assert_eq!((seen.mirrored, seen.compared, seen.lost, seen.late), (2, 1, 1, 0));
    let told = "resumed: gaps 1, span 4000000000 ns, windows 5, known lost 1: ";
    assert!(verdict.not_checked.iter().any(|line| line.starts_with(told)), "{:?}", verdict.not_checked);
    assert_eq!(crate::verify::verify(&mut log.reader(), None).unwrap().difference, None);
}

#[test]
fn a_worker_ends_when_nothing_more_can_come() {
    let rig = Rig::start(None, false);
    rig.send(exchange(1, START_NS));
    let Rig { sender, handle, .. } = rig;
    drop(sender);
    let deadline = Instant::now() + Duration::from_secs(20);
    while !handle.is_finished() {
        assert!(Instant::now() < deadline, "the worker goes on without senders");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(handle.stop().unwrap().published.verdict.sealed_windows, 1);
}

#[test]
fn what_the_door_counted_adds_up_to_the_last_window() {
    let rig = Rig::start(None, false);
    rig.send(exchange(1, START_NS));
    rig.wait("one compared", |published| published.report.conservation.compared == 1);
    // One request is lost on its way, and one is not selected in a window that nothing else is in.
    rig.lane.count(START_NS, |counts| {
        (counts.offered, counts.mirrored) = (counts.offered + 1, counts.mirrored + 1);
    });
    rig.lane.count(START_NS + 5 * SECOND, |counts| (counts.offered, counts.not_selected) = (1, 1));
    let (outcome, ledger) = rig.stop();
    let counts = &outcome.published.report.conservation;
    assert_eq!((counts.offered, counts.not_selected, counts.mirrored), (3, 1, 2));
    assert_eq!((counts.compared, counts.lost, counts.open), (1, 1, 0));
    let line = &outcome.published.verdict.exposure;
    assert_eq!((line.mirrored, line.compared, line.lost), (2, 1, 1));
    assert_eq!(ledger.untaken(), parallax_exchange::Admissions::default());
}

/// The log in files, as the binary uses it: what the worker wrote verifies, byte for byte.
#[test]
fn a_log_on_disk_verifies() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("file:{}", directory.path().display());
    let limits = parallax_exchange::log::Limits { segment_bytes: 4096, total_bytes: 64 << 20 };
    let (sender, receiver) = queue(QueueLimits { count: 10_000, bytes: 64 << 20 });
    let ledger = Ledger::new(run().policy.window.nanos());
    let lane = ledger.lane();
    for sequence in 0..300 {
        let mut exchange = exchange(sequence, START_NS + sequence * SECOND / 20);
        if sequence % 5 == 0 {
            exchange.outcomes.candidate = Some(crate::testing::answer(200, r#"{"ok":null}"#, 1));
        }
        lane.count(exchange.admitted_ns, |counts| {
            (counts.offered, counts.mirrored) = (counts.offered + 1, counts.mirrored + 1);
        });
        sender.offer(exchange).unwrap();
    }
    drop(sender);
    let log = parallax_exchange::log::open_writer(&url, limits).unwrap();
    let options = WorkerOptions { capture: true, clock: Arc::new(|| START_NS), ..WorkerOptions::default() };
    let handle = Worker::start(run(), receiver, ledger, Some(log), options, Box::new(drop)).unwrap();
    let outcome = handle.stop().unwrap();
    assert_eq!(outcome.log_failures, 0);
    let mut reader = parallax_exchange::log::open_reader(&url).unwrap();
    let verification = crate::verify::verify(&mut *reader, None).unwrap();
    assert_eq!(verification.difference, None);
    assert_eq!(verification.recomputed, outcome.published.verdict_json);
    assert_eq!((verification.windows, verification.recounted, verification.exchanges), (15, 15, 300));
    assert!(verification.is_ended && verification.damage.is_empty());
}
