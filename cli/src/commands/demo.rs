//! `parallax demo`: the whole loop in one process on bundled traffic.
//!
//! Three sample collectors stand for the primary, the control and a candidate with a planted fault;
//! everything between them and the verdict is what `parallax run` uses.

use crate::args::Global;
use crate::embedded::{Embedded, Finished, Options};
use crate::exit::{Exit, Failure, OrExit as _, Outcome};
use crate::interrupt::{Interrupt, Waited};
use crate::output::{self, Format, note};
use crate::summary;
use anyhow::Context as _;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use parallax_config::{Config, Day, Span};
use parallax_loadgen::collector::{Collector, Fault, Handle};
use parallax_loadgen::plan::Pace;
use parallax_loadgen::recording::Extent;
use parallax_loadgen::{LoadError, LoadReport, Options as LoadOptions, Rate, Rendering, Stop, Target, demo};
use serde_json::json;
use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::Duration;

/// What the demo validates, and by which policy.
const CONFIG: &str = include_str!("demo.toml");

/// Run the whole loop in one process on bundled traffic with a planted regression.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  parallax demo\n  parallax demo --regression none --format json\n\n\
                        The policy is printed in the verdict; the exit code is the verdict's.")]
pub(crate) struct Demo {
    /// What is wrong with the candidate.
    #[arg(long, default_value_t = Fault::Field, value_name = "FAULT", value_parser = fault())]
    regression: Fault,
    /// Give up after this many seconds without a verdict.
    #[arg(long, default_value_t = 55, value_name = "N", value_parser = clap::value_parser!(u64).range(10..=3600))]
    seconds: u64,
    /// Where to serve the console.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDR")]
    console: SocketAddr,
    /// Serve no console.
    #[arg(long, conflicts_with = "keep_open")]
    headless: bool,
    /// Keep the console open after the verdict, until Ctrl-C.
    #[arg(long)]
    keep_open: bool,
    /// How to print the verdict.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

impl Demo {
    pub(crate) fn run(self, global: &Global) -> Outcome {
        let interrupt = Interrupt::listen()?;
        let collectors = Collectors::start(self.regression)?;
        let config = self.config(&collectors);
        let options = Options { console: !self.headless, ..Options::default() };
        let pipeline = Embedded::start(&config, options)?;
        self.announce(global, &pipeline);
        let traffic = Traffic::start(pipeline.address(), Duration::from_secs(self.seconds))?;
        let limit = Duration::from_secs(self.seconds) + config.policy.seal_delay().0 + config.policy.window.0;
        let mut progress = summary::Progress::new(global, Some(limit));
        let waited = interrupt.wait_until(Some(limit), || {
            if let Some(published) = pipeline.published() {
                progress.show(&published);
            }
            pipeline.is_final()
        });
        progress.clear();
        let load = traffic.stop()?;
        let finished = pipeline.finish()?;
        self.print(&finished, &load, waited)?;
        if let (true, Some(console)) = (self.keep_open, &finished.console) {
            note!(global, "the console stays open at http://{}; Ctrl-C ends it", console.address());
            interrupt.wait_until(None, || false);
        }
        Ok(match waited {
            Waited::Interrupted => Exit::Interrupted,
            _ => summary::exit(&finished.published.verdict),
        })
    }

    /// The demo's configuration with the addresses and the time of this run.
    fn config(&self, collectors: &Collectors) -> Config {
        let mut config = Config::parse(CONFIG, "demo.toml", [], Day::today())
            .expect("a test parses the demo's configuration")
            .config;
        let url = |handle: &Handle| format!("http://{}", handle.address());
        config.roles.primary.url = url(&collectors.primary);
        for (role, handle) in [
            (&mut config.roles.candidate, &collectors.candidate),
            (&mut config.roles.control, &collectors.control),
        ] {
            role.as_mut().expect("the demo's configuration has every role").url = url(handle);
        }
        config.console.address = self.console;
        config.policy.deadline = Span::secs(self.seconds);
        config
    }

    fn announce(&self, global: &Global, pipeline: &Embedded) {
        note!(global, "planted  {}", self.regression);
        note!(global, "proxy    http://{}", pipeline.address());
        if let Some(console) = pipeline.console() {
            note!(global, "console  http://{console}");
        }
    }

    fn print(&self, finished: &Finished, load: &LoadReport, waited: Waited) -> Result<(), Failure> {
        let published = &finished.published;
        match self.format {
            Format::Terminal => output::result(&summary::terminal(published)),
            Format::Json => {
                let mut document = summary::document(published, waited == Waited::Interrupted);
                document["demo"] = json!({
                    "regression": self.regression.name(),
                    "expected_path": self.regression.expected_path(),
                    "load": load,
                });
                output::json(&document)
            }
        }
    }
}

/// The names of the faults, so that `--help` lists them.
fn fault() -> impl TypedValueParser<Value = Fault> {
    PossibleValuesParser::new(Fault::ALL.map(Fault::name))
        .map(|name| name.parse::<Fault>().expect("the names are those of the faults"))
}

/// The three deployments.
struct Collectors {
    primary: Handle,
    candidate: Handle,
    control: Handle,
}

impl Collectors {
    fn start(fault: Fault) -> Result<Self, Failure> {
        let start = |fault: Fault, seed: u64| {
            Collector::start(SocketAddr::from(([127, 0, 0, 1], 0)), fault, seed)
                .context("failed to start a sample collector on 127.0.0.1")
                .or_exit(Exit::Io)
        };
        Ok(Self {
            primary: start(fault.of_baseline(), 1)?,
            candidate: start(fault, 2)?,
            control: start(fault.of_baseline(), 3)?,
        })
    }
}

/// Requests per second: some 340 sessions a second, a few per cent of what one core can mirror.
const RATE: u64 = 500;

/// The bundled recording, sent again and again on a thread of its own.
struct Traffic {
    stop: Stop,
    thread: JoinHandle<Result<LoadReport, LoadError>>,
}

impl Traffic {
    fn start(proxy: SocketAddr, duration: Duration) -> Result<Self, Failure> {
        let recording = demo::recording().or_exit(Exit::Data)?;
        let target = Target::parse(&format!("http://{proxy}")).or_exit(Exit::Usage)?;
        let rate = Rate::of_second(RATE).expect("the rate is not zero");
        let rendering = Rendering { lap_header: Some(demo::SESSION_HEADER), ..Rendering::default() };
        let run = recording
            .replay(target, Pace::Rate(rate), Extent::Lasting(duration), &rendering, LoadOptions::default())
            .or_exit(Exit::Usage)?;
        let stop = Stop::default();
        let stopped = stop.clone();
        let thread = std::thread::Builder::new()
            .name("load".to_owned())
            .spawn(move || parallax_loadgen::run(&run, &stopped, &mut ()))?;
        Ok(Self { stop, thread })
    }

    /// Ends the traffic; what is in flight is given up by the client, which the mirror must bear.
    fn stop(self) -> Result<LoadReport, Failure> {
        self.stop.set();
        let report = self.thread.join().map_err(|_| Failure::new(Exit::Io, "the load generator panicked"))?;
        report.context("failed to send the demo's traffic").or_exit(Exit::Io)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_of_the_demo_can_be_used() {
        let loaded = Config::parse(CONFIG, "demo.toml", [], Day::today()).unwrap();
        assert_eq!(loaded.warnings, []);
    }
}
