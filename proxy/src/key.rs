//! The cluster key: whose request this is.
//!
//! The key is the grain of evidence and of sampling, so the same user must hash alike on every
//! proxy: XXH3-64 of the value's bytes as sent, without its source's name, and without decoding.

use http::HeaderMap;
use http::header::{COOKIE, HOST};
use parallax_config::KeySource;
use xxhash_rust::xxh3::xxh3_64;

/// What the sources without a value of their own fall back on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fallback {
    /// Differs between connections, proxies and restarts.
    pub(crate) connection: u64,
    /// Differs between requests as well.
    pub(crate) request: u64,
}

/// What decides whether a request is in a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keyed {
    /// This key.
    Key(u64),
    /// The digest of the body, which is known when the request is complete.
    Body,
}

/// The 64-bit key of a request: the first source that is present, the connection if none is.
pub(crate) fn cluster_key(
    sources: &[KeySource],
    headers: &HeaderMap,
    query: Option<&str>,
    fallback: Fallback,
) -> u64 {
    match sample_key(sources, headers, query, fallback) {
        Keyed::Key(key) => key,
        Keyed::Body => fallback.connection,
    }
}

/// The key that a sample goes by, found as [`cluster_key`] is.
pub(crate) fn sample_key(
    sources: &[KeySource],
    headers: &HeaderMap,
    query: Option<&str>,
    fallback: Fallback,
) -> Keyed {
    let found = sources.iter().find_map(|source| key_from(source, headers, query, fallback));
    found.unwrap_or(Keyed::Key(fallback.connection))
}

/// The source that [`sample_key`] uses; `None` means the connection.
pub(crate) fn source_of<'s>(
    sources: &'s [KeySource],
    headers: &HeaderMap,
    query: Option<&str>,
) -> Option<&'s KeySource> {
    let nothing = Fallback { connection: 0, request: 0 };
    sources.iter().find(|source| key_from(source, headers, query, nothing).is_some())
}

fn key_from(
    source: &KeySource,
    headers: &HeaderMap,
    query: Option<&str>,
    fallback: Fallback,
) -> Option<Keyed> {
    let hash = |value: &[u8]| Keyed::Key(xxh3_64(value));
    match source {
        KeySource::Header(name) => headers.get(name).map(|value| hash(value.as_bytes())),
        KeySource::Cookie(name) => cookie(headers, name).map(hash),
        KeySource::Query(name) => parameters(query, name).next().map(hash),
        KeySource::Connection => Some(Keyed::Key(fallback.connection)),
        KeySource::Request => Some(Keyed::Key(fallback.request)),
        KeySource::Body => Some(Keyed::Body),
    }
}

/// The key of a request whose sample goes by its body; an empty one says nothing, so its target counts.
pub(crate) fn body_key(body: &[u8], target: &str) -> u64 {
    if body.is_empty() { xxh3_64(target.as_bytes()) } else { xxh3_64(body) }
}

/// The host that a request names, without its port; empty where it names none.
pub(crate) fn host_of(headers: &HeaderMap) -> &str {
    let text = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    match text.rsplit_once(':') {
        // The colons of an IPv6 address are in brackets.
        Some((host, port)) if !port.contains(']') => host,
        _ => text,
    }
}

fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h [u8]> {
    headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|line| line.as_bytes().split(|&byte| byte == b';'))
        .find_map(|pair| pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}

/// The values of a query parameter, as sent.
pub(crate) fn parameters<'q>(query: Option<&'q str>, name: &str) -> impl Iterator<Item = &'q [u8]> {
    let pairs = query.into_iter().flat_map(|query| query.split('&'));
    pairs.filter_map(move |pair| pair.strip_prefix(name)?.strip_prefix('=').map(str::as_bytes))
}

/// Whether a key is in a sample of `ppm` parts per million: the same on every proxy.
pub(crate) fn is_sampled(key: u64, ppm: u32) -> bool {
    // The key is hashed once more: a key that is a plain counter would otherwise be sampled in runs.
    let spread = xxh3_64(&key.to_le_bytes());
    (u128::from(spread) * u128::from(crate::routes::ALL_PPM)) >> 64 < u128::from(ppm)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const FALLBACK: Fallback = Fallback { connection: 1, request: 2 };

    fn key(source: &str, headers: &HeaderMap, query: Option<&str>) -> u64 {
        cluster_key(&[KeySource::try_from(source.to_owned()).unwrap()], headers, query, FALLBACK)
    }

    #[test]
    fn the_first_source_that_is_present_wins() {
        let mut headers = HeaderMap::new();
        headers.insert("x-user", HeaderValue::from_static("ada"));
        headers.append(COOKIE, HeaderValue::from_static("a=1; sid=ada; b=2"));
        assert_eq!(key("header:x-user", &headers, None), xxh3_64(b"ada"));
        assert_eq!(key("cookie:sid", &headers, None), xxh3_64(b"ada"));
        assert_eq!(key("query:u", &headers, Some("v=1&u=ada")), xxh3_64(b"ada"));
        assert_eq!(key("cookie:si", &headers, None), FALLBACK.connection);
        assert_eq!(key("query:u", &headers, None), FALLBACK.connection);
        assert_eq!(key("request", &headers, None), FALLBACK.request);
        let both = ["query:u", "header:x-user"].map(|text| KeySource::try_from(text.to_owned()).unwrap());
        assert_eq!(cluster_key(&both, &headers, Some("u=grace"), FALLBACK), xxh3_64(b"grace"));
    }

    #[test]
    fn a_sample_takes_its_share_of_the_keys() {
        let taken = |ppm| (0..100_000).filter(|&key| is_sampled(key, ppm)).count();
        assert_eq!(taken(0), 0);
        assert_eq!(taken(1_000_000), 100_000);
        assert!((9_500..10_500).contains(&taken(100_000)), "{}", taken(100_000));
    }
}
