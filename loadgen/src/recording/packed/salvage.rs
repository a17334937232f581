//! Reads a packed recording without its index: block after block, and over what is damaged.

use super::layout::{ENVELOPE, Envelope, HEADER, MARKER, kind};
use super::reader::{Fault, exchanges, io_error, section};
use crate::recording::RecordingError;
use crate::recording::facts::Facts;
use crate::recording::open::Visit;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// Bytes that are searched at once for the next section.
const SEARCHED: usize = 1 << 20;

/// Visits the exchanges of every whole block, in the order of the file.
pub(super) fn walk(
    file: &File,
    place: &str,
    facts: &mut Facts,
    visit: Visit<'_>,
) -> Result<(), RecordingError> {
    let failed = |source| io_error("read", place, source);
    let length = file.metadata().map_err(failed)?.len();
    let mut offset = HEADER as u64;
    while offset < length {
        let found = section(file, length, offset).and_then(|(envelope, plain)| {
            let decoded = if envelope.kind == kind::EXCHANGES {
                exchanges(plain, envelope.count)
            } else {
                Ok(Vec::new())
            };
            let after = offset + ENVELOPE as u64 + u64::from(envelope.stored);
            decoded.map(|decoded| (after, decoded)).map_err(|why| Fault::damaged(offset, why))
        });
        match found {
            Ok((after, decoded)) => {
                offset = after;
                decoded.into_iter().try_for_each(&mut *visit)?;
            }
            Err(Fault::Io(source)) => return Err(failed(source)),
            Err(Fault::Damaged { why, .. }) => {
                let next = next_section(file, offset + 1, length).map_err(failed)?;
                facts.damage(offset, format!("{} bytes: {why}", next - offset));
                offset = next;
            }
        }
    }
    Ok(())
}

/// Where the next section's envelope is, or the end of the file.
fn next_section(file: &File, mut from: u64, length: u64) -> io::Result<u64> {
    let mut window = vec![0; SEARCHED + ENVELOPE];
    while from < length {
        let wanted = window.len().min((length - from) as usize);
        file.read_exact_at(&mut window[..wanted], from)?;
        let bytes = &window[..wanted];
        for at in memchr::memmem::find_iter(bytes, &MARKER).filter(|at| *at < SEARCHED) {
            let envelope = bytes.get(at..at + ENVELOPE).and_then(|bytes| bytes.try_into().ok());
            if envelope.is_some_and(|bytes| Envelope::parse(bytes, from + at as u64).is_ok()) {
                return Ok(from + at as u64);
            }
        }
        from += SEARCHED as u64;
    }
    Ok(length)
}
