//! Starting, watching and draining a proxy: plain threads outside, a runtime of its own in each.

use crate::StartError;
use crate::core::Core;
use crate::counters::Counters;
use crate::descriptors::Room;
use crate::layer::Intake;
use crate::listener;
use crate::observe::Observer;
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

/// How often a reload looks whether every thread has taken it, and for how long.
const RELOAD_LOOK: Duration = Duration::from_millis(1);
const RELOAD_PATIENCE: Duration = Duration::from_secs(5);

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
        Self::start_observed(config, ledger, sink, &Observer::default())
    }

    /// The same; `observer` is told of each live request and each copy, and never waited for.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_observed(
        config: &Config,
        ledger: Ledger,
        sink: Sender,
        observer: &Observer,
    ) -> Result<Running, StartError> {
        let settings = Arc::new(Settings::new(config)?);
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let listeners =
            listener::bind(config.listen.address, config.listen.threads.unwrap_or_else(cores).max(1))?;
        let address = listeners[0].local_addr().map_err(StartError::Thread)?;
        settings.targets().try_for_each(|target| target.refuse_itself(address))?;

        settings.warn_of_twins();
        crate::descriptors::raise_limit();
        Room::now(listeners.len() as u64, settings.shadows()).tell(&settings.limits);

        let (stop, stopped) = watch::channel(None);
        let (reload, reloaded) = watch::channel(Arc::clone(&settings));
        let counters: Vec<Arc<Counters>> = listeners.iter().map(|_| Arc::default()).collect();
        let publisher = Arc::new(Mutex::new(Publisher::new(counters.clone(), sink.clone())));
        let certificates = config.listen.tls.clone().zip(settings.tls.clone());
        let certificates = certificates.map(|(tls, acceptor)| Watch::start(tls, acceptor)).transpose();
        let certificates = certificates.map_err(StartError::Thread)?;
        let handle =
            Handle { address, publisher, reload: Arc::new(Mutex::new(reload)), counters: counters.clone() };
        let threads = Threads { stop, threads: Vec::new(), publisher: Arc::clone(&handle.publisher) };
        let mut running = Running { handle, threads, _certificates: certificates };
        let first = place();
        let of = listeners.len() as u64;
        for ((number, listener), counters) in (0u32..).zip(listeners).zip(counters) {
            let seed = Seed {
                settings: Arc::clone(&settings),
                reloaded: reloaded.clone(),
                counters,
                // One of them speaks for all.
                publisher: (number == 0).then(|| Arc::clone(&running.handle.publisher)),
                lane: ledger.lane(),
                sink: sink.clone(),
                place: ExchangeId { proxy: first.proxy.wrapping_add(number), ..first },
                share: Share { number: u64::from(number), of },
                observer: observer.clone(),
            };
            running.threads.spawn(number, seed, Work::Listen(listener), stopped.clone())?;
        }
        tracing::info!(%address, threads = running.threads.threads.len(), "proxy listens");
        Ok(running)
    }
}

/// A running proxy. Dropping it stops it without waiting for requests in flight.
#[derive(Debug)]
pub struct Running {
    handle: Handle,
    threads: Threads,
    _certificates: Option<Watch>,
}

impl Running {
    /// Where clients connect; names the port that was picked where the configuration says 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.handle.address
    }

    /// A way to look at it and to change its configuration from any thread; it keeps nothing running.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// What the proxy has done so far. Cheap: sums a few hundred numbers and waits for nobody.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.handle.stats()
    }

    /// Stops accepting, lets requests and copies in flight finish for at most `patience`, ends the
    /// rest, and returns the final counts. Blocks the calling thread for that long.
    ///
    /// Afterwards every exchange has been handed on or counted, and the queue has no sender left.
    pub fn drain(mut self, patience: Duration) -> Stats {
        self.threads.stop(patience);
        self.stats()
    }
}

/// The threads of a proxy or of a layer. Dropping them stops them without waiting for copies in flight.
#[derive(Debug)]
pub(crate) struct Threads {
    stop: watch::Sender<Option<Instant>>,
    threads: Vec<JoinHandle<()>>,
    publisher: Arc<Mutex<Publisher>>,
}

impl Threads {
    /// What they have done so far.
    pub(crate) fn stats(&self) -> Stats {
        locked(&self.publisher).stats()
    }

    fn spawn(&mut self, number: u32, seed: Seed, work: Work, stop: Stop) -> Result<(), StartError> {
        let (ready, started) = mpsc::sync_channel(1);
        let thread = std::thread::Builder::new()
            .name(format!("parallax-proxy-{number}"))
            .spawn(move || seed.run(work, stop, &ready))
            .map_err(StartError::Thread)?;
        self.threads.push(thread);
        started.recv().map_err(io::Error::other).flatten().map_err(StartError::Thread)
    }

    /// Lets what is in flight finish for at most `patience`.
    pub(crate) fn stop(&mut self, patience: Duration) {
        self.stop.send_replace(Some(Instant::now() + patience));
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a listener thread has panicked; its exchanges in flight are lost");
            }
        }
        locked(&self.publisher).publish();
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
    }
}

/// A running proxy as others see it; cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    address: SocketAddr,
    publisher: Arc<Mutex<Publisher>>,
    reload: Arc<Mutex<watch::Sender<Arc<Settings>>>>,
    counters: Vec<Arc<Counters>>,
}

/// Why a configuration was not applied.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// It cannot be used; nothing has changed.
    #[error(transparent)]
    Unusable(#[from] StartError),
    /// Not every listener thread has taken it in time.
    #[error(
        "{late} of {threads} listener threads have not taken the new configuration yet; they will when they can"
    )]
    Late {
        /// How many have not.
        late: usize,
        /// How many there are.
        threads: usize,
    },
}

impl Handle {
    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// As [`Running::stats`].
    #[must_use]
    pub fn stats(&self) -> Stats {
        locked(&self.publisher).stats()
    }

    /// Routes, mirroring, limits and roles as `config` has them, for every request that begins from now
    /// on; connections, and requests that have begun, are kept. How the proxy listens does not change.
    /// Blocks for the resolution of hosts and until every listener thread has taken it.
    ///
    /// # Errors
    /// [`ReloadError`]; where the configuration cannot be used nothing has changed.
    pub fn reload(&self, config: &Config) -> Result<(), ReloadError> {
        // Held throughout, so that of two reloads at a time the later one stands.
        let sender = locked(&self.reload);
        let settings = Arc::new(sender.borrow().anew(config)?);
        settings.targets().try_for_each(|target| target.refuse_itself(self.address))?;
        settings.warn_of_twins();
        let wanted: Vec<u64> = self.counters.iter().map(|core| core.generation.get() + 1).collect();
        sender.send_replace(settings);
        let start = Instant::now();
        loop {
            let late =
                self.counters.iter().zip(&wanted).filter(|(core, wanted)| core.generation.get() < **wanted);
            match late.count() {
                0 => return Ok(()),
                late if start.elapsed() > RELOAD_PATIENCE => {
                    return Err(ReloadError::Late { late, threads: self.counters.len() });
                }
                _ => std::thread::sleep(RELOAD_LOOK),
            }
        }
    }
}

/// What a thread needs to make its core.
struct Seed {
    settings: Arc<Settings>,
    reloaded: watch::Receiver<Arc<Settings>>,
    counters: Arc<Counters>,
    publisher: Option<Arc<Mutex<Publisher>>>,
    lane: Lane,
    sink: Sender,
    place: ExchangeId,
    share: Share,
    observer: Observer,
}

impl Seed {
    fn run(self, work: Work, stop: Stop, ready: &mpsc::SyncSender<io::Result<()>>) {
        let runtime = match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
            Ok(runtime) => runtime,
            Err(error) => {
                // The starter waits for exactly one answer.
                let _ = ready.send(Err(error));
                return;
            }
        };
        let core = Core::new(
            self.settings,
            self.counters,
            self.lane,
            self.sink,
            self.place,
            self.share,
            self.observer,
        );
        let _ = ready.send(Ok(()));
        runtime.block_on(serve(&core, work, stop, self.publisher, self.reloaded));
        core.close();
        // Tasks that are dropped here count what they were doing.
        drop(runtime);
    }
}

/// Where a core's requests come from.
enum Work {
    Listen(TcpListener),
    Take(Intake),
}

/// A core without a listener, which takes in what layers saw.
///
/// # Errors
/// [`StartError::Thread`].
pub(crate) fn one_core(
    settings: Arc<Settings>,
    ledger: &Ledger,
    sink: Sender,
    intake: Intake,
) -> Result<Threads, StartError> {
    settings.warn_of_twins();
    let (stop, stopped) = watch::channel(None);
    let counters = Arc::<Counters>::default();
    let publisher = Arc::new(Mutex::new(Publisher::new(vec![Arc::clone(&counters)], sink.clone())));
    let seed = Seed {
        // Its other end is gone at once: a layer is not reloaded.
        reloaded: watch::channel(Arc::clone(&settings)).1,
        settings,
        counters,
        publisher: Some(Arc::clone(&publisher)),
        lane: ledger.lane(),
        sink,
        place: place(),
        share: Share { number: 0, of: 1 },
        observer: Observer::default(),
    };
    let mut threads = Threads { stop, threads: Vec::new(), publisher };
    threads.spawn(0, seed, Work::Take(intake), stopped)?;
    Ok(threads)
}

async fn serve(
    core: &Rc<Core>,
    work: Work,
    stop: Stop,
    publisher: Option<Arc<Mutex<Publisher>>>,
    reloaded: watch::Receiver<Arc<Settings>>,
) {
    core.spawn(sweep(Rc::clone(core), publisher));
    core.spawn(follow(Rc::clone(core), reloaded));
    match work {
        Work::Listen(listener) => {
            if let Err(error) = listener::run(core, listener, stop.clone()).await {
                tracing::error!(%error, "a listener has failed");
            }
        }
        Work::Take(intake) => {
            core.spawn(intake.run(Rc::clone(core)));
            // Nobody is left who could ask to stop: that is a stop.
            let _ = stop.clone().wait_for(Option::is_some).await;
        }
    }
    core.draining.set(true);
    let deadline = stop.borrow().unwrap_or_else(Instant::now);
    while !core.is_idle() && Instant::now() < deadline {
        tokio::time::sleep(DRAIN_LOOK).await;
    }
}

/// Applies each new configuration, until nobody is left who could send one.
async fn follow(core: Rc<Core>, mut reloaded: watch::Receiver<Arc<Settings>>) {
    while reloaded.changed().await.is_ok() {
        let settings = Arc::clone(&reloaded.borrow_and_update());
        core.apply(settings);
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
