//! `parallax proxy` as a process, before the servers of a test.

use crate::harness::{Document, Outcome, Process, free_port, get, local, parallax_under, wait_for};
use std::net::SocketAddr;
use std::time::Duration;

pub(super) const SOON: Duration = Duration::from_secs(30);

/// Beyond this a copy has failed.
pub(super) const SHADOW_TIMEOUT: Duration = Duration::from_millis(400);

/// What a proxy stands before, and how; a URL with the scheme `h2` is spoken to by HTTP/2.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    pub(super) primary: String,
    pub(super) candidate: Option<String>,
    pub(super) control: Option<String>,
    /// Further lines of `[limits]`.
    pub(super) limits: String,
    /// What the shell does before it starts the proxy, such as `ulimit -n 64`.
    pub(super) shell: &'static str,
    /// Whether the process judges as well: `parallax run` instead of `parallax proxy`.
    pub(super) judges: bool,
    /// Further tables of the configuration.
    pub(super) tables: String,
}

/// A running proxy.
pub(super) struct Front {
    process: Process,
    port: u16,
    admin: u16,
    console: u16,
    directory: tempfile::TempDir,
}

impl Place {
    pub(super) fn toml(&self, port: u16, console: u16, admin: u16) -> String {
        let mut text = format!(
            "[listen]\naddress = \"127.0.0.1:{port}\"\nthreads = 1\n[console]\naddress = \"127.0.0.1:{console}\"\n\
             [admin]\naddress = \"127.0.0.1:{admin}\"\n[log]\nurl = \"file:log\"\n\
             [policy]\nshadow_timeout = \"{}ms\"\n\
             [[routes]]\nname = \"all\"\npath = \"/{{*rest}}\"\nmethods = [\"GET\", \"HEAD\", \"POST\"]\n\
             [limits]\nconnect_timeout = \"300ms\"\n{}\n",
            SHADOW_TIMEOUT.as_millis(),
            self.limits,
        );
        let roles = [("primary", Some(&self.primary)), ("candidate", self.candidate.as_ref())];
        for (name, url) in roles.into_iter().chain([("control", self.control.as_ref())]) {
            if let Some(url) = url {
                text += &format!("[roles.{name}]\n");
                text += &match url.strip_prefix("h2:") {
                    Some(place) => format!("url = \"http:{place}\"\nprotocol = \"h2\"\n"),
                    None => format!("url = \"{url}\"\n"),
                };
            }
        }
        text + &self.tables
    }
}

impl Front {
    pub(super) fn start(place: &Place) -> Self {
        let (port, console, admin) = (free_port(), free_port(), free_port());
        let directory = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(directory.path().join("parallax.toml"), place.toml(port, console, admin))
            .expect("the configuration can be written");
        let command: &[_] =
            if place.judges { &["run", "--capture", "--until", "forever"] } else { &["proxy"] };
        let args = command.iter().chain(&["--config", "parallax.toml", "--format", "json"]);
        let process = parallax_under(place.shell, args).dir(directory.path()).start();
        let process = process.listening(port, SOON).listening(admin, SOON);
        Self { process, port, admin, console, directory }
    }

    pub(super) fn address(&self) -> SocketAddr {
        local(self.port)
    }

    /// Takes another configuration, by signal.
    pub(super) fn reload(&self, place: &Place) {
        let text = place.toml(self.port, self.console, self.admin);
        std::fs::write(self.directory.path().join("parallax.toml"), text).expect("a file");
        self.process.signal("HUP");
    }

    /// `parallax.state/1`.
    pub(super) fn state(&self) -> Document {
        Document::parse(&get(local(self.admin), "/v1/state").text()).expect("a document")
    }

    /// Waits until nothing is in flight at the mirror.
    pub(super) fn settled(&self) -> Document {
        wait_for("the copies to end", SOON, || {
            let state = self.state();
            (state.count("/stats/in_flight") == 0).then_some(state)
        })
    }

    /// Memory that is its own, in bytes: without the pages of its file.
    pub(super) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))
            .expect("Linux tells of a running process");
        let line =
            status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("it tells its memory");
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kib << 10
    }

    /// Tells it to end, as Ctrl-C does.
    pub(super) fn interrupt(&self) {
        self.process.interrupt();
    }

    /// Ends it as Ctrl-C does; what it printed.
    pub(super) fn end(mut self) -> Outcome {
        self.process.interrupt();
        Outcome::of(&mut self.process, SOON)
    }
    /// Its end, once it was told to.
    pub(super) fn ended(mut self) -> Outcome {
        Outcome::of(&mut self.process, SOON)
    }
}
