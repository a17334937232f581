//! `parallax rules suggest`.

use super::{load, read};
use crate::args::Global;
use crate::exit::{Exit, Failure, OrExit as _, Outcome};
use crate::output;
use clap::{Args, ValueEnum};
use parallax_comparator::lint::suggest::{self, Learner, SuggestSettings, Suggestions};
use parallax_comparator::lint::{Lint, Settings};
use parallax_comparator::run::RouteProfile;
use parallax_config::{Day, Span};
use std::path::PathBuf;

/// Learn rules from what the control shows, with the evidence for each; nothing is applied.
#[derive(Debug, Args)]
pub(crate) struct Suggest {
    /// Log directories or segment files with the answers of primary and control; read twice.
    #[arg(required = true, value_name = "RECORDING")]
    recordings: Vec<String>,
    /// A file with `[[rules]]`, which may be a whole configuration: what they hide needs no other rule.
    #[arg(long, alias = "config", value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Exchanges in which the control must differ at a place, at least.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    at_least: u64,
    /// How long from today the rules are to hold.
    #[arg(long, value_name = "DURATION", default_value = "90days")]
    expires_in: Span,
    /// How to print.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

/// How suggestions are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Terminal,
    /// `[[rules]]` for the configuration, to be completed.
    Toml,
    /// The document `parallax.rules-suggest/1`.
    Json,
}

impl Suggest {
    pub(crate) fn run(self, global: &Global) -> Outcome {
        let rules = self.rules.as_deref().map(load).transpose()?.unwrap_or_default();
        let today = Day::today();
        let expires = today.after(self.expires_in).map_err(|why| Failure::new(Exit::Usage, why))?;
        let profiles = read::run(&self.recordings)?.map(|run| run.profiles).unwrap_or_default();
        let mut learner = Learner::new(&rules).or_exit(Exit::Usage)?.with_profiles(&profiles);
        let learned = read::each(global, &self.recordings, |entry| learner.take_entry(entry))?;
        let settings = SuggestSettings { at_least: self.at_least, expires };
        let mut suggestions = learner.finish(&settings, learned.interrupted);
        let checked = if learned.interrupted {
            learned
        } else {
            self.check(global, today, &profiles, &mut suggestions)?
        };
        if checked.interrupted {
            // What was not checked is not suggested.
            suggestions.withhold_all("it was not checked against the candidate");
        }
        match self.format {
            Format::Terminal => output::result(&suggest::terminal(&suggestions))?,
            Format::Toml => output::result(&suggest::toml(&suggestions))?,
            Format::Json => output::json(&suggestions)?,
        }
        Ok(match (checked.interrupted, learned.damaged, suggestions.with_control) {
            (true, ..) => Exit::Interrupted,
            (_, 1.., _) => Exit::Data,
            (_, _, 0) => Exit::Undecided,
            _ => Exit::Ok,
        })
    }

    /// Reads the recordings again, and withholds what would hide a fault of the candidate.
    fn check(
        &self,
        global: &Global,
        today: Day,
        profiles: &[RouteProfile],
        suggestions: &mut Suggestions,
    ) -> Result<read::Read, Failure> {
        let mut lint = Lint::new(&suggestions.rules()).or_exit(Exit::Data)?.with_profiles(profiles);
        let checked = read::each(global, &self.recordings, |entry| lint.take_entry(entry))?;
        suggestions.check(&lint.finish(&Settings { share: 1.0, today }, checked.interrupted));
        Ok(checked)
    }
}
