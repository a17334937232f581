//! The console page as a person sees it: in a browser, headless.

use crate::harness::process::{Ended, Process};
use crate::harness::tools::{has_command, need_program};
use crate::harness::{alone, free_port, get, local, parallax, root, wait_for};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(90);

/// Chromium without anything that calls home, on a profile of its own, run to its end.
fn chromium(program: &Path, profile: &Path, args: &[&str]) -> Ended {
    let mut command = Command::new(program);
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--hide-scrollbars",
        // Not virtual time: it stands still while the page's stream of events is open.
        "--timeout=4000",
    ]);
    command.arg(format!("--user-data-dir={}", profile.display())).args(args);
    Process::start("chromium", &mut command).wait(Duration::from_secs(60))
}

#[test]
fn the_page_shows_the_verdict_and_its_culprit() {
    let test = "console page";
    if !has_command(test, "demo") {
        return;
    }
    let _alone = alone();
    let Some(browser) = need_program(test, "chromium", "apt") else { return };
    let port = free_port();
    let console = local(port);
    let address = console.to_string();
    let args = ["demo", "--regression", "field", "--console", &address, "--keep-open", "--seconds", "60"];
    let mut demo = parallax(args).start();
    wait_for("the console", Duration::from_secs(20), || TcpStream::connect(console).ok());
    let verdict = wait_for("a final verdict", SOON, || {
        assert!(!demo.has_ended(), "the demo ended: {}", demo.stderr());
        let answer = get(console, "/v1/verdicts/latest");
        let document: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
        (document["final"] == true).then_some(document)
    });
    assert_eq!(verdict["verdict"], "reject", "{verdict:#}");

    let directory = tempfile::tempdir().expect("a temporary directory");
    let url = format!("http://{address}/");
    let page = chromium(&browser, directory.path(), &["--dump-dom", &url]).stdout;
    let head = page.split("<body").next().unwrap_or_default();
    assert!(head.contains("<title>") && head.to_lowercase().contains("parallax"), "{head}");
    let shown = page.to_lowercase();
    for part in ["reject", "/results/*/score", "latency", "candidate", "control"] {
        assert!(shown.contains(part), "the page does not show `{part}`:\n{page}");
    }
    // Nothing is fetched from elsewhere: the page must work without a network.
    for outside in ["src=\"http", "href=\"http", "@import", "url(http"] {
        assert!(!shown.contains(outside), "the page refers to another host: {outside}");
    }

    let shot = root().join(".cache/console.png");
    std::fs::create_dir_all(shot.parent().expect("it has a directory")).expect("a directory");
    let _ = std::fs::remove_file(&shot);
    let file = format!("--screenshot={}", shot.display());
    let taken = chromium(&browser, directory.path(), &["--window-size=1280,1800", &file, &url]);
    let size = std::fs::metadata(&shot).map_or(0, |file| file.len());
    assert!(size > 20_000, "the screenshot has {size} bytes: {}", taken.stderr);
}
