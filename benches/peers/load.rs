//! The load: `wrk`, and `h2load` for HTTP/2; closed loops over keep-alive connections.

use crate::children::{on_core, which};
use crate::front::Front;
use anyhow::{Context, Result, bail};
use std::net::SocketAddr;
use std::path::Path;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub(crate) enum Shape {
    /// A GET without a body.
    Get,
    /// A POST of 1 KiB.
    Post,
    /// A POST of 10 KiB.
    Post10,
    /// A POST of 100 KiB.
    Post100,
    /// A POST of 100 events as JSON.
    Events,
    /// The GET over TLS.
    GetTls,
    /// The GET over HTTP/2, four at once on each of a quarter of the connections.
    GetH2,
}

/// Events in one request of [`Shape::Events`].
pub(crate) const BATCH: usize = 100;

impl Shape {
    pub(crate) const ALL: [Self; 7] =
        [Self::Get, Self::Post, Self::Post10, Self::Post100, Self::Events, Self::GetTls, Self::GetH2];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST 1 KiB",
            Self::Post10 => "POST 10 KiB",
            Self::Post100 => "POST 100 KiB",
            Self::Events => "POST 100 events",
            Self::GetTls => "GET over TLS",
            Self::GetH2 => "GET over HTTP/2",
        }
    }

    /// What the proxy has to speak for it.
    pub(crate) fn front(self) -> Front {
        match self {
            Self::GetTls => Front::Tls,
            Self::GetH2 => Front::H2,
            _ => Front::Plain,
        }
    }

    /// The program that makes this load.
    pub(crate) fn program(self) -> &'static str {
        if self == Self::GetH2 { "h2load" } else { "wrk" }
    }

    fn script(self) -> String {
        let post = |kind: &str, body: &str| {
            format!("wrk.method = 'POST'\nwrk.body = {body}\nwrk.headers['Content-Type'] = '{kind}'\n")
        };
        let bytes = |count: usize| post("application/octet-stream", &format!("string.rep('x', {count})"));
        match self {
            Self::Get | Self::GetTls | Self::GetH2 => "wrk.method = 'GET'\n".to_owned(),
            Self::Post => bytes(1 << 10),
            Self::Post10 => bytes(10 << 10),
            Self::Post100 => bytes(100 << 10),
            Self::Events => post("application/json", &format!("'{}'", batch())),
        }
    }
}

/// Events such as a product's analytics sends: some 190 bytes each.
fn batch() -> String {
    let event = |index: usize| {
        serde_json::json!({
            "eventName": "checkout_step",
            "time": 1_795_000_000_000_u64 + index as u64,
            "value": index,
            "user": { "userID": format!("user-{}", index % 7), "country": "NL" },
            "metadata": { "step": "payment", "cart": "b7e1c2", "platform": "web", "release": "4.12.0" },
        })
    };
    serde_json::json!({ "events": (0..BATCH).map(event).collect::<Vec<_>>() }).to_string()
}

/// What the load saw.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) requests: u64,
    pub(crate) seconds: f64,
    pub(crate) errors: u64,
    /// Absent where the program does not tell it.
    pub(crate) p99_ms: Option<f64>,
}

/// Loads `address` for `seconds` with everything the machine gives.
pub(crate) fn run(
    folder: &Path,
    address: SocketAddr,
    shape: Shape,
    connections: usize,
    seconds: u64,
) -> Result<Seen> {
    match shape {
        Shape::GetH2 => h2load(address, connections, seconds),
        _ => wrk(folder, address, shape, connections, seconds),
    }
}

fn wrk(folder: &Path, address: SocketAddr, shape: Shape, connections: usize, seconds: u64) -> Result<Seen> {
    let program = which("wrk").context("wrk is not installed")?;
    let script = folder.join("load.lua");
    std::fs::write(&script, format!("{}{DONE}", shape.script()))?;
    let scheme = if shape.front() == Front::Tls { "https" } else { "http" };
    let output = on_core(1, &program.display().to_string())
        .args(["-t1", &format!("-c{connections}"), &format!("-d{seconds}s"), "--timeout", "10s", "-s"])
        .arg(&script)
        .arg(format!("{scheme}://{address}/event"))
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("RESULT "))
        .with_context(|| format!("wrk said: {text}"))?;
    let numbers: Vec<u64> = line.split(' ').map(str::parse).collect::<Result<_, _>>()?;
    let [requests, micros, errors, p99] = numbers[..] else { bail!("wrk said: {line}") };
    #[expect(clippy::cast_precision_loss, reason = "microseconds of minutes")]
    Ok(Seen { requests, seconds: micros as f64 / 1e6, errors, p99_ms: Some(p99 as f64 / 1e3) })
}

/// Prints the counts in one line.
const DONE: &str = "
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('RESULT %d %d %d %d\\n', summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(99)))
end
";

fn h2load(address: SocketAddr, connections: usize, seconds: u64) -> Result<Seen> {
    let program = which("h2load").context("h2load is not installed")?;
    let clients = (connections / 4).max(1);
    let output = on_core(1, &program.display().to_string())
        .args(["-t1", "-m4", &format!("-c{clients}"), &format!("-D{seconds}")])
        .arg(format!("http://{address}/event"))
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("requests: "))
        .with_context(|| format!("h2load said: {text}"))?;
    // `N total, N started, N done, N succeeded, N failed, N errored, N timeout`
    let number = |name: &str| -> Result<u64> {
        let part = line.split(", ").find_map(|part| part.strip_suffix(name));
        Ok(part.with_context(|| format!("h2load said: {line}"))?.trim().parse()?)
    };
    #[expect(clippy::cast_precision_loss, reason = "seconds")]
    let seconds = seconds as f64;
    Ok(Seen { requests: number("succeeded")?, seconds, errors: number("failed")?, p99_ms: None })
}
