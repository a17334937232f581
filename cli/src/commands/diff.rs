//! `parallax diff`: two files, or two recordings.

mod recordings;

use crate::args::Global;
use crate::exit::{Exit, Failure, OrExit as _, Outcome};
use crate::output;
use anyhow::Context as _;
use clap::{Args, ValueEnum};
use parallax_comparator::compare::Comparer;
use parallax_comparator::diff::{self, Document, Limits, Schema, message, render};
use parallax_config::{Day, Rule};
use parallax_exchange::{Response, Role};
use std::path::{Path, PathBuf};

/// Compare two files, or two recordings joined by request.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  parallax diff old.json new.json\n  \
                        parallax diff old.plx new.plx --rules parallax.toml --format junit")]
pub(crate) struct Diff {
    /// The left side: what is expected. A log directory, a .plx, .gor or .har file is a recording.
    left: PathBuf,
    /// The right side: what came.
    right: PathBuf,
    /// Media type of both files; by their names, then their contents, when absent. `message/http`
    /// reads whole HTTP responses.
    #[arg(long = "type", value_name = "MIME")]
    mime: Option<String>,
    /// A file with `[[rules]]`: what may differ.
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// A protobuf descriptor set (`protoc --include_imports --descriptor_set_out=FILE`): names and
    /// types of the fields in protobuf and gRPC bodies.
    #[arg(long, value_name = "FILE")]
    descriptors: Option<PathBuf>,
    /// Full name of the message in protobuf bodies that do not name it themselves.
    #[arg(long, value_name = "NAME", requires = "descriptors")]
    message: Option<String>,
    /// Whose answers of the left recording are compared.
    #[arg(long, value_enum, default_value_t, value_name = "ROLE")]
    left_role: Recorded,
    /// Whose answers of the right recording are compared. A replayed answer in a .gor file is the
    /// candidate's.
    #[arg(long, value_enum, default_value_t, value_name = "ROLE")]
    right_role: Recorded,
    /// How to print.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

/// How a diff is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Terminal,
    /// The document `parallax.diff/1`.
    Json,
    /// An RFC 6902 patch that turns the left side into the right one (JSON), or a unified diff (text).
    Patch,
    /// A page.
    Html,
    /// A test result.
    Junit,
}

/// Whose answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Recorded {
    #[default]
    Primary,
    Candidate,
    Control,
}

const WHOLE_RESPONSES: &str = "message/http";

impl Diff {
    pub(crate) fn run(self, global: &Global) -> Outcome {
        let rules = match &self.rules {
            Some(file) => Rule::load(file, Day::today()).map_err(super::config::refused)?,
            None => Vec::new(),
        };
        let schema = self.schema()?;
        let are_recordings = [&self.left, &self.right].map(|name| recordings::is_recording(name));
        match are_recordings {
            [true, true] if self.mime.is_none() => self.recordings(global, &rules, schema),
            [false, false] => self.files(&rules, schema.as_ref()),
            _ if self.mime.is_some() => self.files(&rules, schema.as_ref()),
            _ => Err(Failure::new(
                Exit::Usage,
                "one of the two is a recording and the other is not: compare two recordings, or name a --type to compare them as files",
            )),
        }
    }

    fn schema(&self) -> Result<Option<Schema>, Failure> {
        let Some(file) = &self.descriptors else { return Ok(None) };
        let made = Schema::new(&read(file)?, self.message.as_deref());
        made.with_context(|| format!("{} cannot be used", file.display())).or_exit(Exit::Usage).map(Some)
    }

    fn files(&self, rules: &[Rule], schema: Option<&Schema>) -> Outcome {
        let (left, right) = (read(&self.left)?, read(&self.right)?);
        let mime = match &self.mime {
            Some(mime) => mime,
            None => by_name(&self.left).filter(|mime| by_name(&self.right) == Some(mime)).unwrap_or_default(),
        };
        let document = self.compare(&left, &right, mime, rules, schema)?;
        let name = self.right.display().to_string();
        let text = match self.format {
            Format::Terminal => render::terminal(&document, output::colours()),
            Format::Json => render::json(&document),
            Format::Patch => render::patch(&left, &right, mime, rules).or_exit(Exit::Usage)?,
            Format::Html => render::html(&document, &self.left.display().to_string(), &name),
            Format::Junit => render::junit(&document, &name),
        };
        output::result(&text)?;
        Ok(if document.equal { Exit::Ok } else { Exit::Different })
    }

    fn compare(
        &self,
        left: &[u8],
        right: &[u8],
        mime: &str,
        rules: &[Rule],
        schema: Option<&Schema>,
    ) -> Result<Document, Failure> {
        if mime != WHOLE_RESPONSES {
            return diff::files_knowing(left, right, mime, rules, Limits::FILES, schema).or_exit(Exit::Usage);
        }
        let comparer = comparer(rules, schema.cloned())?;
        let (left, right) = (response(&self.left, left)?, response(&self.right, right)?);
        Ok(comparer.compare(None, &left, &right).into())
    }

    fn recordings(&self, global: &Global, rules: &[Rule], schema: Option<Schema>) -> Outcome {
        if self.format == Format::Patch {
            return Err(Failure::new(Exit::Usage, "recordings have no patch: write --format json or html"));
        }
        let comparer = comparer(rules, schema)?;
        let roles = [self.left_role, self.right_role].map(Recorded::role);
        let compared = recordings::compare(global, [&self.left, &self.right], roles, &comparer)?;
        let found = &compared.recordings;
        let tally = &found.exchanges;
        recordings::warn(global, found);
        let (left, right) = (self.left.display().to_string(), self.right.display().to_string());
        output::result(&match self.format {
            Format::Json => render::recordings::json(found),
            Format::Html => render::recordings::html(found, &left, &right),
            Format::Junit => render::recordings::junit(found, &right),
            Format::Terminal | Format::Patch => render::recordings::terminal(found, output::colours()),
        })?;
        let name = |role: Recorded| format!("{role:?}").to_ascii_lowercase();
        if tally.joined == tally.unanswered && tally.missing + tally.extra == 0 {
            let why = format!(
                "nothing was compared: there is no answer of the {} in {left}, nor of the {} in {right}",
                name(self.left_role),
                name(self.right_role),
            );
            return Err(Failure::new(Exit::Data, why));
        }
        Ok(match () {
            () if found.partial => Exit::Interrupted,
            () if compared.damaged > 0 => Exit::Data,
            () if found.equal => Exit::Ok,
            () => Exit::Different,
        })
    }
}

impl Recorded {
    fn role(self) -> Role {
        match self {
            Self::Primary => Role::Primary,
            Self::Candidate => Role::Candidate,
            Self::Control => Role::Control,
        }
    }
}

fn comparer(rules: &[Rule], schema: Option<Schema>) -> Result<Comparer, Failure> {
    let comparer = Comparer::new(rules, &[]).or_exit(Exit::Usage)?.with_limits(Limits::FILES);
    Ok(match schema {
        Some(schema) => comparer.with_schema(schema.into()),
        None => comparer,
    })
}

/// The media type that a file's name promises, where its first bytes would not tell it.
fn by_name(file: &Path) -> Option<&'static str> {
    Some(match file.extension()?.to_str()? {
        "json" => "application/json",
        "ndjson" | "jsonl" => "application/x-ndjson",
        "csv" => "text/csv",
        "tsv" => "text/tab-separated-values",
        "cbor" => "application/cbor",
        "msgpack" => "application/msgpack",
        "pb" | "binpb" => "application/x-protobuf",
        "sse" => "text/event-stream",
        "http" => WHOLE_RESPONSES,
        "txt" | "log" | "md" => "text/plain",
        "html" | "htm" => "text/html",
        "xml" => "application/xml",
        _ => return None,
    })
}

fn response(file: &Path, bytes: &[u8]) -> Result<Response, Failure> {
    message::response(bytes)
        .with_context(|| format!("{} is no HTTP response", file.display()))
        .or_exit(Exit::Data)
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).with_context(|| format!("failed to read {}", file.display())).or_exit(Exit::Io)
}
