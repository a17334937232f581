//! What a proxy speaks with its clients, and the certificate for it.

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// How clients reach a proxy; its upstreams are plain HTTP/1.1 whatever this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Front {
    /// HTTP/1.1.
    Plain,
    /// HTTP/2 by prior knowledge.
    H2,
    /// HTTP/1.1 over TLS.
    Tls,
}

/// A certificate that nobody trusts: load generators do not ask.
#[derive(Debug, Clone)]
pub(crate) struct Certificate {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
    /// Both in one file, as HAProxy wants it.
    pub(crate) both: PathBuf,
}

impl Certificate {
    /// Writes one into `folder`.
    pub(crate) fn make(folder: &Path) -> Result<Self> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).context("no certificate")?;
        let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let files = Self {
            chain: folder.join("chain.pem"),
            key: folder.join("key.pem"),
            both: folder.join("both.pem"),
        };
        fs::write(&files.chain, &chain)?;
        fs::write(&files.key, &key)?;
        fs::write(&files.both, chain + &key)?;
        Ok(files)
    }
}
