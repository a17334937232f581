//! URLs in headers: compared as text, except for query parameters that rules let vary.

/// Whether two URLs are equal once the `ignored` query parameters are left out.
pub(super) fn same(left: &[u8], right: &[u8], ignored: &[Box<str>]) -> bool {
    if ignored.is_empty() {
        return left == right;
    }
    let (left, right) = (Parts::of(left), Parts::of(right));
    left.base == right.base && left.fragment == right.fragment && left.query(ignored).eq(right.query(ignored))
}

struct Parts<'a> {
    base: &'a [u8],
    query: &'a [u8],
    fragment: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    fn of(url: &'a [u8]) -> Self {
        let (rest, fragment) = match memchr::memchr(b'#', url) {
            Some(at) => (&url[..at], Some(&url[at..])),
            None => (url, None),
        };
        let at = memchr::memchr(b'?', rest).unwrap_or(rest.len());
        Self { base: &rest[..at], query: rest.get(at + 1..).unwrap_or_default(), fragment }
    }

    /// The parameters that count, in their order.
    fn query(&self, ignored: &[Box<str>]) -> impl Iterator<Item = &'a [u8]> {
        self.query.split(|&b| b == b'&').filter(|parameter| {
            let name = parameter.split(|&b| b == b'=').next().unwrap_or_default();
            !parameter.is_empty() && !ignored.iter().any(|ignored| ignored.as_bytes() == name)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_parameters_may_differ_come_and_go() {
        let ignored = ["state".into()];
        assert!(same(b"/cb?a=1&state=x#f", b"/cb?state=y&a=1#f", &ignored));
        assert!(same(b"/cb?state=x", b"/cb", &ignored));
        assert!(!same(b"/cb?a=1&state=x", b"/cb?a=2&state=x", &ignored));
        assert!(!same(b"/cb?states=x", b"/cb?states=y", &ignored));
        assert!(!same(b"/cb?state=x", b"/cb?state=y", &[]));
        assert!(!same(b"/cb#a", b"/cb", &ignored));
    }
}
