//! `parallax rules lint`.

use super::{load, read};
use crate::args::Global;
use crate::exit::{Exit, Failure, OrExit as _, Outcome};
use crate::output::{self, Format};
use clap::Args;
use parallax_comparator::lint::{self, FindingKind, LintDocument, Settings};
use parallax_config::Day;
use std::path::PathBuf;

/// Say what each rule hid, and which rules deserve a look: dangerous, too wide, dead, overlapping.
#[derive(Debug, Args)]
pub(crate) struct Lint {
    /// Log directories or segment files with the answers of primary, candidate and control; of one
    /// run, recorded with `run --capture`.
    #[arg(required = true, value_name = "RECORDING")]
    recordings: Vec<String>,
    /// A file with `[[rules]]`, which may be a whole configuration; the rules of the recorded run when
    /// absent.
    #[arg(long, alias = "config", value_name = "FILE")]
    rules: Option<PathBuf>,
    /// The largest share of all differences that a rule over several places may hide.
    #[arg(long, value_name = "SHARE", default_value_t = 0.5, value_parser = share)]
    share: f64,
    /// A kind of finding that does not count for the exit code, such as `dead`; may be repeated.
    #[arg(long, value_name = "KIND", value_parser = finding)]
    allow: Vec<FindingKind>,
    /// How to print.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

impl Lint {
    pub(crate) fn run(self, global: &Global) -> Outcome {
        let run = read::run(&self.recordings)?;
        let rules = match (&self.rules, &run) {
            (Some(file), _) => load(file)?,
            (None, Some(run)) => run.rules.clone(),
            (None, None) => {
                let why = "the recording does not hold a run with rules of its own; name a file with --rules";
                return Err(Failure::new(Exit::Usage, why));
            }
        };
        let profiles = run.map(|run| run.profiles).unwrap_or_default();
        let mut lint = lint::Lint::new(&rules).or_exit(Exit::Usage)?.with_profiles(&profiles);
        let read = read::each(global, &self.recordings, |entry| lint.take_entry(entry))?;
        let settings = Settings { share: self.share, today: Day::today() };
        let document = LintDocument { damaged: read.damaged, ..lint.finish(&settings, read.interrupted) };
        match self.format {
            Format::Terminal => output::result(&lint::render(&document))?,
            Format::Json => output::json(&document)?,
        }
        let counts = document.findings.iter().any(|finding| !self.allow.contains(&finding.kind));
        Ok(match (read.interrupted, counts, read.damaged) {
            (true, ..) => Exit::Interrupted,
            (_, true, _) => Exit::Different,
            (_, _, 1..) => Exit::Data,
            _ => Exit::Ok,
        })
    }
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|share| *share > 0.0 && *share <= 1.0);
    share.ok_or_else(|| "write a share above 0 and at most 1, such as 0.5".to_owned())
}

fn finding(text: &str) -> Result<FindingKind, String> {
    let named = FindingKind::ALL.into_iter().find(|kind| kind.name() == text);
    named.ok_or_else(|| {
        let names: Vec<_> = FindingKind::ALL.iter().map(|kind| kind.name()).collect();
        format!("write one of {}", names.join(", "))
    })
}
