//! Ctrl-C: the first ends the work cleanly, the second ends the process at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Says whether the user (or the init system) asked to stop; cheap to clone and to ask.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens for SIGINT and SIGTERM from now on.
    pub(crate) fn listen() -> std::io::Result<Self> {
        Self::listen_with(|| {})
    }

    /// Listens, and does `first` when the first signal comes.
    pub(crate) fn listen_with(first: impl Fn() + Send + 'static) -> std::io::Result<Self> {
        let interrupt = Self::default();
        let seen = interrupt.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        // The thread lives as long as the process: there is nothing to join.
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            runtime.block_on(async move {
                loop {
                    if wait_for_signal().await.is_err() {
                        return;
                    }
                    if seen.0.swap(true, Ordering::SeqCst) {
                        std::process::exit(i32::from(crate::exit::Exit::Interrupted as u8));
                    }
                    first();
                    anstream::eprintln!("\nstopping; press Ctrl-C again to end at once");
                }
            });
        })?;
        Ok(interrupt)
    }

    /// Whether to stop.
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Waits until `done` says so, the limit passes or somebody interrupts; looks ten times a second.
    pub(crate) fn wait_until(&self, limit: Option<Duration>, mut done: impl FnMut() -> bool) -> Waited {
        let start = std::time::Instant::now();
        loop {
            if self.is_set() {
                return Waited::Interrupted;
            }
            if done() {
                return Waited::Done;
            }
            if limit.is_some_and(|limit| start.elapsed() >= limit) {
                return Waited::TimedOut;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waited {
    /// What was waited for has happened.
    Done,
    /// The limit passed first.
    TimedOut,
    /// The user asked to stop.
    Interrupted,
}

async fn wait_for_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}
