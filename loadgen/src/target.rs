//! Where requests go, and what is spoken there.

use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use url::Url;

/// An `http` or `https` address: host, port, the path of its URL, and the protocol.
#[derive(Debug, Clone)]
pub struct Target {
    url: Url,
    authority: String,
    tls: Option<Tls>,
    protocol: Protocol,
}

/// What is spoken to a target, beyond what its URL says.
#[derive(Debug, Clone, Default)]
pub struct Speaks {
    /// HTTP/1.1, HTTP/2 or gRPC.
    pub protocol: Protocol,
    /// A PEM file of the roots that certificates must lead to; the system's where there is none.
    pub roots: Option<PathBuf>,
    /// The name that the certificate must have; the URL's host where there is none.
    pub server_name: Option<String>,
}

/// How requests are carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// HTTP/1.1: one request at a time on each connection.
    #[default]
    Http1,
    /// HTTP/2: many requests at once on each connection; without TLS by prior knowledge.
    Http2,
    /// Unary calls of gRPC over HTTP/2: bodies are framed, and a call succeeds by its `grpc-status`.
    Grpc,
}

impl Protocol {
    /// Whether many requests share a connection.
    #[must_use]
    pub fn is_multiplexed(self) -> bool {
        self != Self::Http1
    }
}

/// TLS towards a target.
#[derive(Debug, Clone)]
pub(crate) struct Tls {
    pub(crate) config: Arc<rustls::ClientConfig>,
    pub(crate) name: ServerName<'static>,
}

/// Why a text names no target.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Not a URL.
    #[error("`{text}` is not a URL such as http://127.0.0.1:8080/path")]
    Url {
        /// What was given.
        text: String,
        /// Why.
        #[source]
        source: url::ParseError,
    },
    /// A scheme that is not spoken.
    #[error("`{0}` is neither an http:// nor an https:// URL")]
    Scheme(String),
    /// The roots or the name of a TLS target are of no use.
    #[error("{what}: {why}")]
    Tls {
        /// The file or name.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// The name does not lead to an address.
    #[error("failed to find the address of `{host}`")]
    Resolve {
        /// Host and port.
        host: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl Target {
    /// Reads an absolute URL, spoken to in HTTP/1.1; without a scheme, `http://` is meant.
    ///
    /// # Errors
    /// As [`Self::speaking`].
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        Self::speaking(text, &Speaks::default())
    }

    /// Reads an absolute `http` or `https` URL; without a scheme, `http://` is meant.
    ///
    /// # Errors
    /// [`TargetError::Url`], [`TargetError::Scheme`], or [`TargetError::Tls`] for roots that cannot be read.
    pub fn speaking(text: &str, speaks: &Speaks) -> Result<Self, TargetError> {
        let absolute = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url =
            Url::parse(&absolute).map_err(|source| TargetError::Url { text: text.to_owned(), source })?;
        let is_secure = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return Err(TargetError::Scheme(text.to_owned())),
        };
        let host = url.host_str().unwrap_or_default();
        let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let tls = is_secure.then(|| Tls::new(host, speaks)).transpose()?;
        Ok(Self { url, authority, tls, protocol: speaks.protocol })
    }

    /// Host and, where it is not the scheme's, port.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Path and query of the URL, at least `/`.
    #[must_use]
    pub fn path_and_query(&self) -> String {
        let query = self.url.query().map(|query| format!("?{query}"));
        format!("{}{}", self.url.path(), query.unwrap_or_default())
    }

    /// What is spoken.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    pub(crate) fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    pub(crate) fn scheme(&self) -> &str {
        self.url.scheme()
    }

    /// The addresses behind the host, in the resolver's order; at least one.
    pub(crate) fn resolve(&self) -> Result<Vec<SocketAddr>, TargetError> {
        let host = self.url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let found = (host, self.url.port_or_known_default().unwrap_or(80)).to_socket_addrs();
        let failed = |source| TargetError::Resolve { host: self.authority.clone(), source };
        let addresses: Vec<_> = found.map_err(failed)?.collect();
        if addresses.is_empty() {
            return Err(failed(std::io::Error::from(std::io::ErrorKind::NotFound)));
        }
        Ok(addresses)
    }
}

impl Tls {
    fn new(host: &str, speaks: &Speaks) -> Result<Self, TargetError> {
        let name = speaks.server_name.as_deref().unwrap_or(host.trim_matches(['[', ']']));
        let refused = |why: String| TargetError::Tls { what: format!("the server name `{name}`"), why };
        let server = ServerName::try_from(name.to_owned()).map_err(|why| refused(why.to_string()))?;
        let builder = rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder =
            builder.with_safe_default_protocol_versions().map_err(|why| refused(why.to_string()))?;
        let mut config = builder.with_root_certificates(roots(speaks)?).with_no_client_auth();
        let protocol: &[u8] = if speaks.protocol.is_multiplexed() { b"h2" } else { b"http/1.1" };
        config.alpn_protocols = vec![protocol.to_vec()];
        Ok(Self { config: Arc::new(config), name: server })
    }
}

fn roots(speaks: &Speaks) -> Result<RootCertStore, TargetError> {
    let mut store = RootCertStore::empty();
    let Some(file) = &speaks.roots else {
        // Some systems hold certificates that nothing can read; the rest will do.
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(store);
    };
    let refused = |why: String| TargetError::Tls { what: file.display().to_string(), why };
    let certificates = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates =
        certificates.map_err(|why| refused(format!("{why}; a PEM file of certificates is needed")))?;
    for certificate in certificates {
        store.add(certificate).map_err(|why| refused(why.to_string()))?;
    }
    if store.is_empty() {
        return Err(refused("there is no certificate in it".to_owned()));
    }
    Ok(store)
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_url_or_an_address() {
        let target = Target::parse("http://example.test:8080/a%20b?c=d#e").unwrap();
        assert_eq!((target.authority(), &*target.path_and_query()), ("example.test:8080", "/a%20b?c=d"));
        let address = |text: &str| Target::parse(text).unwrap().resolve().unwrap()[0].to_string();
        assert_eq!(address("127.0.0.1:9"), "127.0.0.1:9");
        assert_eq!(address("http://[::1]:9/"), "[::1]:9");
        assert_eq!(address("http://127.0.0.1"), "127.0.0.1:80");
        assert_eq!(address("https://127.0.0.1"), "127.0.0.1:443");
    }

    #[test]
    fn what_is_no_target_is_refused_with_the_remedy() {
        assert!(Target::parse("http://").unwrap_err().to_string().contains("is not a URL"));
        assert!(Target::parse("ftp://a/").unwrap_err().to_string().contains("neither an http"));
        let refused = |speaks| Target::speaking("https://a/", &speaks).unwrap_err().to_string();
        let missing = Speaks { roots: Some("missing.pem".into()), ..Speaks::default() };
        assert!(refused(missing).contains("missing.pem"));
        let unnamed = Speaks { server_name: Some("a b".to_owned()), ..Speaks::default() };
        assert!(refused(unnamed).contains("the server name `a b`"));
    }
}
