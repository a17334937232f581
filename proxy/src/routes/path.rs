//! The path of a route: taken exactly, by its beginning, or as a template.

use parallax_config::matching::PathKind;

/// What paths a route takes.
#[derive(Debug)]
pub(super) enum Pattern {
    Exact(Box<str>),
    Prefix(Box<str>),
    Template { prefix: Box<str>, matcher: matchit::Router<()> },
}

impl Pattern {
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let kind = PathKind::of(text);
        let path = kind.text();
        if !path.starts_with('/') {
            return Err(format!("path = `{text}` must start with `/`"));
        }
        let Some(brace) = path.find(['{', '}']) else {
            return Ok(match kind {
                PathKind::Prefix(prefix) => Self::Prefix(prefix.into()),
                _ => Self::Exact(path.into()),
            });
        };
        let mut matcher = matchit::Router::new();
        matcher.insert(path, ()).map_err(|error| {
            format!("path = `{text}`: {error}; write {{name}} for one segment, {{*rest}} for the tail")
        })?;
        Ok(Self::Template { prefix: path[..brace].into(), matcher })
    }

    /// Takes every path.
    pub(super) fn any() -> Self {
        Self::Prefix("".into())
    }

    pub(super) fn matches(&self, path: &str) -> bool {
        match self {
            Self::Exact(text) => **text == *path,
            Self::Prefix(prefix) => path.starts_with(&**prefix),
            Self::Template { prefix, matcher } => path.starts_with(&**prefix) && matcher.at(path).is_ok(),
        }
    }

    /// What `{name}` or `{*name}` stands for in `path`.
    pub(super) fn capture<'p>(&self, path: &'p str, name: &str) -> Option<&'p str> {
        let Self::Template { matcher, .. } = self else { return None };
        matcher.at(path).ok()?.params.get(name)
    }
}
