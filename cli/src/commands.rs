//! The commands, one a file.

pub(crate) mod config;
pub(crate) mod load;
pub(crate) mod run;

use crate::args::{Args, Command};
use crate::exit::{Exit, Outcome};
use clap::CommandFactory as _;

/// Does what the command line says.
pub(crate) fn run(args: Args) -> Outcome {
    let global = &args.global;
    match args.command {
        Command::Run(command) => command.run(global),
        Command::Load(command) => command.run(global),
        Command::Config(command) => command.run(global),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Args::command(), "parallax", &mut std::io::stdout());
            Ok(Exit::Ok)
        }
        Command::Man => {
            clap_mangen::Man::new(Args::command()).render(&mut std::io::stdout())?;
            Ok(Exit::Ok)
        }
    }
}
