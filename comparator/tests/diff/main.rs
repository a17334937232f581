//! The comparison from the outside: laws, an oracle, and responses as real servers send them.

mod cases;
mod json_laws;
mod oracle;
mod responses;
mod tree;
