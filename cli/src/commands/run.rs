//! `parallax run`: the embedded default against real services.

use crate::args::Global;
use crate::commands::config::load;
use crate::control::Control;
use crate::embedded::{Embedded, Options};
use crate::exit::{Exit, Outcome};
use crate::interrupt::{Interrupt, Waited};
use crate::output::{self, Format, note};
use crate::summary;
use clap::{Args, ValueEnum};
use parallax_config::{Running, Span};
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::Duration;

/// Proxy, comparator, judge and console in one process, in front of real services.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  parallax run --config config/minimal.toml\n  \
                        parallax run --config parallax.toml --for 10m --capture --format json > verdict.json")]
pub(crate) struct Run {
    /// The configuration.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// End after this time, whatever the verdict is then.
    #[arg(long = "for", value_name = "DURATION")]
    duration: Option<Span>,
    /// When to end; `final` where standard error is no terminal, `forever` where it is one.
    #[arg(long, value_name = "WHEN", value_enum)]
    until: Option<Until>,
    /// Keep every exchange in the log, as a recording that `parallax replay` can send again.
    #[arg(long)]
    capture: bool,
    /// Begin a new run, even if the log has one that was cut off; it counts as another attempt.
    #[arg(long, conflicts_with_all = ["resume", "continues"])]
    fresh: bool,
    /// Go on with a run that was cut off although it names no candidate digest: you vouch for its build.
    #[arg(long, conflicts_with = "continues")]
    resume: bool,
    /// Continue an undecided run of the same build and policy under a new name, with all its evidence.
    #[arg(long = "continue", value_name = "RUN")]
    continues: Option<String>,
    /// How to print the verdict at the end.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

/// When a run ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Until {
    /// When the verdict is final.
    Final,
    /// Never: on Ctrl-C.
    Forever,
}

impl Run {
    pub(crate) fn run(self, global: &Global) -> Outcome {
        let config = load(&self.config, global)?;
        let interrupt = Interrupt::listen()?;
        let options = Options {
            capture: self.capture,
            console: true,
            log: true,
            fresh: self.fresh,
            resume: self.resume,
            continues: self.continues,
        };
        let pipeline = Embedded::start(&config, options)?;
        let control = Control::start(self.config, &config, Running::Trial, pipeline.handle())?;
        note!(global, "proxy    http://{}", pipeline.address());
        if let Some(admin) = control.address() {
            note!(global, "admin    http://{admin}");
        }
        if let Some(console) = pipeline.console() {
            note!(global, "console  http://{console}");
        }
        note!(global, "log      {}", config.log.url);
        for line in pipeline.notes() {
            note!(global, "{line}");
        }
        let until = self.until.unwrap_or_else(|| default_until(self.duration));
        let mut progress = summary::Progress::new(global, None);
        let waited = interrupt.wait_until(self.duration.map(|span| span.0), || {
            if let Some(published) = pipeline.published() {
                progress.show(&published);
            }
            until == Until::Final && pipeline.is_final()
        });
        progress.clear();
        drop(control);
        let finished = pipeline.finish()?;
        let interrupted = waited == Waited::Interrupted;
        match self.format {
            Format::Terminal => output::result(&summary::terminal(&finished.published))?,
            Format::Json => output::json(&summary::document(&finished.published, interrupted))?,
        }
        Ok(if interrupted { Exit::Interrupted } else { summary::exit(&finished.published.verdict) })
    }
}

/// A person at a terminal ends a run with Ctrl-C; a script waits for the verdict.
fn default_until(duration: Option<Span>) -> Until {
    let watched = std::io::stderr().is_terminal() && std::io::stdout().is_terminal();
    if watched || duration.is_some_and(|span| span.0 == Duration::ZERO) {
        Until::Forever
    } else {
        Until::Final
    }
}
