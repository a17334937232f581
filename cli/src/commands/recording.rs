//! `parallax recording`: what is in a recording, in another format, or made whole again.

mod doctor;
mod events;
mod index;

use crate::args::Global;
use crate::exit::{Exit, Failure, OrExit as _, Outcome};
use crate::output::{self, Format, note};
use anyhow::Context as _;
use clap::{Args, Subcommand};
use http::HeaderName;
use parallax_config::CREDENTIAL_HEADERS;
use parallax_exchange::log::LogError;
use parallax_exchange::redact::{Key, Redacted, Redactor};
use parallax_loadgen::recording::{
    self, Converted, GorMode, Reading, RecordingDocument, RecordingError, Spread,
};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Look into a recording, convert or repair it.
#[derive(Debug, Subcommand)]
pub(crate) enum Recording {
    /// Count what is in recordings, and say what is wrong with them.
    #[command(after_help = "Examples:\n  parallax recording inspect parallax-log\n  \
                            parallax recording inspect requests.jsonl --profile auto --format json")]
    Inspect(Inspect),
    /// Write a recording in another format; exchanges stay whole where the format can hold them.
    #[command(after_help = "Examples:\n  parallax recording convert requests.jsonl recording.plx\n  \
                            parallax recording convert session.har shared.plx --pseudonym-key key \
                            --redact credentials --redact 'body:/user/**/email'")]
    Convert {
        /// What to read: a log directory, a segment file, a `.gor` file, a HAR archive, an access log, vegeta's
        /// targets, h2load's timing script, or JSON lines of requests.
        from: String,
        /// The file to write, such as `recording.plr` (native, compressed, with an index), `recording.plx` (native,
        /// a log's segment), `recording.gor.gz` or `recording.har`.
        to: String,
        /// The request header that names the session; recorded as the cluster key.
        #[arg(long, value_name = "NAME")]
        session_header: Option<HeaderName>,
        /// End each `.gor` record at the first mark, as GoReplay does, whatever the message says.
        #[arg(long)]
        lenient: bool,
        /// Replace what lies here by a pseudonym, as `header:NAME`, `cookie:NAME`, `query:NAME`, `body:/POINTER`
        /// or `credentials`; may be given several times.
        #[arg(long = "redact", value_name = "PLACE", requires = "pseudonym_key")]
        redact: Vec<String>,
        /// A file of 16 bytes or more that pseudonyms are made with: the same key gives the same pseudonyms.
        #[arg(long, value_name = "FILE", requires = "redact")]
        pseudonym_key: Option<PathBuf>,
        #[command(flatten)]
        seconds: Seconds,
    },
    /// Find the damage in a native recording or in a packed one, and copy what is whole.
    #[command(after_help = "Examples:\n  parallax recording doctor parallax-log\n  \
                            parallax recording doctor damaged.plx whole.plx")]
    Doctor(doctor::Doctor),
}

/// What to do with times of whole seconds.
#[derive(Debug, Args)]
pub(crate) struct Seconds {
    /// Spread the lines of one second of an access log over it at random, drawn from this seed; evenly
    /// otherwise.
    #[arg(long, value_name = "SEED", conflicts_with = "burst_seconds")]
    spread_seed: Option<u64>,
    /// Keep the lines of one second of an access log together at its beginning.
    #[arg(long)]
    burst_seconds: bool,
}

impl Seconds {
    pub(crate) fn spread(&self) -> Spread {
        match self.spread_seed {
            Some(seed) => Spread::Random { seed },
            None if self.burst_seconds => Spread::Burst,
            None => Spread::Even,
        }
    }
}

/// Count what is in recordings.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// Log directories, segment files, or files of any format that `convert` reads.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// How to print; one document for each file.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
    /// Read the index of packed recordings (`.plr`) alone: at once, however long they are.
    #[arg(long, conflicts_with = "profile")]
    index: bool,
    /// Read the events too: `auto`, or the name of a profile, such as `segment`.
    #[arg(long, value_name = "NAME")]
    profile: Option<events::Choice>,
    /// Write each event as one JSON line: its request, id, name and canonical form.
    #[arg(long, value_name = "FILE", requires = "profile")]
    events: Option<PathBuf>,
}

/// A recording, and its events where they were asked for.
#[derive(Debug, Serialize)]
struct Inspected<'a> {
    #[serde(flatten)]
    recording: &'a RecordingDocument,
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<events::Found>,
}

impl Recording {
    pub(crate) fn run(self, global: &Global) -> Outcome {
        match self {
            Self::Inspect(inspect) => inspect.run(),
            Self::Doctor(doctor) => doctor.run(),
            Self::Convert { from, to, session_header, lenient, redact, pseudonym_key, seconds } => {
                let redactor = redactor(&redact, pseudonym_key.as_deref())?;
                let gor = if lenient { GorMode::Lenient } else { GorMode::Framed };
                let reading = Reading { gor, spread: seconds.spread(), ..Reading::default() };
                let converted =
                    recording::convert(&from, &to, reading, session_header.as_ref(), redactor.as_ref());
                let Converted { written, read, redacted } = converted.map_err(unreadable)?;
                warn(global, &read);
                if redactor.is_some() {
                    let Redacted { values, bodies } = redacted;
                    note!(global, "{values} values and {bodies} whole bodies were replaced");
                }
                note!(global, "{written} exchanges written to {to}");
                Ok(if read.damaged_count > 0 { Exit::Data } else { Exit::Ok })
            }
        }
    }
}

impl Inspect {
    fn run(self) -> Outcome {
        if self.events.is_some() && self.files.len() > 1 {
            let error = anyhow::anyhow!("--events takes the events of one recording; name one FILE");
            return Err(Failure { exit: Exit::Usage, error });
        }
        let mut exit = Exit::Ok;
        if self.index {
            return self.files.iter().try_for_each(|file| index::show(file, self.format)).map(|()| exit);
        }
        for file in &self.files {
            let recording = open(file, Reading::default())?;
            let document = recording.describe();
            let find = |choice| events::find(recording.requests(), choice, self.events.as_deref());
            let events = self.profile.map(find).transpose().or_exit(Exit::Io)?;
            if document.damaged_count > 0 || events.as_ref().is_some_and(|events| !events.is_whole()) {
                exit = Exit::Data;
            }
            match self.format {
                Format::Terminal => {
                    let events = events.as_ref().map(events::Found::describe).unwrap_or_default();
                    output::result(&(describe(file, &document) + &events))?;
                }
                Format::Json => output::json(&Inspected { recording: &document, events })?,
            }
        }
        Ok(exit)
    }
}

fn describe(name: &str, document: &RecordingDocument) -> String {
    let mut text = format!("{name} ({})\n", document.format);
    let mut line = |name: &str, value: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {name:<13}{value}");
    };
    let counts = |counts: Vec<(String, u64)>| {
        counts.into_iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
    };
    let owned = |name: &dyn ToString, count: &u64| (name.to_string(), *count);
    line(
        "requests",
        format!(
            "{} ({})",
            document.requests,
            counts(document.methods.iter().map(|(n, c)| owned(n, c)).collect())
        ),
    );
    line(
        "responses",
        format!(
            "{} ({})",
            document.responses,
            counts(document.status.iter().map(|(n, c)| owned(n, c)).collect())
        ),
    );
    line("replayed", document.replayed.to_string());
    line("hosts", counts(document.hosts.iter().map(|(n, c)| owned(n, c)).collect()));
    if let (Some(first), Some(last)) = (&document.first, &document.last) {
        line("time", format!("{first} to {last}"));
    }
    line("out of order", document.out_of_order.to_string());
    line("duplicates", document.duplicates.to_string());
    line("cut bodies", document.cut.to_string());
    line("no bodies", document.without_body.to_string());
    line("damaged", document.damaged_count.to_string());
    for damage in &document.damaged {
        line("", format!("at byte {}: {}", damage.offset, damage.reason));
    }
    text
}

/// What `--redact` and `--pseudonym-key` ask for.
fn redactor(places: &[String], key: Option<&Path>) -> Result<Option<Redactor>, Failure> {
    let Some(file) = key else { return Ok(None) };
    let place = || format!("failed to read {}", file.display());
    let bytes = std::fs::read(file).with_context(place).or_exit(Exit::Io)?;
    if bytes.len() < 16 {
        let problem = format!(
            "{} holds {} bytes; a key of pseudonyms has 16 or more, such as `head -c 32 /dev/urandom` gives",
            file.display(),
            bytes.len()
        );
        return Err(Failure { exit: Exit::Usage, error: anyhow::anyhow!(problem) });
    }
    let places: Vec<String> = places
        .iter()
        .flat_map(|place| match place.as_str() {
            "credentials" => credentials(),
            place => vec![place.to_owned()],
        })
        .collect();
    Redactor::new(&Key::new(&bytes), places.iter().map(String::as_str)).map(Some).or_exit(Exit::Usage)
}

/// The places of credentials in most services, and every cookie.
fn credentials() -> Vec<String> {
    let headers = CREDENTIAL_HEADERS.map(|name| format!("header:{name}"));
    headers.into_iter().chain(["cookie:*".to_owned()]).collect()
}

/// Reads a recording of any format.
pub(crate) fn open(name: &str, reading: Reading) -> Result<recording::Recording, Failure> {
    recording::open_as(name, reading).map_err(unreadable)
}

/// Says what of a recording will not be sent.
pub(crate) fn warn(global: &Global, document: &RecordingDocument) {
    for (count, what) in [
        (document.damaged_count, "damaged places were stepped over"),
        (document.cut, "requests were cut when they were recorded and are left out"),
        (document.without_body, "requests are left out because the format does not hold their bodies"),
        (document.duplicates, "repeated exchanges are left out"),
    ] {
        if count > 0 {
            note!(global, "warning: {count} {what}; see `parallax recording inspect`");
        }
    }
}

/// A file that cannot be opened is an I/O failure; one that is no recording is bad data.
pub(crate) fn unreadable(error: RecordingError) -> Failure {
    let exit = match &error {
        RecordingError::Io { .. } | RecordingError::Log(LogError::Io { .. }) => Exit::Io,
        RecordingError::Suffix { .. } => Exit::Usage,
        _ => Exit::Data,
    };
    Failure { exit, error: error.into() }
}
