//! CPU time of a process, all threads, as the scheduler counts it in nanoseconds.

use anyhow::{Context, Result};
use std::fs;

/// Nanoseconds that the threads of `process` have run so far.
pub(crate) fn run_time(process: u32) -> Result<u64> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{process}/task")).context("the process has ended")? {
        let text = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
        let first = text.split_whitespace().next().unwrap_or("0");
        sum += first.parse::<u64>().context("schedstat starts with the run time")?;
    }
    Ok(sum)
}

/// Resident memory of `process` in KiB.
pub(crate) fn resident(process: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
    Ok(line.split_whitespace().next().unwrap_or("0").parse()?)
}
