//! The verdict for people and for machines that do not read its JSON: pure functions from the
//! document to text, one format a file.

mod checks;
mod github;
mod gitlab;
mod junit;
mod markdown;
mod sarif;
mod terminal;
mod text;

pub use github::{annotations, outputs, step_summary};
pub use markdown::markdown;
pub(crate) use text::count as short_count;

use super::Verdict;
use serde::{Deserialize, Serialize};

/// How a verdict is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Aligned text, readable at 100 columns.
    Terminal,
    /// The document itself, one line.
    Json,
    /// JUnit XML: a suite for each slice, a case for each check.
    Junit,
    /// SARIF 2.1.0: a result for each culprit and suspect.
    Sarif,
    /// Markdown.
    Md,
    /// GitHub workflow commands; [`step_summary`] and [`outputs`] belong beside them.
    Github,
    /// GitLab's code quality report.
    Gitlab,
}

/// `verdict` as `format`, ended by a newline; `colour` adds ANSI colours to [`Format::Terminal`].
#[must_use]
pub fn render(verdict: &Verdict, format: Format, colour: bool) -> String {
    match format {
        Format::Terminal => terminal::terminal(verdict, colour),
        Format::Json => verdict.to_json() + "\n",
        Format::Junit => junit::junit(verdict),
        Format::Sarif => sarif::sarif(verdict),
        Format::Md => markdown(verdict),
        Format::Github => annotations(verdict),
        Format::Gitlab => gitlab::gitlab(verdict),
    }
}

#[cfg(test)]
mod tests;
