//! The live path at a fixed rate while the shadow swallows every copy, and after it has come back.
//!
//! A closed loop cannot tell this: a proxy that stops copying gets faster, and one that hangs its clients
//! makes them ask less. So arrivals are due at their times whatever happens, and what never returns counts
//! with the time it has waited. Each mirror is compared with itself without a mirror, in pairs within a
//! round, in random order.

use crate::front::Front;
use crate::subjects::{Plan, Subject};
use anyhow::{Context, Result};
use parallax_exchange::Request;
use parallax_loadgen::{Options, Rate, Rendering, Run, Source, Stop, Target};
use serde::Serialize;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// How long, and how much.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Settings {
    /// Rounds; each measures every mirror and its control once.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds of each phase: without a mirror, with the hole, after it.
    #[arg(long, default_value_t = 15)]
    seconds: u64,
    /// Requests per second.
    #[arg(long, default_value_t = 1000)]
    rate: u64,
}

/// Each mirror, and what it is without one.
const PAIRS: [(Subject, Subject); 3] = [
    (Subject::NginxMirror, Subject::Nginx),
    (Subject::EnvoyMirror, Subject::Envoy),
    (Subject::ParallaxCompare, Subject::ParallaxOff),
];

/// One phase of one subject.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Phase {
    round: usize,
    subject: Subject,
    phase: &'static str,
    /// Of the requests that were due, the share that was answered with a success.
    served: f64,
    p50_us: f64,
    p99_us: f64,
    /// Copies that reached the shadow per live request.
    reached: f64,
    /// Whether the load generator kept its schedule.
    trustworthy: bool,
}

/// Measures and prints.
pub(crate) fn measure(settings: &Settings) -> Result<Vec<Phase>> {
    let plan = Plan::prepare(None, Some("GET"))?;
    let installed: Vec<_> = plan.cells().into_iter().map(|(subject, _)| subject).collect();
    let mut phases = Vec::new();
    for round in 0..settings.rounds {
        let mut pairs: Vec<_> = PAIRS.into_iter().filter(|(mirror, _)| installed.contains(mirror)).collect();
        fastrand::shuffle(&mut pairs);
        for (mirror, without) in pairs {
            let off = |phases: &mut Vec<Phase>| -> Result<()> {
                let (_running, at) = plan.start(without, Front::Plain)?.context("it is a proxy")?;
                phases.push(one(round, without, "no mirror", at, settings, None)?);
                Ok(())
            };
            let first = fastrand::bool();
            if first {
                off(&mut phases)?;
            }
            let hole = Hole::open()?;
            let (running, at) =
                plan.start_before(mirror, Front::Plain, hole.address)?.context("it is a proxy")?;
            phases.push(one(round, mirror, "black hole", at, settings, Some(&hole))?);
            hole.answers.store(true, Ordering::Relaxed);
            // The time in which what was swallowed may time out counts to nobody.
            one(round, mirror, "between", at, settings, Some(&hole))?;
            phases.push(one(round, mirror, "shadow is back", at, settings, Some(&hole))?);
            drop(running);
            if !first {
                off(&mut phases)?;
            }
        }
    }
    Ok(phases)
}

/// Prints the medians over the rounds.
pub(crate) fn print(phases: &[Phase]) {
    println!("| | phase | served | p50 us | p99 us | x p50 | x p99 | copies that reached the shadow |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for (mirror, without) in PAIRS {
        for (subject, phase) in [(without, "no mirror"), (mirror, "black hole"), (mirror, "shadow is back")] {
            let of: Vec<_> = phases.iter().filter(|it| (it.subject, it.phase) == (subject, phase)).collect();
            if of.is_empty() {
                continue;
            }
            let middle = |number: &dyn Fn(&Phase) -> f64| {
                crate::report::median(of.iter().map(|it| number(it)).collect())
            };
            let against = |number: &dyn Fn(&Phase) -> f64| {
                let ratio = |it: &&Phase| {
                    let base = phases.iter().find(|base| (base.round, base.subject) == (it.round, without));
                    base.map(|base| number(it) / number(base))
                };
                crate::report::median(of.iter().filter_map(ratio).collect())
            };
            println!(
                "| {} | {phase} | {:.3} | {:.0} | {:.0} | {:.2} | {:.2} | {:.3} |",
                subject.name(),
                middle(&|it| it.served),
                middle(&|it| it.p50_us),
                middle(&|it| it.p99_us),
                against(&|it| it.p50_us),
                against(&|it| it.p99_us),
                middle(&|it| it.reached),
            );
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts and nanoseconds of seconds")]
fn one(
    round: usize,
    subject: Subject,
    phase: &'static str,
    at: SocketAddr,
    settings: &Settings,
    hole: Option<&Hole>,
) -> Result<Phase> {
    let target = Target::parse(&format!("http://{at}"))?;
    let request = Request { target: "/event".to_owned(), ..Request::default() };
    let source = Source::new([request], &target, &Rendering::default(), "the benchmark")?;
    let rate = Rate::of_second(settings.rate).context("a rate of 0 asks nothing")?;
    let plan = parallax_loadgen::Plan::constant(rate, Duration::from_secs(settings.seconds))?;
    let options = Options { timeout: Duration::from_secs(5), ..Options::default() };
    let reached = || hole.map_or(0, |hole| hole.seen.load(Ordering::Relaxed));
    let before = reached();
    let report = parallax_loadgen::run(&Run { target, plan, source, options }, &Stop::default(), &mut ())?;
    let document = report.document;
    let made = Phase {
        round,
        subject,
        phase,
        served: document.status.get(&200).copied().unwrap_or(0) as f64 / document.planned as f64,
        p50_us: document.latency_ns.p50 as f64 / 1e3,
        p99_us: document.latency_ns.p99 as f64 / 1e3,
        reached: (reached() - before) as f64 / document.planned as f64,
        trustworthy: document.integrity.verdict == parallax_loadgen::report::IntegrityVerdict::Trustworthy,
    };
    eprintln!("{made:?}");
    Ok(made)
}

/// A shadow that reads everything; it answers only when told to.
struct Hole {
    address: SocketAddr,
    answers: Arc<AtomicBool>,
    /// Reads that brought bytes: one for each small request on a connection that waits for its answer.
    seen: Arc<AtomicU64>,
}

impl Hole {
    fn open() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let hole = Self { address: listener.local_addr()?, answers: Arc::default(), seen: Arc::default() };
        let (answers, seen) = (hole.answers.clone(), hole.seen.clone());
        // Ends with the program: it holds nothing but sockets.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answers, seen) = (answers.clone(), seen.clone());
                let served =
                    thread::Builder::new().stack_size(64 << 10).spawn(move || serve(stream, &answers, &seen));
                if let Err(error) = served {
                    eprintln!("the shadow has no thread left: {error}");
                }
            }
        });
        Ok(hole)
    }
}

fn serve(mut stream: TcpStream, answers: &AtomicBool, seen: &AtomicU64) {
    let mut buffer = [0; 16 << 10];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => return,
        }
        seen.fetch_add(1, Ordering::Relaxed);
        // What was swallowed stays swallowed: only what is asked from now on is answered.
        if answers.load(Ordering::Relaxed)
            && stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").is_err()
        {
            return;
        }
    }
}
