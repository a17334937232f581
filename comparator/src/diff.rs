//! Differences as plain values: where, which kind, and both sides, bounded.
//!
//! Comparing is pure and rendering is elsewhere; see the document `parallax.diff/1`. Each kind of
//! content has a comparison of its own, and all of them record into one sink, where rules, field
//! checks and bounds are applied.

pub(crate) mod body;
mod document;
mod excerpt;
pub(crate) mod headers;
pub(crate) mod json;
mod limits;
pub mod message;
pub(crate) mod patch;
pub(crate) mod path;
pub mod recordings;
pub mod render;
pub(crate) mod sink;

pub use body::{Schema, SchemaError};
pub use document::{Document, files, files_knowing, files_within};
pub use json::portable;
pub use limits::Limits;

use serde::{Deserialize, Serialize};

/// One typed mismatch at one path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The part of the message.
    #[serde(rename = "in")]
    pub part: Part,
    /// A JSON pointer (body), a name, or the position of an event; empty for the status, for a whole body
    /// and for events that are not named.
    pub path: String,
    /// The path with array indices and map-like keys generalised to `*`.
    pub pattern: String,
    /// What is wrong there.
    pub kind: Kind,
    /// The left side as written, bounded; `None` where it has nothing.
    pub left: Option<String>,
    /// The right side as written, bounded.
    pub right: Option<String>,
    /// What the sides do not show: where a text differs, why a body cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A part of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The status.
    Status,
    /// A header.
    Header,
    /// A trailer.
    Trailer,
    /// A cookie that the response sets.
    Cookie,
    /// The body.
    Body,
    /// What the answer says of one event of the request, by the route's profile.
    Event,
}

/// What is wrong at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The right side lacks it.
    Missing,
    /// Only the right side has it.
    Extra,
    /// Another JSON type.
    Type,
    /// Another value of the same type.
    Value,
    /// The same elements in another order.
    Order,
    /// Another number of elements or bytes.
    Length,
    /// Another content coding, charset or framing.
    Encoding,
    /// One side is not what its type says.
    Unparsable,
}
