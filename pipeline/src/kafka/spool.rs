//! Copies a range of a topic into files, one for each partition and one record a line.
//!
//! A comparison reads its sources several times where they differ, and single records at their place;
//! a file can do both, and a broker is asked for each byte only once. The order of a partition is kept,
//! so that lateness means the same as in files.

use super::{client, range};
use crate::{KafkaUrl, PipelineError, Spooled};
use rdkafka::message::Message as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

/// Copies the range of `url` into the directory `into`, as `TOPIC-PARTITION.ndjson`.
///
/// Line ends inside a value become spaces: in JSON they are nothing but layout. `going` hears the bytes
/// since the last call, and ends the copy by saying false.
///
/// # Errors
/// The cluster, the topic or the disk.
pub fn spool(
    url: &KafkaUrl,
    into: &Path,
    going: &mut dyn FnMut(u64) -> bool,
) -> Result<Spooled, PipelineError> {
    let consumer = client::consumer(url)?;
    let bounds = range::bounds(&consumer, url)?;
    let mut spooled = Spooled { partitions: bounds.len(), ..Spooled::default() };
    let mut files = Vec::with_capacity(bounds.len());
    for partition in 0..bounds.len() {
        let path = into.join(format!("{}-{partition:05}.ndjson", url.topic));
        let file = File::create(&path).map_err(|source| PipelineError::Io { path: path.clone(), source })?;
        files.push((path, BufWriter::with_capacity(1 << 16, file)));
    }
    let mut line = Vec::new();
    range::read(&consumer, url, &bounds, |message| {
        let Some(value) = message.payload() else {
            spooled.without_value += 1;
            return Ok(true);
        };
        line.clear();
        line.extend(value.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
        line.push(b'\n');
        let (path, file) = &mut files[usize::try_from(message.partition()).unwrap_or_default()];
        file.write_all(&line).map_err(|source| PipelineError::Io { path: path.clone(), source })?;
        spooled.records += 1;
        spooled.bytes += value.len() as u64;
        Ok(going(value.len() as u64))
    })?;
    for (path, mut file) in files {
        file.flush().map_err(|source| PipelineError::Io { path, source })?;
    }
    Ok(spooled)
}
