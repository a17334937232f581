//! Header hygiene between two connections: what must not pass, and what a proxy adds.
//!
//! Response headers are left alone but for the hop-by-hop ones: what the primary said is what the
//! client gets. A request gains `Via` and the `X-Forwarded-*` headers; primary and copies get the
//! same ones, so that they cannot be the reason for a difference.

use crate::context::Trace;
use http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING,
    UPGRADE, VIA,
};
use http::{HeaderMap, HeaderName, HeaderValue, Version};
use parallax_exchange::Role;
use std::net::IpAddr;

/// The header that marks a copy; its value is `candidate` or `control`.
///
/// A request that carries it is proxied and not mirrored again, so that a shadow which calls back
/// through the mirror cannot multiply its traffic.
pub const COPY_MARKER: HeaderName = HeaderName::from_static("x-parallax-copy");

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Headers that concern one connection only, beside `Connection` and `TE`.
const HOP_BY_HOP: [HeaderName; 6] =
    [TRANSFER_ENCODING, KEEP_ALIVE, UPGRADE, PROXY_CONNECTION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION];

/// Removes the headers that concern one connection only (RFC 9110, 7.6.1).
///
/// One pass over the names finds which there are: most messages have none or one, and each lookup
/// in a map would hash.
pub(crate) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let (mut connection, mut te, mut others) = (false, false, false);
    for name in headers.keys() {
        match name.as_str() {
            "connection" => connection = true,
            "te" => te = true,
            "transfer-encoding"
            | "keep-alive"
            | "upgrade"
            | "proxy-connection"
            | "proxy-authenticate"
            | "proxy-authorization" => others = true,
            _ => {}
        }
    }
    if connection {
        remove_nominated(headers);
    }
    if others {
        HOP_BY_HOP.iter().for_each(|name| drop(headers.remove(name)));
    }
    if te && let Some(te) = headers.remove(TE) {
        // Trailers are passed on, so this one promise may be kept.
        if mentions(&te, "trailers") {
            headers.insert(TE, HeaderValue::from_static("trailers"));
        }
    }
}

/// Removes `Connection` and what it names, but never what frames or routes the message.
fn remove_nominated(headers: &mut HeaderMap) {
    let lines: Vec<_> = headers.get_all(CONNECTION).iter().cloned().collect();
    headers.remove(CONNECTION);
    for token in lines.iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(',')) {
        let token = token.trim();
        // Options without a header of their own (RFC 9112, 9.6).
        if token.eq_ignore_ascii_case("close") || token.eq_ignore_ascii_case("keep-alive") {
            continue;
        }
        if let Ok(name) = token.parse::<HeaderName>()
            && ![HOST, CONTENT_LENGTH, TE].contains(&name)
        {
            headers.remove(name);
        }
    }
}

/// Whether a list header names `token`.
pub(crate) fn mentions(value: &HeaderValue, token: &str) -> bool {
    value
        .to_str()
        .is_ok_and(|text| text.split([',', ';']).any(|item| item.trim().eq_ignore_ascii_case(token)))
}

/// What a request gains on its way to a role.
#[derive(Debug, Clone)]
pub(crate) struct Forwarded {
    client: HeaderValue,
    scheme: &'static str,
}

impl Forwarded {
    /// For requests of the client at `ip`, which come by `scheme`.
    pub(crate) fn for_client(ip: IpAddr, scheme: &'static str) -> Self {
        let text = ip.to_canonical().to_string();
        Self { client: HeaderValue::try_from(text).expect("an address is printable ASCII"), scheme }
    }

    /// The client's address.
    pub(crate) fn client(&self) -> &str {
        self.client.to_str().unwrap_or_default()
    }

    /// Adds `Via` and the `X-Forwarded-*` headers; what earlier proxies wrote is kept and extended.
    pub(crate) fn add(&self, headers: &mut HeaderMap, version: Version) {
        // How the message was received (RFC 9110, 7.6.3).
        let via = if version == Version::HTTP_2 { "2.0 parallax" } else { "1.1 parallax" };
        headers.append(VIA, HeaderValue::from_static(via));
        let client = self.joined(headers);
        headers.insert(FORWARDED_FOR, client);
        if !headers.contains_key(FORWARDED_PROTO) {
            headers.insert(FORWARDED_PROTO, HeaderValue::from_static(self.scheme));
        }
        if !headers.contains_key(FORWARDED_HOST)
            && let Some(host) = headers.get(HOST).cloned()
        {
            headers.insert(FORWARDED_HOST, host);
        }
    }

    /// One line, because many servers read only one.
    fn joined(&self, headers: &HeaderMap) -> HeaderValue {
        let mut all = Vec::new();
        for earlier in headers.get_all(FORWARDED_FOR) {
            all.extend_from_slice(earlier.as_bytes());
            all.extend_from_slice(b", ");
        }
        if all.is_empty() {
            return self.client.clone();
        }
        all.extend_from_slice(self.client.as_bytes());
        HeaderValue::from_bytes(&all).unwrap_or_else(|_| self.client.clone())
    }
}

/// How many headers [`Additions`] and [`mark`] add at most.
const ADDED_MAX: usize = 8;

/// What a request gains on its way to every role, beside the mark of a copy.
#[derive(Debug, Clone)]
pub(crate) struct Additions {
    /// Nothing where the primary gets the request as the client sent it.
    pub(crate) forwarded: Option<Forwarded>,
    /// What the client speaks.
    pub(crate) version: Version,
    /// For the request that names no host.
    pub(crate) default_host: Option<HeaderValue>,
    /// The body came in chunks, so it goes on in chunks.
    pub(crate) is_chunked: bool,
    /// The span of the live request, where traces are made.
    pub(crate) trace: Option<Trace>,
}

impl Additions {
    /// Adds them.
    pub(crate) fn add(&self, headers: &mut HeaderMap) {
        // One growth instead of one for each.
        headers.reserve(ADDED_MAX);
        if let Some(forwarded) = &self.forwarded {
            forwarded.add(headers, self.version);
        }
        if let Some(host) = &self.default_host {
            headers.insert(HOST, host.clone());
        }
        if let Some(trace) = self.trace {
            trace.write(headers);
        }
        if self.is_chunked {
            headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
    }
}

/// Marks a copy for `role`.
pub(crate) fn mark(headers: &mut HeaderMap, role: Role) {
    headers.insert(COPY_MARKER, HeaderValue::from_static(role.name()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines
            .iter()
            .map(|&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn hop_by_hop_headers_and_those_that_connection_names_are_removed() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Private"),
            ("connection", "host, content-length"),
            ("x-private", "1"),
            ("host", "a"),
            ("content-length", "3"),
            ("keep-alive", "timeout=5"),
            ("upgrade", "h2c"),
            ("te", "gzip"),
            ("accept", "b"),
        ] {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        remove_hop_by_hop(&mut headers);
        assert_eq!(headers, map(&[("host", "a"), ("content-length", "3"), ("accept", "b")]));
    }

    #[test]
    fn the_promise_to_read_trailers_is_kept() {
        let mut headers = map(&[("te", "gzip, trailers")]);
        remove_hop_by_hop(&mut headers);
        assert_eq!(headers, map(&[("te", "trailers")]));
    }

    #[test]
    fn forwarding_headers_extend_what_earlier_proxies_wrote() {
        let forwarded = Forwarded::for_client("::ffff:10.0.0.9".parse().unwrap(), "http");
        let mut first = map(&[("host", "shop.example")]);
        forwarded.add(&mut first, Version::HTTP_11);
        assert_eq!(first["x-forwarded-for"], "10.0.0.9");
        assert_eq!(first["x-forwarded-proto"], "http");
        assert_eq!(first["x-forwarded-host"], "shop.example");
        assert_eq!(first["via"], "1.1 parallax");

        let mut later = map(&[
            ("host", "in"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x-forwarded-proto", "https"),
            ("via", "1.1 edge"),
        ]);
        forwarded.add(&mut later, Version::HTTP_2);
        assert_eq!(later["x-forwarded-for"], "1.2.3.4, 10.0.0.9");
        assert_eq!(later["x-forwarded-proto"], "https");
        assert_eq!(later.get_all("via").iter().collect::<Vec<_>>(), ["1.1 edge", "2.0 parallax"]);
    }
}
