//! One stream of live requests, sent in turn to proxies that differ in nothing but their shadows.
//!
//! The order changes from round to round, so that what the machine does meanwhile falls on all alike.
//! Each answer must be, byte for byte, the answer of the proxy that mirrors nothing; how long it took
//! is kept.

use super::wire::{Answer, Client};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Clients at a time.
const CLIENTS: u64 = 2;

/// Between two rounds of a client: a load at which nobody's queue grows by itself.
const PAUSE: Duration = Duration::from_millis(2);

/// Medians may differ by a factor of two and this, on a machine that other tests share. A live request
/// that waits for a shadow takes 300 ms longer.
const MEDIAN_SLACK: Duration = Duration::from_millis(20);

/// The same for the slowest tenth, which a busy machine moves more.
const TENTH_SLACK: Duration = Duration::from_millis(80);

/// The requests of one round after the other.
pub(super) fn request(number: u64) -> Vec<u8> {
    let head = |method: &str, path: &str, more: &str| {
        format!(
            "{method} {path}?n={number} HTTP/1.1\r\nhost: shop.example\r\nx-session: s-{number}\r\n{more}\r\n"
        )
    };
    let sized = |path: &str, length: usize| {
        let body = vec![b'a' + u8::try_from(number % 26).expect("small"); length];
        [head("POST", path, &format!("content-length: {length}\r\n")).as_bytes(), &body].concat()
    };
    match number % 7 {
        0 => head("GET", "/plain", "").into_bytes(),
        1 => sized("/posted", 3_000),
        2 => head("GET", "/chunked", "").into_bytes(),
        3 => sized("/large", 300_000),
        4 => head("HEAD", "/plain", "").into_bytes(),
        5 => sized("/teapot", 10),
        _ => {
            let chunks = "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
            [head("POST", "/empty", "transfer-encoding: chunked\r\n").as_bytes(), chunks.as_bytes()].concat()
        }
    }
}

/// What the clients of one proxy saw.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub(super) answers: u64,
    latencies: Vec<Duration>,
    /// The first few things that were not as they should be.
    pub(super) wrong: Vec<String>,
}

impl Seen {
    pub(super) fn quantile(&self, share: usize) -> Duration {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() * share / 100).copied().unwrap_or_default()
    }

    /// Complains where these answers came later than those of `plain`.
    pub(super) fn compare(&mut self, plain: &Self) {
        for (share, slack) in [(50, MEDIAN_SLACK), (90, TENTH_SLACK)] {
            let (own, other) = (self.quantile(share), plain.quantile(share));
            if own > other * 2 + slack {
                self.wrong.push(format!("p{share} is {own:?}, without mirroring {other:?}"));
            }
        }
    }

    fn merge(&mut self, other: Self) {
        self.answers += other.answers;
        self.latencies.extend(other.latencies);
        self.wrong.extend(other.wrong);
    }

    fn take(&mut self, took: Duration, answer: std::io::Result<Answer>, expected: &Answer, number: u64) {
        self.latencies.push(took);
        match answer {
            Ok(answer) if answer == *expected => self.answers += 1,
            Ok(answer) => self.complain(format!("request {number} was answered {:?}", answer.head)),
            Err(error) => self.complain(format!("request {number} failed: {error}")),
        }
    }

    fn complain(&mut self, what: String) {
        if self.wrong.len() < 3 {
            self.wrong.push(what);
        }
    }
}

/// Sends for `time` to `plain`, the proxy without shadows, and to the `others`; what was seen at each, in
/// this order.
pub(super) fn drive(plain: SocketAddr, others: &[SocketAddr], time: Duration) -> Vec<Seen> {
    let all: Vec<_> = std::iter::once(plain).chain(others.iter().copied()).collect();
    let mut total = vec![Seen::default(); all.len()];
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                scope.spawn({
                    let all = &all;
                    move || rounds(all, client, time)
                })
            })
            .collect();
        for client in clients {
            let seen = client.join().expect("a client does not panic");
            total.iter_mut().zip(seen).for_each(|(total, seen)| total.merge(seen));
        }
    });
    total
}

fn rounds(all: &[SocketAddr], client: u64, time: Duration) -> Vec<Seen> {
    let started = Instant::now();
    let mut clients: Vec<_> = all.iter().map(|&address| Client::new(address)).collect();
    let mut seen = vec![Seen::default(); all.len()];
    for number in (client..).step_by(usize::try_from(CLIENTS).expect("small")) {
        if started.elapsed() > time {
            break;
        }
        let request = request(number);
        let mut answers: Vec<_> = all.iter().map(|_| None).collect();
        for turn in 0..all.len() {
            let at = (turn + usize::try_from(number / CLIENTS).expect("small")) % all.len();
            let sent = Instant::now();
            let answer = clients[at].ask(&request);
            answers[at] = Some((sent.elapsed(), answer));
        }
        let expected = match &answers[0] {
            Some((_, Ok(expected))) => expected.clone(),
            other => {
                seen[0].complain(format!("request {number} without mirroring: {other:?}"));
                break;
            }
        };
        for (seen, answer) in seen.iter_mut().zip(answers) {
            let (took, answer) = answer.expect("each was asked");
            seen.take(took, answer, &expected, number);
        }
        std::thread::sleep(PAUSE);
    }
    seen
}
