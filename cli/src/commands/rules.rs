//! `parallax rules`: what the rules hide in a recording, and new ones learned from its noise.

mod lint;
mod read;

use crate::args::Global;
use crate::exit::Outcome;
use clap::Subcommand;

/// Check what the rules hide in a recording, or learn new ones from its noise.
#[derive(Debug, Subcommand)]
pub(crate) enum Rules {
    /// Say what each rule hid, and which rules deserve a look: dangerous, too wide, dead, overlapping.
    #[command(after_help = "Examples:\n  parallax rules lint parallax-log\n  \
                            parallax rules lint monday.plx tuesday.plx --config parallax.toml --format json")]
    Lint(lint::Lint),
}

impl Rules {
    pub(crate) fn run(self, global: &Global) -> Outcome {
        match self {
            Self::Lint(lint) => lint.run(global),
        }
    }
}
