//! TLS with clients: certificates by server name, read again when their files change.
//!
//! New files are read whole and checked before they replace the old ones; what cannot be used is
//! said once, and the old certificates stay. Connections that are open keep what they began with.

use super::{H1, H2, chain, error, key, provider, roots};
use crate::StartError;
use parallax_config::ListenTls;
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use std::fs;
use std::sync::{Arc, PoisonError, RwLock, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What new connections are accepted with; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Acceptor(Arc<RwLock<Arc<ServerConfig>>>);

impl Acceptor {
    /// Reads all files of `tls`.
    ///
    /// # Errors
    /// [`StartError::Tls`] for the first that cannot be used.
    pub(crate) fn new(tls: &ListenTls) -> Result<Self, StartError> {
        Ok(Self(Arc::new(RwLock::new(config(tls)?))))
    }

    /// For the next connection. The lock is held for the copy of a pointer.
    pub(crate) fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, new: Arc<ServerConfig>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = new;
    }
}

fn config(tls: &ListenTls) -> Result<Arc<ServerConfig>, StartError> {
    let at = "listen.tls.certificate";
    let unusable = |why: rustls::Error| error(at, &tls.certificate, why);
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(unusable)?;
    let builder = match &tls.client_roots {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let at = "listen.tls.client_roots";
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots(at, file)?), provider())
                    .build()
                    .map_err(|why| error(at, file, why))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(Certificates::read(tls)?));
    config.alpn_protocols = vec![H2.to_vec(), H1.to_vec()];
    Ok(Arc::new(config))
}

/// Certificates by server name.
#[derive(Debug)]
struct Certificates {
    default: Arc<CertifiedKey>,
    named: Vec<(Vec<String>, Arc<CertifiedKey>)>,
}

impl Certificates {
    fn read(tls: &ListenTls) -> Result<Self, StartError> {
        let default = pair("listen.tls", &tls.certificate, &tls.key)?;
        let named = tls.names.iter().enumerate().map(|(number, one)| {
            let at = format!("listen.tls.names[{number}]");
            let names = one.names.iter().map(|name| name.to_ascii_lowercase()).collect();
            Ok((names, pair(&at, &one.certificate, &one.key)?))
        });
        Ok(Self { default, named: named.collect::<Result<_, StartError>>()? })
    }

    fn of(&self, name: Option<&str>) -> &Arc<CertifiedKey> {
        let named = name.and_then(|name| {
            self.named.iter().find(|(patterns, _)| patterns.iter().any(|pattern| stands_for(pattern, name)))
        });
        named.map_or(&self.default, |(_, key)| key)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(self.of(hello.server_name())))
    }
}

/// Whether `pattern` is `name`, or `name` with its first label replaced by `*`.
fn stands_for(pattern: &str, name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    pattern == name
        || pattern
            .strip_prefix("*.")
            .zip(name.split_once('.'))
            .is_some_and(|(rest, (first, parent))| !first.is_empty() && rest == parent)
}

fn pair(at: &str, certificate: &str, private: &str) -> Result<Arc<CertifiedKey>, StartError> {
    let key_at = format!("{at}.key");
    let chain = chain(&format!("{at}.certificate"), certificate)?;
    let key = key(&key_at, private)?;
    let pair = CertifiedKey::from_der(chain, key, &provider());
    pair.map(Arc::new)
        .map_err(|why| error(&key_at, private, format!("{why}; is it the key of {certificate}?")))
}

/// A thread that looks whether the files have changed; ends when dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Begins to look after `acceptor`.
    ///
    /// # Errors
    /// When the thread cannot be made.
    pub(crate) fn start(tls: ListenTls, acceptor: Acceptor) -> std::io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        // Taken here, so that no change after the start is missed.
        let mut seen = stamps(&tls);
        // A disk that hangs must not hang a thread that serves.
        let thread =
            std::thread::Builder::new().name("parallax-certificates".to_owned()).spawn(move || {
                while stopped.recv_timeout(LOOK) == Err(mpsc::RecvTimeoutError::Timeout) {
                    let now = stamps(&tls);
                    if now != seen {
                        seen = now;
                        match config(&tls) {
                            Ok(new) => {
                                acceptor.replace(new);
                                tracing::info!("new certificates are used from now on");
                            }
                            Err(error) => tracing::warn!(%error, "the old certificates stay in use"),
                        }
                    }
                }
            })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // It logs and ends; there is nothing to learn from how.
            let _ = thread.join();
        }
    }
}

/// When each file was last changed, and its length.
fn stamps(tls: &ListenTls) -> Vec<Option<(SystemTime, u64)>> {
    let own = [Some(&tls.certificate), Some(&tls.key), tls.client_roots.as_ref()].into_iter().flatten();
    let named = tls.names.iter().flat_map(|one| [&one.certificate, &one.key]);
    own.chain(named)
        .map(|file| {
            let about = fs::metadata(file).ok()?;
            Some((about.modified().ok()?, about.len()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_exactly_one_label() {
        assert!(stands_for("shop.example", "Shop.Example"));
        assert!(stands_for("*.shop.example", "eu.shop.example"));
        for name in ["shop.example", "a.eu.shop.example", ".shop.example", "eu-shop.example"] {
            assert!(!stands_for("*.shop.example", name), "{name}");
        }
    }
}
