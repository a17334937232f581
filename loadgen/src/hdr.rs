//! Histograms for other tools: `.hlog` interval logs and `.hgrm` percentile tables.
//!
//! Both are formats of HdrHistogram's Java tools, and in milliseconds where people read them. The
//! encoding of a histogram is the `hdrhistogram` crate's; the lines around it are written here, because
//! the crate's log writer leaves out the version and the legend that the Java reader and spreadsheets
//! look for.

use crate::engine::{Interval, Observer, Progress};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

/// Nanoseconds in the unit of the columns that people read.
const UNIT: f64 = 1e6;

/// Lines per halving of the distance to 100 % in a percentile table: the Java tools' default.
const TICKS_PER_HALF: u32 = 5;

/// Writes an interval log while a run goes on: one line of response times about every second.
///
/// Nothing is kept in memory. The first failure to write is kept and given by [`Self::finish`], because
/// a full disk is no reason to end a run.
pub struct HistogramLog<W> {
    sink: W,
    serializer: V2DeflateSerializer,
    bytes: Vec<u8>,
    failed: Option<io::Error>,
}

impl<W: Write> HistogramLog<W> {
    /// A log into `sink`, which should be buffered.
    pub fn new(sink: W) -> Self {
        Self { sink, serializer: V2DeflateSerializer::new(), bytes: Vec::new(), failed: None }
    }

    /// Flushes the log.
    ///
    /// # Errors
    /// The first failure of any write.
    pub fn finish(mut self) -> io::Result<W> {
        match self.failed {
            Some(error) => Err(error),
            None => self.sink.flush().map(|()| self.sink),
        }
    }

    fn attempt(&mut self, write: impl FnOnce(&mut Self) -> io::Result<()>) {
        if self.failed.is_none() {
            self.failed = write(self).err();
        }
    }

    fn header(&mut self, started: SystemTime) -> io::Result<()> {
        let seconds = started.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let date = jiff::Timestamp::try_from(started).unwrap_or_default();
        let sink = &mut self.sink;
        writeln!(sink, "#[Histogram log format version 1.3]")?;
        writeln!(sink, "#[StartTime: {seconds:.3} (seconds since epoch), {date}]")?;
        // With a base time the lines' times are relative to it; without one they are absolute, and the
        // Java reader has to guess.
        writeln!(sink, "#[BaseTime: {seconds:.3} (seconds since epoch)]")?;
        writeln!(
            sink,
            "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\""
        )
    }

    fn line(&mut self, start: Duration, length: Duration, response: &Histogram<u64>) -> io::Result<()> {
        self.bytes.clear();
        self.serializer.serialize(response, &mut self.bytes).map_err(io::Error::other)?;
        let (start, length, max) = (start.as_secs_f64(), length.as_secs_f64(), response.max() as f64 / UNIT);
        writeln!(self.sink, "{start:.3},{length:.3},{max:.3},{}", STANDARD.encode(&self.bytes))
    }
}

impl<W: Write> Observer for HistogramLog<W> {
    fn start(&mut self, started: SystemTime) {
        self.attempt(|log| log.header(started));
    }

    fn progress(&mut self, _: &Progress) {}

    fn interval(&mut self, interval: &Interval<'_>) {
        self.attempt(|log| log.line(interval.start, interval.length, interval.response));
    }
}

/// Writes a percentile table in milliseconds, as `HistogramLogProcessor` does: value, percentile, count
/// so far, and `1 / (1 - percentile)`, which plots the tail.
///
/// # Errors
/// The sink's.
pub fn write_percentiles(histogram: &Histogram<u64>, sink: &mut dyn Write) -> io::Result<()> {
    writeln!(sink, "{:>12} {:>14} {:>10} {:>14}\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)")?;
    let mut count = 0;
    for step in histogram.iter_quantiles(TICKS_PER_HALF) {
        count += step.count_since_last_iteration();
        let (value, quantile) = (step.value_iterated_to() as f64 / UNIT, step.quantile_iterated_to());
        if quantile < 1.0 {
            writeln!(sink, "{value:12.3} {quantile:2.12} {count:10} {:14.2}", 1.0 / (1.0 - quantile))?;
        } else {
            writeln!(sink, "{value:12.3} {quantile:2.12} {count:10}")?;
        }
    }
    let (mean, deviation) = (histogram.mean() / UNIT, histogram.stdev() / UNIT);
    writeln!(sink, "#[Mean    = {mean:12.3}, StdDeviation   = {deviation:12.3}]")?;
    let (max, total) = (histogram.max() as f64 / UNIT, histogram.len());
    writeln!(sink, "#[Max     = {max:12.3}, Total count    = {total:12}]")?;
    let (buckets, halves) =
        (histogram.buckets(), 2 * histogram.distinct_values() / (usize::from(histogram.buckets()) + 1));
    writeln!(sink, "#[Buckets = {buckets:12}, SubBuckets     = {halves:12}]")
}

#[cfg(test)]
mod tests {
    use super::*;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    fn some_times() -> Histogram<u64> {
        let mut histogram = crate::engine::tally::histogram();
        for value in 1..=1000 {
            histogram.record(value * 10_000).unwrap();
        }
        histogram
    }

    fn a_log(intervals: &[Histogram<u64>]) -> String {
        let mut log = HistogramLog::new(Vec::new());
        log.start(SystemTime::UNIX_EPOCH + Duration::from_millis(1_767_268_800_250));
        for (second, response) in intervals.iter().enumerate() {
            let (start, length) = (Duration::from_secs(second as u64), Duration::from_millis(1001));
            log.interval(&Interval { start, length, response });
        }
        String::from_utf8(log.finish().unwrap()).unwrap()
    }

    #[test]
    fn a_log_begins_as_the_java_tools_expect() {
        let log = a_log(&[some_times()]);
        let lines: Vec<&str> = log.lines().collect();
        assert_eq!(lines[0], "#[Histogram log format version 1.3]");
        assert_eq!(lines[1], "#[StartTime: 1767268800.250 (seconds since epoch), 2026-01-01T12:00:00.25Z]");
        assert_eq!(lines[2], "#[BaseTime: 1767268800.250 (seconds since epoch)]");
        assert!(lines[3].starts_with("\"StartTimestamp\",\"Interval_Length\""));
        assert!(lines[4].starts_with("0.000,1.001,10.") && lines[4].contains(",HISTFAAA"), "{}", lines[4]);
    }

    #[test]
    fn every_interval_is_read_back_equal() {
        let intervals = [some_times(), crate::engine::tally::histogram(), some_times()];
        let log = a_log(&intervals);
        let mut found = Vec::new();
        // The crate's reader takes the legend for damage; Java's skips it.
        let without_legend: String =
            log.lines().filter(|line| !line.starts_with('"')).map(|line| format!("{line}\n")).collect();
        for entry in IntervalLogIterator::new(without_legend.as_bytes()) {
            if let LogEntry::Interval(interval) = entry.expect("an entry") {
                let bytes = STANDARD.decode(interval.encoded_histogram()).unwrap();
                let histogram: Histogram<u64> = Deserializer::new().deserialize(&mut &bytes[..]).unwrap();
                found.push((interval.start_timestamp(), histogram));
            }
        }
        assert_eq!(found.len(), 3);
        for (second, ((start, histogram), written)) in found.iter().zip(&intervals).enumerate() {
            assert_eq!(*start, Duration::from_secs(second as u64));
            assert_eq!(histogram, written);
        }
    }

    #[test]
    fn a_percentile_table_ends_at_the_maximum() {
        let mut table = Vec::new();
        write_percentiles(&some_times(), &mut table).unwrap();
        let table = String::from_utf8(table).unwrap();
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[0].ends_with("1/(1-Percentile)"));
        let numbers = |line: &str| -> Vec<f64> {
            line.split_whitespace().map(|number| number.parse().unwrap()).collect()
        };
        let half = lines.iter().find(|line| line.contains(" 0.500000000000 ")).expect("the median");
        assert_eq!(numbers(half)[2..], [500.0, 2.0]);
        let last = lines.iter().rfind(|line| !line.starts_with('#')).unwrap();
        assert_eq!(numbers(last)[1..], [1.0, 1000.0]);
        assert!((numbers(last)[0] - 10.0).abs() < 0.01, "{last}");
        assert!(lines.iter().any(|line| line.contains("Total count    =         1000]")), "{table}");
        assert!(lines.iter().any(|line| line.contains("SubBuckets     =         2048]")), "{table}");
    }

    #[test]
    fn a_sink_that_fails_is_told_at_the_end() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut log = HistogramLog::new(Full);
        log.start(SystemTime::UNIX_EPOCH);
        log.interval(&Interval { start: Duration::ZERO, length: Duration::ZERO, response: &some_times() });
        assert_eq!(log.finish().err().map(|error| error.kind()), Some(io::ErrorKind::StorageFull));
    }
}
