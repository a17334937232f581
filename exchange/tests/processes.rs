//! The log between processes and threads: what is acknowledged survives a killed writer, and a
//! reader that follows a writer never sees half a record.

use bytes::Bytes;
use parallax_exchange::log::{self, Limits, LogError, Reader, Record};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::thread;

/// Names the log for [`child_that_writes`], which does nothing without it.
const URL: &str = "PARALLAX_TEST_LOG";

const LIMITS: Limits = Limits { segment_bytes: 20_000, total_bytes: u64::MAX };

/// A payload that tells its number and has a length of its own.
fn numbered(number: u64) -> Record {
    let mut payload = number.to_le_bytes().to_vec();
    payload.resize(8 + usize::try_from(number * 37 % 900).expect("below 900"), b'.');
    Record::Sealed(payload.into())
}

/// Runs in a process of its own: writes without end and says what was acknowledged.
#[test]
fn child_that_writes() {
    let Ok(url) = std::env::var(URL) else { return };
    let mut writer = log::open_writer(&url, LIMITS).unwrap();
    let mut next = count(&mut *log::open_reader(&url).unwrap());
    let mut out = std::io::stdout().lock();
    loop {
        let batch: Vec<_> = (next..next + 1 + next % 3).map(numbered).collect();
        next += batch.len() as u64;
        writer.append_batch(&batch).unwrap();
        // A test that fails closes the pipe.
        if writeln!(out, "acknowledged {next}").and_then(|()| out.flush()).is_err() {
            return;
        }
    }
}

fn spawn(url: &str) -> Child {
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new(program);
    command.args(["--exact", "child_that_writes", "--nocapture"]).env(URL, url);
    command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap()
}

/// Reads to the end; the records must be numbered without gaps. Gives their count.
fn count(reader: &mut dyn Reader) -> u64 {
    let mut next = 0;
    while let Some((_, record)) = reader.next().unwrap() {
        assert_eq!(record, numbered(next));
        next += 1;
    }
    next
}

#[test]
fn a_killed_writer_loses_nothing_that_was_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("file:{}", directory.path().display());
    for round in 1..=8 {
        let mut child = spawn(&url);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        // Kept until the child is gone: it must die of the signal, not of a closed pipe.
        let mut numbers = lines.filter_map(|line| line.strip_prefix("acknowledged ")?.parse::<u64>().ok());
        let acknowledged = numbers.nth(round * 17).expect("the child goes on until it is killed");
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().code(), None, "it was killed");
        let found = count(&mut *log::open_reader(&url).unwrap());
        assert!(found >= acknowledged, "round {round}: {found} of {acknowledged}");
    }
}

#[test]
fn a_follower_never_meets_half_a_record() {
    const COUNT: u64 = 3_000;
    let directory = tempfile::tempdir().unwrap();
    let url = format!("file:{}", directory.path().display());
    let mut writer = log::open_writer(&url, LIMITS).unwrap();
    let mut reader = log::open_reader(&url).unwrap();
    let following = thread::spawn(move || {
        let mut next = 0;
        loop {
            match reader.next().unwrap() {
                Some((_, Record::End(_))) => return next,
                Some((_, record)) => assert_eq!(record, numbered(next)),
                None => {
                    thread::yield_now();
                    continue;
                }
            }
            next += 1;
        }
    });
    for number in 0..COUNT {
        writer.append(&numbered(number)).unwrap();
    }
    writer.append(&Record::End(Bytes::new())).unwrap();
    assert_eq!(following.join().unwrap(), COUNT);
}

#[test]
fn a_writer_in_another_process_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("file:{}", directory.path().display());
    let mut child = spawn(&url);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    lines.find(|line| line.starts_with("acknowledged")).expect("the child writes");
    let refused = log::open_writer(&url, LIMITS).err().unwrap();
    assert!(matches!(&refused, LogError::Locked { holder, .. } if *holder == format!("pid {}", child.id())));
    child.kill().unwrap();
    child.wait().unwrap();
    log::open_writer(&url, LIMITS).unwrap();
}
