//! Where in the configuration something is: `policy.checks."latency.p99".tau`, `routes[0].path`.

use std::fmt;

/// One step from a table or list to what it holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
}

/// The steps from the root; none is the root itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct KeyPath(Vec<Step>);

impl KeyPath {
    /// The path of these keys.
    pub(crate) fn of(keys: &[&str]) -> Self {
        Self(keys.iter().map(|key| Step::Key((*key).to_owned())).collect())
    }

    /// This path and one key more.
    #[must_use]
    pub(crate) fn key(&self, key: &str) -> Self {
        self.step(Step::Key(key.to_owned()))
    }

    /// This path and one list index more.
    #[must_use]
    pub(crate) fn index(&self, index: usize) -> Self {
        self.step(Step::Index(index))
    }

    /// This path and one step more.
    #[must_use]
    pub(crate) fn step(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// The path without its last step; `None` of the root.
    pub(crate) fn parent(&self) -> Option<Self> {
        let (_, rest) = self.0.split_last()?;
        Some(Self(rest.to_vec()))
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.0
    }

    pub(crate) fn starts_with(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) => {
                    let dot = if position == 0 { "" } else { "." };
                    // A star stands for any name; it is a pattern, not TOML.
                    let key = if key == "*" { key.clone() } else { toml_key(key) };
                    write!(f, "{dot}{key}")?;
                }
            }
        }
        Ok(())
    }
}

/// A key as TOML spells it: bare where that is allowed, otherwise quoted.
pub(crate) fn toml_key(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(is_bare) {
        key.to_owned()
    } else {
        toml::Value::String(key.to_owned()).to_string()
    }
}

/// Splits what a person typed, such as `policy.checks."latency.p99".tau` or `routes[0].path`, into
/// keys; indices are dropped, as every element of a list has the same shape.
pub(crate) fn typed_keys(text: &str) -> Vec<String> {
    let mut keys = vec![String::new()];
    let mut quoted = false;
    let mut bracketed = false;
    for c in text.trim().chars() {
        match c {
            '"' => quoted = !quoted,
            '.' if !quoted => keys.push(String::new()),
            '[' if !quoted => bracketed = true,
            ']' if !quoted => bracketed = false,
            _ if bracketed => {}
            _ => keys.last_mut().expect("it starts with one key and only grows").push(c),
        }
    }
    keys.retain(|key| !key.is_empty());
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_prints_as_toml_would_address_it() {
        let path = KeyPath::of(&["policy", "checks"]).key("latency.p99").key("tau");
        assert_eq!(path.to_string(), r#"policy.checks."latency.p99".tau"#);
        assert_eq!(KeyPath::of(&["routes"]).index(2).key("path").to_string(), "routes[2].path");
        assert_eq!(KeyPath::default().to_string(), "");
    }

    #[test]
    fn typed_keys_honour_quotes_and_drop_indices() {
        assert_eq!(
            typed_keys(r#"policy.checks."latency.p99".tau"#),
            ["policy", "checks", "latency.p99", "tau"]
        );
        assert_eq!(typed_keys("routes[0].path"), ["routes", "path"]);
        assert_eq!(typed_keys("routes[].path"), ["routes", "path"]);
    }
}
