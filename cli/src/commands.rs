//! The commands, one a file.

pub(crate) mod compare;
pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod diff;
pub(crate) mod load;
pub(crate) mod outputs;
pub(crate) mod policy;
pub(crate) mod proxy;
pub(crate) mod recording;
pub(crate) mod replay;
pub(crate) mod rules;
pub(crate) mod run;
pub(crate) mod verdict;

use crate::args::{Args, Command};
use crate::exit::{Exit, Outcome};
use clap::CommandFactory as _;

/// Does what the command line says.
pub(crate) fn run(args: Args) -> Outcome {
    let global = &args.global;
    match args.command {
        Command::Demo(command) => command.run(global),
        Command::Replay(command) => command.run(global),
        Command::Recording(command) => command.run(global),
        Command::Verdict(command) => command.run(global),
        Command::Run(command) => command.run(global),
        Command::Proxy(command) => command.run(global),
        Command::Compare(command) => command.run(global),
        Command::Diff(command) => command.run(global),
        Command::Outputs(command) => command.run(global),
        Command::Load(command) => command.run(global),
        Command::Policy(command) => command.run(global),
        Command::Rules(command) => command.run(global),
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
