//! Other generators at the same rate against the same server, where they are installed.
//!
//! Their own claims are left aside: what is compared is what the server saw and what the kernel counted of
//! their processor time, which is the same measure for all.

use super::arrivals::{Arrivals, RATE};
use super::{SelftestError, Test};
use crate::oracle::{Act, Oracle};
use crate::plan::Plan;
use crate::rate::Rate;
use serde::Serialize;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// Connections of every generator.
const CONNECTIONS: u64 = 32;

/// One generator beside the others.
#[derive(Debug, Clone, Serialize)]
pub struct Peer {
    /// Its command.
    pub name: &'static str,
    /// What the server saw; absent where it did not run.
    pub arrivals: Option<Arrivals>,
    /// Its processor time for each request, in microseconds; the kernel counts in steps of 10 ms.
    pub cpu_us_per_request: f64,
    /// Why it did not run, or what sets it apart.
    pub note: String,
}

/// A generator: its command, and its arguments for a URL and a number of seconds.
type Known = (&'static str, fn(&str, u64) -> Vec<String>, &'static str);

const KNOWN: [Known; 6] = [
    ("wrk2", wrk2, ""),
    ("oha", oha, ""),
    ("vegeta", vegeta, ""),
    ("hey", hey, "a rate for each connection"),
    ("k6", k6, ""),
    ("wrk", wrk, "has no rate: as fast as it can"),
];

fn words(text: String) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

fn wrk2(url: &str, seconds: u64) -> Vec<String> {
    words(format!("-t1 -c{CONNECTIONS} -d{seconds}s -R{RATE} {url}"))
}

fn oha(url: &str, seconds: u64) -> Vec<String> {
    words(format!("--no-tui -q {RATE} -c {CONNECTIONS} -z {seconds}s --latency-correction {url}"))
}

fn vegeta(_: &str, seconds: u64) -> Vec<String> {
    words(format!("attack -rate={RATE}/s -duration={seconds}s -workers={CONNECTIONS} -output=/dev/null"))
}

fn hey(url: &str, seconds: u64) -> Vec<String> {
    words(format!("-q {} -c {CONNECTIONS} -z {seconds}s {url}", RATE.div_ceil(CONNECTIONS)))
}

fn k6(_: &str, _: u64) -> Vec<String> {
    words("run --quiet -".to_owned())
}

fn wrk(url: &str, seconds: u64) -> Vec<String> {
    words(format!("-t1 -c{CONNECTIONS} -d{seconds}s {url}"))
}

/// What a generator reads from its standard input.
fn input(name: &str, url: &str, seconds: u64) -> String {
    match name {
        "vegeta" => format!("GET {url}\n"),
        "k6" => format!(
            "import http from 'k6/http';\n\
             export const options = {{scenarios: {{s: {{executor: 'constant-arrival-rate', rate: {RATE}, \
             timeUnit: '1s', duration: '{seconds}s', preAllocatedVUs: {CONNECTIONS}}}}}}};\n\
             export default () => {{ http.get('{url}'); }};\n"
        ),
        _ => String::new(),
    }
}

impl Test<'_> {
    /// Ours first, then every other.
    pub(super) fn peers(&mut self) -> Result<Vec<Peer>, SelftestError> {
        let oracle = Oracle::start(|_| Act::Reply(200, 2))?;
        let rate = Rate::of_second(RATE).expect("a rate above 0");
        let plan = Plan::constant(rate, self.settings.part).map_err(crate::LoadError::from)?;
        let report = self.load(&oracle, plan)?;
        let mut peers = vec![Peer {
            name: "parallax",
            arrivals: Some(arrivals(&oracle)),
            cpu_us_per_request: report.document.integrity.processor.cpu_ns_per_request as f64 / 1e3,
            note: String::new(),
        }];
        let seconds = self.settings.part.as_secs().max(1);
        for (name, arguments, note) in KNOWN {
            if self.stop.is_set() {
                break;
            }
            let oracle = Oracle::start(|_| Act::Reply(200, 2))?;
            peers.push(run(name, &oracle, arguments(&oracle.url(), seconds), note, seconds));
        }
        Ok(peers)
    }
}

fn run(name: &'static str, oracle: &Oracle, arguments: Vec<String>, note: &str, seconds: u64) -> Peer {
    let mut peer = Peer { name, arrivals: None, cpu_us_per_request: 0.0, note: note.to_owned() };
    let before = children_cpu_us();
    let started = Command::new(name)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            peer.note = "not installed".to_owned();
            return peer;
        }
        Err(error) => {
            peer.note = format!("does not start: {error}");
            return peer;
        }
    };
    if let Some(mut sink) = child.stdin.take() {
        // One that reads nothing closes its end, which is no failure.
        let _ = sink.write_all(input(name, &oracle.url(), seconds).as_bytes());
    }
    match child.wait() {
        Ok(status) if status.success() => {
            let seen = arrivals(oracle);
            let cpu = children_cpu_us().saturating_sub(before) as f64;
            peer.cpu_us_per_request = cpu / seen.count.max(1) as f64;
            peer.arrivals = Some(seen);
        }
        Ok(status) => peer.note = format!("failed: {status}"),
        Err(error) => peer.note = format!("failed: {error}"),
    }
    peer
}

fn arrivals(oracle: &Oracle) -> Arrivals {
    Arrivals::of(oracle.seen().into_iter().map(|(at_ns, _)| at_ns).collect(), RATE)
}

/// Processor time of children that have ended, in microseconds; 0 where the kernel does not tell.
fn children_cpu_us() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the command's name, which may hold anything: fields 16 and 17 of proc(5), in ticks of 10 ms.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    fields.split_whitespace().skip(13).take(2).filter_map(|field| field.parse::<u64>().ok()).sum::<u64>()
        * 10_000
}
