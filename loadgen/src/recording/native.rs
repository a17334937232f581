//! Recordings in the log's own format.

use super::{Recording, RecordingError};
use parallax_exchange::log::{Limits, LogError, Reader, Record, open_recording, open_writer};
use parallax_exchange::{Exchange, ExchangeId, Outcome, Outcomes, Request, Role};
use std::collections::HashSet;

/// Reads the recording at `url`: a file, a directory of segments, or a log's URL.
///
/// Damaged records are stepped over and told in [`Recording::describe`].
///
/// # Errors
/// [`RecordingError::Log`] where it cannot be opened or read at all; [`RecordingError::Empty`] where it
/// holds no request.
pub fn read(url: &str) -> Result<Recording, RecordingError> {
    from_reader(url, &mut *open_recording(url)?)
}

/// Reads a recording to the end of what is there; errors call it `place`.
///
/// # Errors
/// As [`read`].
pub fn from_reader(place: &str, reader: &mut dyn Reader) -> Result<Recording, RecordingError> {
    let mut recording = Recording::default();
    recording.facts.format = "native";
    let mut seen = HashSet::new();
    loop {
        match reader.next() {
            Ok(None) => break,
            Ok(Some((_, Record::Exchange(exchange)))) => take(&mut recording, *exchange, &mut seen),
            Ok(Some((_, Record::Example(_)))) => recording.facts.examples += 1,
            Ok(Some(_)) => {}
            Err(LogError::Damaged { place, offset, bytes, why }) => {
                recording.facts.damage(offset, format!("{place}: {bytes} bytes: {why}"));
            }
            Err(error) => return Err(error.into()),
        }
    }
    if recording.requests.is_empty() {
        return Err(RecordingError::Empty { place: place.to_owned(), why: why_empty(&recording) });
    }
    recording.sort();
    Ok(recording)
}

fn why_empty(recording: &Recording) -> String {
    let facts = &recording.facts;
    match (facts.cut, facts.examples) {
        (1.., _) => ": every request's body was cut when it was recorded; raise the capture limit".to_owned(),
        (0, 1..) => {
            ": it is the log of a run that kept examples only; record with `run --capture`".to_owned()
        }
        _ => String::new(),
    }
}

fn take(recording: &mut Recording, exchange: Exchange, seen: &mut HashSet<ExchangeId>) {
    let facts = &mut recording.facts;
    if !seen.insert(exchange.id) {
        facts.duplicates += 1;
        return;
    }
    for role in Role::ALL {
        if let Some(Outcome::Response(response)) = exchange.outcomes.of(role) {
            if role == Role::Primary {
                facts.responses += 1;
                *facts.status.entry(response.status.as_u16()).or_default() += 1;
            } else {
                facts.replayed += 1;
            }
        }
    }
    if exchange.request.body.is_cut() {
        facts.cut += 1; // Half a body is another request than the one that was made.
        return;
    }
    recording.push(exchange.admitted_ns, exchange.request);
}

/// Writes exchanges as one new file at `path`, whose name ends in `.plx`; returns how many.
///
/// # Errors
/// [`LogError`]: the file exists already, or cannot be written.
pub fn write<E: std::borrow::Borrow<Exchange>>(
    path: &str,
    exchanges: impl IntoIterator<Item = E>,
) -> Result<u64, LogError> {
    // A directory would be a log for a run to go on with; a recording is closed.
    if !path.ends_with(".plx") {
        let why = "the name of a recording ends in .plx".to_owned();
        return Err(LogError::Unsupported { place: path.to_owned(), why });
    }
    let mut writer = open_writer(path, Limits { segment_bytes: u64::MAX, total_bytes: u64::MAX })?;
    let mut count = 0;
    for exchange in exchanges {
        writer.append(&Record::Exchange(Box::new(exchange.borrow().clone())))?;
        count += 1;
    }
    writer.sync()?;
    Ok(count)
}

/// Writes requests alone as a recording at `path`, as [`write()`] does; returns how many.
///
/// Times are Unix nanoseconds. `session_header` names the header whose value is the cluster key; a
/// request without it is a cluster of its own.
///
/// # Errors
/// As [`write()`].
pub fn write_requests(
    path: &str,
    requests: impl IntoIterator<Item = (u64, Request)>,
    session_header: Option<&http::HeaderName>,
) -> Result<u64, LogError> {
    let numbered = requests.into_iter().enumerate();
    write(
        path,
        numbered
            .map(|(sequence, (at_ns, request))| exchange_of(sequence as u64, at_ns, request, session_header)),
    )
}

/// An exchange that is a request alone.
pub(crate) fn exchange_of(
    sequence: u64,
    at_ns: u64,
    request: Request,
    session_header: Option<&http::HeaderName>,
) -> Exchange {
    let session = session_header.and_then(|name| request.headers.get(name));
    let cluster_key = match session {
        Some(session) => xxhash_rust::xxh3::xxh3_64(session.as_bytes()),
        None => xxhash_rust::xxh3::xxh3_64(&sequence.to_le_bytes()),
    };
    Exchange {
        id: ExchangeId { proxy: 0, epoch: 0, sequence },
        admitted_ns: at_ns,
        cluster_key,
        labels: Vec::new(),
        order: parallax_exchange::CopyOrder::default(),
        sample_ppm: 1_000_000,
        request,
        outcomes: Outcomes::default(),
    }
}
