//! How each header is compared: the one table of what is known about header names.
//!
//! Compared never, because two healthy servers of one build differ in them or because they describe
//! one connection and not the answer:
//!
//! | header | why |
//! | --- | --- |
//! | `Date` | when the answer was made (RFC 9110, 6.6.1) |
//! | `Age` | how long a cache has held the answer (RFC 9111, 5.1) |
//! | `Connection`, `Keep-Alive`, `Proxy-Connection` | about one connection (RFC 9110, 7.6.1) |
//! | `Transfer-Encoding`, `TE`, `Trailer` | framing on one connection; the body and the trailers are compared |
//! | `Upgrade` | an offer for one connection (RFC 9110, 7.8) |
//! | `Via` | names the hops on the way (RFC 9110, 7.6.3) |
//!
//! `Content-Length` tells the framing: one side that announces a length and one that does not are an
//! `encoding` difference, as are other codings and other charsets. Its number is compared where the body's length is not what it says: answers to `HEAD` and
//! `304`. Anything else that varies from answer to answer, request ids included, is compared: the
//! control shows it as noise, and a rule can name it.

use http::HeaderName;

/// How the values of one header are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Treatment {
    /// Value by value, byte by byte.
    Opaque,
    /// As a list of items separated by commas.
    List(How),
    /// As the codings of the body, in the order in which they were applied (RFC 9110, 8.4).
    Codings,
    /// As a media type and its parameters.
    MediaType,
    /// As a URL, so that rules can name its query parameters.
    Url,
    /// As cookies.
    Cookies,
}

impl Treatment {
    /// A list whose order means nothing.
    pub(super) const SET: Self = Self::List(How { unordered: true, caseless: false });
    const CASELESS_SET: Self = Self::List(How { unordered: true, caseless: true });
}

/// What means nothing in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct How {
    /// The items mean the same in another order.
    pub(super) unordered: bool,
    /// Names (up to `=`) mean the same in another case.
    pub(super) caseless: bool,
}

impl How {
    /// A list whose order has a meaning.
    pub(super) const SEQUENCE: Self = Self { unordered: false, caseless: true };
}

/// Whether the header of this name, in lower case, always may vary.
pub(crate) fn always_varies(name: &str) -> bool {
    matches!(
        name,
        "date"
            | "age"
            | "connection"
            | "keep-alive"
            | "proxy-connection"
            | "transfer-encoding"
            | "te"
            | "trailer"
            | "upgrade"
            | "via"
    )
}

/// How the values of `name` are compared.
pub(super) fn of(name: &HeaderName) -> Treatment {
    const SET: Treatment = Treatment::CASELESS_SET;
    match name.as_str() {
        // Methods are case-sensitive (RFC 9110, 9.1), and so are the types of Clear-Site-Data.
        "allow" | "access-control-allow-methods" | "clear-site-data" => Treatment::SET,
        "vary"
        | "accept-ranges"
        | "cache-control"
        | "pragma"
        | "access-control-allow-headers"
        | "access-control-expose-headers" => SET,
        // Preference is told by weights, not by order (RFC 9110, 12.5); content languages are an audience.
        "accept" | "accept-charset" | "accept-encoding" | "accept-patch" | "accept-post"
        | "content-language" => SET,
        "content-encoding" => Treatment::Codings,
        // Some take the order of languages for a preference (RFC 9110, 12.5.4).
        "accept-language" => Treatment::List(How::SEQUENCE),
        "content-type" => Treatment::MediaType,
        "location" | "content-location" => Treatment::Url,
        "set-cookie" => Treatment::Cookies,
        _ => Treatment::Opaque,
    }
}
