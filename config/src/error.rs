//! What is wrong with a configuration: every problem, its place and its remedy.

use crate::keypath::KeyPath;
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read the configuration {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It was read, but says something that cannot be.
    #[error("{}", describe(path, problems))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// All problems found, in the order of the file; at least one.
        problems: Vec<Problem>,
    },
}

impl ConfigError {
    /// A file whose settings cannot do what they ask for together: each with its key, what is wrong and what to do.
    pub fn unusable(path: &Path, found: impl IntoIterator<Item = [String; 3]>) -> Self {
        let problem = |[key, what, remedy]: [String; 3]| {
            Problem::new(KeyPath::of(&key.split('.').collect::<Vec<_>>()), what, remedy)
        };
        Self::Invalid { path: path.to_owned(), problems: found.into_iter().map(problem).collect() }
    }
}

fn describe(path: &Path, problems: &[Problem]) -> String {
    let count = match problems.len() {
        1 => "1 problem".to_owned(),
        n => format!("{n} problems"),
    };
    let file = path.display();
    let mut text = format!("{count} in the configuration {file}");
    for problem in problems {
        text.push('\n');
        text.push_str(&problem.in_file(path));
    }
    text
}

/// One thing that is wrong, or (as a warning) that deserves a look.
///
/// Prints as `12:7: policy.alpha: what is wrong`, and the remedy on a line of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The key, such as `routes[0].path`; empty for the file as a whole.
    pub path: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
    /// Where the value came from; absent when it is a default or was built in code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    #[serde(skip)]
    pub(crate) at: KeyPath,
}

impl Problem {
    /// The problem as text, its place with the file's name: `parallax.toml:12:7: …`.
    #[must_use]
    pub fn in_file(&self, file: &Path) -> String {
        match self.origin {
            Some(Origin::File { .. }) => format!("{}:{self}", file.display()),
            _ => self.to_string(),
        }
    }

    pub(crate) fn new(at: KeyPath, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { path: at.to_string(), what: what.into(), remedy: remedy.into(), origin: None, at }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            write!(f, "{origin}: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{}", self.what)?;
        if !self.remedy.is_empty() {
            write!(f, "\n    {}", self.remedy)?;
        }
        Ok(())
    }
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum Origin {
    /// A place in the file.
    File {
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
    },
    /// An environment variable.
    Variable {
        /// Its name.
        variable: String,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { line, column } => write!(f, "{line}:{column}"),
            Self::Variable { variable } => f.write_str(variable),
        }
    }
}
