//! Finding out what a file is, and walking over what is in it.

use super::access_log::{self, Spread};
use super::facts::Facts;
use super::gor::{self, GorMode};
use super::{Recording, RecordingError, har, lines, native, packed, targets};
use flate2::read::MultiGzDecoder;
use parallax_exchange::log::{open_recording, read_bytes};
use parallax_exchange::{Exchange, ExchangeId, Outcome, Role};
use std::collections::HashSet;
use std::fs;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Takes one exchange after another.
pub(super) type Visit<'a> = &'a mut dyn FnMut(Exchange) -> Result<(), RecordingError>;

/// How formats are read that leave something open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// How `.gor` records end.
    pub gor: GorMode,
    /// Where in their second the lines of an access log are put.
    pub spread: Spread,
    /// Nanoseconds after the first request that are of interest: a format with an index reads no others,
    /// and the rest reads all.
    pub window: Range<u64>,
    /// Whether recorded answers are kept in memory, for a replay that takes values from live ones.
    pub answers: bool,
}

impl Default for Reading {
    fn default() -> Self {
        Self { gor: GorMode::default(), spread: Spread::default(), window: 0..u64::MAX, answers: false }
    }
}

/// Opens a recording of any format: native (a file, a log's directory or its URL, a packed recording), `.gor`, HAR, an access
/// log, vegeta's targets, h2load's timing script, or JSON lines of requests; all but the first also
/// compressed with gzip. The content tells the format, not the name.
///
/// GoReplay writes long recordings in parts, `name_0.gor`, `name_1.gor` and so on: `name.gor` opens
/// all of them where there is no file of that name itself.
///
/// # Errors
/// [`RecordingError`]: nothing is there, it is no recording, or it holds nothing that can be replayed.
/// Damage inside is no error but told by [`Recording::describe`].
pub fn open(name: &str) -> Result<Recording, RecordingError> {
    open_as(name, Reading::default())
}

/// Opens a recording as [`open`] does, with a choice of how it is read.
///
/// # Errors
/// As [`open`].
pub fn open_as(name: &str, reading: Reading) -> Result<Recording, RecordingError> {
    let mut gather = Gather { answers: reading.answers, ..Gather::default() };
    let facts = walk(name, reading, &mut |exchange| {
        gather.take(exchange);
        Ok(())
    })?;
    gather.finish(name, facts)
}

/// Gives every exchange of a recording of any format, answers included, in the order of the file;
/// returns how many places were damaged and stepped over.
///
/// # Errors
/// [`RecordingError`]: it cannot be read, or is no recording.
pub fn each(name: &str, mut visit: impl FnMut(Exchange)) -> Result<u64, RecordingError> {
    let facts = walk(name, Reading::default(), &mut |exchange| {
        visit(exchange);
        Ok(())
    })?;
    Ok(facts.damaged_count())
}

/// Visits every exchange in the order of the file; returns what else there is to say.
pub(super) fn walk(name: &str, reading: Reading, visit: Visit<'_>) -> Result<Facts, RecordingError> {
    let path = Path::new(name.strip_prefix("file:").unwrap_or(name));
    if path.is_dir() || name.contains("://") {
        return native::walk(name, &mut *open_recording(name)?, visit);
    }
    let mut facts = Facts::default();
    for part in parts(path) {
        let place = part.display().to_string();
        match &magic(&part)?[..] {
            b"\x89PLX" => return native::walk(name, &mut *open_recording(&place)?, visit),
            begin if *begin == packed::MAGIC[..4] => {
                return packed::walk(&part, &reading.window, visit);
            }
            _ => walk_bytes(&place, read_file(&part)?, &reading, visit, &mut facts)?,
        }
    }
    Ok(facts)
}

/// The formats that are read as a whole.
fn walk_bytes(
    place: &str,
    bytes: Vec<u8>,
    reading: &Reading,
    visit: Visit<'_>,
    facts: &mut Facts,
) -> Result<(), RecordingError> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes).trim_ascii_start();
    let exchanges = match text {
        [b'{', ..] => {
            let json = Json::of(text);
            facts.format = json.name();
            match json {
                Json::Archive => har::read(text, facts)
                    .map_err(|why| RecordingError::Har { place: place.to_owned(), why })?,
                Json::Targets => targets::vegeta(place, &bytes)?,
                Json::Lines => lines::read(place, &bytes)?,
            }
        }
        [b'1'..=b'3', b' ', ..] if gor::is_gor(text) => {
            facts.format = "gor";
            gor::read(&bytes, reading.gor, facts)
        }
        [0x89, b'P', b'L', b'X', ..] => {
            *facts = native::walk(place, &mut *read_bytes(place, bytes.into()), visit)?;
            return Ok(());
        }
        [] => Vec::new(),
        _ if targets::is_h2load(text) => {
            facts.format = "h2load";
            targets::h2load(place, &bytes)?
        }
        _ if access_log::is_access_log(text) => {
            facts.format = "access-log";
            access_log::read(&bytes, reading.spread, facts)
        }
        // A .gor file whose first record is damaged still has others.
        [b'1'..=b'3', b' ', ..] => {
            facts.format = "gor";
            gor::read(&bytes, reading.gor, facts)
        }
        other => {
            let begin = other[..other.len().min(16)].escape_ascii().to_string();
            return Err(RecordingError::Unknown { place: place.to_owned(), begin });
        }
    };
    exchanges.into_iter().try_for_each(visit)
}

/// Formats that begin with a brace.
#[derive(Clone, Copy)]
enum Json {
    Archive,
    Targets,
    Lines,
}

impl Json {
    /// Decided by the first value alone: of lines, that is the first one.
    fn of(text: &[u8]) -> Self {
        #[derive(serde::Deserialize)]
        struct Probe {
            log: Option<serde::de::IgnoredAny>,
            url: Option<serde::de::IgnoredAny>,
        }
        let first = serde_json::Deserializer::from_slice(text).into_iter::<Probe>().next();
        match first {
            Some(Ok(Probe { log: Some(_), .. })) => Self::Archive,
            Some(Ok(Probe { url: Some(_), .. })) => Self::Targets,
            _ => Self::Lines,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Archive => "har",
            Self::Targets => "vegeta",
            Self::Lines => "json-lines",
        }
    }
}

/// Whether a file is a packed recording, by its first bytes.
///
/// # Errors
/// [`RecordingError::Io`].
pub fn is_packed(name: &str) -> Result<bool, RecordingError> {
    let path = Path::new(name.strip_prefix("file:").unwrap_or(name));
    // A directory, and what is not there, is left to whoever reads it.
    Ok(path.is_file() && packed::MAGIC[..4] == magic(path)?[..])
}

/// The first four bytes, or fewer where there are no more.
fn magic(path: &Path) -> Result<Vec<u8>, RecordingError> {
    let mut begin = Vec::new();
    let file = fs::File::open(path).map_err(failed("open", path))?;
    file.take(4).read_to_end(&mut begin).map_err(failed("read", path))?;
    Ok(begin)
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
    answers: bool,
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
        let answer = exchange.outcomes.primary.filter(|_| self.answers).and_then(|outcome| match outcome {
            Outcome::Response(response) => Some(response),
            Outcome::Missing { .. } => None,
        });
        let beside = super::Beside { cluster_key: exchange.cluster_key, answer };
        self.recording.push(exchange.admitted_ns, exchange.request, beside);
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
