//! TLS on both sides: certificates and keys from PEM files.
//!
//! With ring, because it needs only a C compiler. Errors name the key of the configuration and the
//! file, never its content.

mod client;
mod server;

pub(crate) use client::Connector;
pub(crate) use server::{Acceptor, Watch};

use crate::StartError;
use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::Arc;

/// ALPN's word for HTTP/2.
pub(crate) const H2: &[u8] = b"h2";

/// ALPN's word for HTTP/1.1.
pub(crate) const H1: &[u8] = b"http/1.1";

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// What is wrong with the file `file` that the key `at` of the configuration names.
fn error(at: &str, file: &str, why: impl std::fmt::Display) -> StartError {
    StartError::Tls { at: at.to_owned(), file: file.to_owned(), why: why.to_string() }
}

fn chain(at: &str, file: &str) -> Result<Vec<CertificateDer<'static>>, StartError> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain =
        read.map_err(|why| error(at, file, format!("{why}; a PEM file of certificates is needed")))?;
    if chain.is_empty() {
        return Err(error(at, file, "there is no certificate in it"));
    }
    Ok(chain)
}

fn key(at: &str, file: &str) -> Result<PrivateKeyDer<'static>, StartError> {
    PrivateKeyDer::from_pem_file(file).map_err(|why| {
        error(at, file, format!("{why}; a PEM file with an unencrypted private key is needed"))
    })
}

fn roots(at: &str, file: &str) -> Result<RootCertStore, StartError> {
    let mut roots = RootCertStore::empty();
    for certificate in chain(at, file)? {
        roots.add(certificate).map_err(|why| error(at, file, why))?;
    }
    Ok(roots)
}
