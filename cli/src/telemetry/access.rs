//! The access log: one line of JSON for each live request.

use http::Version;
use metrics::counter;
use parallax_proxy::Served;
use serde::Serialize;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often the file is looked at while lines come without a pause.
const LOOK: Duration = Duration::from_millis(500);

/// An open access log.
#[derive(Debug)]
pub(super) struct AccessLog {
    path: PathBuf,
    file: BufWriter<File>,
    looked: Instant,
    /// Whether the last write failed, so that only changes are logged.
    failing: bool,
}

/// One line.
#[derive(Serialize)]
struct Line<'a> {
    /// RFC 3339, UTC.
    time: String,
    client: &'a str,
    method: &'a str,
    host: Option<&'a str>,
    path: &'a str,
    version: &'static str,
    status: Option<u16>,
    bytes: u64,
    complete: bool,
    duration_ns: u64,
    mirrored: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
}

impl AccessLog {
    /// Appends to `path`.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            file: BufWriter::new(append(path)?),
            looked: Instant::now(),
            failing: false,
        })
    }

    /// Writes a line; it is in the file after the next look.
    pub(super) fn write(&mut self, served: &Served) {
        let written = serde_json::to_writer(&mut self.file, &line(served)).map_err(io::Error::from);
        let written = written.and_then(|()| self.file.write_all(b"\n"));
        self.note(written, 1);
        if self.looked.elapsed() > LOOK {
            self.look();
        }
    }

    /// Puts what was written into the file, and begins a new one where that was moved away.
    pub(super) fn look(&mut self) {
        self.looked = Instant::now();
        let flushed = self.file.flush();
        self.note(flushed, 0);
        let is_there = match (std::fs::metadata(&self.path), self.file.get_ref().metadata()) {
            (Ok(named), Ok(open)) => (named.dev(), named.ino()) == (open.dev(), open.ino()),
            _ => false,
        };
        if !is_there {
            match append(&self.path) {
                Ok(file) => self.replace(file),
                Err(error) => self.note(Err(error), 0),
            }
        }
    }

    fn replace(&mut self, file: File) {
        // What could not be flushed is dropped with the old file: writing it again may fail again.
        drop(std::mem::replace(&mut self.file, BufWriter::new(file)).into_parts());
    }

    fn note(&mut self, result: io::Result<()>, lines: u64) {
        let file = self.path.display();
        match (&result, std::mem::replace(&mut self.failing, result.is_err())) {
            (Err(error), false) => tracing::error!(%file, %error, "the access log does not take lines"),
            (Ok(()), true) => tracing::info!(%file, "the access log takes lines again"),
            _ => {}
        }
        if result.is_err() {
            counter!("parallax_access_log_failed_lines_total").increment(lines);
        }
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

fn line(served: &Served) -> Line<'_> {
    let time = i128::from(served.started_ns);
    let time = jiff::Timestamp::from_nanosecond(time).unwrap_or_default();
    Line {
        time: format!("{time:.6}"),
        client: &served.client,
        method: served.method.as_str(),
        host: served.host.as_deref(),
        path: &served.path,
        version: match served.version {
            Version::HTTP_2 => "2",
            Version::HTTP_10 => "1.0",
            _ => "1.1",
        },
        status: served.status.map(|status| status.as_u16()),
        bytes: served.bytes,
        complete: served.is_complete,
        duration_ns: u64::try_from(served.took.as_nanos()).unwrap_or(u64::MAX),
        mirrored: served.is_selected,
        failure: served.failure,
        trace_id: served.trace.map(|trace| format!("{:032x}", trace.trace_id)),
    }
}
