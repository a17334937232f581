//! What a trial writes into the log beside exchanges.

use crate::rows::{SealedWindow, TallyError, read_tallies};
use crate::run::Run;
use crate::tally::Entered;
use base64::prelude::{BASE64_STANDARD as BASE64, Engine as _};
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
    /// The window is one of the run that this one continues.
    pub carried: bool,
    /// Admission time of the run's first exchange, in Unix nanoseconds.
    pub first_ns: u64,
    /// Cluster keys that the window added to those that count no more: with them a run that was cut off goes on from its
    /// seals. Absent where the exchanges are in the log, and where they would fill it.
    pub(crate) entered: Option<Entered>,
}

/// Key hashes in one seal, at most; more of them would not fit into a record together with a large tally.
const ENTERED_MAX: usize = 1 << 23;

#[derive(Debug, Serialize, Deserialize)]
struct SealLine {
    judge_sha256: String,
    captured: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    carried: bool,
    /// A string: it is above 2^53.
    first_ns: String,
    /// By slice: hashes as little-endian bytes in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entered: Option<Vec<(usize, String)>>,
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
    /// Its keys or its times.
    #[error("the first line of a seal has a damaged `{0}`")]
    Field(&'static str),
    /// It holds no window, or several.
    #[error("a seal holds {0} windows instead of one")]
    Windows(usize),
}

impl Seal {
    /// The record's payload.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let entered = self
            .entered
            .as_ref()
            .filter(|sets| sets.iter().map(|(_, keys)| keys.len()).sum::<usize>() <= ENTERED_MAX);
        let text = |keys: &Vec<u64>| {
            BASE64.encode(keys.iter().flat_map(|key| key.to_le_bytes()).collect::<Vec<u8>>())
        };
        let line = SealLine {
            judge_sha256: self.judge_sha256.clone(),
            captured: self.captured,
            carried: self.carried,
            first_ns: self.first_ns.to_string(),
            entered: entered.map(|sets| sets.iter().map(|(slice, keys)| (*slice, text(keys))).collect()),
        };
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
                let entered = line.entered.map(|sets| sets.iter().map(read_keys).collect()).transpose()?;
                Ok(Self {
                    window,
                    judge_sha256: line.judge_sha256,
                    captured: line.captured,
                    carried: line.carried,
                    first_ns: line.first_ns.parse().map_err(|_| SealFormatError::Field("first_ns"))?,
                    entered,
                })
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

fn read_keys((slice, text): &(usize, String)) -> Result<(usize, Vec<u64>), SealFormatError> {
    let damaged = SealFormatError::Field("entered");
    let Ok(bytes) = BASE64.decode(text) else { return Err(damaged) };
    let (keys, rest) = bytes.as_chunks::<8>();
    if rest.is_empty() {
        Ok((*slice, keys.iter().map(|key| u64::from_le_bytes(*key)).collect()))
    } else {
        Err(damaged)
    }
}

fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr::memchr(b'\n', bytes).unwrap_or(bytes.len());
    (&bytes[..end], bytes.get(end + 1..).unwrap_or_default())
}
