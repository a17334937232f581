//! Envoy as a peer: one worker thread, and `request_mirror_policies` where there is a shadow.

use crate::children::{Running, on_core, which};
use crate::front::{Certificate, Front};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

/// Starts it in front of `primary`.
pub(crate) fn proxy(
    folder: &Path,
    listen: SocketAddr,
    primary: SocketAddr,
    shadow: Option<SocketAddr>,
    front: Front,
    certificate: &Certificate,
) -> Result<Running> {
    let program = which("envoy").context("envoy is not installed")?;
    let mut clusters = vec![cluster("primary", primary)];
    let mut action = json!({ "cluster": "primary" });
    if let Some(shadow) = shadow {
        clusters.push(cluster("shadow", shadow));
        action["request_mirror_policies"] = json!([{ "cluster": "shadow" }]);
    }
    let mut chain = json!({ "filters": [manager(&action)] });
    if front == Front::Tls {
        chain["transport_socket"] = tls(certificate);
    }
    let listener = json!({ "name": "in", "address": address(listen), "filter_chains": [chain] });
    let config = json!({ "static_resources": { "listeners": [listener], "clusters": clusters } });
    let file = folder.join(format!("envoy-{}.json", listen.port()));
    fs::write(&file, config.to_string())?;
    let mut command = on_core(0, &program.display().to_string());
    command.arg("-c").arg(&file);
    command.args(["--concurrency", "1", "--use-dynamic-base-id", "--disable-hot-restart", "-l", "off"]);
    Running::start(command, listen)
}

fn manager(action: &Value) -> Value {
    let router = json!({
        "name": "envoy.filters.http.router",
        "typed_config": { "@type": kind("filters.http.router.v3.Router") },
    });
    let hosts = json!([{
        "name": "all",
        "domains": ["*"],
        "routes": [{ "match": { "prefix": "/" }, "route": action }],
    }]);
    json!({
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": kind("filters.network.http_connection_manager.v3.HttpConnectionManager"),
            "stat_prefix": "in",
            "route_config": { "virtual_hosts": hosts },
            "http_filters": [router],
        },
    })
}

fn tls(certificate: &Certificate) -> Value {
    let pair = json!({
        "certificate_chain": { "filename": certificate.chain },
        "private_key": { "filename": certificate.key },
    });
    json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": kind("transport_sockets.tls.v3.DownstreamTlsContext"),
            "common_tls_context": { "tls_certificates": [pair] },
        },
    })
}

/// A cluster of one address; its other limits are Envoy's own, of which 1,024 requests at once is one.
fn cluster(name: &str, at: SocketAddr) -> Value {
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address(at) } }] }],
        },
    })
}

fn address(at: SocketAddr) -> Value {
    json!({ "socket_address": { "address": at.ip().to_string(), "port_value": at.port() } })
}

fn kind(name: &str) -> String {
    format!("type.googleapis.com/envoy.extensions.{name}")
}
