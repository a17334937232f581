//! A trial in the hands of a driver without a thread: replay and conservation.

use super::*;
use crate::testing::{MemoryLog, SECOND, START_NS, answer, exchange, run};
use crate::verify::verify;
use parallax_exchange::codec;
use parallax_exchange::log::{Record, Writer as _};
use parallax_exchange::{Ledger, MissingReason, Outcome, ShedReason, Timing};
use proptest::prelude::*;

const WINDOWS: u64 = 10;

/// An exchange of the random traffic and what happens to it on its way.
#[derive(Debug, Clone)]
struct Sent {
    window: u64,
    key: u64,
    candidate: u8,
    control: u8,
    way: Way,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Arrives after this many rounds.
    Arrives(u64),
    /// Given up at admission.
    Shed,
    /// Admitted, and never seen again.
    Lost,
}

fn traffic() -> impl Strategy<Value = Vec<Sent>> {
    let way = prop_oneof![
        10 => Just(Way::Arrives(0)), 4 => Just(Way::Arrives(1)), 2 => Just(Way::Arrives(3)),
        1 => Just(Way::Shed), 1 => Just(Way::Lost),
    ];
    let sent = (0..WINDOWS, 0..20u64, 0..8u8, 0..8u8, way)
        .prop_map(|(window, key, candidate, control, way)| Sent { window, key, candidate, control, way });
    proptest::collection::vec(sent, 1..120)
}

fn outcome(kind: u8, latency_ns: u64) -> Outcome {
    match kind {
        0 => answer(500, "{}", latency_ns),
        1 => answer(200, r#"{"ok":false}"#, latency_ns * 3),
        2 => Outcome::Missing { reason: MissingReason::Reset, timing: Timing::default() },
        _ => answer(200, r#"{"ok":true}"#, latency_ns),
    }
}

impl Sent {
    fn exchange(&self, sequence: u64) -> Box<Exchange> {
        let mut exchange = exchange(sequence, START_NS + self.window * SECOND + sequence);
        exchange.cluster_key = self.key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        exchange.outcomes.candidate = Some(outcome(self.candidate, 5_000_000 + sequence * 10_000));
        exchange.outcomes.control = Some(outcome(self.control, 5_000_000));
        exchange
    }
}

/// The pure part of a worker: a trial with a ledger and a log.
struct Driver {
    trial: Trial,
    /// Takes the same exchanges as bytes.
    encoded: Trial,
    ledger: Ledger,
    log: MemoryLog,
}

impl Driver {
    fn write(&mut self, record: Record) {
        self.log.append(&record).unwrap();
    }

    fn seal(&mut self, through: u64) {
        while let Some(window) = self.trial.next_to_seal(through) {
            let admissions = self.ledger.take_through(window);
            let again = self.encoded.seal(window, Some(admissions.clone())).unwrap();
            let sealed = self.trial.seal(window, Some(admissions)).unwrap();
            assert_eq!(sealed, again);
            let seal = self.trial.record(sealed, true);
            self.write(Record::Sealed(seal.to_bytes()));
        }
    }

    fn take(&mut self, exchange: Box<Exchange>) {
        if let Some(through) = self.trial.read_by(self.trial.window_of(exchange.admitted_ns)) {
            self.seal(through);
        }
        let taken = self.trial.exchange(&exchange).unwrap();
        let mut bytes = Vec::new();
        codec::encode(&exchange, &mut bytes);
        assert_eq!(self.encoded.encoded(&bytes.into()).unwrap(), taken);
        self.write(Record::Exchange(exchange));
    }
}

/// Lives through `traffic`; after round r it seals through window r - 1 where `sealing` says so.
fn live(traffic: &[Sent], sealing: &[bool]) -> Driver {
    let ledger = Ledger::new(SECOND);
    let lane = ledger.lane();
    let mut driver = Driver {
        trial: Trial::new(run()).unwrap(),
        encoded: Trial::new(run()).unwrap(),
        ledger,
        log: MemoryLog::default(),
    };
    driver.write(Record::Run(Header { run: run(), captured: true }.to_bytes()));
    for round in 0..WINDOWS + 4 {
        for (sequence, sent) in traffic.iter().enumerate() {
            let exchange = sent.exchange(sequence as u64);
            if sent.window == round {
                lane.count(exchange.admitted_ns, |counts| {
                    counts.offered += 2;
                    counts.not_selected += 1;
                    counts.mirrored += 1;
                    if sent.way == Way::Shed {
                        *counts.shed.entry(ShedReason::Bytes).or_default() += 1;
                    }
                });
            }
            if matches!(sent.way, Way::Arrives(delay) if sent.window + delay == round) {
                driver.take(exchange);
            }
        }
        if sealing[usize::try_from(round).unwrap()] {
            driver.seal((START_NS / SECOND + round).saturating_sub(1));
        }
    }
    driver.seal(START_NS / SECOND + WINDOWS - 1);
    driver.trial.finish();
    let last = driver.trial.verdict_json();
    driver.write(Record::Verdict(last));
    driver.write(Record::End(Bytes::from_static(b"{}")));
    driver
}

fn sealing() -> impl Strategy<Value = Vec<bool>> {
    proptest::collection::vec(proptest::bool::weighted(0.7), usize::try_from(WINDOWS + 4).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn a_replay_of_the_log_gives_the_same_bytes(traffic in traffic(), sealing in sealing()) {
        let mut driver = live(&traffic, &sealing);
        let verification = verify(&mut driver.log.reader(), None).unwrap();
        prop_assert_eq!(verification.difference, None);
        prop_assert_eq!(verification.recomputed, driver.trial.verdict_json());
        prop_assert_eq!(verification.recounted, verification.windows);
        let arrived = traffic.iter().filter(|sent| matches!(sent.way, Way::Arrives(_))).count();
        prop_assert_eq!(verification.exchanges, arrived as u64);
    }

    #[test]
    fn every_request_is_accounted_for(traffic in traffic(), sealing in sealing()) {
        let mut driver = live(&traffic, &sealing);
        let report = driver.trial.report(0, &driver.ledger.untaken());
        prop_assert_eq!(&report, &driver.encoded.report(0, &driver.ledger.untaken()));
        let counts = report.conservation;
        let sent = traffic.len() as u64;
        let ways = |wanted: fn(Way) -> bool| traffic.iter().filter(|sent| wanted(sent.way)).count() as u64;
        prop_assert_eq!((counts.offered, counts.not_selected, counts.mirrored), (2 * sent, sent, sent));
        prop_assert_eq!(counts.compared + counts.late, ways(|way| matches!(way, Way::Arrives(_))));
        prop_assert_eq!(counts.shed.values().sum::<u64>(), ways(|way| way == Way::Shed));
        // Where nothing ever arrives, no run begins and no window is sealed: all of it is still open.
        prop_assert_eq!(counts.lost + counts.open, ways(|way| way == Way::Lost));
        if counts.compared > 0 {
            prop_assert_eq!(counts.open, ways(|way| way == Way::Lost) - counts.lost);
        }
        let verdict = driver.trial.verdict();
        let line = &verdict.exposure;
        prop_assert_eq!(line.mirrored, line.compared + line.shed + line.lost + line.late);
    }
}
