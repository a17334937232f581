//! Finding out what a file is, and walking over what is in it.

use super::facts::Facts;
use super::gor::{self, GorMode};
use super::{Recording, RecordingError, lines, native};
use flate2::read::MultiGzDecoder;
use parallax_exchange::log::{open_recording, read_bytes};
use parallax_exchange::{Exchange, ExchangeId, Outcome, Role};
use std::collections::HashSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Takes one exchange after another.
pub(super) type Visit<'a> = &'a mut dyn FnMut(Exchange) -> Result<(), RecordingError>;

/// Opens a recording of any format: native (a file, a log's directory or its URL), `.gor`, or JSON lines
/// of requests; the last two also compressed with gzip. The content tells the format, not the name.
///
/// GoReplay writes long recordings in parts, `name_0.gor`, `name_1.gor` and so on: `name.gor` opens
/// all of them where there is no file of that name itself.
///
/// # Errors
/// [`RecordingError`]: nothing is there, it is no recording, or it holds nothing that can be replayed.
/// Damage inside is no error but told by [`Recording::describe`].
pub fn open(name: &str) -> Result<Recording, RecordingError> {
    open_as(name, GorMode::Framed)
}

/// Opens a recording as [`open`] does, with a choice of how `.gor` records end.
///
/// # Errors
/// As [`open`].
pub fn open_as(name: &str, mode: GorMode) -> Result<Recording, RecordingError> {
    let mut gather = Gather::default();
    let facts = walk(name, mode, &mut |exchange| {
        gather.take(exchange);
        Ok(())
    })?;
    gather.finish(name, facts)
}

/// Visits every exchange in the order of the file; returns what else there is to say.
pub(super) fn walk(name: &str, mode: GorMode, visit: Visit<'_>) -> Result<Facts, RecordingError> {
    let path = Path::new(name.strip_prefix("file:").unwrap_or(name));
    if path.is_dir() || name.contains("://") {
        return native::walk(name, &mut *open_recording(name)?, visit);
    }
    let mut facts = Facts::default();
    for part in parts(path) {
        let place = part.display().to_string();
        if begins_with_the_log_magic(&part)? {
            return native::walk(name, &mut *open_recording(&place)?, visit);
        }
        walk_bytes(&place, read_file(&part)?, mode, visit, &mut facts)?;
    }
    Ok(facts)
}

/// The formats that are read as a whole.
fn walk_bytes(
    place: &str,
    bytes: Vec<u8>,
    mode: GorMode,
    visit: Visit<'_>,
    facts: &mut Facts,
) -> Result<(), RecordingError> {
    let exchanges = match bytes.trim_ascii_start() {
        [b'{', ..] => {
            facts.format = "json-lines";
            lines::read(place, &bytes)?
        }
        [b'1'..=b'3', b' ', ..] => {
            facts.format = "gor";
            gor::read(&bytes, mode, facts)
        }
        [0x89, b'P', b'L', b'X', ..] => {
            *facts = native::walk(place, &mut *read_bytes(place, bytes.into()), visit)?;
            return Ok(());
        }
        [] => Vec::new(),
        other => {
            let begin = other[..other.len().min(16)].escape_ascii().to_string();
            return Err(RecordingError::Unknown { place: place.to_owned(), begin });
        }
    };
    exchanges.into_iter().try_for_each(visit)
}

fn begins_with_the_log_magic(path: &Path) -> Result<bool, RecordingError> {
    let mut begin = [0; 4];
    let mut file = fs::File::open(path).map_err(failed("open", path))?;
    // A file of fewer bytes is no log.
    Ok(file.read_exact(&mut begin).is_ok() && begin == *b"\x89PLX")
}

fn read_file(path: &Path) -> Result<Vec<u8>, RecordingError> {
    let bytes = fs::read(path).map_err(failed("read", path))?;
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    let mut plain = Vec::new();
    MultiGzDecoder::new(&bytes[..]).read_to_end(&mut plain).map_err(failed("decompress", path))?;
    Ok(plain)
}

fn failed(action: &'static str, path: &Path) -> impl Fn(std::io::Error) -> RecordingError {
    let place = path.display().to_string();
    move |source| RecordingError::Io { action, place: place.clone(), source }
}

/// The files behind a name: itself, or its numbered parts where it does not exist.
fn parts(path: &Path) -> Vec<PathBuf> {
    let numbered = |number: u32| {
        let name = path.file_name()?.to_str()?;
        let (stem, suffix) = name.split_once('.')?;
        Some(path.with_file_name(format!("{stem}_{number}.{suffix}"))).filter(|part| part.exists())
    };
    let found: Vec<PathBuf> = (0..).map_while(numbered).collect();
    if path.exists() || found.is_empty() { vec![path.to_owned()] } else { found }
}

/// Makes a [`Recording`] of exchanges.
#[derive(Default)]
pub(super) struct Gather {
    recording: Recording,
    seen: HashSet<ExchangeId>,
}

impl Gather {
    pub(super) fn take(&mut self, exchange: Exchange) {
        let facts = &mut self.recording.facts;
        if !self.seen.insert(exchange.id) {
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
        self.recording.push(exchange.admitted_ns, exchange.request);
    }

    /// The recording, with what a walk had to say.
    pub(super) fn finish(mut self, place: &str, walked: Facts) -> Result<Recording, RecordingError> {
        self.recording.facts.walked(walked);
        if self.recording.requests.is_empty() {
            let why = self.recording.facts.why_empty().to_owned();
            return Err(RecordingError::Empty { place: place.to_owned(), why });
        }
        self.recording.sort();
        Ok(self.recording)
    }
}
