//! Open files: each client, each upstream connection and each copy in flight takes one.
//!
//! Where they run out, nothing tells a live request's connection from a copy's. So copies have a share
//! that they cannot leave, however many of them hang, and clients as many as there can be connections to
//! the primary for them.

use parallax_config::Limits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files of the process itself: its log, listeners, and what its threads wait with.
const OWN: u64 = 32;

/// Raises the soft limit to what the system allows this process. The soft limit is often 1024 for the
/// sake of programs that use `select`, which this one does not.
pub(crate) fn raise_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => tracing::debug!(?current, ?maximum, "raised the limit of open files"),
        Err(error) => {
            tracing::warn!(%error, ?current, "cannot raise the limit of open files; see `ulimit -n`");
        }
    }
}

/// How one core may use its part of the open files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    /// Client connections.
    pub(crate) clients: usize,
    /// Connections to each shadow.
    pub(crate) copies: usize,
}

impl Room {
    /// What there is now for each of `cores` cores with `shadows` shadows.
    pub(crate) fn now(cores: u64, shadows: u64) -> Self {
        Self::of(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX), cores, shadows)
    }

    /// Says which configured limits it lowers.
    pub(crate) fn tell(self, limits: &Limits) {
        if self.clients < limits.connections || self.copies < limits.role_in_flight {
            tracing::info!(
                connections = limits.connections.min(self.clients),
                role_in_flight = limits.role_in_flight.min(self.copies),
                "open files are scarce, so limits are lower on each thread; see `ulimit -n`"
            );
        }
    }

    /// A quarter is for copies; of the rest one half is for clients and one for the primary.
    fn of(limit: u64, cores: u64, shadows: u64) -> Self {
        let each = limit.saturating_sub(OWN) / cores.max(1);
        let share = |files: u64| usize::try_from(files).unwrap_or(usize::MAX).max(1);
        Self { clients: share(each / 8 * 3), copies: share(each / 4 / shadows.max(1)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_cannot_take_the_files_of_clients_and_the_primary() {
        assert_eq!(Room::of(1024 + OWN, 1, 2), Room { clients: 384, copies: 128 });
        assert_eq!(Room::of(1024 + OWN, 2, 1), Room { clients: 192, copies: 128 });
        assert_eq!(Room::of(0, 4, 2), Room { clients: 1, copies: 1 });
        assert!(Room::of(u64::MAX, 1, 0).copies > 1 << 40);
        for limit in [64, 100, 1000, 65_536] {
            let Room { clients, copies } = Room::of(limit, 2, 2);
            assert!(2 * (2 * clients + 2 * copies) as u64 <= limit, "{limit}: {clients} {copies}");
        }
    }
}
