//! A request as the proxy understands it, or why it refuses it.
//!
//! hyper has already refused what cannot be framed: differing `Content-Length` headers, a transfer
//! coding that does not end in `chunked`, one in HTTP/1.0. Where both lengths are given it keeps the
//! chunked one alone and closes the connection, so the ambiguity goes no further. What is left is
//! the `Host`, the form of the target, and what may not pass.

use crate::forward::{COPY_MARKER, mentions, remove_hop_by_hop};
use crate::pending::Head;
use crate::reply::Refusal;
use crate::tunnel::Offer;
use http::header::{CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, TRANSFER_ENCODING, UPGRADE};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Uri, Version};

/// A request as the proxy understands it.
pub(crate) struct Inbound {
    /// In origin form, hop-by-hop headers removed.
    pub(crate) head: Head,
    /// As the client speaks.
    pub(crate) version: Version,
    /// Whether it names its host; only HTTP/1.0 need not.
    pub(crate) has_host: bool,
    /// The length of the body was not said; it goes on in chunks, to every role alike.
    pub(crate) is_chunked: bool,
    /// The client waits for `100 Continue` before it sends the body.
    pub(crate) awaits_continue: bool,
    /// It asks for another protocol.
    pub(crate) upgrade: Option<Offer>,
    /// It is a copy already.
    pub(crate) is_copy: bool,
}

impl Inbound {
    /// Takes a request apart; `has_body` says whether something follows its head.
    ///
    /// # Errors
    /// [`Refusal`] where RFC 9112 asks for one.
    pub(crate) fn read(parts: Parts, has_body: bool) -> Result<Self, Refusal> {
        let Parts { method, uri, version, mut headers, mut extensions, .. } = parts;
        if method == Method::CONNECT {
            return Err(Refusal::Connect);
        }
        let uri = match uri.authority() {
            None => uri,
            Some(authority) => {
                // Absolute form: its authority replaces `Host` (RFC 9112, 3.2.2).
                let host = HeaderValue::try_from(authority.as_str()).map_err(|_| Refusal::Host)?;
                headers.insert(HOST, host);
                origin_form(&uri)
            }
        };
        let hosts = headers.get_all(HOST).iter().count();
        if hosts > 1 || (hosts == 0 && version >= Version::HTTP_11) {
            return Err(Refusal::Host);
        }
        let is_h2 = version == Version::HTTP_2;
        let is_chunked = if is_h2 {
            has_body && !headers.contains_key(CONTENT_LENGTH)
        } else {
            headers.contains_key(TRANSFER_ENCODING)
        };
        if is_h2 {
            join_cookies(&mut headers);
        }
        let upgrade =
            extensions.remove().and_then(|client| Some(Offer { protocols: protocols(&headers)?, client }));
        // The proxy itself answers an `Expect: 100-continue` when the body is asked for.
        let awaits_continue = headers.remove(EXPECT).is_some_and(|value| mentions(&value, "100-continue"));
        remove_hop_by_hop(&mut headers);
        Ok(Self {
            is_copy: headers.contains_key(COPY_MARKER),
            head: Head { method, uri, headers },
            version,
            has_host: hosts == 1,
            is_chunked,
            awaits_continue,
            upgrade,
        })
    }
}

/// The protocols that `Upgrade` names, where `Connection` says that it is meant.
///
/// HTTP/2 is begun by prior knowledge or ALPN and no longer by an upgrade (RFC 9113, 3.1), so a
/// request that offers it is an ordinary one.
fn protocols(headers: &HeaderMap) -> Option<HeaderValue> {
    let is_meant = headers.get_all(CONNECTION).iter().any(|value| mentions(value, "upgrade"));
    let offered = headers.get(UPGRADE).filter(|_| is_meant)?;
    (!mentions(offered, "h2c")).then(|| offered.clone())
}

/// One line of cookies: HTTP/2 may send several, which HTTP/1.1 does not know (RFC 9113, 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let lines: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if lines.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&lines.join(b"; ".as_slice()))
    {
        headers.insert(COOKIE, joined);
    }
}

fn origin_form(uri: &Uri) -> Uri {
    uri.path_and_query().cloned().map_or_else(|| Uri::from(PathAndQuery::from_static("/")), Uri::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn read(request: http::request::Builder) -> Result<Inbound, Refusal> {
        Inbound::read(request.body(()).unwrap().into_parts().0, true)
    }

    #[test]
    fn an_absolute_target_becomes_a_path_and_decides_the_host() {
        let inbound = read(Request::get("http://a.example/x?y=1").header("host", "b.example")).unwrap();
        assert_eq!(inbound.head.uri, "/x?y=1");
        assert_eq!(inbound.head.headers[HOST], "a.example");
    }

    #[test]
    fn a_missing_or_second_host_is_refused() {
        assert!(matches!(read(Request::get("/")), Err(Refusal::Host)));
        assert!(matches!(
            read(Request::get("/").header("host", "a").header("host", "b")),
            Err(Refusal::Host)
        ));
        assert!(read(Request::get("/").version(Version::HTTP_10)).is_ok());
    }

    #[test]
    fn cookies_and_lengths_of_http2_are_written_as_http1_knows_them() {
        let request = || Request::post("http://a.example/x").version(Version::HTTP_2);
        let inbound = read(request().header("cookie", "a=1").header("cookie", "b=2")).unwrap();
        assert_eq!(inbound.head.headers.get_all(COOKIE).iter().collect::<Vec<_>>(), ["a=1; b=2"]);
        assert!(inbound.is_chunked, "its length was not said");
        assert!(!read(request().header("content-length", "3")).unwrap().is_chunked);
        assert!(matches!(read(Request::get("/").version(Version::HTTP_2)), Err(Refusal::Host)));
    }

    #[test]
    fn an_upgrade_is_one_only_if_connection_says_so_and_it_is_not_to_http2() {
        let upgrade = |connection: &str, protocol: &str| {
            let request = Request::get("/").header("connection", connection).header("upgrade", protocol);
            protocols(request.body(()).unwrap().headers()).is_some()
        };
        assert!(upgrade("keep-alive, Upgrade", "websocket"));
        assert!(!upgrade("keep-alive", "websocket"));
        assert!(!upgrade("Upgrade, HTTP2-Settings", "h2c"));
    }
}
