//! What a run leaves beside its report: a bar while it lasts, and files that were asked for.

use super::pair::millis;
use crate::args::Global;
use crate::exit::{Exit, Failure, OrExit as _};
use crate::output;
use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use parallax_loadgen::engine::{Interval, JTL_HEADER, RequestRecord};
use parallax_loadgen::hdr::HistogramLog;
use parallax_loadgen::report::{Quantiles, Second};
use parallax_loadgen::{Observer, Progress};
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Watches a run for a person (a bar) and for other tools (a log).
pub(crate) struct Watch {
    bar: ProgressBar,
    log: Option<HistogramLog<BufWriter<File>>>,
    seconds: Vec<Second>,
    /// The last second, in words: its rate and its percentiles.
    last: String,
    /// Whether arrivals are planned; in a closed loop nobody knows how many there will be.
    is_planned: bool,
}

/// Seconds that are kept for the page: three hours; a longer run's page shows its beginning.
const SECONDS_MAX: usize = 3 * 3600;

impl Watch {
    pub(crate) fn new(global: &Global, arrivals: u64, log: Option<&Path>) -> Result<Self, Failure> {
        let log = log.map(|file| create(file).map(HistogramLog::new)).transpose()?;
        let is_planned = arrivals < u64::MAX >> 2;
        let bar = progress_bar(global, arrivals, is_planned);
        Ok(Self { bar, log, seconds: Vec::new(), last: String::new(), is_planned })
    }

    /// What was seen of each second.
    pub(crate) fn finish(self) -> Result<Vec<Second>, Failure> {
        self.bar.finish_and_clear();
        if let Some(log) = self.log {
            log.finish().map(drop).context("failed to write the histogram log").or_exit(Exit::Io)?;
        }
        Ok(self.seconds)
    }
}

impl Observer for Watch {
    fn start(&mut self, started: SystemTime) {
        if let Some(log) = &mut self.log {
            log.start(started);
        }
    }

    fn progress(&mut self, progress: &Progress) {
        self.bar.set_position(progress.released);
        let Progress { released, completed, failed, .. } = progress;
        let flying = released.saturating_sub(completed + failed);
        self.bar
            .set_message(format!("{completed} answered, {failed} failed, {flying} under way{}", self.last));
        if self.is_planned {
            self.bar.set_length(progress.planned);
        }
    }

    fn interval(&mut self, interval: &Interval<'_>) {
        if let Some(log) = &mut self.log {
            log.interval(interval);
        }
        let (response, length) = (Quantiles::of(interval.response), interval.length.as_secs_f64());
        self.last = second(&response, length);
        if self.seconds.len() < SECONDS_MAX {
            self.seconds.push(Second { start: interval.start.as_secs_f64(), length, response });
        }
    }
}

/// What ended in a second, for the live view: `, 998/s, p50 1.204 ms, p99 3.100 ms, max 7.002 ms` on a line of its own.
#[expect(clippy::cast_precision_loss, reason = "shown without decimals")]
fn second(response: &Quantiles, length: f64) -> String {
    let Quantiles { count, p50, p99, max, .. } = *response;
    if count == 0 || length <= 0.0 {
        return ", nothing in the last second".to_owned();
    }
    let rate = count as f64 / length;
    format!("\n     {rate:.0}/s, p50 {}, p99 {}, max {}", millis(p50), millis(p99), millis(max))
}

fn progress_bar(global: &Global, arrivals: u64, is_planned: bool) -> ProgressBar {
    if !output::is_live(global.quiet) {
        return ProgressBar::hidden();
    }
    if !is_planned {
        let style = ProgressStyle::with_template("{elapsed:>4} {pos} sent, {msg}");
        return ProgressBar::new_spinner().with_style(style.expect("the template is a constant"));
    }
    let style = ProgressStyle::with_template("{elapsed:>4} {bar:30} {pos}/{len} sent, {msg}");
    ProgressBar::new(arrivals).with_style(style.expect("the template is a constant"))
}

/// A file with a line for each request.
pub(crate) struct RequestFile {
    sink: BufWriter<File>,
    /// Each how-manieth request is written.
    every: u64,
    /// Where it is a JTL file: Unix milliseconds of the start, and the URL.
    jtl: Option<(u64, String)>,
    /// The first failure; nothing is written after it.
    failed: Option<io::Error>,
}

impl RequestFile {
    /// `.jtl` and `.csv` are JTL, everything else is JSON lines.
    pub(crate) fn create(file: &Path, every: u64, url: &str) -> Result<Self, Failure> {
        let is_jtl = file.extension().is_some_and(|suffix| suffix == "jtl" || suffix == "csv");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut sink = create(file)?;
        let jtl = is_jtl.then(|| (u64::try_from(now.as_millis()).unwrap_or_default(), url.to_owned()));
        if jtl.is_some() {
            sink.write_all(JTL_HEADER.as_bytes()).context("failed to write").or_exit(Exit::Io)?;
        }
        Ok(Self { sink, every: every.max(1), jtl, failed: None })
    }

    pub(crate) fn write(&mut self, record: &RequestRecord) {
        if !record.index.is_multiple_of(self.every) || self.failed.is_some() {
            return;
        }
        let written = match &self.jtl {
            Some((start_ms, url)) => record.write_jtl(*start_ms, url, &mut self.sink),
            None => record.write_json(&mut self.sink),
        };
        self.failed = written.err();
    }

    pub(crate) fn finish(mut self, file: &Path) -> Result<(), Failure> {
        let written = self.failed.map_or_else(|| self.sink.flush(), Err);
        written.with_context(|| format!("failed to write {}", file.display())).or_exit(Exit::Io)
    }
}

pub(crate) fn create(file: &Path) -> Result<BufWriter<File>, Failure> {
    let created = File::create(file).with_context(|| format!("failed to create {}", file.display()));
    created.map(BufWriter::new).or_exit(Exit::Io)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_live_view_has_the_rate_and_the_percentiles_of_the_last_second() {
        let response =
            Quantiles { count: 499, p50: 1_204_000, p99: 3_100_000, max: 7_002_000, ..Quantiles::default() };
        let line = second(&response, 0.5);
        assert_eq!(line, "\n     998/s, p50 1.204 ms, p99 3.100 ms, max 7.002 ms");
        assert_eq!(second(&Quantiles::default(), 1.0), ", nothing in the last second");
    }
}
