//! Exchange to bytes and back: protobuf, as `proto/parallax.proto` writes it down.
//!
//! Protobuf because a log outlives the build that wrote it and has readers that are not Rust: fields
//! can be added, and a schema says what is there. The messages are `prost` structs, so building
//! needs no compiler for the schema; a test keeps the two in step.
//!
//! Decoding is what a comparator worker spends its life on, so it copies no body and no header
//! value: both are slices of the input, which stays alive as long as one of them does.
//! Header fields are the bulk of the parts and have a reader of their own ([`fields`]).
//! Most exchanges need not be decoded at all: [`View`] looks at one in place.

mod decode;
mod encode;
mod fields;
mod varint;
mod view;
mod wire;

#[cfg(test)]
mod tests;

pub use decode::{DecodeError, decode};
pub use encode::encode;
pub use fields::FieldsView;
pub use view::{BodyView, OutcomeView, ResponseView, View};
