//! The same arrivals to several targets at once: what they answer becomes exchanges.
//!
//! Every target has a lane of its own, with its own connections, and every lane walks the whole plan: a
//! target that is slow delays nobody else's requests. An arrival goes to all targets at the same intended
//! time, in an order drawn for it. Latency counts from there, so a target's own queue is a part of it.
//!
//! The first target is the primary, the second the candidate, a third, if there is one, the control. What
//! is lost on the way to the comparison is mirrored and never compared, and so lowers the coverage.

mod join;

use super::arm::arms;
use super::connection::KEPT_MAX;
use super::lane::Setup;
use super::run::{Measured, Observer, START_AHEAD_NS, Watch, start_lane, wall_since, warm_up};
use super::tally::Tally;
use super::transport::Transport;
use super::{LoadError, Options, Run, Stop, clock};
use crate::plan::Plan;
use crate::source::{Rendering, Source};
use crate::target::Target;
use join::Join;
use parallax_exchange::{Ledger, Request, Role, Sender};
use std::sync::mpsc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Everything that a run against several targets needs.
#[derive(Debug, Clone)]
pub struct PairedRun {
    runs: Vec<Run>,
    requests: Vec<Request>,
    /// Names the session of a request; each request is one of its own without it.
    session_header: Option<http::HeaderName>,
}

/// What a run against several targets found; [`crate::report::PairedReport`] makes documents of it.
#[derive(Debug)]
pub(crate) struct PairMeasured {
    /// What was measured of each target, in their order.
    pub(crate) measured: Vec<Measured>,
    /// Exchanges handed to the comparison.
    pub(crate) compared: u64,
    /// Arrivals that were due and are not among them.
    pub(crate) lost: u64,
}

impl PairedRun {
    /// A run of `requests`, in turn, against two or three targets: primary, candidate, control.
    ///
    /// # Errors
    /// [`LoadError::Source`] for a request that cannot be sent.
    ///
    /// # Panics
    /// If there are fewer than two targets or more than three.
    pub fn new(
        targets: Vec<Target>,
        plan: &Plan,
        requests: Vec<Request>,
        from: &str,
        session_header: Option<http::HeaderName>,
        options: Options,
    ) -> Result<Self, LoadError> {
        assert!((2..=Role::ALL.len()).contains(&targets.len()), "{} targets", targets.len());
        let rendering =
            Rendering { keep_host: true, lap_header: session_header.clone(), ..Rendering::default() };
        let run = |target: Target| {
            let source = Source::new(&requests, &target, &rendering, from)?;
            Ok(Run { target, plan: plan.clone(), source, options })
        };
        let runs = targets.into_iter().map(run).collect::<Result<_, LoadError>>()?;
        Ok(Self { runs, requests, session_header })
    }

    /// The run of each target, in their order.
    #[must_use]
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Carries out the plan; blocks until every arrival has ended everywhere or `stop` is set.
    ///
    /// Exchanges go to `sender`, what was mirrored is counted in `ledger`; the observer's counts are those of
    /// all targets together.
    ///
    /// # Errors
    /// As [`crate::run`].
    pub(crate) fn measure(
        &self,
        stop: &Stop,
        observer: &mut dyn Observer,
        ledger: &Ledger,
        sender: Sender,
    ) -> Result<PairMeasured, LoadError> {
        let plan = &self.runs[0].plan;
        let mut aims = self.aims()?;
        let opened: Vec<u64> = aims.iter().map(|(_, warm)| warm.len() as u64).collect();
        let (arms, catch) = arms(&Role::ALL[..self.runs.len()], true);
        let start_ns = clock::now_ns() + START_AHEAD_NS;
        let wall_start = SystemTime::now();
        let started = wall_start + Duration::from_nanos(START_AHEAD_NS);
        observer.start(started);
        let epoch_ns = started.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64;
        let mut join = Join::new(self, epoch_ns, ledger.lane(), sender);
        let mut watch = Watch::new(observer, start_ns, plan.arrivals() * self.runs.len() as u64);
        let mut tallies = vec![Tally::new(); self.runs.len()];
        let (caught, result) = std::thread::scope(|scope| {
            let joined = scope.spawn(move || {
                while let Some((role, caught)) = catch.next() {
                    join.add(role, caught);
                }
                join.finish()
            });
            // The arms live as long as the lanes: when they are gone, so is the last who sends to the join.
            let arms = arms;
            let result = std::thread::scope(|lanes| {
                let (done, results) = mpsc::channel();
                for (number, ((run, arm), (address, warm))) in
                    self.runs.iter().zip(&arms).zip(&mut aims).enumerate()
                {
                    let setup = Setup {
                        plan,
                        source: &run.source,
                        target: &run.target,
                        options: &run.options,
                        address: *address,
                        lanes: 1,
                        arm: Some(arm),
                        start_ns,
                        stop,
                    };
                    watch.lanes.push(start_lane(lanes, setup, 0, std::mem::take(warm), number, &done)?);
                }
                drop(done);
                watch.until_all(&results, stop, |number, lane| tallies[number].merge(lane))
            });
            for arm in &arms {
                if arm.dropped() > 0 {
                    tracing::warn!(dropped = arm.dropped(), "answers were not compared: too many waited");
                }
            }
            drop(arms);
            (joined.join(), result)
        });
        result?;
        let joined = caught.expect("the join's thread does not panic");
        let ended_ns = clock::now_ns();
        let is_partial = stop.is_set();
        let measured =
            tallies.into_iter().zip(&aims).zip(opened).map(|((mut tally, (address, _)), opened)| {
                tally.counts.connections += opened;
                Measured {
                    tally,
                    lanes: 1,
                    address: *address,
                    started,
                    elapsed_ns: ended_ns - start_ns,
                    wall_elapsed_ns: wall_since(wall_start) - i128::from(START_AHEAD_NS),
                    is_partial,
                }
            });
        Ok(PairMeasured { measured: measured.collect(), compared: joined.compared, lost: joined.lost })
    }

    /// Opens as many connections to each target as to every other.
    fn aims(&self) -> Result<Vec<Aim>, LoadError> {
        let run = &self.runs[0];
        let warm = match run.options.warm as u64 {
            0 => (run.mean_rate() / 100).clamp(1, 64),
            warm => warm,
        };
        let warm = (warm as usize).min(run.options.connections.max(1));
        self.runs.iter().map(|run| warm_up(&run.target, warm)).collect()
    }
}

/// Where a lane sends, and the connections that are open already.
type Aim = (std::net::SocketAddr, Vec<Transport>);

/// Replies that are longer are not compared.
const REPLY_MAX: usize = KEPT_MAX;

#[cfg(test)]
mod tests;
