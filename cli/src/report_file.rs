//! A verdict in the formats that CI systems read.

use crate::exit::{Exit, Failure, OrExit as _};
use crate::output;
use anyhow::Context as _;
use clap::ValueEnum;
use parallax_comparator::verdict::Verdict;
use parallax_comparator::verdict::render::{self, Format};
use std::io::Write as _;

/// How a verdict is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ReportFormat {
    /// For people.
    #[default]
    Terminal,
    /// The document as it was published.
    Json,
    /// JUnit XML.
    Junit,
    /// SARIF 2.1.0.
    Sarif,
    /// Markdown.
    Md,
    /// GitHub annotations; step summary and outputs go to the files that GitHub names.
    Github,
    /// GitLab code quality.
    Gitlab,
}

/// Prints `verdict`, whose document is `json`.
pub(crate) fn print(verdict: &Verdict, json: &str, format: ReportFormat) -> Result<(), Failure> {
    let format = match format {
        ReportFormat::Json => return output::result(json),
        ReportFormat::Terminal => Format::Terminal,
        ReportFormat::Junit => Format::Junit,
        ReportFormat::Sarif => Format::Sarif,
        ReportFormat::Md => Format::Md,
        ReportFormat::Github => {
            append("GITHUB_STEP_SUMMARY", &render::step_summary(verdict))?;
            append("GITHUB_OUTPUT", &render::outputs(verdict))?;
            Format::Github
        }
        ReportFormat::Gitlab => Format::Gitlab,
    };
    output::result(&render::render(verdict, format, output::colours()))
}

/// Appends to the file that an environment variable names; nothing where it names none.
fn append(variable: &str, text: &str) -> Result<(), Failure> {
    let Some(file) = std::env::var_os(variable).filter(|name| !name.is_empty()) else { return Ok(()) };
    let open = std::fs::OpenOptions::new().create(true).append(true).open(&file);
    open.and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("failed to append to {} (${variable})", file.to_string_lossy()))
        .or_exit(Exit::Io)
}
