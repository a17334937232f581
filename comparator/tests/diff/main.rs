//! The comparison from the outside: laws, an oracle, and responses as real servers send them.

mod any_bytes;
mod bodies;
mod cases;
mod json_laws;
mod oracle;
mod rendering;
mod responses;
mod rules;
mod tree;
