//! The small languages inside a route: paths, values that must match, places of labels.
//!
//! They are read here once, for the validation and for the proxy, so that what `config check` accepts
//! is what the proxy understands.

/// How a route's path is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathKind<'t> {
    /// This path and no other.
    Exact(&'t str),
    /// Every path that begins so.
    Prefix(&'t str),
    /// With `{name}` and `{*rest}`.
    Template(&'t str),
}

impl<'t> PathKind<'t> {
    /// How `text` is meant; the path itself is not checked.
    #[must_use]
    pub fn of(text: &'t str) -> Self {
        match text.strip_prefix("prefix:") {
            Some(prefix) => Self::Prefix(prefix),
            None if text.contains(['{', '}']) => Self::Template(text),
            None => Self::Exact(text),
        }
    }

    /// The path without how it is meant.
    #[must_use]
    pub fn text(self) -> &'t str {
        match self {
            Self::Exact(text) | Self::Prefix(text) | Self::Template(text) => text,
        }
    }

    /// The names that it captures.
    #[must_use]
    pub fn captures(self) -> Vec<&'t str> {
        match self {
            Self::Template(text) => placeholders(text),
            Self::Exact(_) | Self::Prefix(_) => Vec::new(),
        }
    }
}

/// The names in braces, without the star of a tail.
#[must_use]
pub fn placeholders(text: &str) -> Vec<&str> {
    let inner = |part: &'_ str| part.split_once('}').map(|(name, _)| name.len());
    let mut names = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        rest = &rest[at + 1..];
        if let Some(length) = inner(rest) {
            names.push(rest[..length].trim_start_matches('*'));
        }
    }
    names
}

/// What a value must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueMatch {
    /// `!`: it is absent.
    Absent,
    /// `*`: it is there.
    Present,
    /// `text*`.
    Prefix(Box<str>),
    /// `text`.
    Exact(Box<str>),
}

impl ValueMatch {
    /// Reads how a route writes it; every text is one.
    #[must_use]
    pub fn of(text: &str) -> Self {
        match (text, text.strip_suffix('*')) {
            ("!", _) => Self::Absent,
            ("*", _) => Self::Present,
            (_, Some(prefix)) => Self::Prefix(prefix.into()),
            (_, None) => Self::Exact(text.into()),
        }
    }

    /// Whether one of `values` fits; of [`ValueMatch::Absent`] whether there is none.
    pub fn fits<'v>(&self, mut values: impl Iterator<Item = &'v [u8]>) -> bool {
        match self {
            Self::Absent => values.next().is_none(),
            Self::Present => values.next().is_some(),
            Self::Prefix(prefix) => values.any(|value| value.starts_with(prefix.as_bytes())),
            Self::Exact(text) => values.any(|value| value == text.as_bytes()),
        }
    }
}

/// Where a label's value is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelSource<'t> {
    /// `header:<name>`.
    Header(&'t str),
    /// `path:<name>`: what the route's path captured.
    Path(&'t str),
    /// The text itself.
    Static(&'t str),
}

impl<'t> LabelSource<'t> {
    /// Reads how a route writes it; every text is one.
    #[must_use]
    pub fn of(text: &'t str) -> Self {
        match text.split_once(':') {
            Some(("header", name)) => Self::Header(name),
            Some(("path", name)) => Self::Path(name),
            _ => Self::Static(text),
        }
    }
}

/// Whether `host` (lower-case, without a port) is `pattern`, or ends as `*.pattern` says.
#[must_use]
pub fn host_fits(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(parent) => {
            // Compared from the end, so that no text is made for it.
            host.len() > parent.len() + 1
                && host.is_char_boundary(host.len() - parent.len())
                && host[host.len() - parent.len()..].eq_ignore_ascii_case(parent)
                && host.as_bytes()[host.len() - parent.len() - 1] == b'.'
        }
        None => host.eq_ignore_ascii_case(pattern),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_named_without_their_star() {
        assert_eq!(placeholders("/a/{id}/x/{*rest}"), ["id", "rest"]);
        assert_eq!(placeholders("/a/{open"), Vec::<&str>::new());
        assert_eq!(PathKind::of("prefix:/v1/").text(), "/v1/");
        assert_eq!(PathKind::of("/v1"), PathKind::Exact("/v1"));
    }

    #[test]
    fn a_value_is_matched_exactly_by_its_beginning_by_being_there_or_not() {
        let fits = |text: &str, values: &[&str]| {
            ValueMatch::of(text).fits(values.iter().map(|value| value.as_bytes()))
        };
        assert!(fits("gold", &["iron", "gold"]) && !fits("gold", &["golden"]) && !fits("gold", &[]));
        assert!(fits("go*", &["gold"]) && !fits("go*", &["ago"]));
        assert!(fits("*", &[""]) && !fits("*", &[]));
        assert!(fits("!", &[]) && !fits("!", &["x"]));
    }

    #[test]
    fn a_star_host_stands_for_labels_before_it_and_never_for_none() {
        assert!(host_fits("shop.example", "SHOP.example"));
        assert!(host_fits("*.shop.example", "eu.Shop.example"));
        assert!(host_fits("*.shop.example", "a.b.shop.example"));
        assert!(!host_fits("*.shop.example", "shop.example"));
        assert!(!host_fits("*.shop.example", "myshop.example"));
        assert!(!host_fits("*.shop.example", ".shop.example.org"));
    }
}
