//! `parallax rules`: what the rules hide in a recording, and new ones learned from its noise.

mod lint;
mod read;
mod suggest;

use crate::args::Global;
use crate::exit::{Failure, Outcome};
use clap::Subcommand;
use parallax_config::{Day, Rule};
use std::path::Path;

/// Check what the rules hide in a recording, or learn new ones from its noise.
#[derive(Debug, Subcommand)]
pub(crate) enum Rules {
    /// Say what each rule hid, and which rules deserve a look: dangerous, too wide, dead, overlapping.
    #[command(after_help = "Examples:\n  parallax rules lint parallax-log\n  \
                            parallax rules lint monday.plx tuesday.plx --config parallax.toml --format json")]
    Lint(lint::Lint),
    /// Learn rules from what the control shows, with the evidence for each; nothing is applied.
    #[command(after_help = "Examples:\n  parallax rules suggest parallax-log\n  \
                            parallax rules suggest monday.plx --rules parallax.toml --format toml")]
    Suggest(suggest::Suggest),
}

impl Rules {
    pub(crate) fn run(self, global: &Global) -> Outcome {
        match self {
            Self::Lint(lint) => lint.run(global),
            Self::Suggest(suggest) => suggest.run(global),
        }
    }
}

/// The rules of a file, expired ones among them: finding those is the point.
fn load(file: &Path) -> Result<Vec<Rule>, Failure> {
    let long_ago = "0001-01-01".parse::<Day>().expect("a constant day");
    Rule::load(file, long_ago).map_err(super::config::refused)
}
