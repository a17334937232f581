//! Copies of small things that would otherwise hold a connection's whole read buffer.
//!
//! What hyper hands out (header values, the target, small frames) are slices of the buffer that was
//! read into. An exchange lives for as long as its slowest copy and then waits in the queue; holding
//! slices for that time would keep 8 KiB for each message of a few hundred bytes, which no budget
//! counts, and make the connection read into fresh, cold memory each time. Copying costs less.

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Uri};

/// A frame that is at least this long is shared, not copied: it fills a good part of its buffer.
const SHARED_FROM: usize = 4 << 10;

/// The same headers in the same order; the values lie in one piece of memory of their own.
pub(crate) fn headers(headers: &HeaderMap) -> HeaderMap {
    let mut text = Vec::with_capacity(headers.values().map(HeaderValue::len).sum());
    headers.values().for_each(|value| text.extend_from_slice(value.as_bytes()));
    let text = Bytes::from(text);
    let mut copy = HeaderMap::with_capacity(headers.len());
    let mut start = 0;
    for (name, value) in headers {
        let end = start + value.len();
        // What was a value is one.
        let mut own =
            HeaderValue::from_maybe_shared(text.slice(start..end)).unwrap_or_else(|_| value.clone());
        own.set_sensitive(value.is_sensitive());
        copy.append(name, own);
        start = end;
    }
    copy
}

/// The same target, in memory of its own.
pub(crate) fn target(uri: &Uri) -> Uri {
    let own = uri.path_and_query().and_then(|target| {
        PathAndQuery::from_maybe_shared(Bytes::copy_from_slice(target.as_str().as_bytes())).ok()
    });
    own.map_or_else(|| uri.clone(), Uri::from)
}

/// The same bytes, in memory of their own where they are few.
pub(crate) fn frame(bytes: &Bytes) -> Bytes {
    if bytes.len() < SHARED_FROM { Bytes::copy_from_slice(bytes) } else { bytes.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_equal_and_shares_nothing_with_its_original() {
        let buffer = Bytes::from(b"GET /a?b=c x: one two".to_vec());
        let mut original = HeaderMap::new();
        for (name, range) in [("x", 14..17), ("y", 0..0), ("x", 18..21)] {
            original.append(name, HeaderValue::from_maybe_shared(buffer.slice(range)).unwrap());
        }
        let uri = Uri::from(PathAndQuery::from_maybe_shared(buffer.slice(4..10)).unwrap());
        let (headers, target, frame) = (headers(&original), target(&uri), frame(&buffer));
        assert_eq!(headers, original);
        assert_eq!(headers.get_all("x").iter().collect::<Vec<_>>(), ["one", "two"]);
        assert_eq!(target, uri);
        assert_eq!(frame, buffer);
        drop((original, uri));
        assert!(buffer.is_unique(), "nothing else holds the buffer");
    }

    #[test]
    fn a_long_frame_is_shared() {
        let long = Bytes::from(vec![7; SHARED_FROM]);
        assert_eq!(frame(&long).as_ptr(), long.as_ptr());
    }
}
