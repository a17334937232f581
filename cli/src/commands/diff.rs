//! `parallax diff`: two files.

use crate::args::Global;
use crate::exit::{Exit, Failure, OrExit as _, Outcome};
use crate::output;
use anyhow::Context as _;
use clap::{Args, ValueEnum};
use parallax_comparator::compare::Comparer;
use parallax_comparator::diff::{self, Document, message, render};
use parallax_config::{Day, Rule};
use parallax_exchange::Response;
use std::path::{Path, PathBuf};

/// Compare two files.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  parallax diff old.json new.json\n  \
                        parallax diff old.http new.http --type message/http --rules parallax.toml --format json")]
pub(crate) struct Diff {
    /// The left side: what is expected.
    left: PathBuf,
    /// The right side: what came.
    right: PathBuf,
    /// Media type of both; found by the files' names and contents when absent. `message/http` reads
    /// whole HTTP responses.
    #[arg(long = "type", value_name = "MIME", default_value = "")]
    mime: String,
    /// A file with `[[rules]]`: what may differ.
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
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
    /// An RFC 6902 patch that turns the left side into the right one (JSON only).
    Patch,
    /// A page.
    Html,
    /// A test result.
    Junit,
}

const WHOLE_RESPONSES: &str = "message/http";

impl Diff {
    pub(crate) fn run(self, _global: &Global) -> Outcome {
        let (left, right) = (read(&self.left)?, read(&self.right)?);
        let rules = match &self.rules {
            Some(file) => Rule::load(file, Day::today()).map_err(super::config::refused)?,
            None => Vec::new(),
        };
        let document = self.compare(&left, &right, &rules)?;
        let name = self.right.display().to_string();
        let text = match self.format {
            Format::Terminal => render::terminal(&document, output::colours()),
            Format::Json => render::json(&document),
            Format::Patch => render::patch(&left, &right, &self.mime, &rules).or_exit(Exit::Usage)?,
            Format::Html => render::html(&document, &self.left.display().to_string(), &name),
            Format::Junit => render::junit(&document, &name),
        };
        output::result(&text)?;
        Ok(if document.equal { Exit::Ok } else { Exit::Different })
    }

    fn compare(&self, left: &[u8], right: &[u8], rules: &[Rule]) -> Result<Document, Failure> {
        if self.mime != WHOLE_RESPONSES {
            return diff::files(left, right, &self.mime, rules).or_exit(Exit::Usage);
        }
        let comparer = Comparer::new(rules, &[]).or_exit(Exit::Usage)?;
        let (left, right) = (response(&self.left, left)?, response(&self.right, right)?);
        Ok(comparer.compare(None, &left, &right).into())
    }
}

fn response(file: &Path, bytes: &[u8]) -> Result<Response, Failure> {
    message::response(bytes)
        .with_context(|| format!("{} is no HTTP response", file.display()))
        .or_exit(Exit::Data)
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).with_context(|| format!("failed to read {}", file.display())).or_exit(Exit::Io)
}
