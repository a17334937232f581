//! Where words go: the result to stdout and nothing else, everything else to stderr.

use crate::exit::Failure;
use std::io::Write as _;

/// ANSI red; `anstream` removes it where colours are off.
pub(crate) const RED: anstyle::Style = anstyle::AnsiColor::Red.on_default().bold();
/// ANSI reset.
pub(crate) const RESET: anstyle::Reset = anstyle::Reset;

/// Whether to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Sets the choice for both streams.
    pub(crate) fn apply(self) {
        match self {
            Self::Auto => {}
            Self::Always => anstream::ColorChoice::Always.write_global(),
            Self::Never => anstream::ColorChoice::Never.write_global(),
        }
    }
}

/// Terminal or JSON: the formats that every command has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Terminal,
    /// One JSON document.
    Json,
}

/// Whether a bar or a live view may be drawn on stderr.
pub(crate) fn is_live(quiet: bool) -> bool {
    use std::io::IsTerminal as _;
    !quiet && std::io::stderr().is_terminal()
}

/// Whether the result is coloured: libraries that render take it as an argument.
pub(crate) fn colours() -> bool {
    anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never
}

/// Writes the result to stdout, with a newline at its end.
pub(crate) fn result(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    out.flush()?;
    Ok(())
}

/// Writes a value to stdout as one JSON document.
pub(crate) fn json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).expect("documents have string keys and finite numbers");
    result(&text)
}

/// Tells a person something on stderr, unless they asked for quiet.
macro_rules! note {
    ($global:expr, $($words:tt)*) => {
        if !$global.quiet {
            anstream::eprintln!($($words)*);
        }
    };
}
pub(crate) use note;
