//! What of a rendered request changes each time it is sent: ids of later laps, and values that answers gave.
//!
//! The rest of the bytes stays as it was rendered; only `Content-Length` follows what is put into a body.

use crate::json;
use crate::random::mix;
use memchr::memmem;
use std::ops::Range;

/// Where ids of a request lie, which every lap but the first gets its own of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdPlace {
    /// Every UUID of the query and of a JSON body.
    Auto,
    /// A query parameter of this name.
    Query(String),
    /// A cookie of this name.
    Cookie(String),
    /// A header of this name, in lower case.
    Header(String),
    /// Values of a JSON body at a pointer, in which `*` is one step and `**` any number of them.
    Body(String),
}

impl std::str::FromStr for IdPlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || {
            format!(
                "`{text}` is no place of ids; write auto, header:NAME, cookie:NAME, query:NAME or body:/POINTER"
            )
        };
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let (part, name) = text.split_once(':').filter(|(_, name)| !name.is_empty()).ok_or_else(unknown)?;
        match part {
            "header" => Ok(Self::Header(name.to_ascii_lowercase())),
            "cookie" => Ok(Self::Cookie(name.to_owned())),
            "query" => Ok(Self::Query(name.to_owned())),
            "body" if name.starts_with('/') => Ok(Self::Body(name.to_owned())),
            _ => Err(unknown()),
        }
    }
}

/// A part of a rendered request, and what goes there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Patch {
    pub(crate) at: Range<usize>,
    pub(crate) fill: Fill,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fill {
    /// `-LAP` behind a text.
    Suffix,
    /// The last 12 digits of a UUID: a function of the UUID and the lap, so that equal ids stay equal. Holds
    /// what the UUID hashes to.
    Uuid(u64),
    /// A whole number below 10^12: the lap's number before its 12 digits.
    Number(u64),
    /// What the variable of this number holds.
    Learned(u32),
}

impl Fill {
    /// Appends what goes there in `lap`; the present bytes where there is nothing else.
    pub(super) fn write(self, present: &[u8], lap: u64, learned: &Learned, out: &mut Vec<u8>) {
        match self {
            Self::Learned(variable) => out.extend_from_slice(learned.get(variable).unwrap_or(present)),
            _ if lap == 0 => out.extend_from_slice(present),
            Self::Suffix => {
                out.extend_from_slice(present);
                out.push(b'-');
                super::push_number(out, lap);
            }
            Self::Uuid(hash) => {
                let digits = format!("{:012x}", mix(hash, lap) & 0xffff_ffff_ffff);
                out.extend_from_slice(digits.as_bytes());
            }
            Self::Number(number) => super::push_number(out, lap * NUMBERS + number),
        }
    }
}

/// Ids that are numbers are below this; times 9,000 it is below 2^53.
const NUMBERS: u64 = 1_000_000_000_000;

/// Values that answers gave in a lane; `None` is what no answer gave yet, or what the last one did not give.
#[derive(Debug, Default)]
pub(crate) struct Learned(Vec<Option<Box<[u8]>>>);

impl Learned {
    pub(crate) fn get(&self, variable: u32) -> Option<&[u8]> {
        self.0.get(variable as usize)?.as_deref()
    }

    pub(crate) fn set(&mut self, variable: u32, value: Option<&[u8]>) {
        let at = variable as usize;
        if at >= self.0.len() {
            self.0.resize(at + 1, None);
        }
        self.0[at] = value.map(Box::from);
    }
}

/// The patches for the ids at `places` of a rendered request whose body begins at `body_at`.
pub(super) fn ids(bytes: &[u8], body_at: usize, places: &[IdPlace]) -> Vec<Patch> {
    let mut patches = Vec::new();
    for place in places {
        match place {
            IdPlace::Auto => {
                in_query(bytes, None, &mut patches);
                in_body(bytes, body_at, None, &mut patches);
            }
            IdPlace::Query(name) => in_query(bytes, Some(name), &mut patches),
            IdPlace::Body(pattern) => in_body(bytes, body_at, Some(pattern), &mut patches),
            IdPlace::Header(name) => {
                patches.extend(fields(bytes, body_at, name).map(|at| id(bytes, at)));
            }
            IdPlace::Cookie(name) => {
                for field in fields(bytes, body_at, "cookie") {
                    let of_name = parameters(bytes, field, b';').filter(|(known, _)| known == name);
                    patches.extend(of_name.map(|(_, at)| id(bytes, at)).collect::<Vec<_>>());
                }
            }
        }
    }
    without_overlaps(patches)
}

/// In order, each place once; what comes first in the list wins.
pub(super) fn without_overlaps(patches: Vec<Patch>) -> Vec<Patch> {
    let mut kept: Vec<Patch> = Vec::new();
    for patch in patches {
        let touches = |other: &Patch| patch.at.start <= other.at.end && other.at.start <= patch.at.end;
        if !kept.iter().any(touches) {
            kept.push(patch);
        }
    }
    kept.sort_by_key(|patch| patch.at.start);
    kept
}

/// How an id at this place becomes another one.
fn id(bytes: &[u8], at: Range<usize>) -> Patch {
    let text = &bytes[at.clone()];
    if is_uuid(text) {
        let hash = xxhash_rust::xxh3::xxh3_64(text);
        return Patch { at: at.end - 12..at.end, fill: Fill::Uuid(hash) };
    }
    Patch { at: at.end..at.end, fill: Fill::Suffix }
}

fn in_body(bytes: &[u8], body_at: usize, pattern: Option<&str>, patches: &mut Vec<Patch>) {
    json::scalars(&bytes[body_at..], &mut |scalar| {
        let at = body_at + scalar.at.start..body_at + scalar.at.end;
        let text = &bytes[at.clone()];
        let is_wanted = pattern.map_or_else(|| is_uuid(text), |pattern| json::is_at(pattern, scalar.pointer));
        if !is_wanted {
            return;
        }
        if scalar.is_string {
            patches.push(id(bytes, at));
        } else if let Some(number) = number(text) {
            patches.push(Patch { at, fill: Fill::Number(number) });
        }
    });
}

fn in_query(bytes: &[u8], name: Option<&str>, patches: &mut Vec<Patch>) {
    let line = memchr::memchr(b'\r', bytes).unwrap_or(bytes.len());
    let target = memchr::memrchr(b' ', &bytes[..line]).unwrap_or(line);
    let Some(query) = memchr::memchr(b'?', &bytes[..target]) else { return };
    let wanted = |known: &str, at: &Range<usize>| match name {
        None => is_uuid(&bytes[at.clone()]),
        Some(name) => known == name && !at.is_empty(),
    };
    let found = parameters(bytes, query + 1..target, b'&').filter(|(known, at)| wanted(known, at));
    patches.extend(found.map(|(_, at)| id(bytes, at)));
}

/// Names and places of values in `name=value` pairs.
fn parameters(bytes: &[u8], at: Range<usize>, separator: u8) -> impl Iterator<Item = (String, Range<usize>)> {
    let mut begin = at.start;
    bytes[at].split(move |byte| *byte == separator).filter_map(move |pair| {
        let start = begin;
        begin += pair.len() + 1;
        let equals = memchr::memchr(b'=', pair)?;
        let name = String::from_utf8_lossy(pair[..equals].trim_ascii()).into_owned();
        Some((name, start + equals + 1..start + pair.len()))
    })
}

/// Where the values of a header are, in a head as it is rendered here.
pub(super) fn fields(bytes: &[u8], body_at: usize, name: &str) -> impl Iterator<Item = Range<usize>> {
    let line = format!("\r\n{name}: ");
    let head = &bytes[..body_at.min(bytes.len())];
    let begins: Vec<usize> = memmem::find_iter(head, line.as_bytes()).map(|at| at + line.len()).collect();
    let ends = begins
        .clone()
        .into_iter()
        .map(|begin| memchr::memchr(b'\r', &head[begin..]).map_or(head.len(), |length| begin + length));
    let places: Vec<_> = begins.into_iter().zip(ends).map(|(begin, end)| begin..end).collect();
    places.into_iter()
}

fn number(text: &[u8]) -> Option<u64> {
    let number: u64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (number < NUMBERS).then_some(number)
}

fn is_uuid(text: &[u8]) -> bool {
    text.len() == 36
        && text.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "0190a1b2-c3d4-7e5f-8a9b-0123456789ab";

    fn rewritten(request: &str, places: &[&str], lap: u64) -> String {
        let places: Vec<IdPlace> = places.iter().map(|place| place.parse().expect("a place")).collect();
        let body_at = request.find("\r\n\r\n").expect("a head") + 4;
        let (mut out, mut from) = (Vec::new(), 0);
        for Patch { at, fill } in ids(request.as_bytes(), body_at, &places) {
            out.extend_from_slice(&request.as_bytes()[from..at.start]);
            fill.write(&request.as_bytes()[at.clone()], lap, &Learned::default(), &mut out);
            from = at.end;
        }
        out.extend_from_slice(&request.as_bytes()[from..]);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn ids_are_found_where_they_are_named_and_every_lap_has_its_own() {
        let request = "POST /a?id=7&b=7 HTTP/1.1\r\nhost: x\r\nx-id: k\r\ncookie: a=1; id=s\r\n\r\n\
                       {\"id\":\"m\",\"n\":{\"id\":42},\"ids\":[1]}";
        let places = ["query:id", "header:X-Id", "cookie:id", "body:/**/id"];
        assert_eq!(rewritten(request, &places, 0), request);
        assert_eq!(
            rewritten(request, &places, 3),
            "POST /a?id=7-3&b=7 HTTP/1.1\r\nhost: x\r\nx-id: k-3\r\ncookie: a=1; id=s-3\r\n\r\n\
             {\"id\":\"m-3\",\"n\":{\"id\":3000000000042},\"ids\":[1]}"
        );
    }

    #[test]
    fn a_uuid_stays_one_and_equal_ones_stay_equal() {
        let request = format!(
            "POST /a?u={UUID} HTTP/1.1\r\n\r\n{{\"messageId\":\"{UUID}\",\"other\":\"{UUID}x\",\"name\":\"n\"}}"
        );
        let [one, two] = [1, 2].map(|lap| rewritten(&request, &["auto"], lap));
        assert_ne!(one, two);
        let id = |text: &str| text[text.find("?u=").expect("a query") + 3..][..36].to_owned();
        assert!(is_uuid(id(&one).as_bytes()) && id(&one) != UUID && id(&one) != id(&two));
        assert!(id(&one).starts_with(&UUID[..24]), "the version and the time of a UUID stay: {one}");
        assert!(one.contains(&format!("\"messageId\":\"{}\"", id(&one))), "{one}");
        assert!(one.contains(&format!("{UUID}x")) && one.contains("\"name\":\"n\""), "{one}");
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for text in ["id", "body:id", "query:", "path:/a"] {
            assert!(text.parse::<IdPlace>().unwrap_err().contains("body:/POINTER"), "{text}");
        }
    }
}
