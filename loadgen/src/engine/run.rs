//! A run: warms up, starts the lanes, watches them, adds up what they bring home.

use super::arm::Arm;
use super::lane::{Lane, Setup};
use super::live::{LiveLane, Shown};
use super::multiplex::MultiplexLane;
use super::tally::{Tally, histogram};
use super::transport::Transport;
use super::{Options, Stop, clock};
use crate::plan::{Plan, PlanError};
use crate::source::{Source, SourceError};
use crate::target::{Target, TargetError};
use hdrhistogram::Histogram;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::time::{Duration, SystemTime};

/// Everything that a run needs.
#[derive(Debug, Clone)]
pub struct Run {
    /// Where requests go.
    pub target: Target,
    /// When they are due.
    pub plan: Plan,
    /// What they are.
    pub source: Source,
    /// How they are sent.
    pub options: Options,
}

/// What is measured while and after lanes run; [`crate::LoadReport`] makes a document of it.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) tally: Tally,
    pub(crate) lanes: u64,
    pub(crate) address: SocketAddr,
    pub(crate) started: SystemTime,
    /// From the plan's time 0 to the end of the last lane.
    pub(crate) elapsed_ns: u64,
    /// The same on the wall clock, which may be set while the run lasts.
    pub(crate) wall_elapsed_ns: i128,
    pub(crate) is_partial: bool,
}

/// Why a run did not take place, or cannot be believed.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The target is not a target.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The plan is not a plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A request is not a request.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Nobody listens at the target.
    #[error("failed to connect to {target} ({address}); is the service running there?")]
    Unreachable {
        /// As given.
        target: String,
        /// The last address tried.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The operating system refused what the engine itself needs.
    #[error("failed to {action}")]
    System {
        /// What was tried.
        action: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A bug: the counts do not add up.
    #[error(
        "the run's counts do not add up ({0}); this is a bug in the generator, and its report would be untrue"
    )]
    Unbalanced(String),
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Since the plan's time 0.
    pub elapsed: Duration,
    /// Arrivals in the plan.
    pub planned: u64,
    /// Arrivals released so far.
    pub released: u64,
    /// Replies so far.
    pub completed: u64,
    /// Arrivals without a reply so far.
    pub failed: u64,
}

/// Response times of about a second.
#[derive(Debug)]
pub struct Interval<'a> {
    /// When it began, after the plan's time 0.
    pub start: Duration,
    /// How long it lasted.
    pub length: Duration,
    /// Response times of what ended in it, in nanoseconds.
    pub response: &'a Histogram<u64>,
}

/// Watches a run, on the thread that called it; the lanes do not wait for it.
pub trait Observer {
    /// Called once, when the plan's time 0 is known: a few milliseconds ahead.
    fn start(&mut self, started: SystemTime) {
        let _ = started;
    }

    /// Called some five times a second and once at the end.
    fn progress(&mut self, progress: &Progress);

    /// Called about once a second and once at the end, in order and without gaps.
    fn interval(&mut self, interval: &Interval<'_>) {
        let _ = interval;
    }
}

/// Watches nothing.
impl Observer for () {
    fn progress(&mut self, _: &Progress) {}
}

impl<F: FnMut(&Progress)> Observer for F {
    fn progress(&mut self, progress: &Progress) {
        self(progress);
    }
}

/// Between the warm-up and the plan's time 0: threads have to be started.
pub(super) const START_AHEAD_NS: u64 = 5_000_000;

const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// Requests per second that one lane takes without thought.
const PER_LANE: u64 = 20_000;

/// Time limit of a connection of the warm-up.
const WARM_TIMEOUT: Duration = Duration::from_secs(5);

impl Run {
    /// Mean requests per second of the plan.
    pub(super) fn mean_rate(&self) -> u64 {
        if self.plan.closed_ns().is_some() {
            return 0;
        }
        let seconds = self.plan.last_ns().max(1) as f64 / 1e9;
        (self.plan.arrivals() as f64 / seconds).min(1e9) as u64
    }

    fn lanes(&self, rate: u64) -> u64 {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
        let lanes = match self.options.lanes as u64 {
            0 if self.plan.closed_ns().is_some() => cores,
            0 => (rate / PER_LANE + 1).min(cores),
            lanes => lanes,
        };
        lanes.clamp(1, self.plan.arrivals()).min(self.options.connections.max(1) as u64)
    }

    /// Runs the plan; blocks until every arrival has ended or `stop` is set.
    ///
    /// Where there is an arm, what becomes of each arrival goes to it.
    pub(crate) fn measure(
        &self,
        stop: &Stop,
        observer: &mut dyn Observer,
        arm: Option<&Arm>,
    ) -> Result<Measured, LoadError> {
        let rate = self.mean_rate();
        let warm = match self.options.warm as u64 {
            0 if self.plan.closed_ns().is_some() => self.options.connections as u64,
            0 => (rate / 100).clamp(1, 64),
            warm => warm,
        };
        let per =
            if self.target.protocol().is_multiplexed() { self.options.streams.max(1) as u64 } else { 1 };
        let warm = warm.div_ceil(per);
        let (address, mut connections) =
            warm_up(&self.target, (warm as usize).min(self.options.connections.max(1)))?;
        let lanes = self.lanes(rate);
        let start_ns = clock::now_ns() + START_AHEAD_NS;
        let (wall_start, source, plan, options) =
            (SystemTime::now(), &self.source, &self.plan, &self.options);
        let started = wall_start + Duration::from_nanos(START_AHEAD_NS);
        observer.start(started);
        let target = &self.target;
        let setup = Setup { plan, source, options, target, address, lanes, arm, start_ns, stop };
        let opened = connections.len() as u64;
        let mut watch = Watch::new(observer, start_ns, self.plan.arrivals());
        let mut tally = Tally::new();
        std::thread::scope(|scope| {
            let (done, results) = mpsc::channel();
            for number in 0..lanes {
                let share = connections.len().div_ceil((lanes - number) as usize);
                let warm = connections.split_off(connections.len() - share);
                watch.lanes.push(start_lane(scope, setup, number, warm, 0, &done)?);
            }
            drop(done);
            watch.until_all(&results, stop, |_, lane| tally.merge(lane))
        })?;
        let ended_ns = clock::now_ns();
        tally.counts.connections += opened;
        Ok(Measured {
            tally,
            lanes,
            address,
            started,
            elapsed_ns: ended_ns - start_ns,
            wall_elapsed_ns: wall_since(wall_start) - i128::from(START_AHEAD_NS),
            is_partial: stop.is_set(),
        })
    }
}

/// Starts the thread of a lane, which sends `tag` with its tally when it ends.
pub(super) fn start_lane<'scope, 'env>(
    scope: &'scope std::thread::Scope<'scope, 'env>,
    setup: Setup<'scope>,
    number: u64,
    warm: Vec<Transport>,
    tag: usize,
    done: &mpsc::Sender<Ended>,
) -> Result<Arc<Shown>, LoadError> {
    let (live, shown) = LiveLane::new(setup.start_ns);
    let done = done.clone();
    let lane = move || {
        let result = if setup.target.protocol().is_multiplexed() {
            MultiplexLane::new(setup, number, live, warm).and_then(MultiplexLane::run)
        } else {
            Lane::new(setup, number, live, warm).and_then(Lane::run)
        };
        // The receiver outlives every lane, except when another lane has failed.
        let _ = done.send((tag, result));
    };
    let thread = std::thread::Builder::new().name(format!("load-{tag}-{number}"));
    thread.spawn_scoped(scope, lane).map_err(|source| {
        setup.stop.set(); // The lanes that did start would run the whole plan.
        system("start a thread")(source)
    })?;
    Ok(shown)
}

/// What the thread of a lane leaves, with the tag that it was started with.
pub(super) type Ended = (usize, io::Result<Tally>);

fn system(action: &'static str) -> impl Fn(io::Error) -> LoadError {
    move |source| LoadError::System { action, source }
}

pub(super) fn wall_since(start: SystemTime) -> i128 {
    match SystemTime::now().duration_since(start) {
        Ok(passed) => passed.as_nanos() as i128,
        Err(error) => -(error.duration().as_nanos() as i128),
    }
}

/// Opens connections before the clock starts; the first one chooses among the host's addresses.
pub(super) fn warm_up(target: &Target, count: usize) -> Result<(SocketAddr, Vec<Transport>), LoadError> {
    let connect = |address| {
        Transport::opened(target, address, WARM_TIMEOUT).map_err(|source| LoadError::Unreachable {
            target: target.to_string(),
            address,
            source,
        })
    };
    let mut last = None;
    for address in target.resolve()? {
        match connect(address) {
            Ok(first) => {
                let mut connections = vec![first];
                for _ in 1..count {
                    connections.push(connect(address)?);
                }
                return Ok((address, connections));
            }
            Err(error) => last = Some(error),
        }
    }
    Err(last.expect("a target resolves to at least one address"))
}

/// The watcher's side of a run.
pub(super) struct Watch<'a> {
    observer: &'a mut dyn Observer,
    start_ns: u64,
    planned: u64,
    pub(super) lanes: Vec<Arc<Shown>>,
    interval: Histogram<u64>,
    interval_start_ns: u64,
}

impl<'a> Watch<'a> {
    pub(super) fn new(observer: &'a mut dyn Observer, start_ns: u64, planned: u64) -> Self {
        Self { observer, start_ns, planned, lanes: Vec::new(), interval: histogram(), interval_start_ns: 0 }
    }

    /// Tells the observer what happens until every lane has ended; gives each one's tag and tally to `add`.
    pub(super) fn until_all(
        &mut self,
        results: &mpsc::Receiver<Ended>,
        stop: &Stop,
        mut add: impl FnMut(usize, &Tally),
    ) -> Result<(), LoadError> {
        loop {
            match results.recv_timeout(PROGRESS_EVERY) {
                Ok((tag, Ok(lane))) => add(tag, &lane),
                Ok((_, Err(source))) => {
                    stop.set(); // The other lanes have nothing left to contribute to.
                    return Err(system("wait for the network")(source));
                }
                Err(mpsc::RecvTimeoutError::Timeout) => self.tell(false),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
        }
        self.tell(true);
        Ok(())
    }

    fn tell(&mut self, is_last: bool) {
        let elapsed_ns = clock::now_ns().saturating_sub(self.start_ns);
        let sum = |count: fn(&Shown) -> u64| self.lanes.iter().map(|lane| count(lane)).sum();
        self.observer.progress(&Progress {
            elapsed: Duration::from_nanos(elapsed_ns),
            planned: self.planned,
            released: sum(|lane| lane.released.load(Ordering::Relaxed)),
            completed: sum(|lane| lane.completed.load(Ordering::Relaxed)),
            failed: sum(|lane| lane.failed.load(Ordering::Relaxed)),
        });
        if is_last || elapsed_ns >= self.interval_start_ns + 1_000_000_000 {
            self.tell_interval(elapsed_ns);
        }
    }

    fn tell_interval(&mut self, elapsed_ns: u64) {
        for lane in &self.lanes {
            lane.take_interval(&mut self.interval);
        }
        self.observer.interval(&Interval {
            start: Duration::from_nanos(self.interval_start_ns),
            length: Duration::from_nanos(elapsed_ns - self.interval_start_ns),
            response: &self.interval,
        });
        self.interval.reset();
        self.interval_start_ns = elapsed_ns;
    }
}
