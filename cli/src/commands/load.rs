//! `parallax load`: open-loop load.

mod knee;
mod made;
mod pair;
mod selftest;
mod watch;
mod when;

use self::knee::FindKnee;
use self::made::Made;
use self::pair::Pair;
use self::selftest::Selftest;
use self::watch::{RequestFile, Watch, create};
use self::when::When;
use crate::args::Global;
use crate::exit::{Exit, Failure, OrExit as _, Outcome};
use crate::interrupt::Interrupt;
use crate::output::{self, Format, note};
use anyhow::Context as _;
use bytes::Bytes;
use clap::{Args, Subcommand};
use http::Method;
use http::header::{HOST, HeaderName, HeaderValue};
use parallax_config::Span;
use parallax_exchange::{Body, Request};
use parallax_loadgen::hdr::write_percentiles;
use parallax_loadgen::report::{IntegrityVerdict, page, run_each};
use parallax_loadgen::{
    LoadError, LoadReport, Options, Protocol, Rendering, Run, Source, Speaks, Stop, Target, Threshold,
};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Put load on a service, open loop.
#[derive(Debug, Subcommand)]
pub(crate) enum Load {
    /// Send requests at their planned times, whatever the target does.
    Run(Box<LoadRun>),
    /// Prove the generator against a server that knows the truth, and beside others where installed.
    Selftest(Selftest),
}

/// Send requests at their planned times, whatever the target does; latency counts from the intended time.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  parallax load run --target http://127.0.0.1:8080/v1/events --rate 1000/s --duration 30s \
                        -m POST --body-lines events.jsonl\n  \
                        parallax load run --target http://127.0.0.1:8080/ --ramp 0..500/s --arrivals poisson --format json\n  \
                        parallax load run --target http://127.0.0.1:9001/ --candidate http://127.0.0.1:9002/ \
                        --control http://127.0.0.1:9003/ --rate 500/s --duration 2m"
)]
pub(crate) struct LoadRun {
    /// The URL to send to.
    #[arg(long, value_name = "URL")]
    target: String,
    #[command(flatten)]
    when: When,
    /// The method; POST where there is a body, else GET.
    #[arg(short, long, value_name = "METHOD")]
    method: Option<Method>,
    /// A header; may be given several times.
    #[arg(short = 'H', long = "header", value_name = "NAME:VALUE", value_parser = header)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The body: a text, or `@FILE`.
    #[arg(short = 'd', long = "data", value_name = "TEXT|@FILE")]
    data: Option<String>,
    /// A file with one body a line, sent in turn.
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    body_lines: Option<PathBuf>,
    #[command(flatten)]
    made: Made,
    #[command(flatten)]
    pair: Pair,
    #[command(flatten)]
    knee: FindKnee,
    #[command(flatten)]
    sending: Sending,
}

/// What is spoken to the target.
#[derive(Debug, Args)]
pub(crate) struct Speaking {
    /// Speak HTTP/2: over TLS by ALPN, without it by prior knowledge.
    #[arg(long)]
    http2: bool,
    /// Send unary calls of gRPC: the URL's path is `/package.Service/Method`, a body is one encoded message.
    #[arg(long, conflicts_with = "http2")]
    grpc: bool,
    /// Requests at once on each connection of HTTP/2.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    streams: u16,
    /// A PEM file of the roots that an https target's certificate must lead to, instead of the system's.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The name that an https target's certificate must have, instead of the URL's host.
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,
}

impl Speaking {
    /// The target that `url` names.
    pub(crate) fn target(&self, url: &str) -> Result<Target, Failure> {
        let protocol = match (self.http2, self.grpc) {
            (_, true) => Protocol::Grpc,
            (true, false) => Protocol::Http2,
            (false, false) => Protocol::Http1,
        };
        let speaks = Speaks { protocol, roots: self.ca.clone(), server_name: self.server_name.clone() };
        Target::speaking(url, &speaks).or_exit(Exit::Usage)
    }
}

/// Options of everything that sends.
#[derive(Debug, Args)]
pub(crate) struct Sending {
    #[command(flatten)]
    speaking: Speaking,
    /// Most connections at once.
    #[arg(long, value_name = "N", default_value_t = 256)]
    connections: usize,
    /// Spin for the last 60 µs before a request is due: a core more, for a few microseconds of punctuality.
    #[arg(long)]
    spin: bool,
    /// Time limit of a request, from its intended time.
    #[arg(long, value_name = "DURATION", default_value = "30s")]
    timeout: Span,
    /// Fail unless this holds, such as `p99<50ms`, `errors<0.1%` or `rate>=900/s`; may be given several times.
    #[arg(long = "fail-if", value_name = "CONDITION")]
    thresholds: Vec<Threshold>,
    /// Write response times of every second to this file, as a log that HdrHistogram's tools read.
    #[arg(long, value_name = "FILE")]
    hlog: Option<PathBuf>,
    /// Write the percentile table of response times to this file.
    #[arg(long, value_name = "FILE")]
    hgrm: Option<PathBuf>,
    /// Write the report as a page without anything from outside to this file.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write a line for each request to this file: JTL where its name ends in .jtl or .csv, else JSON.
    #[arg(long, value_name = "FILE")]
    requests: Option<PathBuf>,
    /// Write only each N-th of these lines.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "requests", value_parser = clap::value_parser!(u64).range(1..))]
    requests_every: u64,
    /// How to print the report.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

impl Load {
    pub(crate) fn run(self, global: &Global) -> Outcome {
        match self {
            Self::Run(run) => run.run(global),
            Self::Selftest(selftest) => selftest.run(global),
        }
    }
}

impl LoadRun {
    fn run(self, global: &Global) -> Outcome {
        let target = self.sending.target(&self.target)?;
        let plan = self.when.plan()?;
        // Without a `Host` among the headers there is none to keep, and the target's is sent.
        let rendering = Rendering { keep_host: true, ..Rendering::default() };
        let generator = self.made.generator(&target, |body| self.request(&target, body))?;
        if self.pair.is_wanted() {
            if plan.closed_ns().is_some() {
                let problem =
                    "--candidate needs a plan: in a closed loop a slow build is asked less than the other";
                return Err(Failure::new(Exit::Usage, problem));
            }
            let (requests, from) = match generator {
                Some(generator) => (made::requests(&generator, &plan), "the generator".to_owned()),
                None => self.requests(&target)?,
            };
            return self.pair.run(global, &self.sending, target, &plan, requests, &from);
        }
        let source = match generator {
            Some(generator) => Source::generated(generator, &target, &rendering),
            None => {
                let (requests, from) = self.requests(&target)?;
                Source::new(requests, &target, &rendering, &from)
            }
        };
        let source = source.or_exit(Exit::Usage)?;
        if self.knee.is_wanted() {
            let (rate, duration) = self.when.constant()?;
            return self.knee.run(global, &self.sending, &target, &source, rate, duration);
        }
        let options = self.sending.options();
        self.sending.send(global, &Run { target, plan, source, options })
    }

    fn requests(&self, target: &Target) -> Result<(Vec<Request>, String), Failure> {
        let (bodies, from) = self.bodies()?;
        Ok((bodies.into_iter().map(|body| self.request(target, body)).collect(), from))
    }

    fn bodies(&self) -> Result<(Vec<Bytes>, String), Failure> {
        if let Some(file) = &self.body_lines {
            let text = read(file)?;
            let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
            let bodies = lines.filter(|line| !line.is_empty()).map(Bytes::copy_from_slice).collect();
            return Ok((bodies, file.display().to_string()));
        }
        let body = match self.data.as_deref() {
            None => Bytes::new(),
            Some(text) => match text.strip_prefix('@') {
                Some(file) => read(Path::new(file))?.into(),
                None => Bytes::copy_from_slice(text.as_bytes()),
            },
        };
        Ok((vec![body], "the command line".to_owned()))
    }

    fn request(&self, target: &Target, body: Bytes) -> Request {
        let has_body = self.data.is_some() || self.body_lines.is_some() || self.made.has_body();
        let default = if has_body || self.sending.speaking.grpc { Method::POST } else { Method::GET };
        let host =
            self.headers.iter().find(|(name, _)| name == HOST).and_then(|(_, host)| host.to_str().ok());
        Request {
            method: self.method.clone().unwrap_or(default),
            target: target.path_and_query(),
            authority: host.unwrap_or_default().to_owned(),
            headers: self.headers.iter().cloned().collect(),
            body: Body::whole(body),
        }
    }
}

impl Sending {
    /// The target that `url` names, spoken to as was asked for.
    pub(crate) fn target(&self, url: &str) -> Result<Target, Failure> {
        self.speaking.target(url)
    }

    /// How the engine is to send.
    pub(crate) fn options(&self) -> Options {
        Options {
            connections: self.connections,
            timeout: self.timeout.0,
            spin: self.spin,
            streams: self.speaking.streams.into(),
            ..Options::default()
        }
    }

    /// Carries out a run, showing progress, and prints the report.
    pub(crate) fn send(self, global: &Global, run: &Run) -> Outcome {
        let stop = Stop::default();
        Interrupt::listen_with({
            let stop = stop.clone();
            move || stop.set()
        })?;
        let mut watch = Watch::new(global, run.plan.arrivals(), self.hlog.as_deref())?;
        let report = self.carry_out(global, run, &stop, &mut watch);
        let seconds = watch.finish()?;
        let mut report = report?;
        let held = report.check(&self.thresholds);
        if let Some(file) = &self.hgrm {
            write_table(&report, file)?;
        }
        if let Some(file) = &self.html {
            let written = std::fs::write(file, page(&report, &seconds));
            written.with_context(|| format!("failed to write {}", file.display())).or_exit(Exit::Io)?;
        }
        match self.format {
            Format::Terminal => output::result(&report.summary())?,
            Format::Json => output::json(&report)?,
        }
        Ok(exit(&report, held))
    }

    /// The run, with a line for each request where that was asked for.
    fn carry_out(
        &self,
        global: &Global,
        run: &Run,
        stop: &Stop,
        watch: &mut Watch,
    ) -> Result<LoadReport, Failure> {
        let Some(file) = &self.requests else {
            return parallax_loadgen::run(run, stop, watch).map_err(failed);
        };
        let mut lines = RequestFile::create(file, self.requests_every, &run.target.to_string())?;
        let (report, dropped) =
            run_each(run, stop, watch, &mut |record| lines.write(record)).map_err(failed)?;
        lines.finish(file)?;
        if dropped > 0 {
            note!(global, "warning: {dropped} requests are not in {}: writing was too slow", file.display());
        }
        Ok(report)
    }
}

fn write_table(report: &LoadReport, file: &Path) -> Result<(), Failure> {
    let mut sink = create(file)?;
    write_percentiles(&report.tally.whole_response(), &mut sink)
        .and_then(|()| sink.flush())
        .with_context(|| format!("failed to write {}", file.display()))
        .or_exit(Exit::Io)
}

/// A missed threshold is bad news even from a generator that was late; good news from one is not.
fn exit(report: &LoadReport, held: bool) -> Exit {
    if report.document.partial {
        Exit::Interrupted
    } else if !held {
        Exit::Different
    } else if report.document.integrity.verdict == IntegrityVerdict::Trustworthy {
        Exit::Ok
    } else {
        Exit::Invalid
    }
}

fn failed(error: LoadError) -> Failure {
    let exit = match error {
        LoadError::Unreachable { .. } => Exit::Unavailable,
        LoadError::System { .. } | LoadError::Unbalanced(_) => Exit::Io,
        LoadError::Target(_) | LoadError::Plan(_) | LoadError::Source(_) => Exit::Usage,
    };
    Failure { exit, error: error.into() }
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).with_context(|| format!("failed to read {}", file.display())).or_exit(Exit::Io)
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("write a header as NAME:VALUE")?;
    let name = name.trim().parse::<HeaderName>().map_err(|error| format!("`{name}`: {error}"))?;
    let value = value.trim().parse::<HeaderValue>().map_err(|error| format!("`{value}`: {error}"))?;
    Ok((name, value))
}
