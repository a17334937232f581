//! Logs that were written by a driver without a thread, and then tampered with.

use super::*;
use crate::report::Report;
use crate::testing::{MemoryLog, MemoryReader, SECOND, START_NS, answer, exchange, run};
use crate::trial::Trial;
use parallax_exchange::log::Writer as _;
use parallax_exchange::{Admissions, Exchange};

/// Exchanges of twelve windows: every seventh candidate answers otherwise, some control too.
fn traffic() -> Vec<Exchange> {
    let one = |index: u64| {
        let mut exchange = *exchange(index, START_NS + index * SECOND / 10);
        exchange.cluster_key = (index / 3).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        if index.is_multiple_of(7) {
            exchange.outcomes.candidate = Some(answer(500, "{}", 9_000_000));
        }
        if index.is_multiple_of(31) {
            exchange.outcomes.control = Some(answer(200, r#"{"ok":false}"#, 7_000_000));
        }
        exchange
    };
    (0..120).map(one).collect()
}

/// Lives through a run as the worker does, and writes its log.
fn live(captured: bool, end: bool) -> (MemoryLog, Bytes, Report) {
    let mut trial = Trial::new(run()).unwrap();
    let mut log = MemoryLog::default();
    let mut write = |record| {
        log.append(&record).unwrap();
    };
    write(Record::Run(Header { run: run(), captured }.to_bytes()));
    let seal = |trial: &mut Trial, through: u64, write: &mut dyn FnMut(Record)| {
        while let Some(window) = trial.next_to_seal(through) {
            let door = Admissions {
                offered: 10,
                mirrored: 10,
                candidate_offered: 10,
                control_offered: 10,
                ..Default::default()
            };
            let sealed = trial.seal(window, Some(door)).unwrap();
            write(Record::Sealed(trial.record(sealed, captured).to_bytes()));
            write(Record::Verdict(trial.verdict_json()));
        }
    };
    for exchange in traffic() {
        if let Some(through) = trial.read_by(trial.window_of(exchange.admitted_ns)) {
            seal(&mut trial, through, &mut write);
        }
        trial.exchange(&exchange).unwrap();
        if captured {
            write(Record::Exchange(Box::new(exchange)));
        }
    }
    seal(&mut trial, START_NS / SECOND + 11, &mut write);
    if end {
        trial.finish();
        write(Record::Verdict(trial.verdict_json()));
        write(Record::End(Bytes::from_static(b"{}")));
    }
    let report = trial.report(0, &Admissions::default());
    (log, trial.verdict_json(), report)
}

#[test]
fn a_run_is_recomputed_from_its_tallies_and_from_its_exchanges() {
    for (captured, end) in [(false, false), (false, true), (true, false), (true, true)] {
        let (log, verdict, report) = live(captured, end);
        let verification = verify(&mut log.reader(), None).unwrap();
        assert_eq!(verification.difference, None);
        assert!(verification.damage.is_empty());
        assert_eq!(verification.recomputed, verdict);
        assert_eq!(verification.stored, Some(verdict));
        assert_eq!((verification.windows, verification.is_ended), (12, end));
        let recounted = if captured { (12, 120) } else { (0, 0) };
        assert_eq!((verification.recounted, verification.exchanges), recounted);
        assert_eq!((report.conservation.mirrored, report.conservation.compared), (120, 120));
    }
}

#[test]
fn a_changed_exchange_is_found_in_its_window() {
    let (log, _, _) = live(true, true);
    let mut records = log.records();
    let change = |record: &mut Record| match record {
        Record::Exchange(exchange) if exchange.id.sequence == 63 => {
            exchange.outcomes.candidate = exchange.outcomes.primary.clone();
            true
        }
        _ => false,
    };
    assert!(records.iter_mut().any(change));
    let verification = verify(&mut MemoryReader::of(records), None).unwrap();
    assert!(
        matches!(verification.difference, Some(FirstDifference::Tally { window: 7, .. })),
        "{:?}",
        verification.difference
    );
    assert_eq!(verification.recounted, 6);
}

#[test]
fn a_changed_tally_is_found_at_its_watermark() {
    let (log, _, _) = live(false, true);
    let mut records = log.records();
    let change = |record: &mut Record| {
        let Record::Sealed(bytes) = record else { return false };
        let mut seal = Seal::from_bytes(bytes).unwrap();
        let hit = seal.window.window == 5;
        seal.window.rows[0].units += u64::from(hit);
        *bytes = seal.to_bytes();
        hit
    };
    assert!(records.iter_mut().any(change));
    let difference = verify(&mut MemoryReader::of(records), None).unwrap().difference;
    assert_eq!(difference, Some(FirstDifference::Verdict { window: 5 }));
}

#[test]
fn a_changed_verdict_is_found() {
    let (log, _, _) = live(false, true);
    let mut records = log.records();
    let verdicts = |record: &&mut Record| matches!(record, Record::Verdict(_));
    let last = records.iter_mut().rfind(verdicts).unwrap();
    *last = Record::Verdict(Bytes::from_static(b"{\"verdict\":\"promote\"}"));
    let verification = verify(&mut MemoryReader::of(records), None).unwrap();
    assert_eq!(verification.difference, Some(FirstDifference::Verdict { window: 12 }));
}

#[test]
fn a_run_is_found_by_name_and_otherwise_the_last_one_is_meant() {
    let (first, _, _) = live(false, true);
    let mut records = first.records();
    let mut other = run();
    other.run = "other".to_owned();
    records.push(Record::Run(Header { run: other, captured: false }.to_bytes()));
    let verify_of = |name| verify(&mut MemoryReader::of(records.clone()), name);
    assert_eq!(verify_of(None).unwrap().run, "other");
    assert_eq!(verify_of(Some("test")).unwrap().windows, 12);
    assert!(matches!(verify_of(Some("none")), Err(VerifyError::NoRun(Some(name))) if name == "none"));
    assert!(matches!(verify(&mut MemoryReader::of(Vec::new()), None), Err(VerifyError::NoRun(None))));
}

#[test]
fn exported_tallies_read_back_as_what_was_sealed() {
    let (log, _, _) = live(false, true);
    let mut out = Vec::new();
    assert_eq!(export_tallies(&mut log.reader(), None, &mut out).unwrap(), 12);
    let windows = crate::rows::read_tallies(out.as_slice()).unwrap();
    let seals = log.records().into_iter().filter_map(|record| match record {
        Record::Sealed(bytes) => Some(Seal::from_bytes(&bytes).unwrap().window),
        _ => None,
    });
    assert_eq!(windows, seals.collect::<Vec<_>>());
}

#[test]
fn attempts_at_one_build_are_counted_by_its_digest() {
    let log = MemoryLog::default();
    let header = |name: &str, digest: Option<&str>| {
        let mut run = run();
        run.run = name.to_owned();
        run.candidate.digest = digest.map(str::to_owned);
        Record::Run(Header { run, captured: false }.to_bytes())
    };
    let mut writer = log.clone();
    for (name, digest) in
        [("a", Some("sha256:1")), ("b", Some("sha256:2")), ("c", None), ("d", Some("sha256:1"))]
    {
        writer.append(&header(name, digest)).unwrap();
    }
    let count = |digest: &str| attempts(&mut log.reader(), digest, || true).unwrap();
    assert_eq!([count("sha256:1"), count("sha256:2"), count("sha256:3")], [2, 1, 0]);
    let mut left = 2;
    let few = || {
        left -= 1;
        left >= 0
    };
    assert_eq!(attempts(&mut log.reader(), "sha256:1", few).unwrap(), 1, "as far as it was read");
}
