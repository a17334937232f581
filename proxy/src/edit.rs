//! What a copy has otherwise than the live request: `[routes.copy]`, compiled.
//!
//! The live request is never touched: a copy's head is made anew from what was recorded, and only
//! that is edited. Candidate and control get the same edits, but for what names the role.

use crate::routes::header_name;
use http::header::{COOKIE, HOST};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use parallax_config::{CREDENTIAL_HEADERS, CopyEdit};
use parallax_exchange::Role;
use xxhash_rust::xxh3::xxh3_128;

/// What `strip_credentials` takes off.
fn credentials() -> impl Iterator<Item = HeaderName> {
    CREDENTIAL_HEADERS.into_iter().map(HeaderName::from_static).chain([COOKIE])
}

/// The length of a UUID as text.
const UUID_LENGTH: usize = 36;

/// What copies have otherwise.
pub(crate) struct Edit {
    host: Option<HeaderValue>,
    path: Option<Vec<Part>>,
    remove: Vec<HeaderName>,
    replace: Vec<(HeaderName, HeaderValue)>,
    set: Vec<(HeaderName, HeaderValue)>,
    idempotency: Vec<HeaderName>,
}

/// Values may be secrets.
impl std::fmt::Debug for Edit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Edit").finish_non_exhaustive()
    }
}

/// A piece of a copy's path.
enum Part {
    Text(Box<str>),
    Capture(Box<str>),
}

impl Edit {
    /// Compiles `config`; reads the values that it names by `env:` and `file:`.
    ///
    /// # Errors
    /// What is wrong, with the key.
    pub(crate) fn new(config: &CopyEdit) -> Result<Self, String> {
        let names =
            |names: &[String]| names.iter().map(|name| header_name(name)).collect::<Result<Vec<_>, _>>();
        let values = |key: &str, map: &std::collections::BTreeMap<String, String>| {
            map.iter()
                .map(|(name, text)| Ok((header_name(name)?, value(key, name, text)?)))
                .collect::<Result<Vec<_>, String>>()
        };
        let replace = values("replace", &config.replace)?;
        let mut remove = names(&config.remove)?;
        if config.strip_credentials {
            let is_replaced = |name: &HeaderName| replace.iter().any(|(replaced, _)| replaced == name);
            remove.extend(credentials().filter(|name| !is_replaced(name)));
        }
        let host = config.host.as_deref().map(|host| {
            HeaderValue::from_str(host).map_err(|_| format!("copy.host = `{host}` is not a host"))
        });
        Ok(Self {
            host: host.transpose()?,
            path: config.path.as_deref().map(parts),
            remove,
            replace,
            set: values("set", &config.set)?,
            idempotency: names(&config.idempotency)?,
        })
    }

    /// Changes the headers of a copy for `role`.
    pub(crate) fn headers(&self, headers: &mut HeaderMap, role: Role) {
        for name in &self.remove {
            headers.remove(name);
        }
        for name in &self.idempotency {
            if let Some(live) = headers.get(name)
                && let Some(own) = derived(live, role)
            {
                headers.insert(name, own);
            }
        }
        for (name, value) in &self.replace {
            if headers.contains_key(name) {
                headers.insert(name, value.clone());
            }
        }
        for (name, value) in &self.set {
            headers.insert(name, value.clone());
        }
        if let Some(host) = &self.host {
            headers.insert(HOST, host.clone());
        }
    }

    /// The target of copies of a request to `uri`, whose route captured `capture(name)`; `None` where it
    /// stays, also where the captured text makes no path.
    pub(crate) fn uri<'c>(&self, uri: &Uri, capture: impl Fn(&str) -> Option<&'c str>) -> Option<Uri> {
        let mut target = String::new();
        for part in self.path.as_ref()? {
            target.push_str(match part {
                Part::Text(text) => text,
                Part::Capture(name) => capture(name).unwrap_or_default(),
            });
        }
        if let Some(query) = uri.query() {
            target.push('?');
            target.push_str(query);
        }
        PathAndQuery::try_from(target).ok().map(Uri::from)
    }
}

/// The text of a path between and in its braces.
fn parts(path: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = path;
    while let Some((text, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else { break };
        parts.extend([Part::Text(text.into()), Part::Capture(name.trim_start_matches('*').into())]);
        rest = after;
    }
    parts.push(Part::Text(rest.into()));
    parts
}

/// A header's value, from where the configuration says.
fn value(key: &str, name: &str, text: &str) -> Result<HeaderValue, String> {
    let at = format!("copy.{key}.{name}");
    let (text, is_secret) = match text.split_once(':') {
        Some(("env", variable)) => {
            let read = std::env::var(variable);
            (
                read.map_err(|_| format!("{at}: the environment has no text variable {variable}; set it"))?,
                true,
            )
        }
        Some(("file", path)) => {
            let read = std::fs::read_to_string(path);
            (read.map_err(|error| format!("{at}: cannot read {path}: {error}"))?.trim_end().to_owned(), true)
        }
        _ => (text.to_owned(), false),
    };
    let mut value = HeaderValue::from_str(&text)
        .map_err(|_| format!("{at} is not a header's value; leave control characters out"))?;
    value.set_sensitive(is_secret);
    Ok(value)
}

/// A value of its own for a copy, the same each time that the live value is the same: of a UUID
/// another UUID (version 8, RFC 9562), of other text the text with the role behind it.
fn derived(live: &HeaderValue, role: Role) -> Option<HeaderValue> {
    let text = live.to_str().ok()?;
    let is_uuid = text.len() == UUID_LENGTH
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    let named = format!("{text}-{}", role.name());
    if !is_uuid {
        return HeaderValue::try_from(named).ok();
    }
    let hash = xxh3_128(named.as_bytes());
    // Version and variant have fixed places.
    let bits = hash & !(0xF << 76) & !(0x3 << 62) | 0x8 << 76 | 0x2 << 62;
    let hex = format!("{bits:032x}");
    let uuid = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-");
    HeaderValue::try_from(uuid).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(toml: &str) -> Edit {
        Edit::new(&parse(toml)).unwrap()
    }

    fn parse(text: &str) -> CopyEdit {
        let pairs = |list: &[(&str, &str)]| {
            list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        match text {
            "swap" => CopyEdit {
                strip_credentials: true,
                replace: pairs(&[("authorization", "Bearer shadow")]),
                set: pairs(&[("x-environment", "shadow")]),
                remove: vec!["x-debug".to_owned()],
                host: Some("shadow.internal".to_owned()),
                ..CopyEdit::default()
            },
            path => CopyEdit { path: Some(path.to_owned()), ..CopyEdit::default() },
        }
    }

    #[test]
    fn credentials_are_taken_off_or_swapped_and_other_headers_set() {
        let edit = edit("swap");
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer live"),
            ("cookie", "a=1"),
            ("x-debug", "1"),
            ("x", "y"),
            ("host", "shop"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        edit.headers(&mut headers, Role::Candidate);
        let mut lines: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        lines.sort_unstable();
        assert_eq!(
            lines,
            [
                ("authorization", "Bearer shadow"),
                ("host", "shadow.internal"),
                ("x", "y"),
                ("x-environment", "shadow")
            ]
        );
        // Nobody is given credentials that sent none.
        let mut anonymous = HeaderMap::new();
        edit.headers(&mut anonymous, Role::Control);
        assert!(!anonymous.contains_key("authorization"));
    }

    #[test]
    fn a_path_is_made_of_text_and_captures_and_keeps_its_query() {
        let uri = |path: &str| {
            let uri = Uri::from_static("/v1/eu/orders/7?x=1");
            edit(path).uri(&uri, |name| (name == "rest").then_some("orders/7")).map(|uri| uri.to_string())
        };
        assert_eq!(uri("/shadow/{rest}").as_deref(), Some("/shadow/orders/7?x=1"));
        assert_eq!(uri("/{*rest}/end").as_deref(), Some("/orders/7/end?x=1"));
        assert_eq!(uri("/fixed").as_deref(), Some("/fixed?x=1"));
    }

    #[test]
    fn a_derived_key_is_stable_its_own_and_of_the_same_form() {
        let of = |text: &'static str, role| {
            derived(&HeaderValue::from_static(text), role).unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!(of("order-7", Role::Control), "order-7-control");
        let uuid = "0195f3a1-7b2c-7d3e-8f4a-1234567890ab";
        let (one, other) = (of(uuid, Role::Candidate), of(uuid, Role::Control));
        assert_ne!(one, other);
        assert_eq!(one, of(uuid, Role::Candidate));
        assert_eq!((one.len(), &one[14..15]), (36, "8"));
        assert!(matches!(&one[19..20], "8" | "9" | "a" | "b"), "{one}");
    }

    #[test]
    fn a_value_that_cannot_be_read_is_named() {
        let set = [("x".to_owned(), "env:PARALLAX_NO_SUCH_VARIABLE".to_owned())].into();
        let error = Edit::new(&CopyEdit { set, ..CopyEdit::default() }).unwrap_err();
        assert!(error.contains("copy.set.x") && error.contains("PARALLAX_NO_SUCH_VARIABLE"), "{error}");
    }
}
