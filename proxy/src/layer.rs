//! The mirror inside somebody's own server: a `tower` layer in place of a proxy.
//!
//! The service that it wraps is the primary. Requests and answers are the service's own: the layer
//! looks at frames as they pass, changes nothing, adds no header and waits for nothing. What it saw
//! goes through a bounded channel to a thread of its own, which is a core of the proxy without a
//! listener: routes, samples, caps, rewriting, copies, deadlines and counts are the proxy's.
//!
//! It differs from the proxy where it must. A handler that answers without reading the request's
//! body leaves nothing to copy, so such a request counts as dropped (`request_cut`). A framework
//! drops the handler when its client leaves, so the primary's outcome is then missing
//! (`client_gone`); the copies go on. And there is no connection here: a request for which no key
//! is found is a cluster of its own.

mod answering;
mod asking;
mod door;
mod intake;
mod purse;
mod service;
mod tapped;

pub use service::{Layer, Mirrored, Service};
pub use tapped::Tapped;

pub(crate) use intake::Intake;

use crate::proxy::{Threads, one_core};
use crate::settings::Settings;
use crate::{StartError, Stats};
use door::Door;
use parallax_config::Config;
use parallax_exchange::{Ledger, Sender};
use std::sync::Arc;
use std::time::Duration;

/// A mirror for a server of one's own; its [`Layer`]s feed it.
///
/// Dropping it stops it without waiting for copies in flight; the layers then pass everything on and
/// count it as dropped (`draining`).
#[derive(Debug)]
pub struct Mirror {
    threads: Threads,
    door: Arc<Door>,
}

impl Mirror {
    /// Starts the mirror's thread.
    ///
    /// `config` is what a proxy takes. Of it the layer uses routes, key, mirroring, limits and the
    /// roles `candidate` and `control`; `roles.primary` names the server that the layer is in and is
    /// never connected to; `listen` has no meaning here.
    ///
    /// # Errors
    /// [`StartError`] when a role or a route cannot be used; nothing is left running.
    pub fn start(config: &Config, ledger: &Ledger, sink: Sender) -> Result<Self, StartError> {
        let settings = Arc::new(Settings::new(config)?);
        let (door, events) = Door::new(Arc::clone(&settings), ledger.lane());
        let door = Arc::new(door);
        let intake = Intake { events, door: Arc::clone(&door) };
        Ok(Self { threads: one_core(settings, ledger, sink, intake)?, door })
    }

    /// A layer that mirrors what passes it; several share the mirror.
    #[must_use]
    pub fn layer(&self) -> Layer {
        Layer::new(Arc::clone(&self.door))
    }

    /// What the mirror has done so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.door.add_to(self.threads.stats())
    }

    /// Lets copies in flight finish for at most `patience`, and returns the final counts. Blocks the
    /// calling thread for that long.
    pub fn drain(mut self, patience: Duration) -> Stats {
        self.threads.stop(patience);
        self.stats()
    }
}
