//! Starting, watching and draining a proxy: plain threads outside, a runtime of its own in each.

use crate::StartError;
use crate::core::Core;
use crate::counters::Counters;
use crate::listener;
use crate::publish::Publisher;
use crate::quota::Share;
use crate::settings::Settings;
use crate::stats::Stats;
use crate::tls::Watch;
use parallax_config::Config;
use parallax_exchange::{ExchangeId, Lane, Ledger, Sender};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::watch;

/// How often a core drops what has expired, and the counts become metrics.
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

        settings.warn_of_twins();
        crate::descriptors::raise_limit();

        let (stop, stopped) = watch::channel(None);
        let counters: Vec<Arc<Counters>> = listeners.iter().map(|_| Arc::default()).collect();
        let publisher = Arc::new(Mutex::new(Publisher::new(counters.clone(), sink.clone())));
        let certificates = config.listen.tls.clone().zip(settings.tls.clone());
        let certificates = certificates.map(|(tls, acceptor)| Watch::start(tls, acceptor)).transpose();
        let certificates = certificates.map_err(StartError::Thread)?;
        let mut running =
            Running { address, publisher, stop, threads: Vec::new(), _certificates: certificates };
        let first = place();
        let of = listeners.len() as u64;
        for ((number, listener), counters) in (0u32..).zip(listeners).zip(counters) {
            let seed = Seed {
                settings: Arc::clone(&settings),
                counters,
                // One of them speaks for all.
                publisher: (number == 0).then(|| Arc::clone(&running.publisher)),
                lane: ledger.lane(),
                sink: sink.clone(),
                place: ExchangeId { proxy: first.proxy.wrapping_add(number), ..first },
                share: Share { number: u64::from(number), of },
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
    publisher: Arc<Mutex<Publisher>>,
    stop: watch::Sender<Option<Instant>>,
    threads: Vec<JoinHandle<()>>,
    _certificates: Option<Watch>,
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
        locked(&self.publisher).stats()
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
        locked(&self.publisher).publish();
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
    publisher: Option<Arc<Mutex<Publisher>>>,
    lane: Lane,
    sink: Sender,
    place: ExchangeId,
    share: Share,
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
        let core = Core::new(self.settings, self.counters, self.lane, self.sink, self.place, self.share);
        let _ = ready.send(Ok(()));
        runtime.block_on(serve(&core, listener, stop, self.publisher));
        core.close();
        // Tasks that are dropped here count what they were doing.
        drop(runtime);
    }
}

async fn serve(core: &Rc<Core>, listener: TcpListener, stop: Stop, publisher: Option<Arc<Mutex<Publisher>>>) {
    core.spawn(sweep(Rc::clone(core), publisher));
    if let Err(error) = listener::run(core, listener, stop.clone()).await {
        tracing::error!(%error, "a listener has failed");
    }
    core.draining.set(true);
    let deadline = stop.borrow().unwrap_or_else(Instant::now);
    while !core.is_idle() && Instant::now() < deadline {
        tokio::time::sleep(DRAIN_LOOK).await;
    }
}

async fn sweep(core: Rc<Core>, publisher: Option<Arc<Mutex<Publisher>>>) {
    let mut ticks = tokio::time::interval(SWEEP);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        core.sweep();
        if let Some(publisher) = &publisher {
            locked(publisher).publish();
        }
    }
}

/// A panic while publishing leaves numbers that are told again a second later.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
