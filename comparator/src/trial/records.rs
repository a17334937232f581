//! What a trial writes into the log beside exchanges.

use crate::rows::{SealedWindow, TallyError, read_tallies};
use crate::run::Run;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The first record of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// What is fixed for the run.
    #[serde(flatten)]
    pub run: Run,
    /// Every exchange is in the log, before it counted; otherwise only examples are.
    #[serde(default)]
    pub captured: bool,
}

impl Header {
    /// The record's payload.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        serde_json::to_vec(self).expect("a run has text keys and finite numbers").into()
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// What is wrong with the JSON.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

/// The record of a seal: the window's tally, and the judge's state then.
///
/// The payload is `parallax.tally/1` with one line of its own in front, so tallies are exported by
/// copying it from the second line on.
#[derive(Debug, Clone, PartialEq)]
pub struct Seal {
    /// The tally.
    pub window: SealedWindow,
    /// The judge's state at this watermark: [`crate::judge::Judge::fingerprint`].
    pub judge_sha256: String,
    /// Every exchange since the seal before is in the log.
    pub captured: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct SealLine {
    judge_sha256: String,
    captured: bool,
}

/// A seal's payload that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SealFormatError {
    /// Its first line.
    #[error("the first line of a seal is damaged")]
    FirstLine(#[from] serde_json::Error),
    /// Its tally.
    #[error("the tally of a seal is damaged")]
    Tally(#[from] TallyError),
    /// It holds no window, or several.
    #[error("a seal holds {0} windows instead of one")]
    Windows(usize),
}

impl Seal {
    /// The seal of `window`, after which the judge's state was `judge_sha256`.
    #[must_use]
    pub fn new(window: SealedWindow, judge_sha256: String, captured: bool) -> Self {
        Self { window, judge_sha256, captured }
    }

    /// The record's payload.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let line = SealLine { judge_sha256: self.judge_sha256.clone(), captured: self.captured };
        let mut bytes = serde_json::to_vec(&line).expect("text and a flag always serialise");
        bytes.push(b'\n');
        bytes.extend(self.window.to_lines());
        bytes.into()
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// [`SealFormatError`] says which part is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SealFormatError> {
        let (first, tally) = split(bytes);
        let line: SealLine = serde_json::from_slice(first)?;
        let mut windows = read_tallies(tally)?;
        match (windows.pop(), windows.len()) {
            (Some(window), 0) => {
                Ok(Self { window, judge_sha256: line.judge_sha256, captured: line.captured })
            }
            (last, others) => Err(SealFormatError::Windows(others + usize::from(last.is_some()))),
        }
    }

    /// The lines of `parallax.tally/1` in a payload.
    #[must_use]
    pub fn tally_lines(bytes: &[u8]) -> &[u8] {
        split(bytes).1
    }
}

fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr::memchr(b'\n', bytes).unwrap_or(bytes.len());
    (&bytes[..end], bytes.get(end + 1..).unwrap_or_default())
}
