//! `config explain --request`: which route a request takes, and why the others do not take it.

use super::{Asked, Entry, RouteTable, Selection, Unmet};
use crate::StartError;
use crate::key::{Fallback, Keyed, is_sampled, sample_key, source_of};
use http::Request;
use parallax_config::Config;
use parallax_config::matching::ValueMatch;
use serde::Serialize;
use std::collections::BTreeMap;

/// What would become of a request at the mirror's door.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The routes that were asked, in file order, the one that takes the request last.
    pub tried: Vec<Tried>,
    /// The route that takes it; its name is empty where no routes are configured.
    pub route: Option<String>,
    /// Whether copies would be sent; absent where that depends on the connection or the body.
    pub mirrored: Option<bool>,
    /// Why it would be mirrored or not, in one sentence.
    pub why: String,
    /// The labels of its exchange.
    pub labels: BTreeMap<String, String>,
    /// The target of its copies, where it is another than the live one's.
    pub copy_target: Option<String>,
}

/// A route that was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tried {
    /// Its name.
    pub route: String,
    /// The first condition that the request does not meet; absent where the route takes it.
    pub unmet: Option<String>,
}

/// Explains what `config` says of `request`, whose host is in its `Host` header.
///
/// # Errors
/// [`StartError::Route`] where a route cannot be used.
pub fn explain_route(config: &Config, request: &Request<()>) -> Result<Explanation, StartError> {
    let table = RouteTable::new(&config.routes)?;
    let asked = Asked { method: request.method(), uri: request.uri(), headers: request.headers() };
    let mut tried = Vec::new();
    for (entry, route) in table.entries.iter().zip(&config.routes) {
        let unmet = entry.unmet(asked);
        tried.push(Tried { route: route.name.clone(), unmet: unmet.map(|unmet| entry.words(unmet, asked)) });
        if unmet.is_none() {
            break;
        }
    }
    let Some(selection) = table.select(asked) else {
        let why = if config.routes.is_empty() {
            "without [[routes]] only GET and HEAD are mirrored".to_owned()
        } else {
            "no route takes it: it goes to the primary and is not mirrored".to_owned()
        };
        return Ok(Explanation { tried, why, ..Explanation::nothing() });
    };
    let (mirrored, why) = sampled(config, selection, asked);
    let labels = selection.labels(request.uri(), request.headers());
    Ok(Explanation {
        tried,
        route: Some(config.routes.get(selection.number).map(|route| route.name.clone()).unwrap_or_default()),
        mirrored,
        why,
        labels: labels.iter().map(|label| (label.name.to_string(), label.value.to_string())).collect(),
        copy_target: selection.copy_uri(request.uri()).map(|uri| uri.to_string()),
    })
}

impl Explanation {
    fn nothing() -> Self {
        Self {
            tried: Vec::new(),
            route: None,
            mirrored: Some(false),
            why: String::new(),
            labels: BTreeMap::new(),
            copy_target: None,
        }
    }
}

/// Whether the sample takes the request, and by which key.
fn sampled(config: &Config, selection: &Selection, asked: Asked<'_>) -> (Option<bool>, String) {
    if config.mirror.dry {
        return (Some(false), "mirror.dry is set: it is recorded and no copy is sent".to_owned());
    }
    if selection.sample_ppm == super::ALL_PPM {
        return (Some(true), "the route mirrors everything".to_owned());
    }
    let share = format!("{} of a million keys", selection.sample_ppm);
    let sources = if selection.sample_by.is_empty() { &config.key } else { &selection.sample_by };
    let more = if selection.minimum > 0.0 { "; more while the route is rare (minimum)" } else { "" };
    // No request has these keys, so that a source which falls back on them is seen.
    let fallback = Fallback { connection: 0, request: 1 };
    let source = source_of(sources, asked.headers, asked.uri.query());
    let name = source.map_or_else(|| "connection".to_owned(), |source| String::from(source.clone()));
    match sample_key(sources, asked.headers, asked.uri.query(), fallback) {
        Keyed::Key(key) if key > 1 => {
            let is_in = is_sampled(key, selection.sample_ppm);
            let place = if is_in { "in" } else { "out" };
            (Some(is_in), format!("the key of {name} is {place}, on every proxy: {share} are mirrored{more}"))
        }
        _ => (None, format!("the sample goes by {name}: {share} are mirrored{more}")),
    }
}

impl Entry {
    fn words(&self, unmet: Unmet<'_>, asked: Asked<'_>) -> String {
        match unmet {
            Unmet::Method if self.methods.is_empty() => {
                format!("takes GET and HEAD, not {}: name the method in `methods`", asked.method)
            }
            Unmet::Method => {
                let methods: Vec<&str> = self.methods.iter().map(http::Method::as_str).collect();
                format!("takes {}, not {}", methods.join(" "), asked.method)
            }
            Unmet::Path => format!("the path {} does not match", asked.uri.path()),
            Unmet::Host => format!("the host is not {}", self.hosts.join(" or ")),
            Unmet::Header(name, value) => format!("the header {name} {}", wanted(value)),
            Unmet::Query(name, value) => format!("the query parameter {name} {}", wanted(value)),
        }
    }
}

fn wanted(value: &ValueMatch) -> String {
    match value {
        ValueMatch::Absent => "is there".to_owned(),
        ValueMatch::Present => "is absent".to_owned(),
        ValueMatch::Prefix(text) => format!("does not begin with `{text}`"),
        ValueMatch::Exact(text) => format!("is not `{text}`"),
    }
}
