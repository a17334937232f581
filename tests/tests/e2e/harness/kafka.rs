//! A real Apache Kafka on free ports, and kcat to speak to it.

use super::tools::{directory, need, need_program, skip};
use super::{parallax, root};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A running broker; dropping it ends it.
pub(crate) struct Broker {
    address: String,
    properties: String,
    directory: tempfile::TempDir,
    kcat: PathBuf,
}

impl Broker {
    /// Starts a broker; `None` (said loudly) where something is missing.
    pub(crate) fn start(test: &str) -> Option<Self> {
        Self::start_with(test, "")
    }

    /// The same with more lines of configuration.
    pub(crate) fn start_with(test: &str, properties: &str) -> Option<Self> {
        need(test, directory().join("kafka/.installed"), "kafka")?;
        need_program(test, "java", "apt")?;
        let kcat = need_program(test, "kcat", "apt")?;
        let directory = tempfile::tempdir().expect("a temporary directory");
        let properties = format!("auto.create.topics.enable=true\n{properties}");
        let mut broker = Self { address: String::new(), properties, directory, kcat };
        broker.address = broker.script("start");
        let nothing = broker.url("no-such-topic");
        let asked = ["outputs", "--primary", &nothing, "--candidate", &nothing, "--id", "/id"];
        let answer = parallax(asked).run(Duration::from_secs(60));
        if answer.stderr.contains("no Kafka client") {
            skip(test, "this binary is built without the feature `kafka`");
            return None;
        }
        answer.expect_code(2);
        Some(broker)
    }

    /// A topic's address.
    pub(crate) fn url(&self, topic: &str) -> String {
        format!("kafka://{}/{topic}", self.address)
    }

    /// Crashes it, as `kill -9` does.
    pub(crate) fn kill(&self) {
        self.script("kill");
    }

    /// Starts it again, with its data and its port.
    pub(crate) fn restart(&self) {
        assert_eq!(self.script("start"), self.address);
    }

    /// Produces a record a line: `KEY|VALUE`.
    pub(crate) fn produce(&self, topic: &str, lines: &str) {
        self.kcat(&["-P", "-t", topic, "-K", "|"], lines);
    }

    fn kcat(&self, args: &[&str], input: &str) -> String {
        let mut child = Command::new(&self.kcat)
            .args(["-b", &self.address])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kcat starts");
        let mut stdin = child.stdin.take().expect("it is piped");
        stdin.write_all(input.as_bytes()).expect("kcat reads its input");
        drop(stdin);
        let output = child.wait_with_output().expect("kcat ends");
        assert!(output.status.success(), "kcat {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn script(&self, what: &str) -> String {
        let data = self.directory.path().join("broker");
        let output = Command::new(root().join("tests/kafka/broker.sh"))
            .arg(what)
            .arg(&data)
            .env("TOOLS", directory())
            .env("KAFKA_PROPERTIES", &self.properties)
            .stdin(Stdio::null())
            .output()
            .expect("the broker's script runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "broker.sh {what}: {error}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let data = self.directory.path().join("broker");
        // The directory goes with it, so a crash loses nothing.
        let _ = Command::new(root().join("tests/kafka/broker.sh")).arg("kill").arg(&data).output();
    }
}
