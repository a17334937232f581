//! `parallax verdict`: read, wait for or recompute a verdict.
//!
//! `show` and `wait` read a console, or a log with `--log`; `verify` trusts neither and recomputes.

use crate::args::Global;
use crate::exit::{Exit, Failure, OrExit as _, Outcome};
use crate::http_get::get;
use crate::interrupt::Interrupt;
use crate::output::{self, Format, note};
use crate::report_file::{self, ReportFormat};
use crate::summary;
use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand};
use http::StatusCode;
use parallax_comparator::judge::{Import, judge_tallies};
use parallax_comparator::run::ControlMode;
use parallax_comparator::verdict::Verdict as Document;
use parallax_comparator::verify::{self, Verification, VerifyError};
use parallax_config::{Policy, Span};
use parallax_exchange::log::{self, Reader};
use serde_json::json;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Read, wait for or recompute a verdict.
#[derive(Debug, Subcommand)]
pub(crate) enum Verdict {
    /// Print the verdict as it is now.
    #[command(after_help = "Examples:\n  parallax verdict show --console http://127.0.0.1:8081\n  \
                            parallax verdict show --log parallax-log --tallies > tallies.jsonl")]
    Show(Show),
    /// Wait until the verdict is final; the exit code is the verdict's.
    #[command(after_help = "Examples:\n  parallax verdict wait --deadline 30m\n  \
                            parallax verdict wait --run 2026-11-22T14-02Z-a1b2 --once --format json")]
    Wait(Wait),
    /// Recompute the verdict from the log and compare it with the one that is kept there.
    #[command(after_help = "Examples:\n  parallax verdict verify --log parallax-log\n  \
                            parallax verdict verify --log recording.plx --format json")]
    Verify(Verify),
    /// Judge exported tallies, also somebody else's counters (`parallax.tally/1`).
    #[command(after_help = "Examples:\n  parallax verdict judge tallies.jsonl --policy parallax.toml\n  \
                            parallax verdict show --log parallax-log --tallies | parallax verdict judge -")]
    Judge(Judge),
}

/// Which verdict.
#[derive(Debug, Args)]
struct Which {
    /// The run; the newest when absent.
    #[arg(long, value_name = "ID")]
    run: Option<String>,
    /// The console to ask.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8081")]
    console: String,
}

/// Print the verdict as it is now.
#[derive(Debug, Args)]
pub(crate) struct Show {
    #[command(flatten)]
    which: Which,
    /// Read a log instead of a console.
    #[arg(long, value_name = "DIR")]
    log: Option<PathBuf>,
    /// Print the tallies (`parallax.tally/1`) instead of the verdict; needs `--log`.
    #[arg(long, requires = "log")]
    tallies: bool,
    /// How to print.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: ReportFormat,
}

/// Wait until the verdict is final.
#[derive(Debug, Args)]
pub(crate) struct Wait {
    #[command(flatten)]
    which: Which,
    /// Give up after this time.
    #[arg(long, value_name = "DURATION", default_value = "2h")]
    deadline: Span,
    /// Look once; a run that still waits exits with 20.
    #[arg(long)]
    once: bool,
    /// What the exit code says of an undecided run, for gates that know only pass and fail.
    #[arg(long, value_name = "RESULT", value_enum)]
    on_inconclusive: Option<OnInconclusive>,
    /// How to print.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: ReportFormat,
}

/// What an undecided run counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum OnInconclusive {
    /// Exit code 10.
    Fail,
    /// Exit code 0.
    Pass,
}

/// Recompute the verdict from the log.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The run; the last one of the log when absent.
    #[arg(long, value_name = "ID")]
    run: Option<String>,
    /// The log: a directory, or one segment file.
    #[arg(long, value_name = "DIR", default_value = "parallax-log")]
    log: PathBuf,
    /// How to print.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

impl Verdict {
    pub(crate) fn run(self, global: &Global) -> Outcome {
        match self {
            Self::Show(show) => show.run(),
            Self::Wait(wait) => wait.run(global),
            Self::Verify(verify) => verify.run(global),
            Self::Judge(judge) => judge.run(),
        }
    }
}

impl Show {
    fn run(self) -> Outcome {
        let json = match &self.log {
            None => self.which.fetch(Duration::ZERO)?.ok_or_else(|| self.which.not_ready())?,
            Some(directory) if self.tallies => {
                let mut reader = open(directory)?;
                let mut out = std::io::stdout().lock();
                verify::export_tallies(&mut *reader, self.which.run.as_deref(), &mut out)
                    .map_err(unverifiable)?;
                return Ok(Exit::Ok);
            }
            Some(directory) => {
                let found = recompute(directory, self.which.run.as_deref())?;
                text(found.stored.as_deref().unwrap_or(&found.recomputed))?
            }
        };
        let verdict = parse(&json)?;
        report_file::print(&verdict, &json, self.format)?;
        Ok(summary::exit(&verdict))
    }
}

/// How long one request to the console waits for news.
const LONG_POLL: Duration = Duration::from_secs(20);

/// How long to pause before asking a console again that did not answer or knows no run yet.
const PAUSE: Duration = Duration::from_secs(1);

impl Wait {
    fn run(self, global: &Global) -> Outcome {
        let interrupt = Interrupt::listen()?;
        let until = Instant::now() + self.deadline.0;
        let mut seen = None;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let wait = if self.once { Duration::ZERO } else { left.min(LONG_POLL) };
            match self.which.fetch(wait) {
                Ok(Some(json)) => seen = Some((parse(&json)?, json)),
                Ok(None) if self.once => return Err(self.which.not_ready()),
                Err(failure) if self.once || failure.exit != Exit::Unavailable || left.is_zero() => {
                    return Err(failure);
                }
                Ok(None) | Err(_) => {
                    interrupt.wait_until(Some(PAUSE.min(left)), || false);
                }
            }
            let is_over = self.once || left.is_zero() || interrupt.is_set();
            match &seen {
                Some((verdict, json)) if verdict.is_final || is_over => {
                    report_file::print(verdict, json, self.format)?;
                    let interrupted = interrupt.is_set() && !verdict.is_final;
                    return Ok(if interrupted { Exit::Interrupted } else { self.exit(verdict) });
                }
                None if is_over => return Err(self.which.not_ready()),
                Some((verdict, _)) => note!(global, "{}", verdict.reason),
                None => {}
            }
        }
    }

    fn exit(&self, verdict: &Document) -> Exit {
        match (summary::exit(verdict), self.on_inconclusive) {
            (Exit::Undecided, Some(OnInconclusive::Fail)) => Exit::Different,
            (Exit::Undecided, Some(OnInconclusive::Pass)) => Exit::Ok,
            (exit, _) => exit,
        }
    }
}

impl Verify {
    fn run(self, global: &Global) -> Outcome {
        let found = recompute(&self.log, self.run.as_deref())?;
        for damage in &found.damage {
            note!(global, "warning: {damage}");
        }
        match self.format {
            Format::Terminal => output::result(&describe(&found)?)?,
            Format::Json => output::json(&json!({
                "schema": "parallax.verification/1",
                "run": found.run,
                "equal": found.is_equal(),
                "difference": found.difference.as_ref().map(ToString::to_string),
                "windows": found.windows,
                "recounted": found.recounted,
                "exchanges": found.exchanges,
                "ended": found.is_ended,
                "damage": found.damage,
                "verdict": serde_json::from_slice::<serde_json::Value>(&found.recomputed).or_exit(Exit::Data)?,
            }))?,
        }
        if !found.damage.is_empty() {
            return Ok(Exit::Data);
        }
        Ok(if found.is_equal() { Exit::Ok } else { Exit::Different })
    }
}

/// Judge exported tallies.
#[derive(Debug, Args)]
pub(crate) struct Judge {
    /// The tallies, JSON lines; `-` reads standard input.
    #[arg(value_name = "TALLIES")]
    tallies: PathBuf,
    /// A file with the `[policy]` tables; the tallies' own policy, or the defaults, when absent.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// How to print.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: ReportFormat,
}

impl Judge {
    fn run(self) -> Outcome {
        let policy = self.policy.as_deref().map(|file| Policy::load(file, parallax_config::environment()));
        let policy = policy.transpose().map_err(super::config::refused)?;
        let import = Import { policy, control: ControlMode::Paired };
        let source: Box<dyn BufRead> = if self.tallies == Path::new("-") {
            Box::new(std::io::stdin().lock())
        } else {
            let file = File::open(&self.tallies)
                .with_context(|| format!("failed to open {}", self.tallies.display()))
                .or_exit(Exit::Io)?;
            Box::new(BufReader::new(file))
        };
        let verdict = judge_tallies(source, import).or_exit(Exit::Data)?;
        report_file::print(&verdict, &verdict.to_json(), self.format)?;
        Ok(summary::exit(&verdict))
    }
}

/// What a verification found, in a few lines.
fn describe(found: &Verification) -> Result<String, Failure> {
    let verdict = parse(&text(&found.recomputed)?)?;
    let outcome = match &found.difference {
        None => "the verdict in the log follows from its evidence, byte for byte".to_owned(),
        Some(difference) => format!("the log contradicts itself: {difference}"),
    };
    let ended = if found.is_ended { "" } else { "\n  the run was cut off: the log has no end record" };
    Ok(format!(
        "{outcome}\n  run {}: {}\n  {} windows judged again, {} of them counted again from {} exchanges{ended}\n",
        found.run, verdict.reason, found.windows, found.recounted, found.exchanges,
    ))
}

fn recompute(log: &Path, run: Option<&str>) -> Result<Verification, Failure> {
    let mut reader = open(log)?;
    verify::verify(&mut *reader, run).map_err(unverifiable)
}

fn unverifiable(error: VerifyError) -> Failure {
    let exit = match error {
        VerifyError::Write(error) => return error.into(),
        VerifyError::Log(log::LogError::Io { .. }) => Exit::Io,
        VerifyError::NoRun(_) => Exit::Usage,
        _ => Exit::Data,
    };
    Failure { exit, error: error.into() }
}

/// Opens a log for reading: a directory, a segment file, or a URL as in `log.url`.
pub(crate) fn open(log: &Path) -> Result<Box<dyn Reader>, Failure> {
    let name = log.to_string_lossy();
    let url = if name.contains(':') { name.into_owned() } else { format!("file:{name}") };
    log::open_reader(&url).map_err(|error| {
        let exit = if matches!(error, log::LogError::Io { .. }) { Exit::Io } else { Exit::Data };
        Failure { exit, error: error.into() }
    })
}

impl Which {
    /// The document, or `None` while the console is not ready; waits for news up to `wait`.
    fn fetch(&self, wait: Duration) -> Result<Option<String>, Failure> {
        let run = self.run.as_deref().unwrap_or("latest");
        let query = if wait.is_zero() { String::new() } else { format!("?wait={}s", wait.as_secs().max(1)) };
        let path = format!("/v1/verdicts/{run}{query}");
        let (status, body) = get(&self.console, &path, wait + Duration::from_secs(10))?;
        match status {
            StatusCode::OK => Ok(Some(text(&body)?)),
            StatusCode::SERVICE_UNAVAILABLE => Ok(None),
            StatusCode::NOT_FOUND if self.run.is_none() => Ok(None),
            StatusCode::NOT_FOUND => {
                Err(Failure::new(Exit::Usage, format!("{} knows no run `{run}`", self.console)))
            }
            other => Err(Failure::new(Exit::Unavailable, format!("{} answered {other}", self.console))),
        }
    }

    fn not_ready(&self) -> Failure {
        Failure::new(Exit::Undecided, format!("{} has no verdict yet", self.console))
    }
}

fn parse(json: &str) -> Result<Document, Failure> {
    Document::from_json(json)
        .context("the answer is no verdict document that this build knows")
        .or_exit(Exit::Data)
}

fn text(bytes: &[u8]) -> Result<String, Failure> {
    String::from_utf8(bytes.to_vec())
        .map_err(|_| anyhow!("the verdict document is not text"))
        .or_exit(Exit::Data)
}
