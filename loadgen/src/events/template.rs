//! Bodies with places that are filled for each request.

use super::Draw;
use crate::random::Random;

/// A text with places such as `{{uuid}}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Index,
    Uuid,
    User,
    Session,
    Time,
    TimeMs,
    Number(u64, u64),
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A place that is not closed.
    #[error("the place that begins with {{{{ at byte {0} is not closed by }}}}")]
    Open(usize),
    /// A place that nothing is known to fill.
    #[error(
        "the place at byte {at}: `{name}` is none of index, uuid, user, session, time, time_ms and number LEAST MOST"
    )]
    Unknown {
        /// Where it begins.
        at: usize,
        /// What stands there.
        name: String,
    },
}

impl Template {
    /// Reads a template. The places are `{{index}}` (the request's number), `{{uuid}}`, `{{user}}`,
    /// `{{session}}`, `{{time}}` (RFC 3339), `{{time_ms}}` and `{{number 1 100}}`, both ends included.
    ///
    /// # Errors
    /// [`TemplateError`], with the byte at which the place begins.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let (mut parts, mut at) = (Vec::new(), 0);
        while let Some(found) = text[at..].find("{{") {
            let begin = at + found;
            let length = text[begin..].find("}}").ok_or(TemplateError::Open(begin))?;
            let name = text[begin + 2..begin + length].trim();
            let unknown = || TemplateError::Unknown { at: begin, name: name.to_owned() };
            parts.push(Part::Text(text[at..begin].to_owned()));
            parts.push(place(name).ok_or_else(unknown)?);
            at = begin + length + 2;
        }
        parts.push(Part::Text(text[at..].to_owned()));
        Ok(Self(parts))
    }

    /// The text with its places filled; two places of one request that ask for the same get the same.
    pub(super) fn render(&self, draw: &Draw<'_>, random: &mut Random) -> String {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out += text,
                Part::Index => out += &draw.index.to_string(),
                Part::Uuid => out += &draw.uuid(),
                Part::User => out += &draw.user(),
                Part::Session => out += &draw.session(),
                Part::Time => out += &draw.time(),
                Part::TimeMs => out += &draw.time_ms().to_string(),
                Part::Number(least, most) => {
                    out += &(least + random.below((most - least).saturating_add(1))).to_string();
                }
            }
        }
        out
    }
}

fn place(name: &str) -> Option<Part> {
    let mut words = name.split_whitespace();
    let part = match words.next()? {
        "index" => Part::Index,
        "uuid" => Part::Uuid,
        "user" => Part::User,
        "session" => Part::Session,
        "time" => Part::Time,
        "time_ms" => Part::TimeMs,
        "number" => {
            let (least, most) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
            (least <= most).then_some(Part::Number(least, most))?
        }
        _ => return None,
    };
    words.next().is_none().then_some(part)
}
