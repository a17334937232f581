//! What a join found: `parallax.diff/1` with counts of exchanges, and the request of each difference.

use super::{Answered, JoinLimits, Side};
use crate::compare::Comparison;
use crate::diff::{Difference, Document, Kind, Part};
use crate::report::redact;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// In what the answers of two recordings differ.
///
/// As a document it is a `parallax.diff/1` with more fields: `exchanges`, `places`, and with each
/// difference the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recordings {
    /// [`Document::SCHEMA`].
    pub schema: String,
    /// Whether every exchange has its counterpart and no answer differs.
    pub equal: bool,
    /// Whether more differs than is listed, or a bound ended a comparison or a wait.
    pub truncated: bool,
    /// Whether reading ended before the end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// The exchanges, counted.
    pub exchanges: Tally,
    /// Where answers differ, most exchanges first.
    pub places: Vec<Place>,
    /// What differs, in the order in which it was found, bounded in number.
    pub differences: Vec<Joined>,
}

/// Exchanges, counted. `left = joined + missing` and `right = joined + extra`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// In the left recording.
    pub left: u64,
    /// In the right recording.
    pub right: u64,
    /// Found on both sides.
    pub joined: u64,
    /// Joined, and the answers are equal under the rules.
    pub equal: u64,
    /// Joined, and the answers differ.
    pub different: u64,
    /// Joined, and neither side has an answer to compare.
    pub unanswered: u64,
    /// Only on the left.
    pub missing: u64,
    /// Only on the right.
    pub extra: u64,
    /// Of missing and extra: given up since too many exchanges waited for their counterparts.
    pub given_up: u64,
}

/// A generalised place, and in how many exchanges it differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The part of the message; absent for all places that are not counted one by one.
    #[serde(rename = "in", skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// The path with indices and map-like keys generalised; `other` for the rest.
    pub pattern: String,
    /// What is wrong there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Exchanges that differ there.
    pub exchanges: u64,
}

/// A difference and the exchanges that it is between.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// Method and target, such as `GET /v1/items?page=2`.
    pub request: String,
    /// The exchange on the left; absent where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_id: Option<String>,
    /// The exchange on the right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub right_id: Option<String>,
    /// What differs. An exchange without counterpart is `missing` or `extra` in `status`.
    #[serde(flatten)]
    pub difference: Difference,
}

impl Recordings {
    /// The differences alone, the request in each note: what the renderers take.
    #[must_use]
    pub fn document(&self) -> Document {
        let noted = |joined: &Joined| {
            let more = joined.difference.note.as_ref().map(|note| format!("; {note}")).unwrap_or_default();
            Difference { note: Some(format!("{}{more}", joined.request)), ..joined.difference.clone() }
        };
        Document {
            schema: self.schema.clone(),
            equal: self.equal,
            truncated: self.truncated,
            differences: self.differences.iter().map(noted).collect(),
        }
    }

    /// The counts in one sentence.
    #[must_use]
    pub fn summary(&self) -> String {
        let Tally { joined, equal, different, unanswered, missing, extra, given_up, .. } = self.exchanges;
        let mut text = format!(
            "{joined} exchanges joined: {equal} equal, {different} different; {missing} missing, {extra} extra"
        );
        if unanswered > 0 {
            text.push_str(&format!("; {unanswered} without an answer on either side"));
        }
        if given_up > 0 {
            text.push_str(&format!("; {given_up} given up: the recordings are in too different an order"));
        }
        if self.partial {
            text.push_str("; not read to the end");
        }
        text
    }
}

/// What is gathered while joining.
#[derive(Debug, Default)]
pub(super) struct Collected {
    pub(super) tally: Tally,
    places: BTreeMap<(Part, String, Kind), u64>,
    other_places: u64,
    differences: Vec<Joined>,
    truncated: bool,
}

impl Collected {
    /// A pair whose answers were compared.
    pub(super) fn joined(
        &mut self,
        left: &Answered,
        right: &Answered,
        found: Comparison,
        limits: JoinLimits,
    ) {
        self.tally.joined += 1;
        self.truncated |= found.truncated;
        if found.differences.is_empty() {
            self.tally.equal += 1;
            return;
        }
        self.tally.different += 1;
        self.list(Some(left), Some(right), found.differences, limits);
    }

    /// A pair without answers.
    pub(super) fn unanswered(&mut self) {
        self.tally.joined += 1;
        self.tally.unanswered += 1;
    }

    /// An exchange of one side only.
    pub(super) fn lone(&mut self, side: Side, answered: &Answered, limits: JoinLimits) {
        let outcome = super::outcomes(&answered.outcome, &None);
        let (path, pattern, note) =
            (String::new(), String::new(), Some("the request is on one side only".to_owned()));
        let said = Some(outcome.left.unwrap_or_else(|| "no answer".to_owned()));
        match side {
            Side::Left => {
                self.tally.missing += 1;
                let difference = Difference {
                    part: Part::Status,
                    path,
                    pattern,
                    kind: Kind::Missing,
                    left: said,
                    right: None,
                    note,
                };
                self.list(Some(answered), None, vec![difference], limits);
            }
            Side::Right => {
                self.tally.extra += 1;
                let difference = Difference {
                    part: Part::Status,
                    path,
                    pattern,
                    kind: Kind::Extra,
                    left: None,
                    right: said,
                    note,
                };
                self.list(None, Some(answered), vec![difference], limits);
            }
        }
    }

    fn list(
        &mut self,
        left: Option<&Answered>,
        right: Option<&Answered>,
        found: Vec<Difference>,
        limits: JoinLimits,
    ) {
        let mut seen: Vec<(Part, &str, Kind)> = found.iter().map(|d| (d.part, &*d.pattern, d.kind)).collect();
        seen.sort_unstable();
        seen.dedup();
        for (part, pattern, kind) in seen {
            let place = (part, pattern.to_owned(), kind);
            if let Some(count) = self.places.get_mut(&place) {
                *count += 1;
            } else if self.places.len() < limits.places {
                self.places.insert(place, 1);
            } else {
                self.other_places += 1;
            }
        }
        let id = |answered: Option<&Answered>| answered.map(|answered| answered.id.to_string());
        let request = left
            .or(right)
            .map(|of| format!("{} {}", of.request.method, redact::text(&of.request.target)))
            .unwrap_or_default();
        for difference in found {
            if self.differences.len() >= limits.differences {
                self.truncated = true;
                return;
            }
            // Recordings hold what was captured, and this is read by people and kept by CI.
            let difference = redact::difference(&difference);
            let joined =
                Joined { request: request.clone(), left_id: id(left), right_id: id(right), difference };
            self.differences.push(joined);
        }
    }

    pub(super) fn finish(self) -> Recordings {
        let place = |((part, pattern, kind), exchanges)| Place {
            part: Some(part),
            pattern,
            kind: Some(kind),
            exchanges,
        };
        let mut places: Vec<_> = self.places.into_iter().map(place).collect();
        places.sort_by_key(|place| std::cmp::Reverse(place.exchanges)); // Stable: then by place.
        if self.other_places > 0 {
            let pattern = "other".to_owned();
            places.push(Place { part: None, pattern, kind: None, exchanges: self.other_places });
        }
        let Tally { different, missing, extra, given_up, .. } = self.tally;
        Recordings {
            schema: Document::SCHEMA.to_owned(),
            equal: different + missing + extra == 0,
            truncated: self.truncated || given_up > 0,
            partial: false,
            exchanges: self.tally,
            places,
            differences: self.differences,
        }
    }
}
