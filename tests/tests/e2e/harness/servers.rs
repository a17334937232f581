//! Real third-party servers in the versions that `tests/setup.sh` installs.

use super::process::{Process, free_port};
use super::tools::{directory, need, need_program};
use std::process::Command;
use std::time::Duration;

/// A running server.
pub(crate) struct Server {
    pub(crate) port: u16,
    _process: Process,
}

impl Server {
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn address(&self) -> std::net::SocketAddr {
        super::local(self.port)
    }
}

/// httpbin of this version under gunicorn; `None` (said loudly) where it is not installed.
///
/// One worker with a few threads: answers in the order in which they are ready, on one core.
pub(crate) fn httpbin(test: &str, version: &str) -> Option<Server> {
    let home = directory().join(format!("httpbin-{version}"));
    need(test, home.join(".installed"), "httpbin")?;
    let port = free_port();
    let mut gunicorn = Command::new(home.join("bin/gunicorn"));
    gunicorn.args(["--bind", &format!("127.0.0.1:{port}"), "--workers", "1", "--threads", "8"]);
    // Without keep-alive every request would pay for a connection, and the connections are noise.
    gunicorn.args(["--keep-alive", "75", "--log-level", "warning", "httpbin:app"]);
    let process = Process::start(&format!("httpbin {version}"), &mut gunicorn);
    Some(Server { port, _process: process.listening(port, Duration::from_secs(30)) })
}

/// Zipkin of this version, storing in memory; `None` (said loudly) where it is not installed.
pub(crate) fn zipkin(test: &str, version: &str) -> Option<Server> {
    let jar = directory().join(format!("zipkin/zipkin-server-{version}-exec.jar"));
    let jar = need(test, jar, "zipkin")?;
    let java = need_program(test, "java", "apt")?;
    let port = free_port();
    let mut command = Command::new(java);
    // A bounded heap and one collector thread: three of these share two cores with everything else.
    command.args(["-Xms192m", "-Xmx192m", "-XX:+UseSerialGC", "-jar"]).arg(jar);
    command.arg("--armeria.ports[0].ip=127.0.0.1").arg(format!("--armeria.ports[0].port={port}"));
    command.arg("--armeria.ports[0].protocols[0]=http").env("STORAGE_TYPE", "mem");
    let process = Process::start(&format!("Zipkin {version}"), &mut command);
    Some(Server { port, _process: process.listening(port, Duration::from_secs(90)) })
}
