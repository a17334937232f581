//! Real third-party servers in the versions that `tests/setup.sh` installs.

use super::process::{Process, free_port};
use super::tools::{directory, need, need_program};
use std::path::Path;
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

/// One way through a Flume agent: HTTP in, a memory channel, files out.
pub(crate) struct Pipeline {
    pub(crate) name: &'static str,
    /// Where it writes: in the agent's directory, a folder with its name.
    pub(crate) port: u16,
    /// More lines of configuration; `{}` stands for the pipeline's name, `{out}` for where it writes. A
    /// second channel and a second sink are called `second`.
    extra: &'static str,
}

impl Pipeline {
    pub(crate) fn new(name: &'static str, extra: &'static str) -> Self {
        Self { name, port: free_port(), extra }
    }

    fn configuration(&self, directory: &Path) -> String {
        let (name, port, out) = (self.name, self.port, directory.join(self.name));
        std::fs::create_dir_all(&out).expect("a directory for the records");
        let lines = [
            "sources.{}.type=http".to_owned(),
            "sources.{}.bind=127.0.0.1".to_owned(),
            format!("sources.{{}}.port={port}"),
            "sources.{}.channels={}".to_owned(),
            "channels.{}.type=memory".to_owned(),
            "channels.{}.capacity=20000".to_owned(),
            "channels.{}.transactionCapacity=5000".to_owned(),
            "sinks.{}.type=file_roll".to_owned(),
            format!("sinks.{{}}.sink.directory={}", out.display()),
            // One file, never rolled; a line is the event's headers and its body.
            "sinks.{}.sink.rollInterval=0".to_owned(),
            "sinks.{}.sink.serializer=HEADER_AND_TEXT".to_owned(),
            "sinks.{}.channel={}".to_owned(),
        ];
        let lines = lines.iter().map(String::as_str).chain(self.extra.lines().map(str::trim));
        let out = out.display().to_string();
        let filled = |line: &str| format!("a.{}\n", line.replace("{}", name).replace("{out}", &out));
        lines.filter(|line| !line.is_empty()).map(filled).collect()
    }
}

/// Apache Flume of this version with these pipelines in one process, writing below `directory`; `None`
/// (said loudly) where it is not installed.
pub(crate) fn flume(test: &str, version: &str, pipelines: &[Pipeline], directory: &Path) -> Option<Process> {
    let home = super::tools::directory().join(format!("flume-{version}"));
    need(test, home.join(".installed"), "flume")?;
    let java = need_program(test, "java", "apt")?;
    let names = |more: &str| {
        let names: Vec<_> = pipelines.iter().map(|pipeline| pipeline.name).collect();
        names.join(" ") + more
    };
    let second =
        if pipelines.iter().any(|pipeline| pipeline.extra.contains("second")) { " second" } else { "" };
    let mut text =
        format!("a.sources={}\na.channels={}\na.sinks={}\n", names(""), names(second), names(second));
    text.extend(pipelines.iter().map(|pipeline| pipeline.configuration(directory)));
    let file = directory.join(format!("flume-{version}.conf"));
    std::fs::write(&file, text).expect("a configuration");
    let mut command = Command::new(java);
    command.args(["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"]);
    command.arg(home.join("jars/*")).args([
        "org.apache.flume.node.Application",
        "--no-reload-conf",
        "-n",
        "a",
        "-f",
    ]);
    let mut process = Process::start(&format!("Flume {version}"), command.arg(file));
    for pipeline in pipelines {
        process = process.listening(pipeline.port, Duration::from_secs(60));
    }
    Some(process)
}
