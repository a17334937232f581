//! What `tests/setup.sh` installed, and what to do where it did not.

use super::{parallax, root};
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

/// Where `tests/setup.sh` puts things.
pub(crate) fn directory() -> PathBuf {
    std::env::var_os("TOOLS").map_or_else(|| root().join(".cache/tools"), PathBuf::from)
}

/// A file that a test needs, or a loud skip: the test returns when this is `None`.
///
/// # Panics
/// With `CI=true`, when the file is missing: there, skipping would be a test that cannot fail.
pub(crate) fn need(test: &str, file: PathBuf, part: &str) -> Option<PathBuf> {
    if file.exists() {
        return Some(file);
    }
    skip(test, &format!("{} is missing; run tests/setup.sh {part}", file.display()));
    None
}

/// A program on the path that a test needs, or a loud skip.
pub(crate) fn need_program(test: &str, name: &str, part: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&path).map(|directory| directory.join(name)).find(|file| file.is_file());
    if found.is_none() {
        skip(test, &format!("{name} is missing; run tests/setup.sh {part}"));
    }
    found
}

/// A command of the binary that a test needs, or a loud skip.
pub(crate) fn has_command(test: &str, command: &str) -> bool {
    let help = parallax([command, "--help"]).run(Duration::from_secs(20));
    if help.code != 0 {
        skip(test, &format!("this binary has no command `{command}`"));
    }
    help.code == 0
}

/// Says so, past the test runner's capture.
pub(crate) fn skip(test: &str, why: &str) {
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{test}: {why}");
    // Not eprintln: the runner would hold it back, as the test passes.
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
}
