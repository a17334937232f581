//! Starting, watching and draining a proxy: plain threads outside, a runtime of its own in each.

use crate::StartError;
use crate::core::Core;
use crate::counters::Counters;
use crate::listener;
use crate::settings::Settings;
use crate::stats::Stats;
use parallax_config::Config;
use parallax_exchange::{ExchangeId, Lane, Ledger, Sender};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::watch;

/// How often a core drops expired connections and publishes its state.
const SWEEP: Duration = Duration::from_secs(1);

/// How often a draining core looks whether it is done.
const DRAIN_LOOK: Duration = Duration::from_millis(5);

/// When to stop: `None` until asked, then the instant up to which requests in flight may finish.
pub(crate) type Stop = watch::Receiver<Option<Instant>>;

/// The isolating mirror.
#[derive(Debug)]
pub struct Proxy;

impl Proxy {
    /// Listens and begins to serve; clients can connect when this returns.
    ///
    /// Exchanges go to `sink`, counts to `ledger`; neither is ever waited for.
    ///
    /// # Errors
    /// [`StartError`] when a role, a route or the address cannot be used; nothing is left running.
    pub fn start(config: &Config, ledger: Ledger, sink: Sender) -> Result<Running, StartError> {
        let settings = Arc::new(Settings::new(config)?);
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let listeners =
            listener::bind(config.listen.address, config.listen.threads.unwrap_or_else(cores).max(1))?;
        let address = listeners[0].local_addr().map_err(StartError::Thread)?;
        settings.targets().try_for_each(|target| target.refuse_itself(address))?;

        let (stop, stopped) = watch::channel(None);
        let mut running =
            Running { address, counters: Vec::new(), queue: sink.clone(), stop, threads: Vec::new() };
        let first = place();
        for (number, listener) in (0u32..).zip(listeners) {
            let seed = Seed {
                settings: Arc::clone(&settings),
                counters: Arc::default(),
                lane: ledger.lane(),
                sink: sink.clone(),
                place: ExchangeId { proxy: first.proxy.wrapping_add(number), ..first },
            };
            running.spawn(number, seed, listener, stopped.clone())?;
        }
        tracing::info!(%address, threads = running.threads.len(), "proxy listens");
        Ok(running)
    }
}

/// A running proxy. Dropping it stops it without waiting for requests in flight.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    counters: Vec<Arc<Counters>>,
    queue: Sender,
    stop: watch::Sender<Option<Instant>>,
    threads: Vec<JoinHandle<()>>,
}

impl Running {
    /// Where clients connect; names the port that was picked where the configuration says 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the proxy has done so far. Cheap: sums a few hundred numbers and waits for nobody.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats::gather(&self.counters, self.queue.held_bytes())
    }

    /// Stops accepting, lets requests and copies in flight finish for at most `patience`, ends the
    /// rest, and returns the final counts. Blocks the calling thread for that long.
    ///
    /// Afterwards every exchange has been handed on or counted, and the queue has no sender left.
    pub fn drain(mut self, patience: Duration) -> Stats {
        self.stop(patience);
        self.stats()
    }

    fn spawn(
        &mut self,
        number: u32,
        seed: Seed,
        listener: TcpListener,
        stop: Stop,
    ) -> Result<(), StartError> {
        self.counters.push(Arc::clone(&seed.counters));
        let (ready, started) = mpsc::sync_channel(1);
        let thread = std::thread::Builder::new()
            .name(format!("parallax-proxy-{number}"))
            .spawn(move || seed.run(listener, stop, &ready))
            .map_err(StartError::Thread)?;
        self.threads.push(thread);
        started.recv().map_err(io::Error::other).flatten().map_err(StartError::Thread)
    }

    fn stop(&mut self, patience: Duration) {
        self.stop.send_replace(Some(Instant::now() + patience));
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a listener thread has panicked; its exchanges in flight are lost");
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
    }
}

/// What a thread needs to make its core.
struct Seed {
    settings: Arc<Settings>,
    counters: Arc<Counters>,
    lane: Lane,
    sink: Sender,
    place: ExchangeId,
}

impl Seed {
    fn run(self, listener: TcpListener, stop: Stop, ready: &mpsc::SyncSender<io::Result<()>>) {
        let runtime = match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
            Ok(runtime) => runtime,
            Err(error) => {
                // The starter waits for exactly one answer.
                let _ = ready.send(Err(error));
                return;
            }
        };
        let core = Core::new(self.settings, self.counters, self.lane, self.sink, self.place);
        let _ = ready.send(Ok(()));
        runtime.block_on(serve(&core, listener, stop));
        core.close();
        // Tasks that are dropped here count what they were doing.
        drop(runtime);
    }
}

async fn serve(core: &Rc<Core>, listener: TcpListener, stop: Stop) {
    core.spawn(sweep(Rc::clone(core)));
    if let Err(error) = listener::run(core, listener, stop.clone()).await {
        tracing::error!(%error, "a listener has failed");
    }
    core.draining.set(true);
    let deadline = stop.borrow().unwrap_or_else(Instant::now);
    while !core.is_idle() && Instant::now() < deadline {
        tokio::time::sleep(DRAIN_LOOK).await;
    }
}

async fn sweep(core: Rc<Core>) {
    let mut ticks = tokio::time::interval(SWEEP);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        core.sweep();
    }
}

/// The name of this process's first lane: random in the upper bits, so that proxies that start in
/// the same second differ; the lowest bits count the cores.
fn place() -> ExchangeId {
    let random = RandomState::new().hash_one(std::process::id()).to_le_bytes();
    let proxy = u32::from_le_bytes([0, random[0], random[1], random[2]]);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // 32 bits of seconds last until 2106.
    ExchangeId { proxy, epoch: u32::try_from(since.as_secs()).unwrap_or(u32::MAX), sequence: 0 }
}
