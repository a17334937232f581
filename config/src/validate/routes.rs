//! `[[routes]]` and what refers to them.

use super::Findings;
use crate::keypath::KeyPath;
use crate::matching::PathKind;
use crate::suggest::nearest;
use crate::{Config, Route};
use http::Method;

pub(super) fn check(config: &Config) -> Findings {
    let mut findings = Findings::default();
    for (index, route) in config.routes.iter().enumerate() {
        let at = KeyPath::of(&["routes"]).index(index);
        let earlier = &config.routes[..index];
        name(route, earlier, &at, &mut findings);
        path(route, &at, &mut findings);
        methods(route, &at, &mut findings);
        shadowed(route, earlier, &at, &mut findings);
    }
    if config.roles.candidate.is_some() && config.roles.control.is_none() {
        findings.warning(
            KeyPath::of(&["roles", "control"]),
            "is absent: noise is not measured, and latency is not judged",
            "add [roles.control], a second copy of the primary's build",
        );
    }
    if config.roles.candidate.is_none() && config.roles.control.is_none() {
        findings.warning(
            KeyPath::of(&["roles"]),
            "names neither a candidate nor a control: requests are proxied, nothing is compared",
            "add [roles.candidate] with its url",
        );
    }
    findings
}

/// The labels of `[[policy.slices]]`: the route is what an exchange carries.
pub(super) fn check_slices(config: &Config) -> Findings {
    let mut findings = Findings::default();
    let names: Vec<&str> = config.routes.iter().map(|route| route.name.as_str()).collect();
    for (index, slice) in config.policy.slices.iter().enumerate() {
        let at = KeyPath::of(&["policy", "slices"]).index(index).key("slice");
        if slice.slice.is_empty() && slice.rate.is_none() && slice.weight.is_none() {
            findings.problem(
                at.clone(),
                "has no label",
                "write { route = \"<name>\" }, or give the whole, {}, its rate or its weight",
            );
        }
        for (label, value) in &slice.slice {
            if label != "route" {
                if !config.routes.iter().any(|route| route.labels.contains_key(label)) {
                    findings.problem(
                        at.key(label),
                        format!("no exchange carries the label `{label}`: the slice would stay empty"),
                        "write `route`, or give a route that label in [routes.labels]",
                    );
                }
            } else if !names.contains(&value.as_str()) {
                findings.problem(at.key(label), no_such_route(value), which_route(value, &names));
            }
        }
        if config.policy.slices[..index].iter().any(|earlier| earlier.slice == slice.slice) {
            findings.problem(at, "is there twice", "keep one of them");
        }
    }
    findings
}

pub(super) fn no_such_route(name: &str) -> String {
    format!("there is no route named `{name}`")
}

pub(super) fn which_route(name: &str, names: &[&str]) -> String {
    match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.is_empty() => "no routes are configured; add [[routes]]".to_owned(),
        None => format!("the routes are {}", names.join(", ")),
    }
}

fn name(route: &Route, earlier: &[Route], at: &KeyPath, findings: &mut Findings) {
    if route.name.is_empty() {
        findings.problem(at.key("name"), "is empty", "name the route; its slice carries the name");
    } else if let Some(first) = earlier.iter().position(|other| other.name == route.name) {
        findings.problem(
            at.key("name"),
            format!("`{}` is the name of routes[{first}] too", route.name),
            "give each route a name of its own: they are slices of the evidence",
        );
    }
}

fn path(route: &Route, at: &KeyPath, findings: &mut Findings) {
    let pattern = PathKind::of(&route.path).text();
    if !pattern.starts_with('/') {
        let remedy = format!("write /{pattern}");
        return findings.problem(at.key("path"), format!("`{pattern}` does not begin with a slash"), remedy);
    }
    if matches!(PathKind::of(&route.path), PathKind::Prefix(_)) {
        if pattern.contains(['{', '}', '*']) {
            findings.problem(
                at.key("path"),
                format!("`prefix:{pattern}` is taken letter by letter, braces and stars too"),
                "write the beginning alone, or leave out `prefix:` and write {name} and {*rest}",
            );
        }
        return;
    }
    if let Err(error) = matchit::Router::new().insert(pattern, ()) {
        let reason = error.to_string().to_lowercase();
        findings.problem(
            at.key("path"),
            format!("`{pattern}` is not a path pattern: {}", reason.trim_end_matches('.')),
            "write {name} for one segment and {*rest}, at the end, for the tail",
        );
    } else if pattern.split('/').any(|segment| segment.starts_with([':', '*'])) {
        findings.warning(
            at.key("path"),
            format!("`{pattern}` matches a literal colon or star"),
            "write {name} for one segment and {*rest} for the tail",
        );
    }
}

fn methods(route: &Route, at: &KeyPath, findings: &mut Findings) {
    for (index, text) in route.methods.iter().enumerate() {
        let at = at.key("methods").index(index);
        match text.to_uppercase().parse::<Method>() {
            Err(_) => findings.problem(at, format!("`{text}` is not a method"), "write one such as \"POST\""),
            Ok(Method::CONNECT) => {
                findings.problem(at, "a tunnel (CONNECT) cannot be mirrored", "leave it out");
            }
            Ok(method) if method.as_str() != text => {
                findings.problem(
                    at,
                    format!("methods are spelled in capitals, not `{text}`"),
                    format!("write {method}"),
                );
            }
            Ok(_) => {}
        }
    }
}

/// The methods that a route takes.
fn mirrored(route: &Route) -> Vec<&str> {
    if route.methods.is_empty() {
        vec!["GET", "HEAD"]
    } else {
        route.methods.iter().map(String::as_str).collect()
    }
}

/// The first route that matches decides, so a later one with the same path and methods never does.
fn shadowed(route: &Route, earlier: &[Route], at: &KeyPath, findings: &mut Findings) {
    let covers = |other: &&Route| {
        let path = match PathKind::of(&other.path) {
            PathKind::Prefix(prefix) => PathKind::of(&route.path).text().starts_with(prefix),
            _ => other.path == route.path || other.path == "/{*rest}" && route.path != "/",
        };
        let anything = other.hosts.is_empty() && other.headers.is_empty() && other.query.is_empty();
        path && anything && mirrored(route).iter().all(|method| mirrored(other).contains(method))
    };
    if let Some(other) = earlier.iter().find(covers) {
        findings.warning(
            at.key("path"),
            format!("never matches: route `{}` ({}) comes first", other.name, other.path),
            "move the more specific route up",
        );
    }
}
