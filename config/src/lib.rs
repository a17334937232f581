//! Typed configuration: what a validation *is*.
//!
//! How one process runs is a flag of the command line; what it validates, against what and by which
//! policy, is written here, checked before anything starts, and hashed into every verdict.
//! This crate opens no socket and reads no file but the one it is given.

mod action;
mod admin;
mod changes;
mod credentials;
mod datetime;
mod day;
mod document;
mod duration;
mod env;
mod error;
mod explain;
mod fields;
mod keypath;
mod load;
pub mod matching;
mod mirror;
mod moment;
mod policy;
mod profile;
mod reach;
mod redact;
mod reference;
mod roles;
mod routes;
mod rules;
mod schema;
mod settings;
mod shape;
mod suggest;
mod summary;
mod telemetry;
mod tls;
mod tolerance;
mod validate;

pub use action::{Action, Class, Tolerance};
pub use admin::Admin;
pub use changes::{Change, Running};
pub use credentials::{CREDENTIAL_HEADERS, SESSION_COOKIES};
pub use day::Day;
pub use duration::Span;
pub use env::{RESERVED, environment};
pub use error::{ConfigError, Origin, Problem};
pub use explain::{UnknownKey, explain};
pub use load::Loaded;
pub use mirror::{CopyEdit, Mirror};
pub use moment::Moment;
pub use policy::{CheckPolicy, Policy, SlicePolicy, UnitKind};
pub use profile::ProfileName;
pub use reach::{units_needed, units_required};
pub use redact::{Redact, UnreadableBody};
pub use reference::reference;
pub use roles::{Protocol, Role, Roles};
pub use routes::{KeySource, Route};
pub use rules::{Place, Rule};
pub use schema::schema;
pub use settings::{Config, Console, Limits, Listen, Log, Webhook};
pub use suggest::nearest;
pub use summary::report;
pub use telemetry::{AccessLog, Traces};
pub use tls::{ListenTls, NamedCertificate, RoleTls};
pub use tolerance::{Shares, Slowdown};
pub use validate::Findings;
