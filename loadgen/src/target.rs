//! Where requests go.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use url::Url;

/// An `http` address: host, port, and the path of its URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    url: Url,
    authority: String,
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
    #[error(
        "`{0}` is not an http:// URL; TLS is not spoken by the generator yet, so put a plain listener in front"
    )]
    Scheme(String),
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
    /// Reads an absolute `http` URL; without a scheme, `http://` is meant.
    ///
    /// # Errors
    /// [`TargetError::Url`] or [`TargetError::Scheme`].
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let absolute = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url =
            Url::parse(&absolute).map_err(|source| TargetError::Url { text: text.to_owned(), source })?;
        if url.scheme() != "http" {
            return Err(TargetError::Scheme(text.to_owned()));
        }
        let host = url.host_str().unwrap_or_default();
        let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        Ok(Self { url, authority })
    }

    /// Host and, where it is not 80, port.
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

    /// The addresses behind the host, in the resolver's order; at least one.
    pub(crate) fn resolve(&self) -> Result<Vec<SocketAddr>, TargetError> {
        let host = self.url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let found = (host, self.url.port().unwrap_or(80)).to_socket_addrs();
        let failed = |source| TargetError::Resolve { host: self.authority.clone(), source };
        let addresses: Vec<_> = found.map_err(failed)?.collect();
        if addresses.is_empty() {
            return Err(failed(std::io::Error::from(std::io::ErrorKind::NotFound)));
        }
        Ok(addresses)
    }
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
        assert_eq!(
            Target::parse("127.0.0.1:9").unwrap().resolve().unwrap(),
            ["127.0.0.1:9".parse().unwrap()]
        );
        assert_eq!(
            Target::parse("http://[::1]:9/").unwrap().resolve().unwrap(),
            ["[::1]:9".parse().unwrap()]
        );
        assert_eq!(
            Target::parse("http://127.0.0.1").unwrap().resolve().unwrap(),
            ["127.0.0.1:80".parse().unwrap()]
        );
    }

    #[test]
    fn what_is_no_target_is_refused_with_the_remedy() {
        assert!(Target::parse("https://a/").unwrap_err().to_string().contains("plain listener"));
        assert!(Target::parse("http://").unwrap_err().to_string().contains("is not a URL"));
        assert!(Target::parse("ftp://a/").is_err());
    }
}
