//! Parse, override, validate, build: from a file to a configuration that can be used.
//!
//! Why no layered-config crate: figment, the best known, has had no release for over a year and its
//! question about maintenance is unanswered; and every such crate merges its layers into values that
//! have forgotten their line and column, which is what a person with a mistake needs most. There are
//! two layers here, a file and the environment. `toml` keeps the place of every key, `serde` builds
//! the types, and one map from key path to place serves both layers.

use crate::document::Document;
use crate::error::{ConfigError, Problem};
use crate::keypath::KeyPath;
use crate::{Config, Day, Policy, Rule, env, shape};
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// A configuration that was read, and what to say about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The file.
    pub path: PathBuf,
    /// What it says, overrides applied.
    pub config: Config,
    /// What deserves a look though it can be used.
    pub warnings: Vec<Problem>,
}

impl Config {
    /// Reads a file, applies the overrides of the environment ([`environment`](crate::environment)) and validates.
    ///
    /// `today` decides which rules have expired.
    ///
    /// # Errors
    /// [`ConfigError::Read`] when the file cannot be read, else [`ConfigError::Invalid`] with every
    /// problem found: all of the syntax, or all of the keys, or all of what the values mean together.
    pub fn load(
        path: impl AsRef<Path>,
        env: impl IntoIterator<Item = (String, String)>,
        today: Day,
    ) -> Result<Loaded, ConfigError> {
        let path = path.as_ref();
        Self::parse(&read(path)?, path, env, today)
    }

    /// [`Config::load`] of a text; `path` is only named in messages.
    ///
    /// # Errors
    /// As [`Config::load`], but never [`ConfigError::Read`].
    pub fn parse(
        text: &str,
        path: impl AsRef<Path>,
        env: impl IntoIterator<Item = (String, String)>,
        today: Day,
    ) -> Result<Loaded, ConfigError> {
        let path = path.as_ref();
        let document = document(text, path, env)?;
        let problems = shape::check(&document);
        refuse(path, &document, problems)?;
        let config: Self = build(path, &document, None)?;
        let findings = config.check(today);
        refuse(path, &document, findings.problems)?;
        Ok(Loaded { path: path.to_owned(), config, warnings: located(&document, findings.warnings) })
    }
}

impl Policy {
    /// Reads the `[policy]` tables of a file, which may be a whole configuration.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load(
        path: impl AsRef<Path>,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let document = section(path, env)?;
        let policy: Self = build(path, &document, Some("policy"))?;
        refuse(path, &document, policy.check().problems)?;
        Ok(policy)
    }
}

impl Rule {
    /// Reads the `[[rules]]` of a file, which may be a whole configuration.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load(path: impl AsRef<Path>, today: Day) -> Result<Vec<Self>, ConfigError> {
        let path = path.as_ref();
        let document = section(path, [])?;
        let rules: Vec<Self> = build(path, &document, Some("rules"))?;
        refuse(path, &document, crate::validate::rules(&rules, None, today).problems)?;
        Ok(rules)
    }
}

fn read(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })
}

/// A file of which one section is wanted: other sections may be there or not.
fn section(path: &Path, env: impl IntoIterator<Item = (String, String)>) -> Result<Document, ConfigError> {
    let document = document(&read(path)?, path, env)?;
    let mut problems = shape::check(&document);
    problems.retain(|problem| problem.at != KeyPath::of(&["roles"]));
    refuse(path, &document, problems)?;
    Ok(document)
}

fn document(
    text: &str,
    path: &Path,
    env: impl IntoIterator<Item = (String, String)>,
) -> Result<Document, ConfigError> {
    let mut document =
        Document::parse(text).map_err(|problems| ConfigError::Invalid { path: path.to_owned(), problems })?;
    let mut problems = env::apply(&mut document, env);
    if !problems.is_empty() {
        problems.extend(located(&document, shape::check(&document)));
        return Err(ConfigError::Invalid { path: path.to_owned(), problems });
    }
    Ok(document)
}

/// Builds the type of the whole file or of one section; an absent section is its default.
fn build<T: DeserializeOwned>(
    path: &Path,
    document: &Document,
    section: Option<&str>,
) -> Result<T, ConfigError> {
    let root = toml::Value::Table(document.values.clone());
    let (root, at) = match section {
        None => (root, KeyPath::default()),
        Some(name) => {
            let empty = if name == "rules" {
                toml::Value::Array(Vec::new())
            } else {
                toml::Value::Table(toml::Table::new())
            };
            (root.get(name).cloned().unwrap_or(empty), KeyPath::of(&[name]))
        }
    };
    serde_path_to_error::deserialize(root).map_err(|error| {
        // The schema has judged every key by now, so this is the rare value that only serde refuses.
        let at = error.path().iter().fold(at, |at, segment| match segment {
            serde_path_to_error::Segment::Seq { index } => at.index(*index),
            serde_path_to_error::Segment::Map { key } => at.key(key),
            _ => at,
        });
        let problem = Problem::new(at, error.inner().to_string(), String::new());
        ConfigError::Invalid { path: path.to_owned(), problems: located(document, vec![problem]) }
    })
}

fn refuse(path: &Path, document: &Document, problems: Vec<Problem>) -> Result<(), ConfigError> {
    if problems.is_empty() {
        return Ok(());
    }
    Err(ConfigError::Invalid { path: path.to_owned(), problems: located(document, problems) })
}

/// The problems with their places, in the order of the file.
fn located(document: &Document, mut problems: Vec<Problem>) -> Vec<Problem> {
    for problem in &mut problems {
        problem.origin = problem.origin.take().or_else(|| document.origin(&problem.at).cloned());
    }
    problems.sort_by(|a, b| a.origin.cmp(&b.origin));
    problems
}
