//! `parallax compare`: the judge of exchanges that proxies wrote to Kafka.

use crate::args::Global;
use crate::commands::config::load;
use crate::commands::outputs::topics::failure;
use crate::embedded::whole_run;
use crate::exit::{Exit, Failure, Outcome};
use crate::interrupt::Interrupt;
use crate::output::{self, Format, note};
use crate::summary;
use clap::{Args, ValueEnum};
use parallax_config::Span;
use parallax_pipeline::{KafkaUrl, Moment, Work, work};
use std::path::PathBuf;
use std::time::Instant;

/// The judge alone: reads exchanges from the log's topics, compares them, and publishes the verdict.
///
/// Judges of one group make one verdict: one of them leads, the others take over where it ends. A judge
/// that is killed loses nothing and counts nothing twice.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  parallax compare --config parallax.toml\n  \
                        parallax compare --config other-rules.toml --group again --from 2026-11-23T10:00:00Z \
                        --until end --format json")]
pub(crate) struct Compare {
    /// The configuration; `log.url` is `kafka://HOST:PORT/NAME`.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The consumer group. Another group judges the same exchanges by itself.
    #[arg(long, value_name = "NAME", default_value = "parallax")]
    group: String,
    /// A name that this member keeps over restarts, such as that of its pod.
    #[arg(long, value_name = "NAME")]
    member: Option<String>,
    /// Begin a new run here: an offset, or a time such as 2026-11-23T10:00:00Z. Where the group's run before
    /// ended, or at the oldest record, when absent.
    #[arg(long, value_name = "MOMENT", value_parser = Moment::read)]
    from: Option<Moment>,
    /// When to end.
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Until::Final)]
    until: Until,
    /// A proxy that says nothing for this long is not waited for any more.
    #[arg(long, value_name = "DURATION", default_value = "60s")]
    idle: Span,
    /// Stop after this time; another judge of the group can go on then.
    #[arg(long = "for", value_name = "DURATION")]
    duration: Option<Span>,
    /// How to print the verdict at the end.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

/// When to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Until {
    /// When the verdict is final.
    Final,
    /// At the latest when every proxy has closed and everything is read.
    End,
}

impl Compare {
    pub(crate) fn run(self, global: &Global) -> Outcome {
        let config = load(&self.config, global)?;
        let mut url: KafkaUrl = config.log.url.parse().map_err(failure)?;
        url.from = self.from.or(url.from);
        let interrupt = Interrupt::listen()?;
        // Made before anything is written: a descriptor file that is missing is found now.
        let run = whole_run(&config)?;
        note!(global, "log      {}", url.place());
        note!(global, "group    {}", self.group);
        let how = Work {
            url,
            group: self.group,
            member: self.member,
            idle: self.idle.0,
            until_end: self.until == Until::End,
        };
        let started = Instant::now();
        let is_over = || self.duration.is_some_and(|span| started.elapsed() >= span.0);
        let mut progress = summary::Progress::new(global, None);
        let worked = work(&how, &mut || run.clone(), &|| interrupt.is_set() || is_over(), &mut |published| {
            progress.show(published);
        });
        progress.clear();
        let worked = worked.map_err(failure)?;
        let counts = worked.counts;
        note!(
            global,
            "read     {} exchanges, {} repeats, {} missing, {} damaged, {} cuts",
            counts.exchanges,
            counts.repeats,
            counts.missing,
            counts.damaged,
            counts.cuts
        );
        let Some(published) = worked.published else {
            let code = if interrupt.is_set() { Exit::Interrupted } else { Exit::Undecided };
            return Err(Failure::new(code, "stopped while another judge of the group was leading"));
        };
        match self.format {
            Format::Terminal => output::result(&summary::terminal(&published))?,
            Format::Json => output::json(&summary::document(&published, !worked.is_over))?,
        }
        Ok(if interrupt.is_set() { Exit::Interrupted } else { summary::exit(&published.verdict) })
    }
}
