//! What of a core a reload replaces: settings, pools, caps.
//!
//! A request takes the setup of its beginning and keeps it to its end, so that no request sees two
//! configurations; the old one goes with the last request that began under it. What did not change
//! (a role's pool with its connections, the bytes held, the copies in flight) is carried over.

use crate::capture::Budget;
use crate::connection::Server;
use crate::counters::Counters;
use crate::descriptors::Room;
use crate::paced::{Allowance, Measure, Pace};
use crate::pool::Pool;
use crate::quota::{Caps, Share, Watched};
use crate::routes::Selection;
use crate::settings::Settings;
use crate::target::Target;
use parallax_config::Protocol;
use parallax_exchange::Role;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// Settings, and what one core made of them.
pub(crate) struct Setup {
    pub(crate) settings: Arc<Settings>,
    pub(crate) primary: Rc<Pool>,
    pub(crate) candidate: Option<Shadow>,
    pub(crate) control: Option<Shadow>,
    /// Client connections that are served at a time.
    pub(crate) connections: usize,
    pub(crate) budget: Rc<Budget>,
    pub(crate) caps: Caps,
    /// How new connections are served.
    pub(crate) server: Rc<Server>,
    /// Mirroring has come to its configured end.
    pub(crate) expired: Cell<bool>,
    /// How often each route was taken.
    watched: Vec<Watched>,
    /// What the primary has sent.
    measure: Rc<Measure>,
    share: Share,
}

/// One shadow's pool and the bound of its copies in flight.
pub(crate) struct Shadow {
    pub(crate) pool: Rc<Pool>,
    pub(crate) in_flight: Rc<Cell<usize>>,
    pub(crate) limit: usize,
}

impl Setup {
    /// The setup of `settings`, with what can be kept of `old`.
    pub(crate) fn new(
        settings: Arc<Settings>,
        counters: &Arc<Counters>,
        share: Share,
        old: Option<&Self>,
    ) -> Rc<Self> {
        let same_limits = old.is_some_and(|old| old.settings.limits == settings.limits);
        let measure = old.map(|old| Rc::clone(&old.measure)).unwrap_or_default();
        let pool = |target: &Target, old: Option<&Rc<Pool>>| match old {
            Some(old) if same_limits && old.target().is_same(target) => Rc::clone(old),
            _ => {
                let pace = match target.role {
                    Role::Primary => Pace::Measured(Rc::clone(&measure)),
                    Role::Candidate | Role::Control => Pace::Held(Allowance::new(&measure)),
                };
                Pool::new(target.clone(), &settings, pace)
            }
        };
        let room = Room::now(share.of, settings.shadows());
        let shadow = |target: &Option<Target>, old: Option<&Shadow>| {
            target.as_ref().map(|target| Shadow {
                pool: pool(target, old.map(|old| &old.pool)),
                in_flight: old.map(|old| Rc::clone(&old.in_flight)).unwrap_or_default(),
                limit: match target.protocol {
                    Protocol::H1 => settings.limits.role_in_flight.min(room.copies),
                    // A hundred share a connection.
                    Protocol::H2 => settings.limits.role_in_flight,
                },
            })
        };
        Rc::new(Self {
            primary: pool(&settings.primary, old.map(|old| &old.primary)),
            candidate: shadow(&settings.candidate, old.and_then(|old| old.candidate.as_ref())),
            control: shadow(&settings.control, old.and_then(|old| old.control.as_ref())),
            connections: settings.limits.connections.min(room.clients),
            budget: Budget::new(settings.limits.copy_bytes, Arc::clone(counters)),
            caps: Caps::new(&settings.mirror, share),
            server: Rc::new(Server::new(&settings)),
            expired: Cell::new(settings.is_expired()),
            watched: std::iter::repeat_with(Watched::new).take(settings.routes.len()).collect(),
            measure,
            share,
            settings,
        })
    }

    /// The shadow that plays `role`.
    pub(crate) fn shadow(&self, role: Role) -> Option<&Shadow> {
        match role {
            Role::Primary => None,
            Role::Candidate => self.candidate.as_ref(),
            Role::Control => self.control.as_ref(),
        }
    }

    /// How many roles get copies.
    pub(crate) fn shadows(&self) -> u64 {
        u64::from(self.candidate.is_some()) + u64::from(self.control.is_some())
    }

    /// The share of keys that the next request of a route is sampled with, in parts per million.
    pub(crate) fn sample_ppm(&self, selection: &Selection) -> u32 {
        match self.watched.get(selection.number) {
            Some(watched) if selection.minimum > 0.0 => watched.ppm(selection, self.share, Instant::now()),
            _ => selection.sample_ppm,
        }
    }

    /// The periodic work: idle connections, the end of mirroring.
    pub(crate) fn sweep(&self, now: Instant) {
        if self.settings.is_expired() && !self.expired.replace(true) {
            tracing::warn!(
                "mirroring has come to its end (mirror.expires); requests go to the primary alone"
            );
        }
        self.primary.sweep(now);
        [&self.candidate, &self.control].into_iter().flatten().for_each(|shadow| shadow.pool.sweep(now));
    }
}
