//! What is told of live requests and copies: lines for the access log, spans for a collector.
//!
//! Two threads, each behind a bounded queue: one writes lines and makes spans, one posts them. A disk
//! or a collector that hangs stops them and nobody else; what does not fit is counted.

mod access;
mod collector;
mod spans;

use crate::exit::{Exit, Failure, OrExit as _};
use access::AccessLog;
use anyhow::Context as _;
use parallax_config::Config;
use parallax_proxy::{Observer, Told};
use spans::{Exporter, Spans};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The longest that a line waits to be seen in the file.
const LOOK: Duration = Duration::from_millis(250);

/// How long the end waits for a disk and a collector.
const PATIENCE: Duration = Duration::from_secs(4);

/// Between two looks whether they are done.
const PAUSE: Duration = Duration::from_millis(5);

/// The threads; they end when the proxy has, and are waited for then.
#[derive(Debug, Default)]
pub(crate) struct Telemetry {
    threads: Vec<JoinHandle<()>>,
}

impl Telemetry {
    /// Listens as the configuration says; the proxy is to tell the observer.
    pub(crate) fn start(config: &Config) -> Result<(Self, Observer), Failure> {
        let (observer, told) = Observer::new(config);
        let Some(told) = told else { return Ok((Self::default(), observer)) };
        let access = match &config.access_log.file {
            Some(file) => {
                let access = AccessLog::open(file);
                let place = || format!("cannot write {} (key access_log.file)", file.display());
                Some(access.with_context(place).or_exit(Exit::Io)?)
            }
            None => None,
        };
        let mut threads = Vec::new();
        let mut spans = None;
        if let Some(url) = &config.traces.url {
            let (sender, exporter) = Exporter::new(url, &config.traces.service).or_exit(Exit::Usage)?;
            spans = Some(sender);
            let thread = std::thread::Builder::new().name("traces".to_owned());
            threads.push(thread.spawn(move || exporter.run())?);
        }
        let thread = std::thread::Builder::new().name("telemetry".to_owned());
        threads.push(thread.spawn(move || listen(&told, access, spans))?);
        Ok((Self { threads }, observer))
    }

    /// Waits until everything has been told, but not for ever; the proxy has ended before.
    pub(crate) fn finish(self) {
        let end = Instant::now() + PATIENCE;
        for thread in self.threads {
            while !thread.is_finished() && Instant::now() < end {
                std::thread::sleep(PAUSE);
            }
            if !thread.is_finished() {
                tracing::warn!("the access log or the collector hangs; what it was not told is lost");
            } else if thread.join().is_err() {
                tracing::error!("a thread that tells of requests has panicked");
            }
        }
    }
}

fn listen(told: &Receiver<Told>, mut access: Option<AccessLog>, spans: Option<Spans>) {
    loop {
        match told.recv_timeout(LOOK) {
            Ok(one) => {
                if let Some(spans) = &spans {
                    spans.take(&one);
                }
                if let (Some(access), Told::Served(served)) = (&mut access, &one) {
                    access.write(served);
                }
            }
            Err(RecvTimeoutError::Timeout) => access.iter_mut().for_each(AccessLog::look),
            Err(RecvTimeoutError::Disconnected) => {
                access.iter_mut().for_each(AccessLog::look);
                return;
            }
        }
    }
}
