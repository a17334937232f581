//! `parallax recording doctor`: where a native recording is damaged, and a copy without the damage.

use super::unreadable;
use crate::exit::{Exit, Outcome};
use crate::output::{self, Format};
use clap::Args;
use parallax_exchange::log::{self, Checkup, LogError};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Places that are listed one by one; all are counted.
const LISTED_MAX: usize = 100;

/// Find the damage in a native recording, and copy what is whole.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// A log directory or a segment file; it is not changed.
    #[arg(value_name = "FILE")]
    from: String,
    /// The file to write every readable record to, such as `whole.plx`; without it, only look.
    #[arg(value_name = "TO")]
    to: Option<PathBuf>,
    /// How to print.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

/// What was found.
#[derive(Debug, Serialize)]
struct Document {
    /// `parallax.checkup/1`.
    schema: &'static str,
    /// Records that can be read, and were copied where `to` is given.
    records: u64,
    damaged_count: u64,
    damaged_bytes: u64,
    /// At most 100 places.
    damaged: Vec<Place>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
}

#[derive(Debug, Serialize)]
struct Place {
    file: String,
    offset: u64,
    bytes: u64,
    reason: String,
}

impl Doctor {
    /// Damage ends with [`Exit::Data`], unless a whole copy was asked for and made.
    pub(crate) fn run(self) -> Outcome {
        let mut damaged = Vec::new();
        let list = |error| {
            if let LogError::Damaged { place: file, offset, bytes, why: reason } = error
                && damaged.len() < LISTED_MAX
            {
                damaged.push(Place { file, offset, bytes, reason });
            }
        };
        let checkup = match &self.to {
            Some(to) => log::repair(&self.from, to, list),
            None => log::check(&self.from, list),
        };
        let Checkup { records, damaged: damaged_count, damaged_bytes } =
            checkup.map_err(|error| unreadable(error.into()))?;
        let to = self.to.as_ref().map(|to| to.display().to_string());
        let schema = "parallax.checkup/1";
        let document = Document { schema, records, damaged_count, damaged_bytes, damaged, to };
        match self.format {
            Format::Terminal => output::result(&describe(&self.from, &document))?,
            Format::Json => output::json(&document)?,
        }
        Ok(if damaged_count > 0 && document.to.is_none() { Exit::Data } else { Exit::Ok })
    }
}

fn describe(from: &str, document: &Document) -> String {
    let Document { records, damaged_count, damaged_bytes, damaged, to, .. } = document;
    let mut text = format!("{from}: {records} records, {damaged_count} damaged places");
    // Writing to a String cannot fail.
    if *damaged_count > 0 {
        let _ = write!(text, " ({damaged_bytes} bytes)");
    }
    for Place { file, offset, bytes, reason } in damaged {
        let _ = write!(text, "\n  {file}: {bytes} bytes at offset {offset}: {reason}");
    }
    if let Some(to) = to {
        let _ = write!(text, "\n{records} records written to {to}");
    }
    text
}
