//! Where a role listens: its URL, resolved.

use crate::StartError;
use crate::line::Address;
use crate::tls::Connector;
use http::HeaderValue;
use parallax_config::{Protocol, Role as RoleConfig};
use parallax_exchange::Role;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use url::Url;

/// How the path of a Unix socket is told from a host.
const UNIX: &str = "unix:";

/// A role's address.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) role: Role,
    /// As configured, for messages.
    pub(crate) url: String,
    /// At least one; what `places` led to when it was read.
    pub(crate) addresses: Vec<Address>,
    /// `host:port` or `unix:PATH`, as configured.
    pub(crate) places: Arc<[String]>,
    /// What is spoken there.
    pub(crate) protocol: Protocol,
    /// Present where the URL says `https`.
    pub(crate) tls: Option<Connector>,
    /// How it is configured; two targets that are configured alike differ in their addresses only.
    config: RoleConfig,
    /// `host:port` for the rare request that names no host.
    pub(crate) authority: HeaderValue,
}

impl Target {
    /// Resolves the URL of the deployment that plays `role`.
    ///
    /// # Errors
    /// [`StartError::Url`] or [`StartError::Resolve`].
    pub(crate) fn new(role: Role, config: &RoleConfig) -> Result<Self, StartError> {
        let text = &config.url;
        let error = |why: &str| StartError::Url { role, url: text.clone(), why: why.to_owned() };
        let url = Url::parse(text).map_err(|cause| {
            error(&format!("not a URL ({cause}); write one such as http://127.0.0.1:9001"))
        })?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(error("write http:// or https://"));
        }
        if url.path() != "/" || url.query().is_some() {
            return Err(error("a role is a host and a port; remove the path and the query"));
        }
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(error("the host is missing"));
        };
        let tls = if url.scheme() == "https" { Some(Connector::new(role, host, config)?) } else { None };
        let resolve = |source| StartError::Resolve { role, url: text.clone(), source };
        let places: Arc<[String]> = match &config.addresses[..] {
            // `host_str` keeps the brackets of an IPv6 address; the resolver takes them off itself.
            [] => [format!("{host}:{port}")].into(),
            listed => listed.into(),
        };
        let addresses = resolve_all(&places).map_err(resolve)?;
        if addresses.is_empty() {
            return Err(error("the host has no address"));
        }
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let authority =
            HeaderValue::try_from(authority).map_err(|_| error("the host cannot be sent as a header"))?;
        Ok(Self {
            role,
            url: text.clone(),
            addresses,
            places,
            protocol: config.protocol,
            tls,
            authority,
            config: config.clone(),
        })
    }

    /// Whether connections to the one will do for the other.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let (mine, others) = (&self.config, &other.config);
        // Where the names lead to is not asked: a pool follows that by itself.
        (&mine.url, &mine.addresses, mine.protocol, &mine.tls)
            == (&others.url, &others.addresses, others.protocol, &others.tls)
    }

    /// Whether both lead to the same server.
    pub(crate) fn is_same_server(&self, other: &Self) -> bool {
        self.addresses.iter().any(|address| other.addresses.contains(address))
    }

    /// Whether where it listens can change while its configuration stays.
    pub(crate) fn has_names(&self) -> bool {
        self.places.iter().any(|place| !place.starts_with(UNIX) && place.parse::<SocketAddr>().is_err())
    }

    /// Refuses a target that is the proxy itself.
    ///
    /// # Errors
    /// [`StartError::Itself`].
    pub(crate) fn refuse_itself(&self, listen: SocketAddr) -> Result<(), StartError> {
        let is_itself = |address: &Address| matches!(address, Address::Tcp(tcp) if is_same(*tcp, listen));
        if self.addresses.iter().any(is_itself) {
            return Err(StartError::Itself { role: self.role, url: self.url.clone(), listen });
        }
        Ok(())
    }
}

/// Where `places` lead to; blocks for the resolver. What cannot be resolved is left out where another
/// place can.
///
/// # Errors
/// The resolver's answer where no place has an address.
pub(crate) fn resolve_all(places: &[String]) -> io::Result<Vec<Address>> {
    let mut addresses = Vec::new();
    let mut failure = None;
    for place in places {
        if let Some(path) = place.strip_prefix(UNIX) {
            addresses.push(Address::Unix(Path::new(path).into()));
            continue;
        }
        match place.to_socket_addrs() {
            Ok(resolved) => addresses.extend(resolved.map(Address::Tcp)),
            Err(error) => failure = Some(error),
        }
    }
    match failure {
        Some(error) if addresses.is_empty() => Err(error),
        _ => Ok(addresses),
    }
}

/// Whether a connection to `address` would reach a listener at `listen`.
fn is_same(address: SocketAddr, listen: SocketAddr) -> bool {
    let reaches = |ip: IpAddr| {
        if listen.ip().is_unspecified() {
            // Only addresses of this machine can be bound.
            ip.is_unspecified() || UdpSocket::bind((ip, 0)).is_ok()
        } else {
            // Connecting to the unspecified address means connecting to this machine.
            ip == listen.ip() || (ip.is_unspecified() && listen.ip().is_loopback())
        }
    };
    address.port() == listen.port() && reaches(address.ip().to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(url: &str) -> String {
        Target::new(Role::Candidate, &RoleConfig::at(url)).unwrap_err().to_string()
    }

    #[test]
    fn urls_that_cannot_work_are_refused_with_a_remedy() {
        assert!(message("127.0.0.1:9").contains("http://127.0.0.1:9001"), "{}", message("127.0.0.1:9"));
        assert!(message("ftp://127.0.0.1:9").contains("http:// or https://"));
        assert!(message("http://127.0.0.1:9/base").contains("remove the path"));
        assert!(message("http:///x").contains("roles.candidate.url"));
    }

    #[test]
    fn a_target_that_is_the_proxy_itself_is_refused_however_it_is_written() {
        let refused = |url: &str, listen: &str| {
            Target::new(Role::Candidate, &RoleConfig::at(url))
                .unwrap()
                .refuse_itself(listen.parse().unwrap())
                .is_err()
        };
        assert!(refused("http://127.0.0.1:8080", "127.0.0.1:8080"));
        assert!(refused("http://localhost:8080", "127.0.0.1:8080"));
        assert!(refused("http://127.0.0.1:8080", "0.0.0.0:8080"));
        assert!(refused("http://[::ffff:127.0.0.1]:8080", "127.0.0.1:8080"));
        assert!(!refused("http://127.0.0.1:8081", "127.0.0.1:8080"));
        assert!(!refused("http://127.0.0.2:8080", "127.0.0.1:8080"));
        assert!(!refused("http://192.0.2.1:8080", "0.0.0.0:8080"));
    }
}
