//! The bundled recording: a minute of traffic to the sample collector.
//!
//! It is our own data, made by the seeded generator below and kept as a file in the native format, so
//! that the demo reads a recording as a user would. A test makes it anew and compares every byte.

mod traffic;

use crate::recording::{Recording, RecordingError, from_reader};
use bytes::Bytes;
use http::header::HeaderName;
use parallax_exchange::Exchange;
use parallax_exchange::log::read_bytes;

/// The file itself.
static FILE: &[u8] = include_bytes!("../recordings/demo.plx");

/// Its name in messages.
const NAME: &str = "the bundled recording";

/// The header that identifies a session: the cluster key, and what laps rewrite.
pub const SESSION_HEADER: HeaderName = HeaderName::from_static("x-session-id");

/// The bundled recording as a file's bytes.
#[must_use]
pub fn file() -> Bytes {
    Bytes::from_static(FILE)
}

/// The bundled recording: some 480 requests of 330 sessions over a minute.
///
/// # Errors
/// None in practice: a test reads what is compiled in.
pub fn recording() -> Result<Recording, RecordingError> {
    from_reader(NAME, &mut *read_bytes(NAME, file()))
}

/// Makes the bundled recording: exchanges with requests alone, ordered by time, the same every time.
#[must_use]
pub fn make() -> Vec<Exchange> {
    traffic::requests()
        .into_iter()
        .enumerate()
        .map(|(sequence, (at_ns, request))| {
            crate::recording::exchange_of(sequence as u64, at_ns, request, Some(&SESSION_HEADER))
        })
        .collect()
}

#[cfg(test)]
mod tests;
