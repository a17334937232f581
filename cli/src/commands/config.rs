//! `parallax config`: check and explain the configuration.

mod explain;

use crate::args::Global;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{self, Format, note};
use clap::{Args, Subcommand};
use explain::Explain;
use parallax_comparator::judge::plan::{Unmet, unmet};
use parallax_comparator::run::ControlMode;
use parallax_config::{Config as Settings, ConfigError, Day, Loaded};
use std::path::{Path, PathBuf};

/// Check and explain the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Say whether a file can be used, and what it does.
    #[command(after_help = "Examples:\n  parallax config check parallax.toml\n  \
                            PARALLAX_POLICY__WINDOW=1s parallax config check parallax.toml --format json")]
    Check(Check),
    /// Print the JSON Schema of the configuration.
    #[command(after_help = "Examples:\n  parallax config schema > parallax.schema.json\n  \
                            parallax config schema | jq .properties")]
    Schema,
    /// Explain a key, a table, everything, or which route a request takes.
    #[command(after_help = "Examples:\n  parallax config explain policy.tau\n  \
                            parallax config explain --config parallax.toml --request 'POST /v1/x -H x-tier:gold'")]
    Explain(Explain),
}

/// Say whether a file can be used, and what it does.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The file.
    #[arg(value_name = "FILE", required_unless_present = "config")]
    file: Option<PathBuf>,
    /// The file, as `run` takes it.
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    config: Option<PathBuf>,
    /// How to print.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

impl Config {
    pub(crate) fn run(self, global: &Global) -> Outcome {
        match self {
            Self::Check(check) => check.run(),
            Self::Schema => output::json(&parallax_config::schema()).map(|()| Exit::Ok),
            Self::Explain(explain) => explain.run(global),
        }
    }
}

impl Check {
    fn run(self) -> Outcome {
        let file = self.file.or(self.config).expect("clap requires one of the two");
        let outcome = Settings::load(&file, parallax_config::environment(), Day::today()).and_then(reachable);
        if self.format == Format::Json {
            output::json(&parallax_config::report(&outcome))?;
            return Ok(if outcome.is_ok() { Exit::Ok } else { Exit::Usage });
        }
        let loaded = outcome.map_err(refused)?;
        output::result(&loaded.summary())?;
        Ok(Exit::Ok)
    }
}

/// Refuses a policy by which no run could end in a promote.
fn reachable(loaded: Loaded) -> Result<Loaded, ConfigError> {
    let control = if loaded.config.roles.control.is_some() { ControlMode::Paired } else { ControlMode::None };
    let unmet = unmet(&loaded.config.policy, control);
    if unmet.is_empty() {
        return Ok(loaded);
    }
    let found = unmet.into_iter().map(|Unmet { key, what, remedy }| [key, what, remedy]);
    Err(ConfigError::unusable(&loaded.path, found))
}

/// Reads the configuration of a command that is about to run; warnings go to stderr.
pub(crate) fn load(file: &Path, global: &Global) -> Result<Settings, Failure> {
    let Loaded { path, config, warnings } =
        Settings::load(file, parallax_config::environment(), Day::today()).map_err(refused)?;
    for warning in warnings {
        note!(global, "warning: {}", warning.in_file(&path));
    }
    Ok(config)
}

/// A file that cannot be read is an I/O failure; one that says nonsense is a usage error.
pub(crate) fn refused(error: ConfigError) -> Failure {
    let exit = match error {
        ConfigError::Read { .. } => Exit::Io,
        ConfigError::Invalid { .. } => Exit::Usage,
    };
    Failure { exit, error: error.into() }
}
