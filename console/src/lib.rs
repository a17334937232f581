//! The console: the HTTP face of a run, for gates, for Prometheus and for people.
//!
//! It only reads. The worker pins what it found to a [`Board`]; the console answers from there, on a
//! thread and a runtime of its own, so that no reader, however slow or many, can hold up the live
//! path or the evidence. Nothing here computes a verdict: a gate gets the bytes that the judge wrote.
//!
//! Gates decide on status codes and on bodies they hardly read, so the rules for answers are strict
//! (`api`): no redirect, no 2xx without one complete JSON object, and every trouble is a JSON body
//! with a status outside 2xx.

mod api;
mod board;
mod limits;
mod page;
mod server;
mod signed;
mod webhook;

pub use board::{Board, Change};
pub use server::{Console, Running, StartError};
pub use signed::SIGNATURE_HEADER;
pub use webhook::{Secret, Webhook, WebhookError};

/// Canned publications, shared with `examples/preview.rs`.
#[cfg(test)]
#[path = "../examples/preview/canned.rs"]
mod canned;

#[cfg(test)]
#[path = "../examples/preview/evidence.rs"]
mod evidence;

#[cfg(test)]
#[path = "../examples/preview/traffic.rs"]
mod traffic;
