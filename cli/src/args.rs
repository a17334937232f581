//! The command line, as `clap` reads it.

use crate::commands::{
    compare, config, demo, diff, load, outputs, policy, proxy, recording, replay, rules, run, verdict,
};
use crate::output::Color;
use clap::{Args as ClapArgs, Parser, Subcommand};

/// Copies live traffic to a candidate build, compares the answers, and states a verdict.
#[derive(Debug, Parser)]
#[command(
    name = "parallax",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    after_help = "Examples:\n  parallax demo\n  parallax run --config parallax.toml --until final --format json\n\n\
                  Exit codes: 0 promote/equal/done, 2 usage, 10 reject/different, 20 undecided, 30 invalid rig,\n\
                  65 damaged data, 69 service unreachable, 74 I/O failed, 130 interrupted."
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct Global {
    /// Print the result only.
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// When to colour; `NO_COLOR` is honoured.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) color: Color,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the whole loop in one process on bundled traffic with a planted regression.
    Demo(demo::Demo),
    /// Proxy, comparator, judge and console in one process, in front of real services.
    Run(run::Run),
    /// The proxy alone: mirrors traffic and records every exchange in the log.
    Proxy(proxy::Proxy),
    /// The judge alone: reads exchanges from Kafka, as a member of a group.
    Compare(compare::Compare),
    /// Compare two files, or two recordings joined by request.
    Diff(diff::Diff),
    /// Compare what two builds wrote: files of output records, joined by id.
    Outputs(outputs::Outputs),
    /// Put load on a service, open loop.
    #[command(subcommand)]
    Load(load::Load),
    /// Send a recording again, on absolute time.
    Replay(Box<replay::Replay>),
    /// Look into a recording, or convert it.
    #[command(subcommand)]
    Recording(recording::Recording),
    /// Read, wait for or recompute a verdict.
    #[command(subcommand)]
    Verdict(verdict::Verdict),
    /// Plan a run before it starts, and explain what each setting of a policy costs.
    #[command(subcommand)]
    Policy(policy::Policy),
    /// Check what the rules hide in a recording, or learn new ones from its noise.
    #[command(subcommand)]
    Rules(rules::Rules),
    /// Check and explain the configuration.
    #[command(subcommand)]
    Config(config::Config),
    /// Print shell completions.
    #[command(after_help = "Examples:\n  parallax completions bash > /etc/bash_completion.d/parallax\n  \
                            parallax completions zsh > ~/.zfunc/_parallax")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page.
    #[command(after_help = "Examples:\n  parallax man > parallax.1\n  parallax man | man -l -")]
    Man,
}
