//! The judge against the trial that the embedded worker drives, and against its own death.

use super::*;
use crate::decision::Decisions;
use http::{HeaderValue, StatusCode, header};
use parallax_comparator::run::{Build, ControlMode, NORMALISER};
use parallax_comparator::slice::Slice;
use parallax_config::{Policy, Span};
use parallax_exchange::{
    Body, CopyOrder, Exchange, ExchangeId, Label, Outcome, Outcomes, Request, Response, Timing,
};
use proptest::prelude::*;

const START_NS: u64 = 1_763_000_400_000_000_000;
const SECOND: u64 = 1_000_000_000;

fn run() -> Run {
    let policy = Policy {
        window: Span::secs(1),
        seal_delay: Some(Span::secs(2)),
        shadow_timeout: Span::secs(1),
        minimum_time: Span::secs(10),
        deadline: Span::secs(600),
        ..Policy::default()
    };
    Run {
        run: "test".into(),
        continues: None,
        attempt: 1,
        carried_windows: 0,
        started_ns: START_NS,
        candidate: Build::default(),
        baseline: Build::default(),
        control: ControlMode::Paired,
        policy,
        rules: Vec::new(),
        profiles: Vec::new(),
        slices: vec![Slice::of("route", "a")],
        normaliser: NORMALISER,
        checks: Vec::new(),
        replicas: Vec::new(),
        history: Vec::new(),
        noise: Vec::new(),
        descriptors: None,
    }
}

fn answer(body: &str, latency_ns: u64) -> Option<Outcome> {
    let mut response = Response {
        status: StatusCode::OK,
        body: Body::whole(body.to_owned()),
        timing: Timing { sent_ns: 0, head_ns: latency_ns, done_ns: latency_ns },
        ..Response::default()
    };
    response.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Some(Outcome::Response(Box::new(response)))
}

/// What one request is, beside its place in the log.
#[derive(Debug, Clone)]
struct Sent {
    admitted_ns: u64,
    key: u64,
    latency_ns: u64,
    differs: bool,
}

fn exchange(sequence: u64, sent: &Sent) -> Exchange {
    Exchange {
        id: ExchangeId { proxy: 1, epoch: 1, sequence },
        admitted_ns: sent.admitted_ns,
        cluster_key: sent.key,
        labels: vec![Label { name: "route".into(), value: "a".into() }],
        order: CopyOrder::default(),
        sample_ppm: 1_000_000,
        request: Request { target: "/a".into(), ..Request::default() },
        outcomes: Outcomes {
            primary: answer(r#"{"ok":true}"#, 5_000_000),
            candidate: answer(
                if sent.differs { r#"{"ok":false}"# } else { r#"{"ok":true}"# },
                sent.latency_ns,
            ),
            control: answer(r#"{"ok":true}"#, 5_000_000),
        },
    }
}

fn one() -> Admissions {
    Admissions { offered: 1, mirrored: 1, candidate_offered: 1, control_offered: 1, ..Admissions::default() }
}

/// The partitions of a topic, as one proxy writes them: exchanges when they are complete, a mark in
/// each partition every half second, and a closing one.
fn topic(sent: &[Sent], partitions: usize) -> Vec<Vec<Incoming>> {
    let mut lanes: Vec<Vec<Incoming>> = vec![Vec::new(); partitions];
    let mut put = |partition: usize, kind: Kind, clock_ns: u64, value: Bytes| {
        let lane = &mut lanes[partition];
        let stamp = Stamp { kind, producer: 7, epoch: 1, sequence: lane.len() as u64 };
        lane.push(Incoming {
            offset: lane.len() as i64,
            stamp: Some(stamp.to_string().into()),
            clock_ms: (clock_ns / 1_000_000) as i64,
            value,
        });
    };
    let mark = |admissions, closed| Bytes::from(serde_json::to_vec(&Mark { admissions, closed }).unwrap());
    let mut now = START_NS;
    let end = sent.last().map_or(START_NS, |last| last.admitted_ns) + SECOND;
    let mut rest = sent.iter().enumerate().peekable();
    while now <= end {
        let mut counted: BTreeMap<u64, Admissions> = BTreeMap::new();
        while let Some((index, next)) = rest.next_if(|(_, next)| next.admitted_ns <= now) {
            let mut bytes = Vec::new();
            codec::encode(&exchange(index as u64, next), &mut bytes);
            put((next.key % partitions as u64) as usize, Kind::Exchange, now, bytes.into());
            counted.entry(next.admitted_ns / SECOND).or_default().merge(&one());
        }
        for partition in 0..partitions {
            let told =
                if partition == 0 { std::mem::take(&mut counted).into_iter().collect() } else { vec![] };
            put(partition, Kind::Mark, now, mark(told, false));
        }
        now += SECOND / 2;
    }
    (0..partitions).for_each(|partition| put(partition, Kind::Mark, end, mark(vec![], true)));
    lanes
}

/// The verdict of the trial as the embedded worker drives it, from the same exchanges in their order.
fn embedded(sent: &[Sent]) -> Bytes {
    let mut trial = Trial::new(run()).unwrap();
    for (index, next) in sent.iter().enumerate() {
        let exchange = exchange(index as u64, next);
        if trial.verdict().is_final {
            break;
        }
        if let Some(through) = trial.read_by(trial.window_of(next.admitted_ns)) {
            seal(&mut trial, sent, through);
        }
        trial.exchange(&exchange).unwrap();
        let now = next.admitted_ns;
        seal(&mut trial, sent, (now - 2 * SECOND) / SECOND - 1);
    }
    if let Some(newest) = trial.newest_open() {
        seal(&mut trial, sent, newest);
    }
    if !trial.verdict().is_final {
        trial.finish();
    }
    trial.verdict_json()
}

fn seal(trial: &mut Trial, sent: &[Sent], through: u64) {
    while !trial.verdict().is_final
        && let Some(window) = trial.next_to_seal(through)
    {
        let mut admissions = Admissions::default();
        sent.iter().filter(|next| next.admitted_ns / SECOND == window).for_each(|_| admissions.merge(&one()));
        trial.seal(window, Some(admissions)).unwrap();
    }
}

/// Judges a topic. Every entry of `lives` is one judge: how many records of which partition it takes at
/// a time, and after how many steps it is killed; the last one lives until the end.
fn judged(topic: &[Vec<Incoming>], lives: &[(Vec<u8>, usize)], repeat: bool) -> (Bytes, Counts) {
    let offsets = vec![0; topic.len()];
    let mut decisions = Decisions::default();
    let header = Box::new(Judge::header(run()));
    assert!(decisions.hear(Decision::Begin { header, offsets: offsets.clone() }));
    for (life, (order, steps)) in lives.iter().enumerate() {
        let is_last = life + 1 == lives.len();
        let mut judge = Judge::new(run(), &offsets).unwrap();
        let mut step = 0;
        while !judge.is_over() && (is_last || step < *steps) {
            let known = decisions.get(judge.next_number()).cloned();
            let partition = usize::from(order[step % order.len()]) % topic.len();
            // Whatever the order says, each partition gets its turn.
            let partition = (partition + step / order.len()) % topic.len();
            let next = judge.offsets()[partition] as usize;
            let limit =
                known.as_ref().map_or(topic[partition].len(), |cut| cut.offsets()[partition] as usize);
            let taken = usize::from(order[step % order.len()]) % 9 + 1;
            for record in &topic[partition][next..limit.min(next + taken).max(next)] {
                judge.take(partition, record.clone(), START_NS);
                if repeat {
                    judge.take(partition, record.clone(), START_NS);
                }
            }
            judge.at_end(partition, topic[partition].len() as i64);
            if known.is_none()
                && let Some(cut) = judge.propose(u64::MAX / 2, u64::MAX, true)
            {
                assert!(decisions.hear(cut.clone()), "the next cut stands");
                let late =
                    Decision::Seal { run: "test".into(), number: cut.number(), through: 0, offsets: vec![] };
                assert!(!decisions.hear(late), "a second one with its number does not");
            }
            if let Some(cut) = decisions.get(judge.next_number()).cloned()
                && cut.offsets() == judge.offsets()
            {
                judge.apply(&cut);
            }
            step += 1;
            assert!(step < 200_000, "the judge never ends");
        }
        if is_last {
            return (judge.verdict_json(), judge.counts());
        }
    }
    unreachable!("the last judge returns")
}

fn sent() -> impl Strategy<Value = Vec<Sent>> {
    let one = (0..400u64, 0..30u64, 1..20u64, 0..12u8);
    proptest::collection::vec(one, 1..40).prop_map(|steps| {
        let mut at = START_NS;
        let mut sent = Vec::new();
        for (gap_ms, key, latency_ms, differs) in steps {
            at += gap_ms * 1_000_000;
            let latency_ns = latency_ms * 1_000_000;
            sent.push(Sent { admitted_ns: at, key: key * 0x9E37_79B9, latency_ns, differs: differs == 0 });
        }
        sent
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn the_verdict_is_the_embedded_one_whatever_the_partitions_and_the_order_of_reading(
        sent in sent(), partitions in 1..5usize, order in proptest::collection::vec(any::<u8>(), 1..20),
    ) {
        let (verdict, counts) = judged(&topic(&sent, partitions), &[(order, 0)], false);
        prop_assert_eq!(counts.exchanges, sent.len() as u64);
        prop_assert_eq!((counts.missing, counts.repeats, counts.damaged), (0, 0, 0));
        prop_assert_eq!(verdict, embedded(&sent));
    }

    #[test]
    fn judges_that_are_killed_leave_no_trace(
        sent in sent(), partitions in 1..4usize,
        lives in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 1..9), 0..100usize), 1..4),
    ) {
        let topic = topic(&sent, partitions);
        let (undisturbed, _) = judged(&topic, &[(vec![3, 1, 4], 0)], false);
        let (verdict, counts) = judged(&topic, &lives, true);
        prop_assert_eq!(verdict, undisturbed);
        prop_assert_eq!(counts.exchanges, sent.len() as u64);
    }
}

fn some() -> Vec<Sent> {
    (0..60)
        .map(|n| Sent {
            admitted_ns: START_NS + n * SECOND / 4,
            key: n,
            latency_ns: 5_000_000,
            differs: false,
        })
        .collect()
}

#[test]
fn records_written_twice_count_once_and_missing_ones_are_lost_evidence() {
    let mut lanes = topic(&some(), 1);
    let records = lanes[0].clone();
    // One exchange came twice, and one before it never.
    let is_exchange =
        |record: &&Incoming| record.stamp.as_ref().is_some_and(|stamp| stamp.starts_with(b"1 exchange"));
    let gone = records.iter().filter(is_exchange).nth(10).unwrap().offset as usize;
    let twice = records.iter().filter(is_exchange).nth(20).unwrap().offset as usize;
    lanes[0].insert(twice + 1, records[twice].clone());
    lanes[0].remove(gone);
    lanes[0].iter_mut().enumerate().for_each(|(offset, record)| record.offset = offset as i64);
    let (verdict, counts) = judged(&lanes, &[(vec![1], 0)], false);
    assert_eq!((counts.repeats, counts.missing), (1, 1));
    let document: serde_json::Value = serde_json::from_slice(&verdict).unwrap();
    assert_eq!(document["exposure"]["lost"], 1);
    assert_eq!(document["exposure"]["mirrored"], 60);
}

#[test]
fn a_record_of_another_kind_is_counted_and_passed_over() {
    let mut lanes = topic(&some(), 1);
    lanes[0][5].stamp = None;
    let (_, counts) = judged(&lanes, &[(vec![1], 0)], false);
    assert_eq!((counts.damaged, counts.missing), (1, 1));
}
