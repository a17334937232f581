//! Why a proxy cannot start; each message names the place and the remedy.

use parallax_exchange::Role;
use std::io;
use std::net::SocketAddr;

/// Why a proxy cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A role's URL cannot be used.
    #[error("roles.{role}.url = `{url}`: {why}")]
    Url {
        /// Whose.
        role: Role,
        /// As configured.
        url: String,
        /// What is wrong and what can be written instead.
        why: String,
    },
    /// A role's host has no address.
    #[error("roles.{role}.url = `{url}`: cannot resolve the host; check the name, or write an address")]
    Resolve {
        /// Whose.
        role: Role,
        /// As configured.
        url: String,
        /// The resolver's answer.
        #[source]
        source: io::Error,
    },
    /// A role's URL leads back to this proxy.
    #[error(
        "roles.{role}.url = `{url}` is this proxy's own address ({listen}): every request would come back for ever; write the address of the service itself"
    )]
    Itself {
        /// Whose.
        role: Role,
        /// As configured.
        url: String,
        /// Where the proxy listens.
        listen: SocketAddr,
    },
    /// Something else listens there.
    #[error(
        "listen.address = {address} is in use; stop the process that holds it, or set another port (0 picks a free one)"
    )]
    InUse {
        /// The address.
        address: SocketAddr,
    },
    /// The address cannot be listened on for another reason.
    #[error(
        "cannot listen on listen.address = {address}; write an address of this machine and a port that this user may use"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The operating system's answer.
        #[source]
        source: io::Error,
    },
    /// A route cannot be used.
    #[error("routes.{name}: {why}")]
    Route {
        /// The route's name.
        name: String,
        /// What is wrong and what can be written instead.
        why: String,
    },
    /// A certificate, a key or a name of TLS cannot be used.
    #[error("{at} = `{file}`: {why}")]
    Tls {
        /// The key of the configuration.
        at: String,
        /// The file, or the name.
        file: String,
        /// What is wrong and what can be done.
        why: String,
    },
    /// A thread or its runtime could not be made.
    #[error("cannot start a listener thread")]
    Thread(#[source] io::Error),
}
