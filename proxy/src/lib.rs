//! The isolating mirror: an HTTP proxy in front of the primary that copies requests to a candidate
//! and a control without the client ever waiting for a copy.
//!
//! One current-thread runtime per core, each with its own listener (`SO_REUSEPORT`), upstream pools,
//! budgets and counters: no lock and no queue is shared between cores on the path of a request, and
//! nothing on the live path waits for anything that a copy owns.
//!
//! ```text
//! client ─► listener ─► connection ─► live ─► pool(primary) ─► client
//!                                      │  capture: reference-counted frames, never copied bytes
//!                                      ▼
//!                                   pending ──► copy ─► pool(candidate), pool(control)
//!                                      │            each with its own limits and deadline
//!                                      ▼
//!                                   Exchange ─► queue (bounded; full means counted as lost)
//! ```
//!
//! Bodies are counted, cut and hashed here, never parsed. Nothing here compares.

mod answer;
mod balance;
mod capture;
mod compact;
mod connection;
mod context;
mod copy;
mod core;
mod counters;
mod descriptors;
mod edit;
mod error;
mod forward;
mod inbound;
mod key;
pub mod layer;
mod line;
mod listener;
mod live;
mod local;
mod observe;
mod paced;
mod partial;
mod payload;
mod pending;
mod pool;
mod proxy;
mod publish;
mod quota;
mod reply;
mod routes;
mod seat;
mod select;
mod settings;
mod setup;
mod stats;
mod target;
mod tls;
mod tunnel;
mod upstream;
mod wire;

pub use context::Trace;
pub use error::StartError;
pub use forward::COPY_MARKER;
pub use observe::{Copied, Observer, Served, Told};
pub use proxy::{Handle, Proxy, ReloadError, Running};
pub use reply::TRACE_HEADER;
pub use routes::{Explanation, Tried, explain_route};
pub use stats::{RoleStats, Stats};
