//! A small language for the tests: servers, traffic, a `parallax` process, its documents.

pub(crate) mod binary;
pub(crate) mod client;
pub(crate) mod document;
pub(crate) mod kafka;
pub(crate) mod process;
pub(crate) mod rig;
pub(crate) mod servers;
pub(crate) mod tools;
pub(crate) mod upstream;

pub(crate) use binary::{Invocation, Outcome, binary as binary_path, parallax, parallax_under};
pub(crate) use client::{Answer, Load, Request, Sent, get, send};
pub(crate) use document::Document;
pub(crate) use process::{Process, free_port};
pub(crate) use rig::{Rig, Trial};
pub(crate) use upstream::Upstream;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Held by a test while it measures or keeps both cores busy: such tests run one after another.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the repository").to_owned()
}

/// A loopback address with this port.
pub(crate) fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// Asks again and again, every few milliseconds, until there is an answer.
///
/// # Panics
/// When there is none in time; `what` says what was waited for.
pub(crate) fn wait_for<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(started.elapsed() < limit, "waited {limit:?} for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
