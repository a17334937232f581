//! Values that a session's later requests have from its earlier answers: cookies, tokens, ids.
//!
//! What a service made up when the recording was taken it will make up differently in a replay. So the recorded
//! answers are searched for values that come again in later requests of the same session; where the request's
//! own earlier requests had them already, they are the client's and left alone. In a replay the value is taken
//! from the same place of the live answer and put where the recorded one was.

use super::patch::{Fill, Learned, Patch};
use super::{Sessions, Source};
use crate::json;
use flate2::read::MultiGzDecoder;
use http::header::{CONTENT_ENCODING, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderName};
use memchr::memmem;
use parallax_exchange::Response;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::io::Read as _;

/// Values that are looked for in a session's next request; the oldest give way.
const KNOWN_MAX: usize = 256;

/// Shorter values come again by chance.
const TEXT_MIN: usize = 6;
const DIGITS_MIN: usize = 4;
const LENGTH_MAX: usize = 4096;

/// Bytes to which an answer may decompress; more is not looked into.
const PLAIN_MAX: u64 = 4 << 20;

/// A place of an answer, and the variable that keeps what lies there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Learn {
    place: AnswerPlace,
    variable: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum AnswerPlace {
    /// A cookie that is set.
    Cookie(String),
    /// A header's whole value.
    Header(HeaderName),
    /// The last part of a path in `Location`.
    Tail,
    /// A scalar of a JSON body.
    Body(String),
}

/// Links requests to the answers before them in their sessions; `answers` are the recorded ones. Returns how
/// many places of requests are filled.
pub(crate) fn link(source: &mut Source, sessions: &Sessions, answers: &[Option<&Response>]) -> u64 {
    let mut by_session: HashMap<u32, Session> = HashMap::new();
    let (mut next_variable, mut filled) = (0, 0);
    let mut learns: Vec<Vec<Learn>> = vec![Vec::new(); answers.len()];
    let mut used = HashSet::new();
    for (index, answer) in answers.iter().enumerate() {
        let session = by_session.entry(sessions.of(index as u64)).or_default();
        let request = &mut source.requests[index];
        let holes: Vec<Patch> =
            session.known.iter().flat_map(|(value, variable)| request.holes(value, *variable)).collect();
        filled += request.patch(holes, &mut used);
        session.sent.extend_from_slice(&request.bytes);
        let Some(answer) = answer else { continue };
        for (place, value) in values(answer) {
            let known =
                session.known.iter().find(|(known, _)| *known == value).map(|(_, variable)| *variable);
            if known.is_none() && memmem::find(&session.sent, &value).is_some() {
                continue; // The client had it before the service did.
            }
            let variable = known.unwrap_or_else(|| {
                next_variable += 1;
                if session.known.len() == KNOWN_MAX {
                    session.known.remove(0);
                }
                session.known.push((value, next_variable - 1));
                next_variable - 1
            });
            learns[index].push(Learn { place, variable });
        }
    }
    for (request, learns) in source.requests.iter_mut().zip(learns) {
        request.learns = learns.into_iter().filter(|learn| used.contains(&learn.variable)).collect();
    }
    filled
}

#[derive(Default)]
struct Session {
    known: Vec<(Vec<u8>, u32)>,
    sent: Vec<u8>,
}

impl super::Rendered {
    /// Where a value stands alone in the request, outside of what rendering itself wrote.
    fn holes(&self, value: &[u8], variable: u32) -> Vec<Patch> {
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-".contains(byte);
        let bytes = &self.bytes[..];
        memmem::find_iter(bytes, value)
            .map(|begin| begin..begin + value.len())
            .filter(|at| {
                let own = [&self.host_at, &self.length_at];
                !at.start.checked_sub(1).is_some_and(|before| is_word(&bytes[before]))
                    && !bytes.get(at.end).is_some_and(is_word)
                    && own.iter().all(|own| at.end <= own.start || own.end <= at.start)
            })
            .map(|at| Patch { at, fill: Fill::Learned(variable) })
            .collect()
    }

    /// Adds holes before the patches that are there, longest first; returns how many are new.
    fn patch(&mut self, mut holes: Vec<Patch>, used: &mut HashSet<u32>) -> u64 {
        if holes.is_empty() {
            return 0;
        }
        holes.sort_by_key(|hole| std::cmp::Reverse(hole.at.len()));
        holes.append(&mut self.patches);
        self.patches = super::patch::without_overlaps(holes);
        let learned = self.patches.iter().filter_map(|patch| match patch.fill {
            Fill::Learned(variable) => Some(variable),
            _ => None,
        });
        let variables: Vec<u32> = learned.collect();
        used.extend(&variables);
        variables.len() as u64
    }
}

/// The values of an answer that may come again, with their places.
fn values(answer: &Response) -> Vec<(AnswerPlace, Vec<u8>)> {
    let mut found = Vec::new();
    let mut add = |place, value: &[u8], least: usize| {
        let is_plain = !value.iter().any(|byte| byte.is_ascii_whitespace() || b"\"\\".contains(byte));
        if (least..=LENGTH_MAX).contains(&value.len()) && is_plain {
            found.push((place, value.to_vec()));
        }
    };
    for (name, value) in cookies(&answer.headers) {
        add(AnswerPlace::Cookie(name.to_owned()), value.as_bytes(), TEXT_MIN);
    }
    for (name, value) in &answer.headers {
        let text = name.as_str();
        if name == LOCATION {
            add(AnswerPlace::Tail, tail(value.as_bytes()), DIGITS_MIN);
        } else if text == "etag"
            || text.starts_with("x-")
            || text.ends_with("-token")
            || text.ends_with("-id")
        {
            add(AnswerPlace::Header(name.clone()), value.as_bytes(), TEXT_MIN);
        }
    }
    let body = plain(answer);
    json::scalars(&body, &mut |scalar| {
        let least = if scalar.is_string { TEXT_MIN } else { DIGITS_MIN };
        add(AnswerPlace::Body(scalar.pointer.to_owned()), &body[scalar.at], least);
    });
    found
}

/// Takes what a live answer gives; a place that it does not have empties its variable.
pub(crate) fn learn(learns: &[Learn], answer: Option<&Response>, learned: &mut Learned) {
    for learn in learns {
        learned.set(learn.variable, None);
    }
    let Some(answer) = answer else { return };
    for Learn { place, variable } in learns {
        match place {
            AnswerPlace::Cookie(name) => {
                let value = cookies(&answer.headers).find(|(known, _)| known == name).map(|(_, value)| value);
                learned.set(*variable, value.map(str::as_bytes));
            }
            AnswerPlace::Header(name) => {
                learned.set(*variable, answer.headers.get(name).map(http::HeaderValue::as_bytes));
            }
            AnswerPlace::Tail => {
                let location = answer.headers.get(LOCATION).map(|value| tail(value.as_bytes()));
                learned.set(*variable, location);
            }
            AnswerPlace::Body(_) => {}
        }
    }
    if learns.iter().all(|learn| !matches!(learn.place, AnswerPlace::Body(_))) {
        return;
    }
    let body = plain(answer);
    json::scalars(&body, &mut |scalar| {
        for Learn { place, variable } in learns {
            if matches!(place, AnswerPlace::Body(pointer) if pointer == scalar.pointer) {
                learned.set(*variable, Some(&body[scalar.at.clone()]));
            }
        }
    });
}

/// Names and values of the cookies that are set.
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers.get_all(SET_COOKIE).into_iter().filter_map(|value| {
        let pair = value.to_str().ok()?.split(';').next()?;
        let (name, value) = pair.split_once('=')?;
        Some((name.trim(), value.trim()))
    })
}

/// The last part of a URL's path.
fn tail(url: &[u8]) -> &[u8] {
    let path = url.split(|byte| b"?#".contains(byte)).next().unwrap_or_default();
    let path = path.strip_suffix(b"/").unwrap_or(path);
    path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

/// A body without gzip; empty where it cannot be undone.
fn plain(answer: &Response) -> Cow<'_, [u8]> {
    let bytes = &answer.body.bytes()[..];
    match answer.headers.get(CONTENT_ENCODING).map(http::HeaderValue::as_bytes) {
        None | Some(b"identity") => Cow::Borrowed(bytes),
        Some(b"gzip") => {
            let mut plain = Vec::new();
            let read = MultiGzDecoder::new(bytes).take(PLAIN_MAX).read_to_end(&mut plain);
            Cow::Owned(if read.is_ok() { plain } else { Vec::new() })
        }
        Some(_) => Cow::Borrowed(&[]),
    }
}
