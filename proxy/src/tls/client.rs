//! TLS to a role: each trusts roots of its own, asks for a name and may show a certificate.

use super::{H1, H2, chain, error, key, provider, roots};
use crate::StartError;
use crate::line::Line;
use parallax_config::{Protocol, Role as RoleConfig, RoleTls};
use parallax_exchange::Role;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::sync::Arc;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How connections to one role are secured.
#[derive(Clone)]
pub(crate) struct Connector {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    protocol: Protocol,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Connector {
    /// For the role `role` at `host`.
    ///
    /// # Errors
    /// [`StartError::Tls`] for a file or a name that cannot be used.
    pub(crate) fn new(role: Role, host: &str, config: &RoleConfig) -> Result<Self, StartError> {
        let tls = config.tls.clone().unwrap_or_default();
        let asked = tls.server_name.as_deref().unwrap_or(host);
        // Brackets belong to the URL.
        let bare = asked.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(bare).map_err(|_| {
            error(&format!("roles.{role}.tls.server_name"), asked, "it is neither a host name nor an address")
        })?;
        let mut client = settings(role, &tls)?;
        client.alpn_protocols = vec![match config.protocol {
            Protocol::H1 => H1.to_vec(),
            Protocol::H2 => H2.to_vec(),
        }];
        Ok(Self { config: Arc::new(client), name, protocol: config.protocol })
    }

    /// Secures `stream`.
    ///
    /// # Errors
    /// When the role is not who it should be, or speaks no HTTP/2 where it should.
    pub(crate) async fn connect(&self, stream: Line) -> io::Result<TlsStream<Line>> {
        let stream = TlsConnector::from(Arc::clone(&self.config)).connect(self.name.clone(), stream).await?;
        if self.protocol == Protocol::H2 && stream.get_ref().1.alpn_protocol() != Some(H2) {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "the role does not offer HTTP/2 (ALPN h2)",
            ));
        }
        Ok(stream)
    }
}

fn settings(role: Role, tls: &RoleTls) -> Result<ClientConfig, StartError> {
    let at = |key: &str| format!("roles.{role}.tls.{key}");
    let trusted = match &tls.roots {
        Some(file) => roots(&at("roots"), file)?,
        None => system_roots(&at("roots"))?,
    };
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|why| error(&at("roots"), "", why))?
        .with_root_certificates(trusted);
    match (&tls.certificate, &tls.key) {
        (None, None) => Ok(builder.with_no_client_auth()),
        (Some(certificate), Some(private)) => builder
            .with_client_auth_cert(chain(&at("certificate"), certificate)?, key(&at("key"), private)?)
            .map_err(|why| error(&at("key"), private, format!("{why}; is it the key of {certificate}?"))),
        (Some(file), None) => Err(error(&at("certificate"), file, "its key is missing; set `key` too")),
        (None, Some(file)) => {
            Err(error(&at("key"), file, "its certificate is missing; set `certificate` too"))
        }
    }
}

fn system_roots(at: &str) -> Result<RootCertStore, StartError> {
    let mut roots = RootCertStore::empty();
    // Some of a system's roots are not readable or too old for rustls; the others are used.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(error(at, "", "this system has no roots; name a file of them"));
    }
    Ok(roots)
}
