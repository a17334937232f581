//! `parallax recording doctor`: where a native or packed recording is damaged, and a copy without the damage.

use super::unreadable;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{self, Format};
use clap::Args;
use parallax_exchange::log::{self, Checkup, LogError};
use parallax_loadgen::recording::{self, Damage, Reading};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Places that are listed one by one; all are counted.
const LISTED_MAX: usize = 100;

/// Find the damage in a native recording or in a packed one, and copy what is whole.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// A log directory, a segment file or a packed recording; it is not changed.
    #[arg(value_name = "FILE")]
    from: String,
    /// The file to write every readable record to, such as `whole.plx`, or `whole.plr` for a packed one;
    /// without it, only look.
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
    /// Absent for a packed recording, in which a damaged block is known by its offset alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    damaged_bytes: Option<u64>,
    /// At most 100 places.
    damaged: Vec<Place>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
}

#[derive(Debug, Serialize)]
struct Place {
    file: String,
    offset: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    reason: String,
}

impl Doctor {
    /// Damage ends with [`Exit::Data`], unless a whole copy was asked for and made.
    pub(crate) fn run(self) -> Outcome {
        let document = if recording::is_packed(&self.from).map_err(unreadable)? {
            self.read_packed()?
        } else {
            self.read_log()?
        };
        match self.format {
            Format::Terminal => output::result(&describe(&self.from, &document))?,
            Format::Json => output::json(&document)?,
        }
        Ok(if document.damaged_count > 0 && document.to.is_none() { Exit::Data } else { Exit::Ok })
    }

    fn read_log(&self) -> Result<Document, Failure> {
        let mut damaged = Vec::new();
        let list = |error| {
            if let LogError::Damaged { place: file, offset, bytes, why: reason } = error
                && damaged.len() < LISTED_MAX
            {
                damaged.push(Place { file, offset, bytes: Some(bytes), reason });
            }
        };
        let checkup = match &self.to {
            Some(to) => log::repair(&self.from, to, list),
            None => log::check(&self.from, list),
        };
        let Checkup { records, damaged: damaged_count, damaged_bytes } =
            checkup.map_err(|error| unreadable(error.into()))?;
        Ok(self.document(records, damaged_count, Some(damaged_bytes), damaged))
    }

    /// A packed recording is checked by reading it, and repaired by writing what was read.
    fn read_packed(&self) -> Result<Document, Failure> {
        let read = match &self.to {
            Some(to) => {
                let to = to.display().to_string();
                let converted = recording::convert(&self.from, &to, Reading::default(), None, None);
                converted.map_err(unreadable)?.read
            }
            None => recording::open(&self.from).map_err(unreadable)?.describe(),
        };
        let records = read.requests + read.cut + read.duplicates;
        let place = |damage: &Damage| Place {
            file: self.from.clone(),
            offset: damage.offset,
            bytes: None,
            reason: damage.reason.clone(),
        };
        let damaged = read.damaged.iter().map(place).collect();
        Ok(self.document(records, read.damaged_count, None, damaged))
    }

    fn document(
        &self,
        records: u64,
        damaged_count: u64,
        damaged_bytes: Option<u64>,
        damaged: Vec<Place>,
    ) -> Document {
        let to = self.to.as_ref().map(|to| to.display().to_string());
        Document { schema: "parallax.checkup/1", records, damaged_count, damaged_bytes, damaged, to }
    }
}

fn describe(from: &str, document: &Document) -> String {
    let Document { records, damaged_count, damaged_bytes, damaged, to, .. } = document;
    let mut text = format!("{from}: {records} records, {damaged_count} damaged places");
    // Writing to a String cannot fail.
    if let (1.., Some(bytes)) = (damaged_count, damaged_bytes) {
        let _ = write!(text, " ({bytes} bytes)");
    }
    for Place { file, offset, bytes, reason } in damaged {
        let bytes = bytes.map_or_else(String::new, |bytes| format!("{bytes} bytes "));
        let _ = write!(text, "\n  {file}: {bytes}at offset {offset}: {reason}");
    }
    if let Some(to) = to {
        let _ = write!(text, "\n{records} records written to {to}");
    }
    text
}
