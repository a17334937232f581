//! From one format to another.

use super::gor;
use super::open::{Reading, walk};
use super::{PackedWriter, RecordingDocument, RecordingError, native, write_har};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::HeaderName;
use parallax_exchange::Exchange;
use parallax_exchange::redact::{Redacted, Redactor};
use std::fs::File;
use std::io::{BufWriter, Write};

/// What a conversion did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Converted {
    /// Exchanges written.
    pub written: u64,
    /// What was read: damage is told here.
    pub read: RecordingDocument,
    /// What was replaced on the way.
    pub redacted: Redacted,
}

/// Writes the recording `from` as the new file `to`: packed where the name ends in `.plr` (by time then), a
/// log's segment where it ends in `.plx`, GoReplay's
/// where it ends in `.gor` or `.gor.gz`, an archive where it ends in `.har`. Exchanges are kept whole and in order, as far as the format can.
///
/// `session_header` names the header whose value becomes the cluster key, where a request has it. What `redactor` names is
/// replaced before anything is written: equal values become equal pseudonyms.
///
/// # Errors
/// [`RecordingError`]; a file that was begun is removed again.
pub fn convert(
    from: &str,
    to: &str,
    reading: Reading,
    session_header: Option<&HeaderName>,
    redactor: Option<&Redactor>,
) -> Result<Converted, RecordingError> {
    let (mut exchanges, mut redacted) = (Vec::new(), Redacted::default());
    let mut gather = super::open::Gather::default();
    let facts = walk(from, reading, &mut |mut exchange| {
        if let Some(session) = session_header.and_then(|name| exchange.request.headers.get(name)) {
            exchange.cluster_key = xxhash_rust::xxh3::xxh3_64(session.as_bytes());
        }
        if let Some(redactor) = redactor {
            // After the cluster key, which is a digest already and must not change with the pseudonyms.
            let done = redactor.redact(&mut exchange);
            redacted.values += done.values;
            redacted.bodies += done.bodies;
        }
        gather.take(exchange.clone());
        exchanges.push(exchange);
        Ok(())
    })?;
    let read = gather.finish(from, facts)?.describe();
    let written = write(to, &exchanges)?;
    Ok(Converted { written, read, redacted })
}

fn write(to: &str, exchanges: &[Exchange]) -> Result<u64, RecordingError> {
    if to.ends_with(".plx") {
        return Ok(native::write(to, exchanges)?);
    }
    if to.ends_with(".plr") {
        let mut by_time: Vec<&Exchange> = exchanges.iter().collect();
        by_time.sort_by_key(|exchange| exchange.admitted_ns);
        let mut writer = PackedWriter::create(to)?;
        by_time.into_iter().try_for_each(|exchange| writer.push(exchange))?;
        return writer.finish();
    }
    let (is_compressed, is_archive) = (to.ends_with(".gor.gz"), to.ends_with(".har"));
    if !is_compressed && !is_archive && !to.ends_with(".gor") {
        return Err(RecordingError::Suffix { place: to.to_owned() });
    }
    let failed = |action| move |source| RecordingError::Io { action, place: to.to_owned(), source };
    let file = File::create_new(to).map_err(failed("create"))?;
    let mut sink = BufWriter::new(file);
    let written = if is_compressed {
        let mut compressed = GzEncoder::new(&mut sink, Compression::default());
        let written = gor::write_gor(&mut compressed, exchanges);
        written.and_then(|count| compressed.finish().map(|_| count).map_err(gor::GorError::from))
    } else if is_archive {
        write_har(&mut sink, exchanges).map_err(gor::GorError::from)
    } else {
        gor::write_gor(&mut sink, exchanges)
    };
    let written = written.map_err(RecordingError::from).and_then(|count| {
        sink.flush().map_err(failed("write"))?;
        Ok(count)
    });
    if written.is_err() {
        // Half a recording would look like a whole one.
        let _ = std::fs::remove_file(to);
    }
    written
}
