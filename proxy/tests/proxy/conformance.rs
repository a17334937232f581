//! h2spec against the listener: 145 cases of what RFC 9113 and RFC 7541 ask of a server.
//!
//! nginx 1.22 passes 118 of them, Envoy 1.40 133. `tests/setup.sh h2spec` installs it.

use crate::rig::{Rig, config};
use crate::server::{Server, ok};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Cases that are not passed, with the reason.
const NOT_PASSED: [(&str, &str); 1] = [(
    "3.5. HTTP/2 Connection Preface: 2: Sends invalid connection preface",
    "the port speaks HTTP/1.1 too, so what is not the preface is a request of that: it is answered \
     with 400 in HTTP/1.1, and then the connection is closed",
)];

fn h2spec() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace");
    let tools = std::env::var_os("TOOLS").map_or_else(|| root.join(".cache/tools"), PathBuf::from);
    tools.join("h2spec/h2spec")
}

/// The failed cases of h2spec's report, each with the heading above it.
fn failed(report: &str) -> Vec<String> {
    let failures = report.split_once("Failures:").map_or("", |(_, failures)| failures);
    let mut heading = "";
    let mut failed = Vec::new();
    for line in failures.lines().map(str::trim) {
        if let Some(case) = line.strip_prefix("× ") {
            failed.push(format!("{heading}: {case}"));
        } else if line.starts_with(|first: char| first.is_ascii_digit()) && line.contains(". ") {
            heading = line;
        }
    }
    failed
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn every_case_of_h2spec_passes_but_those_that_are_explained() {
    let program = h2spec();
    if !program.exists() {
        eprintln!("SKIPPED: h2spec is not installed; tests/setup.sh h2spec");
        assert!(std::env::var_os("CI").is_none_or(|value| value != "true"), "CI installs h2spec");
        return;
    }
    let primary = Server::start(|_| ok("h2spec wants an answer with a body"));
    let rig = Rig::start(&config(&primary));
    let output = Command::new(program)
        .args(["-h", "127.0.0.1", "-p", &rig.proxy.address().port().to_string(), "-o", "2"])
        .output()
        .expect("h2spec runs");
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(report.contains("145 tests"), "{report}");
    let explained: Vec<_> = NOT_PASSED.iter().map(|(case, _)| (*case).to_owned()).collect();
    assert_eq!(failed(&report), explained, "{report}");
}
