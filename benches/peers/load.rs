//! The load: `wrk`, a closed loop over keep-alive connections.

use crate::children::{on_core, which};
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
}

impl Shape {
    pub(crate) const ALL: [Self; 2] = [Self::Get, Self::Post];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST 1 KiB",
        }
    }

    fn script(self) -> &'static str {
        match self {
            Self::Get => "wrk.method = 'GET'\n",
            Self::Post => {
                "wrk.method = 'POST'\nwrk.body = string.rep('x', 1024)\nwrk.headers['Content-Type'] = 'application/octet-stream'\n"
            }
        }
    }
}

/// What the load saw.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) requests: u64,
    pub(crate) seconds: f64,
    pub(crate) errors: u64,
    pub(crate) p99_ms: f64,
}

/// Loads `address` for `seconds` with everything the machine gives.
pub(crate) fn run(
    folder: &Path,
    address: SocketAddr,
    shape: Shape,
    connections: usize,
    seconds: f64,
) -> Result<Seen> {
    let program = which("wrk").context("wrk is not installed")?;
    let script = folder.join("load.lua");
    std::fs::write(&script, format!("{}{DONE}", shape.script()))?;
    let output = on_core(1, &program.display().to_string())
        .args(["-t1", &format!("-c{connections}"), &format!("-d{seconds}s"), "--timeout", "10s", "-s"])
        .arg(&script)
        .arg(format!("http://{address}/event"))
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("RESULT "))
        .with_context(|| format!("wrk said: {text}"))?;
    let numbers: Vec<f64> = line.split(' ').map(str::parse).collect::<Result<_, _>>()?;
    let [requests, micros, errors, p99] = numbers[..] else { bail!("wrk said: {line}") };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts, printed as whole numbers"
    )]
    Ok(Seen { requests: requests as u64, seconds: micros / 1e6, errors: errors as u64, p99_ms: p99 / 1e3 })
}

/// Prints the counts in one line.
const DONE: &str = "
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('RESULT %d %d %d %d\\n', summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(99)))
end
";
