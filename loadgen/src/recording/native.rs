//! Recordings in the log's own format.

use super::facts::Facts;
use super::open::{Gather, Visit};
use super::{Recording, RecordingError};
use parallax_exchange::log::{Limits, LogError, Reader, Record, open_writer};
use parallax_exchange::{Exchange, ExchangeId, Outcomes, Request};

/// Reads a recording to the end of what is there; errors call it `place`.
///
/// Damaged records are stepped over and told in [`Recording::describe`].
///
/// # Errors
/// [`RecordingError::Log`] where it cannot be read at all; [`RecordingError::Empty`] where it holds no
/// request.
pub fn from_reader(place: &str, reader: &mut dyn Reader) -> Result<Recording, RecordingError> {
    let mut gather = Gather::default();
    let facts = walk(place, reader, &mut |exchange| {
        gather.take(exchange);
        Ok(())
    })?;
    gather.finish(place, facts)
}

/// Visits every exchange of a log.
pub(super) fn walk(place: &str, reader: &mut dyn Reader, visit: Visit<'_>) -> Result<Facts, RecordingError> {
    let mut facts = Facts::of("native");
    loop {
        match reader.next() {
            Ok(None) => return Ok(facts),
            Ok(Some((_, Record::Exchange(exchange)))) => visit(*exchange)?,
            Ok(Some((_, Record::Example(_)))) => facts.examples += 1,
            Ok(Some(_)) => {}
            Err(LogError::Damaged { place: part, offset, bytes, why }) => {
                let part = if part == place { String::new() } else { format!("{part}: ") };
                facts.damage(offset, format!("{part}{bytes} bytes: {why}"));
            }
            Err(error) => return Err(error.into()),
        }
    }
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
