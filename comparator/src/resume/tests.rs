//! Runs that are cut off anywhere and taken up, and undecided ones that are continued.

use super::*;
use crate::testing::{MemoryLog, MemoryReader, SECOND, START_NS, answer, exchange, run};
use crate::verify::verify;
use parallax_exchange::Exchange;
use proptest::prelude::*;

/// What a driver does: exchanges, and seals of all windows up to one.
#[derive(Debug, Clone)]
enum Deed {
    Exchange(Box<Exchange>),
    Seal(u64),
}

/// `per_window` exchanges a window; one in `bad` differs. A window is sealed `delay` windows after its end.
fn deeds(windows: std::ops::Range<u64>, per_window: u64, bad: u64, delay: u64) -> Vec<Deed> {
    let mut deeds = Vec::new();
    for window in windows {
        for index in 0..per_window {
            let sequence = window * per_window + index;
            let mut exchange = exchange(sequence, START_NS + window * SECOND + index);
            // Two keys of three return in later windows.
            let returns = !index.is_multiple_of(3);
            let key = if returns { sequence % (per_window * 3) } else { 1_000 + sequence };
            exchange.cluster_key = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            if sequence.is_multiple_of(bad) {
                exchange.outcomes.candidate = Some(answer(500, r#"{"ok":false}"#, 9_000_000 + sequence));
            }
            deeds.push(Deed::Exchange(exchange));
        }
        if window >= delay {
            deeds.push(Deed::Seal(START_NS / SECOND + window - delay));
        }
    }
    deeds
}

fn door(exchanges: u64) -> Admissions {
    Admissions {
        offered: exchanges,
        mirrored: exchanges,
        candidate_offered: exchanges,
        control_offered: exchanges,
        ..Admissions::default()
    }
}

/// Does what the worker does, into a log.
struct Driver {
    trial: Trial,
    captured: bool,
    log: MemoryLog,
    open: BTreeMap<u64, Admissions>,
}

impl Driver {
    fn start(run: Run, captured: bool) -> Self {
        let mut log = MemoryLog::default();
        log.append(&Record::Run(Header { run: run.clone(), captured }.to_bytes())).unwrap();
        Self { trial: Trial::new(run).unwrap(), captured, log, open: BTreeMap::new() }
    }

    fn of(resumed: Resumed, log: MemoryLog) -> Self {
        Self { trial: resumed.trial, captured: resumed.captured, log, open: resumed.open }
    }

    fn run(&mut self, deeds: &[Deed]) {
        for deed in deeds {
            match deed {
                Deed::Exchange(exchange) => {
                    let window = self.trial.window_of(exchange.admitted_ns);
                    self.open.entry(window).or_default().merge(&door(1));
                    if self.captured {
                        self.log.append(&Record::Exchange(exchange.clone())).unwrap();
                    }
                    self.trial.exchange(exchange).unwrap();
                }
                Deed::Seal(through) => self.seal(*through),
            }
        }
    }

    fn seal(&mut self, through: u64) {
        while let Some(window) = self.trial.next_to_seal(through) {
            let later = self.open.split_off(&(window + 1));
            let mut admissions = Admissions::default();
            std::mem::replace(&mut self.open, later).values().for_each(|door| admissions.merge(door));
            let sealed = self.trial.seal(window, Some(admissions)).unwrap();
            let record = self.trial.record(sealed, self.captured);
            self.log.append(&Record::Sealed(record.to_bytes())).unwrap();
        }
    }

    /// Document and report, byte for byte.
    fn bytes(&mut self) -> [String; 2] {
        let report = self.trial.report(0, &Admissions::default());
        [
            String::from_utf8(self.trial.verdict_json().to_vec()).unwrap(),
            serde_json::to_string(&report).unwrap(),
        ]
    }

    /// Ends in good order; the log must verify.
    fn end(mut self) -> MemoryLog {
        self.trial.finish();
        self.log.append(&Record::Verdict(self.trial.verdict_json())).unwrap();
        self.log.append(&Record::End(Bytes::from_static(b"{}"))).unwrap();
        let found = verify(&mut self.log.reader(), None).unwrap();
        assert_eq!(found.difference, None);
        assert_eq!(found.recomputed, self.trial.verdict_json());
        self.log
    }
}

fn log_of(records: &[Record]) -> MemoryLog {
    let mut log = MemoryLog::default();
    for record in records {
        log.append(record).unwrap();
    }
    log
}

fn taken_up(log: &MemoryLog) -> Result<Resumed, ResumeError> {
    let mut reader = log.reader();
    let found = find(&mut reader, None)?.expect("there is a run");
    assert!(!found.is_ended);
    resume(&mut reader, &found, &run(), |_| {})
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn a_run_cut_off_anywhere_goes_on_as_if_nothing_had_happened(
        cut in any::<prop::sample::Index>(), second in any::<prop::sample::Index>(), bad in 2_u64..40,
    ) {
        let deeds = deeds(0..25, 6, bad, 2);
        let mut straight = Driver::start(run(), true);
        straight.run(&deeds);

        let (first, second) = (cut.index(deeds.len()), second.index(deeds.len()));
        let (first, second) = (first.min(second), first.max(second));
        let mut driver = Driver::start(run(), true);
        driver.run(&deeds[..first]);
        for rest in [&deeds[first..second], &deeds[second..]] {
            // Only the log survives.
            let log = log_of(&driver.log.records());
            driver = Driver::of(taken_up(&log).unwrap(), log);
            // Until the next seal, the order means nothing.
            for part in rest.split_inclusive(|deed| matches!(deed, Deed::Seal(_))) {
                let (seals, exchanges): (Vec<_>, Vec<_>) = part.iter().cloned().partition(|deed| matches!(deed, Deed::Seal(_)));
                driver.run(&exchanges.into_iter().rev().collect::<Vec<_>>());
                driver.run(&seals);
            }
        }
        let through = START_NS / SECOND + 24;
        straight.seal(through);
        driver.seal(through);
        prop_assert!(driver.bytes() == straight.bytes());
        driver.end();
    }
}

#[test]
fn without_the_exchanges_a_run_goes_on_from_its_seals_with_counters_thresholds_and_keys() {
    let deeds = deeds(0..30, 8, 11, 0);
    let mut straight = Driver::start(run(), false);
    straight.run(&deeds);
    // Each window is sealed before the next one opens, so nothing is lost with an open one.
    for cut in [9, 90, 180, 261] {
        let mut driver = Driver::start(run(), false);
        driver.run(&deeds[..cut]);
        let log = log_of(&driver.log.records());
        let mut driver = Driver::of(taken_up(&log).unwrap(), log);
        driver.run(&deeds[cut..]);
        assert!(driver.bytes()[0] == straight.bytes()[0], "cut after {cut}");
        assert!(driver.log.records() == straight.log.records(), "cut after {cut}");
        driver.end();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// `examples` of the exchanges that were open at the kill are in the log; with capture all of them are.
    #[test]
    fn what_was_open_at_a_kill_is_told_and_its_known_part_is_lost(
        captured in any::<bool>(), sealed in 1_u64..8, examples in 0_usize..12, twice in any::<bool>(),
    ) {
        let mut driver = Driver::start(run(), captured);
        driver.run(&deeds(0..sealed, 6, 40, 0));
        let open: Vec<_> = deeds(sealed..sealed + 2, 6, 1, 9);
        driver.run(&open);
        if !captured {
            for deed in &open[..examples] {
                let Deed::Exchange(exchange) = deed else { unreachable!() };
                driver.log.append(&Record::Example(exchange.clone())).unwrap();
            }
        }
        let back_ns = START_NS + (sealed + 5) * SECOND;
        for kill in 0..=u64::from(twice) {
            let log = log_of(&driver.log.records());
            let mut resumed = taken_up(&log).unwrap();
            resumed.go_on(back_ns + kill);
            driver = Driver::of(resumed, log);
        }
        driver.seal(START_NS / SECOND + sealed + 4);
        driver.run(&deeds(sealed + 5..sealed + 8, 6, 40, 0));
        let verdict = driver.trial.verdict();
        let (compared, lost) = match captured {
            true => ((sealed + 5) * 6, 0),
            false => ((sealed + 3) * 6, examples as u64),
        };
        let seen = &verdict.exposure;
        prop_assert_eq!((seen.mirrored, seen.compared, seen.lost), (compared + lost, compared, lost));
        prop_assert_eq!((seen.shed, seen.late), (0, 0));
        let span = 5 * SECOND + u64::from(twice);
        let told = format!("resumed: gaps 1, span {span} ns, windows 6, known lost {lost}: ");
        prop_assert!(verdict.not_checked.iter().any(|line| line.starts_with(&told)), "{:?}", verdict.not_checked);

        let log = driver.end();
        let mut lines = Vec::new();
        crate::verify::export_tallies(&mut log.reader(), None, &mut lines).unwrap();
        let mut judge = crate::judge::Judge::new(&run()).unwrap();
        for window in crate::rows::read_tallies(lines.as_slice()).unwrap() {
            judge.step(&window).unwrap();
        }
        prop_assert_eq!(&judge.verdict().not_checked, &verdict.not_checked, "the tallies tell it too");
    }
}

#[test]
fn a_run_that_ended_in_good_order_is_continued_without_a_gap_and_another_one_with() {
    for ended in [true, false] {
        let mut driver = Driver::start(build(), false);
        driver.run(&deeds(0..20, 6, 40, 0));
        let mut log = if ended { driver.end() } else { driver.log };
        let mut resumed = continued(&mut log, &build().run).unwrap();
        resumed.go_on(START_NS + 100 * SECOND);
        let mut next = Driver::of(resumed, log);
        next.run(&deeds(100..110, 6, 40, 0));
        let told = next.trial.verdict().not_checked.iter().any(|line| line.starts_with("resumed: gaps 1,"));
        assert_eq!(told, !ended);
        next.end();
    }
}

#[test]
fn another_trial_does_not_go_on_from_this_one() {
    let mut driver = Driver::start(run(), true);
    driver.run(&deeds(0..5, 4, 9, 1));
    let mut reader = driver.log.reader();
    let found = find(&mut reader, None).unwrap().unwrap();
    let mut other = run();
    other.policy.alpha = 0.01;
    let error = resume(&mut reader, &found, &other, |_| {}).unwrap_err();
    assert!(matches!(error, ResumeError::Differs { what: "the policy", .. }), "{error}");
    let mut other = run();
    other.candidate.digest = Some("sha256:other".to_owned());
    let error = resume(&mut reader, &found, &other, |_| {}).unwrap_err();
    assert!(error.to_string().contains("the candidate's build differs"), "{error}");
}

#[test]
fn a_log_that_contradicts_itself_is_not_taken_up() {
    let mut driver = Driver::start(run(), true);
    driver.run(&deeds(0..12, 4, 9, 1));
    let mut records = driver.log.records();
    let at = records.iter().position(|record| matches!(record, Record::Exchange(_))).unwrap();
    records.remove(at);
    let error = taken_up(&log_of(&records)).unwrap_err();
    assert!(matches!(error, ResumeError::Retake(RetakeError::Contradiction(1))), "{error}");
}

fn build() -> Run {
    let mut run = run();
    run.candidate.digest = Some("sha256:1".to_owned());
    run
}

fn continued(log: &mut MemoryLog, name: &str) -> Result<Resumed, ResumeError> {
    let mut reader = log.reader();
    let found = find(&mut reader, Some(name)).unwrap().unwrap();
    let next = Run { run: format!("{name}+"), ..build() };
    carry(&mut reader, &found, next, true, log, |_| {})
}

#[test]
fn an_undecided_run_is_continued_under_a_new_name_with_all_its_evidence() {
    for ended in [false, true] {
        let mut driver = Driver::start(build(), true);
        driver.run(&deeds(0..20, 6, 40, 2));
        driver.seal(START_NS / SECOND + if ended { 19 } else { 15 });
        let units = |trial: &mut Trial| trial.verdict().exposure.units;
        let mut log = if ended { driver.end() } else { driver.log };
        let old = log.records().len();
        let mut next = Driver::of(continued(&mut log, &build().run).unwrap(), log.clone());
        assert_eq!(next.trial.verdict().sealed_windows, 20, "what was open is sealed first");
        let before = units(&mut next.trial);
        assert!(before > 0);
        // A day later.
        next.run(&deeds(86_400..86_410, 6, 40, 2));
        next.seal(START_NS / SECOND + 86_409);
        let verdict = next.trial.verdict();
        assert_eq!((verdict.continues.as_deref(), verdict.attempt), (Some(&*build().run), 1));
        assert_eq!(verdict.sealed_windows, 30, "the day between is no part of the run");
        assert!(units(&mut next.trial) > before);
        let log = next.end();
        let found = verify(&mut log.reader(), None).unwrap();
        assert_eq!((found.windows, found.recounted, found.is_ended), (30, 10, true));
        let kept = verify(&mut MemoryReader::of(log.records()[..old].to_vec()), None).unwrap();
        assert_eq!((kept.difference, kept.run), (None, build().run), "the old document stays as it is");
        let mut again = log.reader();
        assert_eq!(crate::verify::attempts(&mut again, "sha256:1", || true).unwrap(), 1);
    }
}

#[test]
fn a_decided_run_is_not_continued() {
    let mut driver = Driver::start(build(), true);
    driver.run(&deeds(0..40, 6, 1, 0));
    assert_eq!(driver.trial.state(), (State::Reject, true));
    let mut log = driver.end();
    let error = continued(&mut log, &build().run).unwrap_err();
    assert!(matches!(error, ResumeError::Decided { state: "reject", .. }), "{error}");
}

#[test]
fn a_build_without_a_digest_is_not_continued() {
    let mut log = Driver::start(run(), true).log;
    let mut reader = log.reader();
    let found = find(&mut reader, None).unwrap().unwrap();
    let mut unnamed = found.clone();
    unnamed.header.run.candidate.digest = None;
    let next = Run { candidate: unnamed.header.run.candidate.clone(), ..run() };
    let error = carry(&mut reader, &unnamed, next, true, &mut log, |_| {}).unwrap_err();
    assert!(matches!(error, ResumeError::NoDigest(_)), "{error}");
}
