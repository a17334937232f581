//! The `parallax` binary and one invocation of it.

use super::document::Document;
use super::process::Process;
use super::root;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

/// An invocation with these arguments, not started yet.
pub(crate) fn parallax<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Invocation {
    invocation(Command::new(binary()), args)
}

/// The same, started by a shell that first does what `shell` says, such as `ulimit -n 64`.
pub(crate) fn parallax_under<S: AsRef<OsStr>>(shell: &str, args: impl IntoIterator<Item = S>) -> Invocation {
    let mut command = Command::new("sh");
    let script = if shell.is_empty() { String::new() } else { format!("{shell} && ") };
    command.arg("-c").arg(script + "exec \"$0\" \"$@\"").arg(binary());
    invocation(command, args)
}

fn invocation<S: AsRef<OsStr>>(mut command: Command, args: impl IntoIterator<Item = S>) -> Invocation {
    // What the person who runs the tests has exported is not the tests' configuration.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PARALLAX_") {
            command.env_remove(name);
        }
    }
    command.env("NO_COLOR", "1").args(args);
    Invocation(command)
}

/// A command line.
pub(crate) struct Invocation(Command);

impl Invocation {
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    pub(crate) fn dir(mut self, directory: &Path) -> Self {
        self.0.current_dir(directory);
        self
    }

    pub(crate) fn start(mut self) -> Process {
        Process::start("parallax", &mut self.0)
    }

    /// Runs it to its end.
    pub(crate) fn run(self, limit: Duration) -> Outcome {
        Outcome::of(&mut self.start(), limit)
    }
}

/// How an invocation ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The exit code; -1 after a signal.
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// Waits for the end of a started invocation.
    pub(crate) fn of(process: &mut Process, limit: Duration) -> Self {
        let ended = process.wait(limit);
        Self { code: ended.status.code().unwrap_or(-1), stdout: ended.stdout, stderr: ended.stderr }
    }

    /// The one document on stdout.
    pub(crate) fn document(&self) -> Document {
        Document::parse(&self.stdout).unwrap_or_else(|error| {
            panic!("stdout is not one JSON document ({error}); exit code {}\n{self}", self.code)
        })
    }

    /// # Panics
    /// With everything that was printed, when the exit code is another.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "unexpected exit code\n{self}");
        self
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match Document::parse(&self.stdout) {
            Ok(document) => write!(f, "--- stdout\n{document}\n--- stderr\n{}", self.stderr),
            Err(_) => write!(f, "--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr),
        }
    }
}

/// The binary: `PARALLAX_BIN`, or else built here in the profile of the tests.
pub(crate) fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match std::env::var_os("PARALLAX_BIN") {
        Some(path) => {
            let path = root().join(path);
            assert!(path.is_file(), "PARALLAX_BIN names no file: {}", path.display());
            path
        }
        None => build(),
    })
}

/// `cargo test` builds libraries and tests but not the binary of another package.
fn build() -> PathBuf {
    let own = std::env::current_exe().expect("a running test has a path");
    let profile = own.ancestors().nth(2).expect("tests lie in target/PROFILE/deps");
    let mut cargo = Command::new(option_env!("CARGO").unwrap_or("cargo"));
    cargo.args(["build", "--quiet", "--package", "parallax", "--features", "kafka"]).current_dir(root());
    cargo.arg("--target-dir").arg(profile.parent().expect("the profile lies in the target directory"));
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let status = cargo.status().expect("cargo can be run");
    assert!(status.success(), "parallax does not build");
    profile.join("parallax")
}
