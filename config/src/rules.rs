//! `[[rules]]`: what may differ.

use crate::{Action, Day};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A rule that hides an expected variation before comparing: a mask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Where it applies: `body:<JSON pointer with * and **>`, `header:<name>`, `trailer:<name>`,
    /// `query:<name>`, `cookie:<name>` or `status`.
    #[schemars(example = &"body:/received_at")]
    pub at: Place,
    /// What it does there: `ignore`, `present` (on both sides, whatever it is), `unordered`,
    /// `keyed_by:<pointer>` (elements in any order), `exact_spelling` (of numbers), `case_fold`,
    /// `null_equals_absent`, `tolerate:<0.01, 1% or 5s>`, `class:<uuid, timestamp, ip, number or
    /// non_empty>`, `matches:<regex>` or `rewrite:<regex> => <text>`. `ignore` and `present` cover
    /// what lies below their place, the others the place itself.
    #[schemars(example = &"ignore")]
    pub action: Action,
    /// Restricts the rule to one route, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"ingest")]
    pub route: Option<String>,
    /// Who answers for the rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"ingest team")]
    pub owner: Option<String>,
    /// The day (UTC, `YYYY-MM-DD`) from which the rule is refused, so that masks do not outlive their reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"2027-01-01")]
    pub expires: Option<Day>,
}

/// Where a rule applies: `body:<JSON pointer with * and **>`, `header:<name>`, `trailer:<name>`,
/// `query:<name>`, `cookie:<name>` or `status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("format" = "place"))]
pub enum Place {
    /// The response's status.
    Status,
    /// A response header, by lower-case name.
    Header(String),
    /// A trailer, by lower-case name.
    Trailer(String),
    /// A cookie that the response sets.
    Cookie(String),
    /// A query parameter (of URLs in `Location`).
    Query(String),
    /// A JSON pointer in the body, in which `*` stands for one step and `**` for any number.
    Body(String),
}

impl TryFrom<String> for Place {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let named = |name: &str| (!name.is_empty()).then(|| name.to_ascii_lowercase());
        let place = match text.split_once(':') {
            None if text == "status" => Some(Self::Status),
            Some(("header", name)) => named(name).map(Self::Header),
            Some(("trailer", name)) => named(name).map(Self::Trailer),
            Some(("cookie", name)) if !name.is_empty() => Some(Self::Cookie(name.to_owned())),
            Some(("query", name)) if !name.is_empty() => Some(Self::Query(name.to_owned())),
            Some(("body", pointer)) if pointer.is_empty() || pointer.starts_with('/') => {
                Some(Self::Body(pointer.to_owned()))
            }
            _ => None,
        };
        place.ok_or_else(|| {
            format!(
                "`{text}` is not a place; write body:/json/pointer (with * and **), header:<name>, \
                 trailer:<name>, cookie:<name>, query:<name> or status"
            )
        })
    }
}

impl From<Place> for String {
    fn from(place: Place) -> Self {
        match place {
            Place::Status => "status".to_owned(),
            Place::Header(name) => format!("header:{name}"),
            Place::Trailer(name) => format!("trailer:{name}"),
            Place::Cookie(name) => format!("cookie:{name}"),
            Place::Query(name) => format!("query:{name}"),
            Place::Body(pointer) => format!("body:{pointer}"),
        }
    }
}
