//! Typed configuration: what a validation *is*.
//!
//! How one process runs is a flag of the command line; what it validates, against what and by which
//! policy, is written here, checked before anything starts, and hashed into every verdict.
//! This crate opens no socket and reads no file but the one it is given.

mod day;
mod duration;
mod policy;
mod roles;
mod routes;
mod rules;
mod settings;

pub use day::Day;
pub use duration::Span;
pub use policy::{CheckPolicy, Policy, SlicePolicy, UnitKind};
pub use roles::{Role, Roles};
pub use routes::{KeySource, Route};
pub use rules::{Action, Place, Rule};
pub use settings::{Config, Console, Limits, Listen, Log};
