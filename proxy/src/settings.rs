//! The configuration as the data plane uses it: checked, resolved, compiled.

use crate::StartError;
use crate::routes::RouteTable;
use crate::target::Target;
use crate::tls::Acceptor;
use parallax_config::{Config, KeySource, Limits, Mirror, Role as RoleConfig};
use parallax_exchange::Role;
use std::time::Duration;

/// The smallest buffer in which hyper reads a head.
const HEAD_BYTES_MIN: usize = 8 << 10;

/// What every core reads and none changes.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) primary: Target,
    pub(crate) candidate: Option<Target>,
    pub(crate) control: Option<Target>,
    /// How clients' connections are secured.
    pub(crate) tls: Option<Acceptor>,
    pub(crate) routes: RouteTable,
    pub(crate) key: Vec<KeySource>,
    pub(crate) limits: Limits,
    pub(crate) mirror: Mirror,
    /// Time limit of a copy, and of an exchange as a whole.
    pub(crate) shadow_timeout: Duration,
}

impl Settings {
    /// Compiles `config`; resolves the roles' hosts.
    ///
    /// # Errors
    /// [`StartError`] for the first thing that cannot be used.
    pub(crate) fn new(config: &Config) -> Result<Self, StartError> {
        let roles = &config.roles;
        let shadow = |role, target: &Option<RoleConfig>| {
            // In a dry run there is nobody to send a copy to.
            target.as_ref().filter(|_| !config.mirror.dry).map(|config| Target::new(role, config)).transpose()
        };
        Ok(Self {
            primary: Target::new(Role::Primary, &roles.primary)?,
            candidate: shadow(Role::Candidate, &roles.candidate)?,
            control: shadow(Role::Control, &roles.control)?,
            tls: config.listen.tls.as_ref().map(Acceptor::new).transpose()?,
            routes: RouteTable::new(&config.routes)?,
            key: config.key.clone(),
            limits: config.limits.clone(),
            mirror: config.mirror.clone(),
            shadow_timeout: config.policy.shadow_timeout.0,
        })
    }

    /// Compiles `config` for a proxy that runs already: how it listens stays as it is.
    ///
    /// # Errors
    /// As [`Settings::new`].
    pub(crate) fn anew(&self, config: &Config) -> Result<Self, StartError> {
        // The files of the certificates are watched by themselves.
        let mut config = config.clone();
        config.listen.tls = None;
        Ok(Self { tls: self.tls.clone(), ..Self::new(&config)? })
    }

    /// Whether mirroring has come to its configured end.
    pub(crate) fn is_expired(&self) -> bool {
        self.mirror.expires.is_some_and(|end| crate::core::unix_now() >= end.unix_ns())
    }

    /// How many roles get copies.
    pub(crate) fn shadows(&self) -> u64 {
        u64::from(self.candidate.is_some()) + u64::from(self.control.is_some())
    }

    /// Every role's target.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &Target> {
        [Some(&self.primary), self.candidate.as_ref(), self.control.as_ref()].into_iter().flatten()
    }

    /// Warns of roles that are one server: right only where a build is compared with itself.
    pub(crate) fn warn_of_twins(&self) {
        let targets: Vec<_> = self.targets().collect();
        for (at, one) in targets.iter().enumerate() {
            for other in targets[at + 1..].iter().filter(|other| one.is_same_server(other)) {
                tracing::warn!(
                    "roles.{} and roles.{} are the same server ({}): it gets each request more than once, and \
                     differences between the two are noise; right only for a self-test",
                    one.role,
                    other.role,
                    one.url
                );
            }
        }
    }

    /// Size of a message head.
    pub(crate) fn head_bytes(&self) -> usize {
        self.limits.header_bytes.max(HEAD_BYTES_MIN)
    }
}
