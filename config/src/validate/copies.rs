//! What a route says of its copies and labels, `[mirror]` and `[redact]`.

use super::Findings;
use crate::keypath::KeyPath;
use crate::matching::{LabelSource, PathKind, placeholders};
use crate::{Config, CopyEdit, Day, KeySource, Route};
use http::{HeaderName, HeaderValue};

/// Headers that frame or mark a message: a copy that lacks or doubles them is no copy any more.
const RESERVED: [&str; 8] = [
    "connection",
    "content-length",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-parallax-copy",
];

pub(super) fn check(config: &Config, today: Day) -> Findings {
    let mut findings = Findings::default();
    for (index, route) in config.routes.iter().enumerate() {
        let at = KeyPath::of(&["routes"]).index(index);
        conditions(route, &at, &mut findings);
        labels(route, &at.key("labels"), &mut findings);
        if let Some(copy) = &route.copy {
            edit(copy, route, &at.key("copy"), &mut findings);
        }
    }
    if let Some(index) = config.key.iter().position(|source| *source == KeySource::Body) {
        findings.problem(
            KeyPath::of(&["key"]).index(index),
            "a body is not whose request it is",
            "name a header, cookie or query parameter; `body` can be used in a route's sample_by",
        );
    }
    mirror(config, today, &mut findings);
    redact(config, &mut findings);
    findings
}

/// Places that can be redacted, and labels that would show what they hide.
fn redact(config: &Config, findings: &mut Findings) {
    for (index, place) in config.redact.places.iter().enumerate() {
        let is_place = match place.split_once(':') {
            Some(("header", name)) => HeaderName::from_bytes(name.as_bytes()).is_ok() && name != "*",
            Some(("cookie" | "query", name)) => !name.is_empty(),
            Some(("body", pointer)) => pointer.is_empty() || pointer.starts_with('/'),
            _ => false,
        };
        if !is_place {
            findings.problem(
                KeyPath::of(&["redact", "places"]).index(index),
                format!("`{place}` is not a place"),
                "write header:<name>, cookie:<name>, query:<name> or body:/json/pointer",
            );
        }
    }
    for (index, route) in config.routes.iter().enumerate() {
        for (label, source) in &route.labels {
            let is_hidden = matches!(LabelSource::of(source), LabelSource::Header(_))
                && config.redact.places.iter().any(|place| place.eq_ignore_ascii_case(source));
            if is_hidden {
                findings.problem(
                    KeyPath::of(&["routes"]).index(index).key("labels").key(label),
                    format!("would show `{source}`, which redact.places hides"),
                    "take the label from something that is no secret",
                );
            }
        }
    }
}

fn conditions(route: &Route, at: &KeyPath, findings: &mut Findings) {
    for (index, host) in route.hosts.iter().enumerate() {
        let name = host.strip_prefix("*.").unwrap_or(host);
        if name.is_empty() || name.contains(['*', ':', '/']) {
            findings.problem(
                at.key("hosts").index(index),
                format!("`{host}` is not a host"),
                "write a name or address without a port, such as shop.example or *.shop.example",
            );
        }
    }
    for name in route.headers.keys() {
        header(name, &at.key("headers").key(name), findings);
    }
    if route.query.contains_key("") {
        findings.problem(at.key("query"), "a parameter has no name", "name it");
    }
}

fn labels(route: &Route, at: &KeyPath, findings: &mut Findings) {
    let captures = PathKind::of(&route.path).captures();
    for (name, source) in &route.labels {
        let at = at.key(name);
        if name.is_empty() || name == "route" {
            let what = if name.is_empty() { "has no name" } else { "is what the route's own name makes" };
            findings.problem(at.clone(), what, "give the label another name, such as tenant");
        }
        match LabelSource::of(source) {
            LabelSource::Header(name) => header(name, &at, findings),
            LabelSource::Path(name) if !captures.contains(&name) => {
                findings.problem(at, format!("the path captures no `{name}`"), captured(&captures));
            }
            LabelSource::Static("") => {
                findings.problem(at, "is empty", "write header:<name>, path:<name> or a text");
            }
            LabelSource::Path(_) | LabelSource::Static(_) => {}
        }
    }
}

fn captured(captures: &[&str]) -> String {
    match captures {
        [] => "write the route's path with {name} or {*rest}".to_owned(),
        names => format!("it captures {}", names.join(", ")),
    }
}

fn edit(copy: &CopyEdit, route: &Route, at: &KeyPath, findings: &mut Findings) {
    if let Some(host) = &copy.host
        && (host.is_empty() || host.contains('/') || HeaderValue::from_str(host).is_err())
    {
        findings.problem(at.key("host"), format!("`{host}` is not a host"), "write a name, or name:port");
    }
    if let Some(path) = &copy.path {
        let captures = PathKind::of(&route.path).captures();
        if !path.starts_with('/') || path.contains(['?', '#', ' ']) {
            findings.problem(
                at.key("path"),
                format!("`{path}` is not a path"),
                "begin it with a slash and leave the query out: copies keep their own",
            );
        }
        for name in placeholders(path).into_iter().filter(|name| !captures.contains(name)) {
            let what = format!("the route's path captures no `{name}`");
            findings.problem(at.key("path"), what, captured(&captures));
        }
    }
    for (key, names) in [("remove", &copy.remove), ("idempotency", &copy.idempotency)] {
        for (index, name) in names.iter().enumerate() {
            changed(name, &at.key(key).index(index), findings);
        }
    }
    for (key, values) in [("replace", &copy.replace), ("set", &copy.set)] {
        for (name, value) in values {
            let at = at.key(key).key(name);
            changed(name, &at, findings);
            if HeaderValue::from_str(value).is_err() {
                findings.problem(at.clone(), "is not a header's value", "leave control characters out");
            } else if name.eq_ignore_ascii_case("authorization")
                && !value.starts_with("env:")
                && !value.starts_with("file:")
            {
                findings.warning(
                    at,
                    "a secret in the configuration is shown wherever that is shown",
                    "write env:<NAME> or file:<PATH>",
                );
            }
        }
    }
}

fn header(name: &str, at: &KeyPath, findings: &mut Findings) {
    if HeaderName::from_bytes(name.as_bytes()).is_err() {
        findings.problem(at.clone(), format!("`{name}` is not the name of a header"), "such as x-tenant");
    }
}

/// A header that a copy may have otherwise.
fn changed(name: &str, at: &KeyPath, findings: &mut Findings) {
    header(name, at, findings);
    if RESERVED.iter().any(|reserved| name.eq_ignore_ascii_case(reserved)) {
        let remedy = if name.eq_ignore_ascii_case("host") { "set copy.host" } else { "leave it as it is" };
        findings.problem(at.clone(), format!("`{name}` frames or routes the message"), remedy);
    }
}

fn mirror(config: &Config, today: Day, findings: &mut Findings) {
    let at = |key| KeyPath::of(&["mirror", key]);
    if config.mirror.dry {
        findings.warning(
            at("dry"),
            "no copy is sent: what would be mirrored is counted and recorded, nothing is compared",
            "remove it to mirror",
        );
    }
    if let Some(expires) = config.mirror.expires
        && expires.0.to_zoned(jiff::tz::TimeZone::UTC).date() < today.0
    {
        findings.warning(
            at("expires"),
            format!("{expires} is past: nothing is mirrored"),
            "choose a later instant, or remove it",
        );
    }
}
