//! Files that load writes and reads: histograms for Java's tools, packed recordings.

use crate::harness::tools::{directory, need, need_program};
use crate::harness::{Upstream, parallax};
use bytes::Bytes;
use http::Response;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

fn answering() -> Upstream {
    Upstream::start(|_| Response::new(Bytes::from_static(b"{}")))
}

/// Value, percentile and count of each line of a percentile table.
fn table(file: &Path) -> Vec<[f64; 3]> {
    let text = std::fs::read_to_string(file).expect("a table");
    let numbers = |line: &str| -> Option<[f64; 3]> {
        let mut words = line.split_whitespace().map(str::parse::<f64>);
        let mut next = || words.next().and_then(Result::ok);
        Some([next()?, next()?, next()?])
    };
    text.lines().filter_map(numbers).collect()
}

#[test]
fn the_java_library_reads_the_histograms_and_finds_the_same_percentiles() {
    let test = "the_java_library_reads_the_histograms_and_finds_the_same_percentiles";
    let Some(java) = need_program(test, "java", "apt") else { return };
    let Some(jar) = need(test, directory().join("hdr/HdrHistogram-2.2.2.jar"), "hdr") else { return };
    let folder = tempfile::tempdir().expect("a temporary directory");
    let target = answering();
    let url = target.url();
    let args = ["load", "run", "--target", &url, "--rate", "400/s", "--duration", "2500ms"];
    let files = ["--hlog", "run.hlog", "--hgrm", "run.hgrm", "--format", "json"];
    let report = parallax(args.into_iter().chain(files)).dir(folder.path()).run(SOON).document();
    assert_eq!(report.count("/completed"), 1000, "{report}");

    // The library's own program: intervals to `java`, the sum of them to `java.hgrm`.
    let read = Command::new(java)
        .arg("-cp")
        .arg(jar)
        .args(["org.HdrHistogram.HistogramLogProcessor", "-i", "run.hlog", "-o", "java"])
        .current_dir(folder.path())
        .output()
        .expect("java starts");
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let intervals = std::fs::read_to_string(folder.path().join("java")).expect("what java wrote");
    let count =
        intervals.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_digit())).count();
    assert!(count >= 3, "2.5 s are three intervals:\n{intervals}");

    let [ours, theirs] = ["run.hgrm", "java.hgrm"].map(|name| table(&folder.path().join(name)));
    let last = |table: &[[f64; 3]]| *table.last().expect("a line");
    assert_eq!(last(&theirs)[2], 1000.0, "every request is in the log");
    // The two choose other percentiles for their lines; where a line of each tells up to which value so many
    // requests lie, it must be the same value, of which both have three digits.
    let mut compared = 0;
    for [their, _, count] in &theirs {
        let Some([our, ..]) = ours.iter().find(|line| line[2] == *count) else { continue };
        assert!(
            (our - their).abs() <= 0.002 * our + 0.001,
            "{count} requests: ours {our} ms, java's {their} ms"
        );
        compared += 1;
    }
    assert!(compared >= 5, "{ours:?}\n{theirs:?}");
    assert!((last(&ours)[0] - last(&theirs)[0]).abs() <= 0.002 * last(&ours)[0] + 0.001, "the maximum");
}

#[test]
fn a_part_of_a_packed_recording_is_replayed_and_what_is_damaged_is_told() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let mut lines = String::new();
    for second in 0..100u64 {
        let at_ns = 1_750_000_000_000_000_000 + second * 1_000_000_000;
        writeln!(
            lines,
            r#"{{"method": "GET", "path": "/{second}", "headers": {{"x-s": "{}"}}, "at_ns": {at_ns}}}"#,
            second % 7
        )
        .expect("a String takes everything");
    }
    std::fs::write(folder.path().join("in.jsonl"), lines).expect("a file");
    let call = |args: &[&str]| parallax(args).dir(folder.path()).run(SOON);
    call(&["recording", "convert", "in.jsonl", "all.plr", "--session-header", "x-s"]).expect_code(0);
    let index = call(&["recording", "inspect", "--index", "all.plr", "--format", "json"]).document();
    assert_eq!((index.count("/exchanges"), index.count("/duration_ns")), (100, 99_000_000_000), "{index}");

    let target = answering();
    let url = target.url();
    let part = ["--after", "10s", "--before", "15s", "--speed", "50", "--format", "json"];
    let replay = [&["replay", "all.plr", "--target", &url][..], &part].concat();
    let report = call(&replay).document();
    assert_eq!((report.count("/completed"), target.served()), (5, 5), "{report}");

    // Cut off inside its only block: nothing is left, and it is said where.
    let bytes = std::fs::read(folder.path().join("all.plr")).expect("a file");
    std::fs::write(folder.path().join("cut.plr"), &bytes[..200]).expect("a file");
    let cut = call(&["recording", "inspect", "cut.plr"]).expect_code(65);
    assert!(cut.stderr.contains("everything in it is damaged"), "{cut}");
    let index = call(&["recording", "inspect", "--index", "cut.plr"]).expect_code(65);
    assert!(index.stderr.contains("cut off"), "{index}");
    // Without its index alone: doctor makes it whole again.
    std::fs::write(folder.path().join("open.plr"), &bytes[..bytes.len() - 1]).expect("a file");
    call(&["recording", "doctor", "open.plr"]).expect_code(65);
    let healed = call(&["recording", "doctor", "open.plr", "whole.plr", "--format", "json"]);
    let healed = healed.expect_code(0).document();
    assert_eq!(healed.count("/records"), 100, "{healed}");
    call(&["recording", "doctor", "whole.plr"]).expect_code(0);
}

#[test]
fn input_that_cannot_be_used_is_refused_before_anything_is_sent_or_written() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let target = answering();
    let url = target.url();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).expect("a file");
    let call = |args: &[&str]| parallax(args).dir(folder.path()).run(SOON);
    let refused = |args: &[&str], code: i32, words: &[&str]| {
        let outcome = call(args).expect_code(code);
        for word in words {
            assert!(outcome.stderr.contains(word), "`{word}` is not in the message\n{outcome}");
        }
    };
    let good = r#"{"method": "GET", "path": "/", "at_ns": 1}"#;
    write("good.jsonl", good.as_bytes());
    write("mixed.jsonl", format!("{good}\nGET /not-json\n").as_bytes());
    write("words.txt", b"these are words");
    let mut newer = *b"\x89PLR\r\n\x1a\n\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    write("broken.plr", &newer);
    newer[3] = b'X';
    write("newer.plx", &newer);

    // Mixed and unknown files.
    refused(&["replay", "mixed.jsonl", "--target", &url], 65, &["mixed.jsonl", "line 2"]);
    refused(&["replay", "words.txt", "--target", &url], 65, &["words.txt", "is no recording"]);
    refused(&["replay", "broken.plr", "--target", &url], 65, &["broken.plr", "damaged"]);
    refused(&["replay", "newer.plx", "--target", &url], 65, &["newer.plx"]);
    refused(&["replay", "missing.plr", "--target", &url], 74, &["missing.plr"]);
    refused(&["recording", "convert", "mixed.jsonl", "out.plr"], 65, &["line 2"]);
    refused(&["recording", "convert", "good.jsonl", "out.zip"], 2, &["out.zip", ".plr"]);
    call(&["recording", "convert", "good.jsonl", "once.plr"]).expect_code(0);
    refused(&["recording", "convert", "good.jsonl", "once.plr"], 74, &["once.plr"]);

    // Plans and options that cannot be.
    let run = ["load", "run", "--target", &url];
    refused(&[&run[..], &["--rate", "0/s"]].concat(), 2, &["0/s"]);
    refused(&[&run[..], &["--rate", "1/h", "--duration", "1s"]].concat(), 2, &[]);
    refused(&["replay", "good.jsonl", "--target", &url, "--after", "1h"], 2, &["widen --after"]);
    refused(&["replay", "good.jsonl", "--target", &url, "--remap"], 2, &["--order session"]);
    let shared = ["replay", "good.jsonl", "--target", &url, "--order", "session", "--http2"];
    refused(&shared, 2, &["session order is for HTTP/1.1"]);
    refused(&["replay", "good.jsonl", "--target", &url, "--loop-ids", "id"], 2, &["no place of ids"]);
    assert_eq!(target.served(), 0, "something was sent");

    // Files that cannot be written, and a target that refuses.
    refused(
        &[&run[..], &["--rate", "10/s", "--duration", "1s", "--hlog", "no/such/folder"]].concat(),
        74,
        &["no/such/folder"],
    );
    assert_eq!(target.served(), 0, "something was sent before the file was known to be writable");
    let port = crate::harness::free_port();
    let nobody = format!("http://127.0.0.1:{port}/");
    refused(
        &["replay", "good.jsonl", "--target", &nobody, "--requests", "r.jsonl"],
        69,
        &["is the service running"],
    );
    let left: Vec<String> = std::fs::read_dir(folder.path())
        .expect("a directory")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("out."))
        .collect();
    assert!(left.is_empty(), "half-written: {left:?}");
}
