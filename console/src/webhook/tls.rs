//! TLS to the receiver: it must show a certificate for the name in the address.

use super::WebhookError;
use http::Uri;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Whom the receiver must be, and who may vouch for it.
#[derive(Debug, Clone)]
pub(crate) struct Tls {
    name: ServerName<'static>,
    /// `None` where the system has no roots and none are named.
    config: Option<Arc<ClientConfig>>,
}

impl Tls {
    /// For the host of `url`, trusting the system's roots; `None` where that is no name that a
    /// certificate could have.
    pub(super) fn of(url: &Uri) -> Option<Self> {
        // The brackets of an IPv6 address belong to the URL.
        let host = url.host()?.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned()).ok()?;
        let mut roots = RootCertStore::empty();
        // Some of a system's roots are not readable or too old for rustls; the others are used.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let config = if roots.is_empty() { None } else { config(roots).ok() };
        Some(Self { name, config })
    }

    pub(super) fn trusting(self, file: &Path) -> Result<Self, WebhookError> {
        let refused = |why: String| WebhookError::Roots { file: file.display().to_string(), why };
        let certificates = CertificateDer::pem_file_iter(file)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| refused(format!("{error}; a PEM file of certificates is needed")))?;
        let mut roots = RootCertStore::empty();
        for certificate in certificates {
            roots.add(certificate).map_err(|error| refused(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(refused("there is no certificate in it".to_owned()));
        }
        let config = config(roots).map_err(|error| refused(error.to_string()))?;
        Ok(Self { config: Some(config), ..self })
    }

    /// Secures `stream`.
    pub(super) async fn connect(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let config = self.config.clone().ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, "this system has no roots; name a file in webhook.roots")
        })?;
        TlsConnector::from(config).connect(self.name.clone(), stream).await
    }
}

fn config(roots: RootCertStore) -> Result<Arc<ClientConfig>, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions()?.with_root_certificates(roots);
    Ok(Arc::new(builder.with_no_client_auth()))
}

#[cfg(test)]
mod tests;
