//! Addresses: who listens where, who is called, and that nobody calls himself.

use super::Findings;
use crate::keypath::KeyPath;
use crate::{Config, Role, Webhook};
use std::net::{IpAddr, SocketAddr};
use url::{Host, Url};

pub(super) fn check(config: &Config) -> Findings {
    let mut findings = Findings::default();
    let (listen, console) = (config.listen.address, config.console.address);
    if listen.port() != 0 && listen.port() == console.port() && overlap(listen.ip(), console.ip()) {
        findings.problem(
            KeyPath::of(&["console", "address"]),
            format!("is {console}, which clients of listen.address ({listen}) would reach as well"),
            "use another port; 0 picks a free one",
        );
    }
    admin(config, &mut findings);
    let roles = [
        ("primary", Some(&config.roles.primary)),
        ("candidate", config.roles.candidate.as_ref()),
        ("control", config.roles.control.as_ref()),
    ];
    let mut seen: Vec<(&str, Url)> = Vec::new();
    for (name, role) in roles.into_iter().filter_map(|(name, role)| Some((name, role?))) {
        let at = KeyPath::of(&["roles", name, "url"]);
        match parse(role) {
            Err((what, remedy)) => findings.problem(at, what, remedy),
            Ok(url) => {
                if url.scheme() == "http" && role.tls.is_some() {
                    let what = format!("`{}` is spoken to without TLS, though `tls` says how", role.url);
                    findings.warning(at.clone(), what, "write https://, or remove the tls table");
                }
                addresses(name, role, &mut findings);
                // With a list, the URL names the host and is not where anybody connects to.
                if role.addresses.is_empty() {
                    one_role(name, &url, &at, config, &mut findings);
                    seen.push((name, url));
                }
            }
        }
    }
    twins(config, &seen, &mut findings);
    log(config, &mut findings);
    webhook(&config.webhook, &mut findings);
    traces(config, &mut findings);
    findings
}

fn admin(config: &Config, findings: &mut Findings) {
    let Some(address) = config.admin.address else { return };
    let at = KeyPath::of(&["admin", "address"]);
    for (key, other) in [("listen", config.listen.address), ("console", config.console.address)] {
        if address.port() != 0 && address.port() == other.port() && overlap(address.ip(), other.ip()) {
            findings.problem(
                at.clone(),
                format!("is {address}, where {key}.address ({other}) listens"),
                "use another port; 0 picks a free one",
            );
        }
    }
    if !address.ip().is_loopback() && config.admin.token_file.is_none() && config.admin.token_env.is_none() {
        findings.problem(
            at,
            format!("is {address}, which others can reach, and no token is asked for"),
            "set admin.token_file or admin.token_env, or listen on 127.0.0.1",
        );
    }
}

fn webhook(hook: &Webhook, findings: &mut Findings) {
    let at = KeyPath::of(&["webhook", "url"]);
    let has_secret = hook.secret_file.is_some() || hook.secret_env.is_some();
    let Some(text) = &hook.url else {
        if has_secret {
            findings.warning(at, "is absent: the secret signs nothing", "say where events are posted to");
        }
        return;
    };
    match Url::parse(text) {
        Ok(url)
            if matches!(url.scheme(), "http" | "https")
                && url.username().is_empty()
                && url.password().is_none() =>
        {
            if url.scheme() == "http" && hook.roots.is_some() {
                findings.warning(
                    KeyPath::of(&["webhook", "roots"]),
                    "is not used: the address is spoken to without TLS",
                    "write https:// in webhook.url, or remove it",
                );
            }
        }
        _ => findings.problem(
            at,
            format!("`{text}` is no address that events can be posted to"),
            "write http://host:port/path or https://host/path, without a user name",
        ),
    }
    if !has_secret {
        findings.warning(
            KeyPath::of(&["webhook", "secret_file"]),
            "is absent: a receiver cannot know who posts to it",
            "set webhook.secret_file or webhook.secret_env, and check webhook-signature there",
        );
    }
}

fn traces(config: &Config, findings: &mut Findings) {
    let Some(text) = &config.traces.url else { return };
    let is_usable = Url::parse(text).is_ok_and(|url| url.scheme() == "http" && url.host().is_some());
    if !is_usable {
        findings.problem(
            KeyPath::of(&["traces", "url"]),
            format!("`{text}` is no address that spans can be posted to"),
            "write http://host:port/v1/traces; a collector on this machine can go on by TLS",
        );
    }
}

fn parse(role: &Role) -> Result<Url, (String, String)> {
    let text = &role.url;
    let example = || "write scheme, host and port, such as http://127.0.0.1:9001".to_owned();
    let url = Url::parse(text).map_err(|error| (format!("`{text}` is not a URL: {error}"), example()))?;
    match url.scheme() {
        "http" | "https" => {}
        "h2" | "h2c" => {
            return Err((
                format!("`{text}`: the protocol is not part of a URL"),
                "write http:// and protocol = \"h2\" beside it".to_owned(),
            ));
        }
        scheme => return Err((format!("`{text}`: cannot call a role by `{scheme}`"), example())),
    }
    if url.host().is_none() {
        return Err((format!("`{text}` names no host"), example()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err((
            "carries a user name or password".to_owned(),
            "leave it out; clients' own credentials are passed on".to_owned(),
        ));
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err((
            format!("`{text}` has more than scheme, host and port"),
            format!("requests keep their own path: write {}", url.origin().ascii_serialization()),
        ));
    }
    Ok(url)
}

/// Each of a role's `addresses` leads somewhere.
fn addresses(name: &str, role: &Role, findings: &mut Findings) {
    for (index, text) in role.addresses.iter().enumerate() {
        let is_usable = match text.strip_prefix("unix:") {
            Some(path) => path.starts_with('/'),
            None => text.rsplit_once(':').is_some_and(|(host, port)| {
                !host.is_empty() && !host.contains('/') && port.parse::<u16>().is_ok()
            }),
        };
        if !is_usable {
            findings.problem(
                KeyPath::of(&["roles", name, "addresses"]).index(index),
                format!("`{text}` is no address that can be connected to"),
                "write host:port such as 10.0.0.1:9001, or unix:/path/to/socket",
            );
        }
    }
}

fn one_role(name: &str, url: &Url, at: &KeyPath, config: &Config, findings: &mut Findings) {
    if reaches(url, config.listen.address) {
        findings.problem(
            at.clone(),
            format!("is {}, where this proxy itself listens: every request would call itself", url.as_str()),
            format!("write the {name}'s own address, or change listen.address ({})", config.listen.address),
        );
    } else if reaches(url, config.console.address) {
        findings.problem(
            at.clone(),
            format!("is {}, where the console listens", url.as_str()),
            format!("write the {name}'s own address, or change console.address ({})", config.console.address),
        );
    }
}

/// Two roles at one address: never an accident worth keeping silent about.
fn twins(config: &Config, seen: &[(&str, Url)], findings: &mut Findings) {
    for (index, (name, url)) in seen.iter().enumerate() {
        let Some((other, _)) = seen[..index].iter().find(|(_, earlier)| same_place(earlier, url)) else {
            continue;
        };
        let what = format!("is the {other}'s address too");
        let remedy = match (*other, *name) {
            ("primary", "candidate") if config.policy.self_test => continue,
            ("primary", "candidate") => "for a self-test with the same build, set policy.self_test = true",
            ("primary", _) => {
                "the control must be a deployment of its own, or it repeats the live one's side effects"
            }
            _ => "candidate and control would be one deployment: no difference could ever be seen",
        };
        findings.warning(KeyPath::of(&["roles", name, "url"]), what, remedy);
    }
}

fn same_place(a: &Url, b: &Url) -> bool {
    a.host() == b.host() && a.port_or_known_default() == b.port_or_known_default()
}

/// Whether a call of this URL would arrive at this listener, as far as can be told without names
/// being looked up: by port, and by an address that is or covers the listener's.
fn reaches(url: &Url, listener: SocketAddr) -> bool {
    let port = url.port_or_known_default();
    listener.port() != 0
        && port == Some(listener.port())
        && match url.host() {
            Some(Host::Ipv4(ip)) => overlap(IpAddr::V4(ip), listener.ip()),
            Some(Host::Ipv6(ip)) => overlap(IpAddr::V6(ip), listener.ip()),
            Some(Host::Domain(name)) => {
                name.eq_ignore_ascii_case("localhost")
                    && (listener.ip().is_loopback() || listener.ip().is_unspecified())
            }
            None => false,
        }
}

/// Whether a connection to one address can arrive at a listener on the other.
fn overlap(called: IpAddr, listening: IpAddr) -> bool {
    called == listening
        || called.is_unspecified() && (listening.is_loopback() || listening.is_unspecified())
        || listening.is_unspecified() && (called.is_loopback() || called.is_unspecified())
}

fn log(config: &Config, findings: &mut Findings) {
    let url = &config.log.url;
    let at = KeyPath::of(&["log", "url"]);
    if url.starts_with("kafka:") {
        // The pipeline reads the whole of it, where it is used.
        let rest = url.strip_prefix("kafka://").unwrap_or_default();
        if rest.split_once('/').is_none_or(|(brokers, name)| brokers.is_empty() || name.is_empty()) {
            findings.problem(
                at,
                format!("`{url}` names no brokers or no log"),
                "write kafka://HOST:PORT/NAME, such as kafka://127.0.0.1:9092/orders",
            );
        }
    } else if url.strip_prefix("file:").is_none_or(|directory| directory.trim_start_matches('/').is_empty()) {
        findings.problem(
            at,
            format!("`{url}` names no log"),
            "write file:DIRECTORY, such as file:parallax-log",
        );
    }
    if config.log.total_bytes < 2 * config.log.segment_bytes {
        findings.problem(
            KeyPath::of(&["log", "total_bytes"]),
            format!("is {}, less than two segments ({})", config.log.total_bytes, config.log.segment_bytes),
            "the segment being written is never removed; raise total_bytes or lower segment_bytes",
        );
    }
    let limits = &config.limits;
    let pairs = [
        ("copy_bytes", limits.copy_bytes, "body_bytes", limits.body_bytes),
        ("queue_bytes", limits.queue_bytes, "body_bytes", limits.body_bytes),
    ];
    for (key, value, part, least) in pairs.into_iter().filter(|(_, value, _, least)| value < least) {
        findings.problem(
            KeyPath::of(&["limits", key]),
            format!("is {value}, less than {part} ({least}): one large body would never fit"),
            format!("raise {key} or lower {part}"),
        );
    }
}
