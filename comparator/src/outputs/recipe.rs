//! What is asked of each record: its id, its time, and a hash of what it means.

use super::canon::{self, Canon, Scratch, mix};
use super::place::{Pointer, RecordPlace};
use super::record::{self, Decoder, Record};
use super::{OutputsError, Settings, time};
use crate::compare::Comparison;
use crate::compare::fields::Fields;
use crate::diff::sink::Sink;
use crate::diff::{Kind, Limits, Part};
use crate::mask::Masks;
use xxhash_rust::xxh3::xxh3_128;

/// The settings, compiled; shared by the threads that read.
#[derive(Debug)]
pub(super) struct Recipe {
    masks: Masks,
    fields: Fields,
    canon: Canon,
    id: Vec<Spot>,
    time: Option<Spot>,
    window_ns: i64,
    lateness_ns: Option<i64>,
    /// Ids whose hash is below this, in its top 64 bits, are compared.
    sampled_below: u128,
}

/// A place of a record.
#[derive(Debug)]
enum Spot {
    /// The pointer with this index.
    Pointer(usize),
    Header(Box<str>),
}

/// What is known of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) id: u128,
    pub(super) content: u128,
    /// Nanoseconds since 1970.
    pub(super) time: Option<i64>,
    /// The id is the record's own; otherwise it is a hash of the whole record.
    pub(super) has_id: bool,
    /// The record is what its source claims.
    pub(super) is_readable: bool,
}

/// Memory that is used again for each record.
#[derive(Debug, Default)]
pub(super) struct Memory {
    buffer: Vec<u8>,
    digits: Vec<u8>,
    scratch: Scratch,
}

/// Says that two things are of different kinds, however equal their bytes.
const NO_ID: u128 = 0x2b99_2ddf_a232_49d6_35e9_e38e_69a4_c8f1;
const UNREADABLE: u128 = 0x7d1a_8b1f_3a66_10c3_95b0_17c4_4f08_d26d;

impl Recipe {
    /// # Errors
    /// A rule or a number that cannot be used.
    pub(super) fn new(settings: &Settings) -> Result<Self, OutputsError> {
        let masks = Masks::new(&settings.rules, None)?;
        let mut pointers = Vec::new();
        let mut spot = |place: &RecordPlace| match place {
            RecordPlace::Value(pointer) => {
                pointers.push(Pointer::new(pointer));
                Spot::Pointer(pointers.len() - 1)
            }
            RecordPlace::Header(name) => Spot::Header(name.as_str().into()),
        };
        let id = settings.id.iter().map(&mut spot).collect();
        let time = settings.time.as_ref().map(&mut spot);
        let nanoseconds = |span: std::time::Duration| i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
        if settings.window.is_zero() {
            return Err(OutputsError::Setting("the window must be longer than nothing: write 10s".into()));
        }
        if !(settings.sample > 0.0 && settings.sample <= 1.0) {
            return Err(OutputsError::Setting(
                "the sample is a share above 0 and up to 1: write 0.01".into(),
            ));
        }
        Ok(Self {
            canon: Canon::new(&masks, pointers),
            masks,
            fields: Fields::default(),
            id,
            time,
            window_ns: nanoseconds(settings.window),
            lateness_ns: settings.lateness.map(nanoseconds),
            sampled_below: (settings.sample * 2_f64.powi(64)) as u128,
        })
    }

    /// What the bytes of a record are.
    pub(super) fn read(&self, decoder: &Decoder, raw: &[u8], memory: &mut Memory) -> Reading {
        let Memory { buffer, digits, scratch } = memory;
        let known = decoder.decode(raw, buffer).and_then(|record| self.read_record(&record, digits, scratch));
        known.unwrap_or_else(|| {
            let content = mix(UNREADABLE, xxh3_128(raw));
            Reading { id: content, content, time: None, has_id: false, is_readable: false }
        })
    }

    fn read_record(
        &self,
        record: &Record<'_>,
        digits: &mut Vec<u8>,
        scratch: &mut Scratch,
    ) -> Option<Reading> {
        let mut content = match record.value {
            Some(value) => self.canon.hash(value, scratch).ok()?,
            None => 0,
        };
        if !record.headers.is_empty() {
            content = mix(content, self.headers(record));
        }
        let id = self.id(record, digits, scratch);
        let time = self.time.as_ref().and_then(|spot| match spot {
            Spot::Pointer(index) => time::of_json(found(record, scratch, *index)?),
            Spot::Header(name) => time::of_text(header(record, name)?),
        });
        Some(Reading {
            id: id.unwrap_or_else(|| mix(NO_ID, content)),
            content,
            time,
            has_id: id.is_some(),
            is_readable: true,
        })
    }

    fn id(&self, record: &Record<'_>, digits: &mut Vec<u8>, scratch: &Scratch) -> Option<u128> {
        let part = |spot: &Spot, digits: &mut Vec<u8>| match spot {
            Spot::Pointer(index) => canon::id_hash(found(record, scratch, *index)?, digits),
            Spot::Header(name) => Some(xxh3_128(header(record, name)?)),
        };
        let (first, more) = self.id.split_first()?;
        more.iter().try_fold(part(first, digits)?, |id, spot| Some(mix(id, part(spot, digits)?)))
    }

    /// The sum over the headers that no rule ignores, the n-th of a name told from the first.
    fn headers(&self, record: &Record<'_>) -> u128 {
        let mut sum = 0_u128;
        for (at, (name, value)) in record.headers.iter().enumerate() {
            // What hides a header that one side lacks hides every difference of it.
            if self.masks.hides_named(Part::Header, name, Kind::Missing, (Some(value), None)) {
                continue;
            }
            let nth = record.headers[..at].iter().filter(|(other, _)| other == name).count() as u128;
            sum = sum.wrapping_add(mix(xxh3_128(name.as_bytes()).wrapping_add(nth), xxh3_128(value)));
        }
        sum
    }

    /// The id as people know it: of each part the text of a string, or the value as written.
    pub(super) fn id_text(&self, decoder: &Decoder, raw: &[u8], memory: &mut Memory) -> Option<String> {
        let Memory { buffer, scratch, .. } = memory;
        let record = decoder.decode(raw, buffer)?;
        if let Some(value) = record.value {
            self.canon.hash(value, scratch).ok()?;
        }
        let part = |spot: &Spot| match spot {
            Spot::Pointer(index) => {
                let text = found(&record, scratch, *index)?;
                Some(
                    serde_json::from_slice(text)
                        .unwrap_or_else(|_| String::from_utf8_lossy(text).into_owned()),
                )
            }
            Spot::Header(name) => Some(String::from_utf8_lossy(header(&record, name)?).into_owned()),
        };
        let parts = self.id.iter().map(part).collect::<Option<Vec<String>>>()?;
        (!parts.is_empty()).then(|| bounded(parts.join("/")))
    }

    /// The event-time window of a record; one for all records that have no time.
    pub(super) fn window(&self, time: Option<i64>) -> i64 {
        time.map_or(NO_WINDOW, |time| time.div_euclid(self.window_ns))
    }

    /// Whether event times are asked for.
    pub(super) fn has_time(&self) -> bool {
        self.time.is_some()
    }

    /// Whether a record came more than the allowed lateness after `newest`, the newest event time before
    /// it in its file; brings `newest` up to date.
    pub(super) fn is_late(&self, time: Option<i64>, newest: &mut i64) -> bool {
        let (Some(allowed), Some(time)) = (self.lateness_ns, time) else { return false };
        let late = time < newest.saturating_sub(allowed);
        *newest = time.max(*newest);
        late
    }

    /// Whether records with this id are compared.
    #[inline]
    pub(super) fn is_sampled(&self, id: u128) -> bool {
        // Cells are chosen by the top bits; the sample by others, or it would empty most cells.
        u128::from(id as u64) < self.sampled_below
    }

    /// What differs between two records, after masking.
    pub(super) fn compare(
        &self,
        (left_decoder, left): (&Decoder, &[u8]),
        (right_decoder, right): (&Decoder, &[u8]),
        memory: &mut [Memory; 2],
    ) -> Comparison {
        let mut sink = Sink::new(&self.masks, &self.fields, Limits::TRAFFIC);
        let [left_memory, right_memory] = memory;
        let left_record = left_decoder.decode(left, &mut left_memory.buffer);
        let right_record = right_decoder.decode(right, &mut right_memory.buffer);
        match (left_record, right_record) {
            (Some(left), Some(right)) => record::compare(&left, &right, &mut sink),
            _ if left == right => {}
            _ => sink.whole_body(Kind::Unparsable, Some(left), Some(right), "a record is unreadable".into()),
        }
        sink.finish().0
    }
}

/// The window of records without a time.
pub(super) const NO_WINDOW: i64 = i64::MIN;

fn found<'a>(record: &Record<'a>, scratch: &Scratch, index: usize) -> Option<&'a [u8]> {
    let span = scratch.found.get(index)?.clone()?;
    record.value?.get(span)
}

fn header<'a>(record: &Record<'a>, name: &str) -> Option<&'a [u8]> {
    record.headers.iter().find(|(other, _)| *other == name).map(|(_, value)| *value)
}

/// At most 256 bytes of a text.
fn bounded(mut text: String) -> String {
    const ID_BYTES_MAX: usize = 256;
    if text.len() > ID_BYTES_MAX {
        text.truncate(text.floor_char_boundary(ID_BYTES_MAX));
        text.push('…');
    }
    text
}
