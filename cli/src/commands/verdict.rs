//! `parallax verdict`: read, wait for or recompute a verdict.
//!
//! `show` and `wait` read a console, or a log with `--log`; `verify` trusts neither and recomputes, or
//! checks a signature with `--key`.

mod cells;
mod progress;
pub(crate) mod sign;

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
use parallax_comparator::judge::{Import, OfflineError, Streamed, judge_ordered_tallies, judge_tallies};
use parallax_comparator::run::ControlMode;
use parallax_comparator::slice::Slice;
use parallax_comparator::verdict::{SliceDocument, Verdict as Document};
use parallax_comparator::verify::{self, Verification, VerifyError};
use parallax_config::{Policy, Span};
use parallax_exchange::log::{self, Reader};
use serde_json::json;
use std::fs::{File, Metadata};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use url::form_urlencoded;

/// Read, wait for or recompute a verdict.
#[derive(Debug, Subcommand)]
pub(crate) enum Verdict {
    /// Print the verdict as it is now.
    #[command(after_help = "Examples:\n  parallax verdict show --console http://127.0.0.1:8081\n  \
                            parallax verdict show --log parallax-log --tallies > tallies.jsonl\n  \
                            parallax verdict show --cells deploy/cells.toml --before-wave 2")]
    Show(Show),
    /// Wait until the verdict is final; the exit code is the verdict's.
    #[command(after_help = "Examples:\n  parallax verdict wait --deadline 30m\n  \
                            parallax verdict wait --candidate sha256:5f0c… --once --format json")]
    Wait(Wait),
    /// Recompute the verdict from the log and compare it with the one that is kept there; or, with
    /// `--key`, check a document's signature offline and exit with its verdict.
    #[command(after_help = "Examples:\n  parallax verdict verify --log parallax-log\n  \
                            parallax verdict verify --key parallax-signing.pub --document verdict.json \
                            --candidate sha256:5f0c…")]
    Verify(Verify),
    /// Sign a verdict document; the signature goes to a file of its own.
    #[command(after_help = "Examples:\n  parallax verdict sign verdict.json --key parallax-signing.pem\n  \
                            parallax verdict sign verdict.json --key key.pem --output verdict.sig")]
    Sign(sign::Sign),
    /// Make a pair of signing keys (ed25519) and print the name of the new key.
    #[command(after_help = "Examples:\n  parallax verdict keygen\n  \
                            parallax verdict keygen --private /etc/parallax/signing.pem --public signing.pub")]
    Keygen(sign::Keygen),
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
    /// The candidate's digest: a verdict about another build is not taken. Without `--run`, the newest
    /// run of this digest.
    #[arg(long, value_name = "DIGEST")]
    candidate: Option<String>,
    /// The console to ask.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8081")]
    console: String,
    /// The verdict of this region alone, where the run keeps evidence of it (`[[policy.slices]]`).
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// The verdict of this shard alone, or of a region's shard.
    #[arg(long, value_name = "SHARD")]
    shard: Option<String>,
}

/// Where a copy goes.
#[derive(Debug, Args)]
struct Save {
    /// Keep the document byte for byte in FILE, and its signature, where the console signs, in FILE.sig.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
}

/// Print the verdict as it is now.
#[derive(Debug, Args)]
pub(crate) struct Show {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    save: Save,
    #[command(flatten)]
    cells: cells::CellsArgs,
    /// Read a log instead of a console.
    #[arg(long, value_name = "DIR")]
    log: Option<PathBuf>,
    /// Print the tallies (`parallax.tally/1`) instead of the verdict; needs `--log`.
    #[arg(long, requires = "log", conflicts_with_all = ["region", "shard"])]
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
    #[command(flatten)]
    save: Save,
    #[command(flatten)]
    cells: cells::CellsArgs,
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
    /// Check a signature instead, by this public key (SPKI PEM); given twice, either may have signed.
    #[arg(long, value_name = "FILE", requires = "document", conflicts_with_all = ["log", "run"])]
    key: Vec<PathBuf>,
    /// The document that was signed.
    #[arg(long, value_name = "FILE", requires = "key")]
    document: Option<PathBuf>,
    /// Its signature; DOCUMENT.sig when absent.
    #[arg(long, value_name = "FILE", requires = "key")]
    signature: Option<PathBuf>,
    /// The digest that is about to be shipped: a verdict about another one exits with 10.
    #[arg(long, value_name = "DIGEST", requires = "key")]
    candidate: Option<String>,
    /// How to print.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

impl Verdict {
    pub(crate) fn run(self, global: &Global) -> Outcome {
        match self {
            Self::Show(show) => show.run(global),
            Self::Wait(wait) => wait.run(global),
            Self::Verify(verify) => verify.run(global),
            Self::Sign(sign) => sign.run(global),
            Self::Keygen(keygen) => keygen.run(global),
            Self::Judge(judge) => judge.run(global),
        }
    }
}

impl Show {
    fn run(self, global: &Global) -> Outcome {
        if let Some(cells) = self.cells.read()? {
            let found = cells.ask(self.which.candidate.as_deref(), &self.which.slice())?;
            cells::print(&found, self.format)?;
            return Ok(cells::exit(&found));
        }
        let fetched = match &self.log {
            None => self.which.fetch(Duration::ZERO)?.ok_or_else(|| self.which.not_ready())?,
            Some(directory) if self.tallies => {
                let mut reader = open(directory)?;
                let mut out = std::io::stdout().lock();
                verify::export_tallies(&mut *reader, self.which.run.as_deref(), &mut out)
                    .map_err(unverifiable)?;
                return Ok(Exit::Ok);
            }
            Some(directory) => {
                let found = recompute(directory, self.which.run.as_deref(), global)?;
                let json = text(found.stored.as_deref().unwrap_or(&found.recomputed))?;
                Fetched { json: self.which.part_of(json)?, signature: None }
            }
        };
        let verdict = parse(&fetched.json)?;
        self.save.keep(&fetched)?;
        report_file::print(&verdict, &fetched.json, self.format)?;
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
        if let Some(cells) = self.cells.read()? {
            return self.wait_for_cells(global, &cells, &interrupt, until);
        }
        let mut seen = None;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let wait = if self.once { Duration::ZERO } else { left.min(LONG_POLL) };
            match self.which.fetch(wait) {
                Ok(Some(fetched)) => seen = Some((parse(&fetched.json)?, fetched)),
                Ok(None) if self.once => return Err(self.which.not_ready()),
                Err(_) if seen.is_none() && interrupt.is_set() => return Err(interrupted()),
                Err(failure) if self.once || failure.exit != Exit::Unavailable || left.is_zero() => {
                    return Err(failure);
                }
                Ok(None) | Err(_) => {
                    interrupt.wait_until(Some(PAUSE.min(left)), || false);
                }
            }
            let is_over = self.once || left.is_zero() || interrupt.is_set();
            match &seen {
                Some((verdict, fetched)) if verdict.is_final || is_over => {
                    self.save.keep(fetched)?;
                    report_file::print(verdict, &fetched.json, self.format)?;
                    let interrupted = interrupt.is_set() && !verdict.is_final;
                    return Ok(if interrupted { Exit::Interrupted } else { self.exit(verdict) });
                }
                None if interrupt.is_set() => return Err(interrupted()),
                None if is_over => return Err(self.which.not_ready()),
                Some((verdict, _)) => note!(global, "{}", verdict.reason),
                None => {}
            }
        }
    }

    /// Asks every cell again and again until they are decided together.
    fn wait_for_cells(
        &self,
        global: &Global,
        cells: &cells::Asked,
        interrupt: &Interrupt,
        until: Instant,
    ) -> Outcome {
        loop {
            let found = cells.ask(self.which.candidate.as_deref(), &self.which.slice())?;
            let left = until.saturating_duration_since(Instant::now());
            if found.is_final || self.once || left.is_zero() || interrupt.is_set() {
                cells::print(&found, self.format)?;
                let interrupted = interrupt.is_set() && !found.is_final;
                return Ok(if interrupted { Exit::Interrupted } else { self.gate(cells::exit(&found)) });
            }
            note!(global, "{}", found.reason);
            interrupt.wait_until(Some(cells::PAUSE.min(left)), || false);
        }
    }

    fn exit(&self, verdict: &Document) -> Exit {
        self.gate(summary::exit(verdict))
    }

    fn gate(&self, exit: Exit) -> Exit {
        match (exit, self.on_inconclusive) {
            (Exit::Undecided, Some(OnInconclusive::Fail)) => Exit::Different,
            (Exit::Undecided, Some(OnInconclusive::Pass)) => Exit::Ok,
            (exit, _) => exit,
        }
    }
}

/// A gate that was told to stop says so, and not that its console is down.
fn interrupted() -> Failure {
    Failure::new(Exit::Interrupted, "interrupted before the console told a verdict")
}

impl Save {
    fn keep(&self, fetched: &Fetched) -> Result<(), Failure> {
        let Some(file) = &self.save else { return Ok(()) };
        sign::write(file, fetched.json.as_bytes())?;
        let signature = sign::beside(file);
        match &fetched.signature {
            Some(line) => sign::write(&signature, format!("{line}\n").as_bytes()),
            // The signature of an older document would not hold for this one.
            None if signature.exists() => Err(Failure::new(
                Exit::Io,
                format!(
                    "{} is old: the document that was saved has no signature; remove it",
                    signature.display()
                ),
            )),
            None => Ok(()),
        }
    }
}

impl Verify {
    fn run(self, global: &Global) -> Outcome {
        if let Some(document) = &self.document {
            return sign::verify(&self, document, global);
        }
        let found = recompute(&self.log, self.run.as_deref(), global)?;
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
    fn run(self, global: &Global) -> Outcome {
        let policy = self.policy.as_deref().map(|file| Policy::load(file, parallax_config::environment()));
        let policy = policy.transpose().map_err(super::config::refused)?;
        let import = Import { policy, control: ControlMode::Paired };
        let judged = self.judge(import, global)?;
        report_file::print(&judged.verdict, &judged.verdict.to_json(), self.format)?;
        Ok(if judged.is_interrupted { Exit::Interrupted } else { summary::exit(&judged.verdict) })
    }

    /// Judges a file while it is read, where its order allows that; whatever else is read whole.
    fn judge(&self, import: Import, global: &Global) -> Result<Streamed, Failure> {
        let whole = |source: &mut dyn BufRead, import| {
            let verdict = judge_tallies(source, import).or_exit(Exit::Data)?;
            Ok(Streamed { verdict, is_interrupted: false })
        };
        if self.tallies == Path::new("-") {
            return whole(&mut std::io::stdin().lock(), import);
        }
        let open = || {
            let file = File::open(&self.tallies);
            file.with_context(|| format!("failed to open {}", self.tallies.display())).or_exit(Exit::Io)
        };
        let file = open()?;
        // What is no file, such as a pipe, cannot be opened a second time.
        let Some(bytes) = file.metadata().ok().filter(Metadata::is_file).map(|found| found.len()) else {
            return whole(&mut BufReader::new(file), import);
        };
        let (bar, interrupt) = (progress::of_bytes(global, bytes), Interrupt::listen()?);
        let judged = judge_ordered_tallies(BufReader::new(file), import.clone(), |at| {
            bar.set_position(at.bytes);
            bar.set_message(format!("{} windows", at.windows));
            !interrupt.is_set()
        });
        bar.finish_and_clear();
        match judged {
            Err(OfflineError::Order { .. }) => whole(&mut BufReader::new(open()?), import),
            judged => judged.or_exit(Exit::Data),
        }
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

fn recompute(log: &Path, run: Option<&str>, global: &Global) -> Result<Verification, Failure> {
    let mut reader = open(log)?;
    let (bar, interrupt) = (progress::of_windows(global), Interrupt::listen()?);
    let found = verify::verify_while(&mut *reader, run, |windows| {
        bar.set_position(windows);
        !interrupt.is_set()
    });
    bar.finish_and_clear();
    found.map_err(unverifiable)
}

fn unverifiable(error: VerifyError) -> Failure {
    let exit = match error {
        VerifyError::Write(error) => return error.into(),
        VerifyError::Log(log::LogError::Io { .. }) => Exit::Io,
        VerifyError::NoRun(_) => Exit::Usage,
        VerifyError::Stopped { .. } => Exit::Interrupted,
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

/// What a console answered.
#[derive(Debug)]
struct Fetched {
    /// The document, byte for byte.
    json: String,
    /// Its signature in base64, where the console signs.
    signature: Option<String>,
}

impl Which {
    /// The slice that is asked for; everything where no label is given.
    fn slice(&self) -> Slice {
        let labels = [("region", &self.region), ("shard", &self.shard)];
        let given = labels.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
        given.collect()
    }

    /// Of a run's document the part that is asked for, as a console would answer.
    ///
    /// # Errors
    /// A document about another candidate, or a slice that the run keeps no evidence of.
    fn part_of(&self, json: String) -> Result<String, Failure> {
        let verdict = parse(&json)?;
        if let Some(wanted) = &self.candidate
            && verdict.candidate.digest.as_deref() != Some(wanted)
        {
            let why = format!("run `{}` is not about {wanted}", verdict.run);
            return Err(Failure::new(Exit::Different, why));
        }
        let slice = self.slice();
        if slice.is_all() {
            return Ok(json);
        }
        let part = verdict.of_slice(&slice).ok_or_else(|| {
            let why =
                format!("run `{}` keeps no evidence of {slice}; name it in `[[policy.slices]]`", verdict.run);
            Failure::new(Exit::Usage, why)
        })?;
        serde_json::to_string(&SliceDocument { verdict: &part, slice: &slice }).or_exit(Exit::Data)
    }

    /// The document, or `None` while the console is not ready; waits for news up to `wait`.
    fn fetch(&self, wait: Duration) -> Result<Option<Fetched>, Failure> {
        let run = self.run.as_deref().unwrap_or("latest");
        let mut query = form_urlencoded::Serializer::new(String::new());
        if let Some(digest) = &self.candidate {
            query.append_pair("candidate", digest);
        }
        for (name, value) in [("region", &self.region), ("shard", &self.shard)] {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        if !wait.is_zero() {
            query.append_pair("wait", &format!("{}s", wait.as_secs().max(1)));
        }
        let path = format!("/v1/verdicts/{run}?{}", query.finish());
        let answer = get(&self.console, &path, wait + Duration::from_secs(10))?;
        match answer.status {
            StatusCode::OK => {
                let signature = answer.headers.get(parallax_console::SIGNATURE_HEADER);
                let signature = signature.and_then(|value| value.to_str().ok()).map(str::to_owned);
                Ok(Some(Fetched { json: text(&answer.body)?, signature }))
            }
            StatusCode::SERVICE_UNAVAILABLE => Ok(None),
            // A slice that a run does not know, or a run that is not there yet: its own words tell which.
            StatusCode::NOT_FOUND if self.region.is_some() || self.shard.is_some() => {
                let problem: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
                let told = problem["error"].as_str().unwrap_or("it knows no such verdict");
                Err(Failure::new(Exit::Usage, format!("{}: {told}", self.console)))
            }
            StatusCode::NOT_FOUND if self.run.is_none() => Ok(None),
            StatusCode::NOT_FOUND => {
                Err(Failure::new(Exit::Usage, format!("{} knows no run `{run}`", self.console)))
            }
            StatusCode::CONFLICT => Err(Failure::new(
                Exit::Different,
                format!("run `{run}` is not about {}", self.candidate.as_deref().unwrap_or("this candidate")),
            )),
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
