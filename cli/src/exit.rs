//! Exit codes: what a script may branch on.
//!
//! Never 1 for a verdict: 1 is what unrelated failures produce. A crash of ours shows as 101 (panic)
//! or as a signal.

use std::process::ExitCode;

/// How a command ended; the same meaning in every command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Promote, equal, done, all thresholds held.
    Ok = 0,
    /// Wrong usage or configuration.
    Usage = 2,
    /// Reject, different, a threshold missed.
    Different = 10,
    /// Inconclusive, deadline passed, still waiting.
    Undecided = 20,
    /// The rig cannot be trusted: evidence lost, asymmetric, generator-limited.
    Invalid = 30,
    /// The input data is damaged or not what it claims.
    Data = 65,
    /// A service that is needed cannot be reached.
    Unavailable = 69,
    /// Reading or writing failed.
    Io = 74,
    /// Interrupted; the result is partial.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A command could not do its work: the error and the code that it exits with.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) error: anyhow::Error,
}

/// What every command returns.
pub(crate) type Outcome = Result<Exit, Failure>;

/// Names the exit code of an error.
pub(crate) trait OrExit<T> {
    /// Turns an error into a [`Failure`] with this code.
    fn or_exit(self, exit: Exit) -> Result<T, Failure>;
}

impl<T, E: Into<anyhow::Error>> OrExit<T> for Result<T, E> {
    fn or_exit(self, exit: Exit) -> Result<T, Failure> {
        self.map_err(|error| Failure { exit, error: error.into() })
    }
}

impl Failure {
    /// A failure without a deeper cause.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, error: anyhow::anyhow!(message.into()) }
    }

    /// What failed first, then its causes, one a line; nothing for a reader that had enough.
    pub(crate) fn print(&self) {
        if self.exit == Exit::Ok {
            return;
        }
        let mut lines = self.error.chain();
        if let Some(first) = lines.next() {
            anstream::eprintln!("{}error:{} {first}", crate::output::RED, crate::output::RESET);
        }
        for cause in lines {
            anstream::eprintln!("  because {cause}");
        }
    }
}

/// Standard output may be closed early (`| head`): that is the reader's choice.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        let exit = if error.kind() == std::io::ErrorKind::BrokenPipe { Exit::Ok } else { Exit::Io };
        Self { exit, error: anyhow::Error::new(error).context("failed to write the result") }
    }
}
