//! HAProxy as a peer: a reverse proxy that does not mirror, on one thread.

use crate::children::{Running, on_core, which};
use crate::front::{Certificate, Front};
use anyhow::{Context, Result};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

/// Starts it in front of `primary`.
pub(crate) fn proxy(
    folder: &Path,
    listen: SocketAddr,
    primary: SocketAddr,
    front: Front,
    certificate: &Certificate,
) -> Result<Running> {
    let program = which("haproxy").context("haproxy is not installed")?;
    let bind = match front {
        Front::Plain => String::new(),
        Front::H2 => "proto h2".to_owned(),
        Front::Tls => format!("ssl crt {}", certificate.both.display()),
    };
    let config = format!(
        "global\n  nbthread 1\n  maxconn 8192\n  tune.ssl.default-dh-param 2048\n\
         defaults\n  mode http\n  timeout client 60s\n  timeout server 60s\n  timeout connect 5s\n\
         frontend in\n  bind {listen} backlog 4096 {bind}\n  default_backend primary\n\
         backend primary\n  server primary {primary}\n"
    );
    let file = folder.join(format!("haproxy-{}.cfg", listen.port()));
    fs::write(&file, config)?;
    let mut command = on_core(0, &program.display().to_string());
    command.arg("-db").arg("-f").arg(&file);
    Running::start(command, listen)
}
