//! End-to-end tests: the built binary, run as a user runs it, against real servers.
//!
//! Each test starts `parallax` as a process, talks to it over sockets, and reads what it prints: the
//! documents of stdout, the exit code, the messages. Nothing here links the product's own code, so
//! that a test fails for the reasons a user would see.
//!
//! `tests/setup.sh` installs the third-party servers. A test whose server is not there says `SKIPPED`
//! and passes, so that a first `cargo test` works anywhere; with `CI=true` it fails instead.

mod bad_input;
mod cells;
mod ci_files;
mod commands;
mod compare;
mod console;
mod demo;
mod diff;
mod faults;
mod flume;
mod harness;
mod httpbin;
mod kafka;
mod load;
mod load_files;
mod load_protocols;
mod load_streams;
mod notices;
mod outputs;
mod proxy;
mod redaction;
mod reload;
mod report_formats;
mod resume;
mod sdks;
mod signatures;
mod telemetry;
mod waiting;
mod webhooks;
mod zipkin;
