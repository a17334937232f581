//! nginx as sink and as peer. One process each, without a master, so that its CPU time is one number.

use crate::children::{Running, on_core, which};
use crate::front::{Certificate, Front};
use anyhow::{Context, Result};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

/// What the sinks answer: a small event acknowledgement.
const ANSWER: &str = r#"{"success":true,"accepted":1,"id":"0123456789abcdef0123456789ab"}"#;

/// A sink that answers every request and tells how many there were; on `h2` it speaks HTTP/2.
pub(crate) fn sink(folder: &Path, listen: SocketAddr, h2: Option<SocketAddr>) -> Result<Running> {
    let h2 = h2.map_or(String::new(), |address| format!("listen {address} http2 backlog=4096;"));
    let server = format!(
        "server {{ listen {listen} backlog=4096; {h2} keepalive_requests 100000000;
           location = /count {{ stub_status; }}
           location / {{ default_type application/json; return 200 '{ANSWER}'; }} }}"
    );
    start(folder, "sink", listen, &server, 1)
}

/// nginx as a reverse proxy, with kept upstream connections, and a mirror where there is a shadow.
pub(crate) fn proxy(
    folder: &Path,
    listen: SocketAddr,
    primary: SocketAddr,
    shadow: Option<SocketAddr>,
    front: Front,
    certificate: &Certificate,
) -> Result<Running> {
    let spoken = match front {
        Front::Plain => String::new(),
        Front::H2 => "http2".to_owned(),
        Front::Tls => "ssl".to_owned(),
    };
    let (chain, key) = (certificate.chain.display(), certificate.key.display());
    let upstream = |name: &str, address: SocketAddr| {
        format!("upstream {name} {{ server {address}; keepalive 256; keepalive_requests 100000000; }}\n")
    };
    let pass = |name: &str| {
        format!("proxy_pass http://{name}; proxy_http_version 1.1; proxy_set_header Connection '';")
    };
    let (shadow_upstream, mirror, mirrored) = match shadow {
        None => Default::default(),
        Some(address) => (
            upstream("shadow", address),
            "mirror /copy;".to_owned(),
            format!(
                "location = /copy {{ internal; {} proxy_set_header X-Copy 1; }}",
                pass("shadow").replace("shadow;", "shadow$request_uri;")
            ),
        ),
    };
    let server = format!(
        "{} {shadow_upstream} server {{ listen {listen} backlog=4096 {spoken}; keepalive_requests 100000000;
           ssl_certificate {chain}; ssl_certificate_key {key}; client_body_buffer_size 256k;
           location / {{ {mirror} {} }} {mirrored} }}",
        upstream("primary", primary),
        pass("primary"),
    );
    start(folder, "proxy", listen, &server, 0)
}

fn start(folder: &Path, name: &str, listen: SocketAddr, servers: &str, core: usize) -> Result<Running> {
    let program = which("nginx").context("nginx is not installed")?;
    let folder = folder.join(format!("{name}-{}", listen.port()));
    fs::create_dir_all(&folder)?;
    let at = folder.display();
    let config = format!(
        "daemon off; master_process off; pid {at}/pid; error_log {at}/error.log crit;
         worker_rlimit_nofile 16384; events {{ worker_connections 8192; }}
         http {{ access_log off; client_body_temp_path {at}/a; proxy_temp_path {at}/b; fastcgi_temp_path {at}/c;
         uwsgi_temp_path {at}/d; scgi_temp_path {at}/e; {servers} }}"
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, config)?;
    let mut command = on_core(core, &program.display().to_string());
    command.arg("-c").arg(&file).arg("-p").arg(&folder);
    Running::start(command, listen)
}
