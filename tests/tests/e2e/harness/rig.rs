//! One validation: `parallax run` in front of three deployments, with traffic through it.

use super::{Load, Outcome, Process, Request, Sent, free_port, local, parallax};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The policy of tests against real servers.
///
/// A verdict needs seconds here, not hours, so the windows are short and the margins wide; nothing else
/// is made easier. Numbers that follow from these: `mismatch` needs 117 spotless units, the strict
/// checks 292, and no promote comes before 30 windows.
///
/// Latency is judged at the median and the 90th percentile only, and coarsely: three servers, the
/// proxy, the client and the tests share two cores, where neighbours alone move a tail by half. A
/// factor of two is blamed, a factor of four must be excluded. The 99th percentile would need 5,000
/// units, more than a test has.
pub(crate) const POLICY: &str = r#"
[policy]
alpha = 0.01
beta = 0.01
tau = 0.005
delta = 0.05
unit = "session"
window = "500ms"
shadow_timeout = "5s"
# Well above what a copy may take: these cores stall for seconds when something else is compiled on them,
# and evidence after the seal is late.
seal_delay = "8s"
minimum_time = "5s"
minimum_keys = 200
tau_window = 0.05
delta_window = 0.2
# Latency thresholds come only after the seal delay, which here is many windows: until then no check of
# latency has units, and giving up after 20 windows (10 s) would be giving up before it began.
futility_looks = 1000
deadline = "90s"

[policy.checks.status]
tau = 0.002
delta = 0.02
[policy.checks.error_rate]
tau = 0.002
delta = 0.02
[policy.checks.availability]
tau = 0.002
delta = 0.02
[policy.checks."mismatch.severe"]
tau = 0.002
delta = 0.02

[policy.checks."latency.p50"]
reject_ratio = 2.0
promote_ratio = 4.0
reject_floor = "5ms"
promote_floor = "20ms"
[policy.checks."latency.p50.severe"]
tau = 0.002
delta = 0.02
[policy.checks."latency.p90"]
reject_ratio = 2.0
promote_ratio = 4.0
reject_floor = "5ms"
promote_floor = "20ms"
[policy.checks."latency.p90.severe"]
tau = 0.002
delta = 0.02
[policy.checks."latency.p99"]
required = false
reject_ratio = 2.0
promote_ratio = 4.0
reject_floor = "5ms"
promote_floor = "20ms"
"#;

/// What is to be validated.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trial {
    pub(crate) primary: String,
    pub(crate) candidate: String,
    pub(crate) control: String,
    /// Routes and rules, as TOML.
    pub(crate) tables: String,
    /// The policy; [`POLICY`] when empty.
    pub(crate) policy: &'static str,
    /// Further arguments of `parallax run`.
    pub(crate) args: Vec<&'static str>,
    /// Variables of `parallax run`.
    pub(crate) env: Vec<(&'static str, &'static str)>,
}

/// A running validation.
pub(crate) struct Rig {
    process: Process,
    address: SocketAddr,
    console: u16,
    directory: tempfile::TempDir,
}

impl Rig {
    /// Starts `parallax run` and waits until it takes connections.
    pub(crate) fn start(trial: &Trial) -> Self {
        let (port, console) = (free_port(), free_port());
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("parallax.toml");
        std::fs::write(&path, config(trial, port, console)).expect("the configuration can be written");
        let mut args = vec!["run", "--config", "parallax.toml", "--format", "json", "--until", "final"];
        args.extend(&trial.args);
        let run = trial.env.iter().fold(parallax(args), |run, (name, value)| run.env(name, value));
        let process = run.dir(directory.path()).start().listening(port, Duration::from_secs(20));
        Self { process, address: local(port), console, directory }
    }

    /// Where clients connect.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port of the console.
    pub(crate) fn console(&self) -> u16 {
        self.console
    }

    /// The recording of a run with `--capture`, which is its log.
    pub(crate) fn log(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    /// Sends traffic until the verdict is final; the outcome of `parallax run`, and what the client saw.
    pub(crate) fn judge(&mut self, requests: Vec<Request>, rate: f64) -> (Outcome, Sent) {
        self.end(Load::start(self.address, requests, rate, 8))
    }

    /// Keeps this traffic up until the verdict is final.
    pub(crate) fn end(&mut self, load: Load) -> (Outcome, Sent) {
        const LIMIT: Duration = Duration::from_secs(120);
        super::wait_for("a final verdict", LIMIT, || self.process.has_ended().then_some(()));
        // What is sent after the end is refused; the client's own failures until then are what counts.
        let sent = load.stop();
        (Outcome::of(&mut self.process, LIMIT), sent)
    }

    /// Ends the run as Ctrl-C does.
    pub(crate) fn interrupt(&mut self) -> Outcome {
        self.process.interrupt();
        Outcome::of(&mut self.process, Duration::from_secs(30))
    }
}

fn config(trial: &Trial, port: u16, console: u16) -> String {
    let policy = if trial.policy.is_empty() { POLICY } else { trial.policy };
    let mut text = format!(
        "key = [\"header:x-session\"]\n[listen]\naddress = \"127.0.0.1:{port}\"\nthreads = 1\n\
         [console]\naddress = \"127.0.0.1:{console}\"\n[log]\nurl = \"file:log\"\n"
    );
    let roles = [("primary", &trial.primary), ("candidate", &trial.candidate), ("control", &trial.control)];
    for (name, url) in roles.into_iter().filter(|(_, url)| !url.is_empty()) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "[roles.{name}]\nurl = \"{url}\"");
    }
    text + &trial.tables + policy
}
