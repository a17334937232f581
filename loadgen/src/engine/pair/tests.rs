//! Several targets get the same arrivals, and their answers come out as exchanges.

use super::*;
use crate::Plan;
use crate::oracle::{Act, Oracle};
use parallax_exchange::{Body, Exchange, QueueLimits, queue};

fn oracle(script: impl Fn(u64) -> Act + Send + Sync + 'static) -> Oracle {
    Oracle::start(script).expect("a free port")
}

fn requests() -> Vec<Request> {
    let request = |number: usize| Request {
        method: http::Method::POST,
        target: format!("/{number}"),
        body: Body::whole("x"),
        ..Request::default()
    };
    (0..3).map(request).collect()
}

fn run(oracles: &[Oracle], milliseconds: u64) -> (PairMeasured, Vec<Exchange>, Ledger) {
    let targets = oracles.iter().map(|oracle| Target::parse(&oracle.url()).expect("a target")).collect();
    let plan = Plan::constant("500/s".parse().expect("a rate"), Duration::from_millis(milliseconds));
    let options = Options { timeout: Duration::from_millis(200), ..Options::default() };
    let run = PairedRun::new(targets, &plan.expect("a plan"), requests(), "the test", None, options);
    let (sender, receiver) = queue(QueueLimits { count: 10_000, bytes: 1 << 30 });
    let ledger = Ledger::new(1_000_000_000);
    let report = run.expect("requests").measure(&Stop::default(), &mut (), &ledger, sender);
    let report = report.expect("the servers are there");
    let exchanges = std::iter::from_fn(|| receiver.receive(Duration::ZERO).ok().map(|exchange| *exchange));
    (report, exchanges.collect(), ledger)
}

#[test]
fn every_arrival_reaches_every_target_and_comes_back_as_one_exchange() {
    let oracles = [2, 2, 3].map(|length| oracle(move |_| Act::Reply(200, length)));
    let (report, exchanges, ledger) = run(&oracles, 400);
    assert_eq!((report.compared, report.lost, exchanges.len()), (200, 0, 200));
    let admissions = ledger.take_through(u64::MAX);
    assert_eq!((admissions.mirrored, admissions.control_offered), (200, 200));
    assert!(oracles.iter().all(|oracle| oracle.seen().len() == 200));
    for exchange in &exchanges {
        assert_eq!(exchange.request.target, format!("/{}", exchange.id.sequence % 3));
        let length =
            |role| exchange.outcomes.of(role).and_then(|outcome| outcome.response()).map(|r| r.body.len());
        assert_eq!(Role::ALL.map(length), [Some(2), Some(2), Some(3)]);
        let timing = exchange.outcomes.candidate.as_ref().expect("an outcome").timing();
        assert!(timing.sent_ns == 0 && timing.head_ns > 0 && timing.done_ns >= timing.head_ns, "{timing:?}");
    }
    let first = exchanges.iter().filter(|e| e.order == parallax_exchange::CopyOrder::CandidateFirst).count();
    assert!((60..140).contains(&first), "{first}");
}

#[test]
fn a_target_that_fails_is_an_outcome_and_holds_up_nobody() {
    let oracles =
        [oracle(|_| Act::Reply(200, 1)), oracle(|n| if n % 2 == 0 { Act::Hang } else { Act::Reset })];
    let (report, exchanges, _) = run(&oracles, 200);
    assert_eq!((report.compared, exchanges.len()), (100, 100));
    assert!(
        exchanges.iter().all(|exchange| exchange
            .outcomes
            .candidate
            .as_ref()
            .expect("an outcome")
            .is_missing())
    );
    let [live, candidate] = &report.measured[..] else { panic!("{report:?}") };
    assert_eq!((live.tally.counts.completed(), candidate.tally.counts.completed()), (100, 0));
    assert!(live.tally.whole_response().max() < 150_000_000, "the other target's silence is not ours");
}

#[test]
fn a_reply_that_is_too_long_to_keep_is_lost_and_counted() {
    let oracles = [1, 2 << 20].map(|length| oracle(move |_| Act::Reply(200, length)));
    let (report, exchanges, ledger) = run(&oracles, 20);
    assert_eq!((report.compared, report.lost, exchanges.len()), (0, 10, 0));
    assert_eq!(ledger.untaken().mirrored, 10);
}
