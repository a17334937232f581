//! `--cells FILE`: one build in many cells, each with a console of its own.

use super::{Which, parse};
use crate::exit::{Exit, Failure, OrExit as _};
use crate::output;
use crate::report_file::ReportFormat;
use anyhow::Context as _;
use clap::Args;
use jiff::Timestamp;
use parallax_comparator::slice::Slice;
use parallax_comparator::verdict::cells::{Cell, Cells, Rule, aggregate};
use parallax_comparator::verdict::{State, Verdict};
use parallax_config::Span;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Between two rounds of questions.
pub(super) const PAUSE: Duration = Duration::from_secs(5);

/// Which cells.
#[derive(Debug, Args)]
pub(super) struct CellsArgs {
    /// Ask every cell that this file names, and combine their verdicts by its rule; `--region` and `--shard` then
    /// choose the part of each cell's verdict, `--where` the cells.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["run", "console", "save"])]
    cells: Option<PathBuf>,
    /// Ask only the cells of the waves before this one: may it begin?
    #[arg(long, value_name = "N", requires = "cells")]
    before_wave: Option<u32>,
    /// Ask only the cells with this label, such as `region=eu`; several must all hold.
    #[arg(long = "where", value_name = "NAME=VALUE", requires = "cells", value_parser = label)]
    labels: Vec<(String, String)>,
}

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CellsFile {
    rule: RuleName,
    at_least: Option<usize>,
    #[serde(default = "five_minutes")]
    max_age: Span,
    cells: Vec<CellEntry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RuleName {
    All,
    AtLeast,
    Waves,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CellEntry {
    name: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    wave: u32,
    /// The console to ask.
    console: Option<String>,
    /// A document that was fetched before.
    document: Option<PathBuf>,
    run: Option<String>,
}

fn five_minutes() -> Span {
    Span::secs(300)
}

/// Cells that can be asked.
#[derive(Debug)]
pub(super) struct Asked {
    rule: Rule,
    max_age: Duration,
    before_wave: Option<u32>,
    cells: Vec<CellEntry>,
}

impl CellsArgs {
    /// The cells of the file, where one was named.
    pub(super) fn read(&self) -> Result<Option<Asked>, Failure> {
        let Some(path) = &self.cells else { return Ok(None) };
        let text =
            std::fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()));
        let file: CellsFile = toml::from_str(&text.or_exit(Exit::Io)?)
            .with_context(|| format!("{} does not name cells", path.display()))
            .or_exit(Exit::Usage)?;
        let rule =
            check(&file).map_err(|why| Failure::new(Exit::Usage, format!("{}: {why}", path.display())))?;
        let has =
            |cell: &CellEntry| self.labels.iter().all(|(name, value)| cell.labels.get(name) == Some(value));
        let folder = path.parent().unwrap_or(Path::new("."));
        let near = |mut cell: CellEntry| {
            cell.document = cell.document.map(|document| folder.join(document));
            cell
        };
        let waves: BTreeSet<u32> = file.cells.iter().map(|cell| cell.wave).collect();
        if let Some(wave) = self.before_wave.filter(|wave| !waves.contains(wave)) {
            let why = format!("{}: no cell is in wave {wave}; the waves are {waves:?}", path.display());
            return Err(Failure::new(Exit::Usage, why));
        }
        let cells: Vec<CellEntry> = file.cells.into_iter().filter(has).map(near).collect();
        if cells.is_empty() {
            let why = format!("{}: no cell has these labels", path.display());
            return Err(Failure::new(Exit::Usage, why));
        }
        Ok(Some(Asked { rule, max_age: file.max_age.0, before_wave: self.before_wave, cells }))
    }
}

/// The rule, if the file makes sense.
fn check(file: &CellsFile) -> Result<Rule, String> {
    let count = file.cells.len();
    let mut names = BTreeSet::new();
    for cell in &file.cells {
        if !names.insert(cell.name.as_str()) {
            return Err(format!("there are two cells called `{}`; name each once", cell.name));
        }
        if cell.console.is_some() == cell.document.is_some() {
            return Err(format!(
                "cell `{}` needs a `console` to ask, or a `document` to read, not both",
                cell.name
            ));
        }
    }
    match (file.rule, file.at_least) {
        (_, _) if count == 0 => Err("there is no cell".to_owned()),
        (RuleName::AtLeast, Some(needed)) if (1..=count).contains(&needed) => Ok(Rule::AtLeast(needed)),
        (RuleName::AtLeast, _) => Err(format!("rule `at_least` needs `at_least` from 1 to {count}")),
        (_, Some(_)) => Err("`at_least` belongs to the rule `at_least`".to_owned()),
        (RuleName::All, None) => Ok(Rule::All),
        (RuleName::Waves, None) => Ok(Rule::Waves),
    }
}

impl Asked {
    /// Asks every cell and combines what they say; a cell that does not answer is a cell that says nothing.
    ///
    /// Of each verdict `slice` is taken, the whole where it has no labels.
    pub(super) fn ask(&self, candidate: Option<&str>, slice: &Slice) -> Result<Cells, Failure> {
        let now = Timestamp::now();
        let ask = |entry: &CellEntry| {
            let seen = entry.ask(candidate)?.and_then(|verdict| part(verdict, slice));
            let is_stale = seen.as_ref().is_ok_and(|verdict| !verdict.is_final && self.is_old(verdict, now));
            Ok(Cell { name: entry.name.clone(), wave: entry.wave, seen: seen.map(Box::new), is_stale })
        };
        let cells = self.cells.iter().map(ask).collect::<Result<Vec<_>, Failure>>()?;
        Ok(aggregate(self.rule, self.before_wave, &cells))
    }

    fn is_old(&self, verdict: &Verdict, now: Timestamp) -> bool {
        let seen = verdict.watermark.as_deref().and_then(|text| text.parse::<Timestamp>().ok());
        seen.is_some_and(|seen| now.duration_since(seen).unsigned_abs() > self.max_age && seen < now)
    }
}

/// What a cell says of `slice`; a cell that keeps no evidence of it says nothing, which is never a pass.
fn part(verdict: Verdict, slice: &Slice) -> Result<Verdict, String> {
    if slice.is_all() {
        return Ok(verdict);
    }
    verdict.of_slice(slice).ok_or_else(|| format!("run `{}` keeps no evidence of {slice}", verdict.run))
}

impl CellEntry {
    /// The cell's verdict, or why there is none.
    ///
    /// # Errors
    /// A file or an address that cannot be right however often one asks.
    fn ask(&self, candidate: Option<&str>) -> Result<Result<Verdict, String>, Failure> {
        let json = match (&self.document, &self.console) {
            (Some(document), _) => std::fs::read_to_string(document)
                .with_context(|| format!("failed to read {} of cell `{}`", document.display(), self.name))
                .or_exit(Exit::Io)?,
            (None, console) => {
                let which = Which {
                    run: self.run.clone(),
                    candidate: candidate.map(str::to_owned),
                    console: console.clone().unwrap_or_default(),
                    region: None,
                    shard: None,
                };
                match which.fetch(Duration::ZERO) {
                    Ok(Some(fetched)) => fetched.json,
                    Ok(None) => return Ok(Err("no verdict yet".to_owned())),
                    Err(failure) if failure.exit == Exit::Usage => return Err(failure),
                    Err(failure) => return Ok(Err(format!("{:#}", failure.error))),
                }
            }
        };
        let verdict = parse(&json)?;
        let digest = verdict.candidate.digest.as_deref();
        Ok(match candidate {
            Some(wanted) if digest != Some(wanted) => {
                Err(format!("its verdict is about {}", digest.unwrap_or("a build without a digest")))
            }
            _ => Ok(verdict),
        })
    }
}

/// Prints what all cells say.
pub(super) fn print(found: &Cells, format: ReportFormat) -> Result<(), Failure> {
    match format {
        ReportFormat::Json => output::json(found),
        ReportFormat::Terminal => output::result(&describe(found)),
        _ => Err(Failure::new(Exit::Usage, "cells are printed with --format terminal or json")),
    }
}

/// The exit code of what all cells say.
pub(super) fn exit(found: &Cells) -> Exit {
    match found.verdict {
        State::Promote => Exit::Ok,
        State::Reject => Exit::Different,
        State::Wait | State::Inconclusive => Exit::Undecided,
        State::Invalid => Exit::Invalid,
    }
}

fn describe(found: &Cells) -> String {
    let mut text = format!("{}  {}\n\n", found.verdict.name().to_uppercase(), found.reason);
    let width = found.cells.iter().map(|cell| cell.name.len()).max().unwrap_or(0).max(4);
    // Writing to a String cannot fail.
    let _ = writeln!(text, "  wave  {:<width$}  verdict       reason", "cell");
    for cell in &found.cells {
        let state = match (cell.verdict, cell.stale) {
            (None, _) => "-".to_owned(),
            (Some(state), true) => format!("{} (stale)", state.name()),
            (Some(state), false) => state.name().to_owned(),
        };
        let _ = writeln!(text, "  {:>4}  {:<width$}  {state:<12}  {}", cell.wave, cell.name, cell.reason);
    }
    if let Some(wave) = found.open_wave {
        let _ = writeln!(text, "\n  wave {wave} is the first that has not promoted");
    }
    text
}

fn label(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write a label as NAME=VALUE, such as region=eu")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> Result<Rule, String> {
        let file: CellsFile = toml::from_str(text).map_err(|error| error.to_string())?;
        check(&file)
    }

    #[test]
    fn the_file_is_checked_before_anybody_is_asked() {
        let cell = "[[cells]]\nname = \"eu\"\nconsole = \"http://127.0.0.1:1\"\n";
        assert_eq!(rule(&format!("rule = \"all\"\n{cell}")), Ok(Rule::All));
        assert_eq!(rule(&format!("rule = \"at_least\"\nat_least = 1\n{cell}")), Ok(Rule::AtLeast(1)));
        for (text, part) in [
            (format!("rule = \"at_least\"\nat_least = 2\n{cell}"), "from 1 to 1"),
            (format!("rule = \"all\"\nat_least = 1\n{cell}"), "belongs to the rule"),
            (format!("rule = \"all\"\n{cell}{cell}"), "two cells called `eu`"),
            (format!("rule = \"all\"\n{cell}document = \"a.json\"\n"), "not both"),
            (format!("rule = \"some\"\n{cell}"), "unknown variant `some`"),
            (format!("rule = \"all\"\n{cell}colour = \"red\"\n"), "unknown field `colour`"),
            ("rule = \"all\"\ncells = []\n".to_owned(), "there is no cell"),
        ] {
            let error = rule(&text).expect_err(&text);
            assert!(error.contains(part), "{error}");
        }
    }
}
