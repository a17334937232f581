//! Parameters of URLs and forms, and cookies: the value goes, everything around it keeps its bytes.

use super::token::Key;
use super::{Names, Redacted};

/// A URL or a target with its parameters replaced, in the query and in the fragment; `None` where
/// nothing is.
pub(super) fn parameters(url: &str, names: &Names, key: &Key, done: &mut Redacted) -> Option<String> {
    let (before, rest) = url.split_at(url.find(['?', '#'])?);
    let mut out = before.to_owned();
    let mut changed = false;
    // Both marks divide alike: some services put credentials behind `#`.
    for part in rest.split_inclusive(['?', '#', '&']) {
        let (field, mark) = match part.char_indices().next_back() {
            Some((at, '?' | '#' | '&')) => part.split_at(at),
            _ => (part, ""),
        };
        match field.split_once('=') {
            Some((name, value)) if names.has(&decoded(name)) => {
                out.push_str(name);
                out.push('=');
                out.push_str(&key.text(decoded(value).as_bytes()));
                done.values += 1;
                changed = true;
            }
            _ => out.push_str(field),
        }
        out.push_str(mark);
    }
    changed.then_some(out)
}

/// `+` and `%XX` undone, as a form's reader does.
pub(super) fn decoded(text: &str) -> String {
    // Without a separator inside, a field is one pair whose name is the text.
    let escaped = text.replace('=', "%3D").replace('&', "%26");
    form_urlencoded::parse(escaped.as_bytes()).next().map(|(text, _)| text.into_owned()).unwrap_or_default()
}

/// The value of `Cookie`.
pub(super) fn cookies(value: &[u8], names: &Names, key: &Key, done: &mut Redacted) -> Option<Vec<u8>> {
    let mut changed = false;
    let pairs = value.split(|&byte| byte == b';').map(|pair| {
        let new = pair_redacted(pair, names, key, done);
        changed |= new.is_some();
        new.unwrap_or_else(|| pair.to_vec())
    });
    let joined = pairs.collect::<Vec<_>>().join(&b';');
    changed.then_some(joined)
}

/// The value of `Set-Cookie`: its attributes stay, since they are what differs where a cookie is set
/// wrongly.
pub(super) fn set_cookie(value: &[u8], names: &Names, key: &Key, done: &mut Redacted) -> Option<Vec<u8>> {
    let end = value.iter().position(|&byte| byte == b';').unwrap_or(value.len());
    let pair = pair_redacted(&value[..end], names, key, done)?;
    Some([&pair, &value[end..]].concat())
}

fn pair_redacted(pair: &[u8], names: &Names, key: &Key, done: &mut Redacted) -> Option<Vec<u8>> {
    // A pair without `=` is a value without a name (RFC 6265bis).
    let at = pair.iter().position(|&byte| byte == b'=').map_or(0, |at| at + 1);
    let name = String::from_utf8_lossy(&pair[..at.saturating_sub(1)]);
    let value = pair[at..].trim_ascii();
    if value.is_empty() || !names.has(name.trim()) {
        return None;
    }
    done.values += 1;
    Some([&pair[..at], key.text(value).as_bytes()].concat())
}
