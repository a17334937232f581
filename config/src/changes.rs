//! What a reload changes, and what it may not change.

use crate::Config;
use crate::keypath::KeyPath;
use serde::Serialize;
use serde_json::Value;

/// A key whose value is another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The key, such as `routes[0].sample`.
    pub path: String,
    /// Its value before; absent where there was none, or where it may be a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Its value now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Why a running process cannot take it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixed: Option<&'static str>,
}

/// What a running process is for: what it has fixed follows from that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Running {
    /// It mirrors and records.
    Proxy,
    /// It also judges: what the verdict speaks of must stay.
    Trial,
}

const RESTART: &str = "is fixed while the process runs; restart it";
const NEW_RUN: &str = "is part of what the verdict speaks of; begin another run";

impl Config {
    /// Every key in which `new` differs, in the order of their names.
    ///
    /// # Panics
    /// Never: a configuration can always be written as JSON.
    #[must_use]
    pub fn changes(&self, new: &Self, running: Running) -> Vec<Change> {
        let json = |config: &Self| serde_json::to_value(config).expect("a configuration is plain data");
        let mut changes = Vec::new();
        walk(&json(self), &json(new), &KeyPath::default(), running, &mut changes);
        changes
    }
}

fn walk(old: &Value, new: &Value, at: &KeyPath, running: Running, changes: &mut Vec<Change>) {
    match (old, new) {
        (Value::Object(left), Value::Object(right)) => {
            let mut keys: Vec<&String> = left.keys().chain(right.keys()).collect();
            keys.sort_unstable();
            keys.dedup();
            for key in keys {
                let of = |map: &serde_json::Map<String, Value>| map.get(key).cloned().unwrap_or_default();
                walk(&of(left), &of(right), &at.key(key), running, changes);
            }
        }
        (Value::Array(left), Value::Array(right)) if left.iter().chain(right).any(Value::is_object) => {
            for index in 0..left.len().max(right.len()) {
                let of = |list: &[Value]| list.get(index).cloned().unwrap_or_default();
                walk(&of(left), &of(right), &at.index(index), running, changes);
            }
        }
        _ if old == new => {}
        _ => {
            let path = at.to_string();
            // The values that a copy's headers get may be credentials.
            let is_secret = path.contains(".copy.set") || path.contains(".copy.replace");
            let text = |value: &Value| (!value.is_null() && !is_secret).then(|| value.to_string());
            changes.push(Change { from: text(old), to: text(new), fixed: fixed(&path, running), path });
        }
    }
}

/// Why the key cannot change while the process runs.
fn fixed(path: &str, running: Running) -> Option<&'static str> {
    let (table, rest) = path.split_once(['.', '[']).unwrap_or((path, ""));
    let key = rest.split_once("].").map_or(rest, |(_, key)| key);
    let is_trial = running == Running::Trial;
    match table {
        "mirror" => None,
        "limits" if key.starts_with("queue_") || key == "drain_timeout" => Some(RESTART),
        "limits" => None,
        "roles" if is_trial => match key.split('.').nth(1) {
            Some("url" | "protocol" | "tls") => None,
            _ => Some(NEW_RUN),
        },
        "routes" if is_trial => {
            let field = key.split(['.', '[']).next().unwrap_or_default();
            let may =
                ["path", "hosts", "methods", "headers", "query", "sample", "sample_by", "minimum", "copy"];
            if may.contains(&field) { None } else { Some(NEW_RUN) }
        }
        "roles" | "routes" | "key" if !is_trial => None,
        "policy" if key == "shadow_timeout" && !is_trial => None,
        "key" | "rules" | "policy" | "descriptors" => Some(if is_trial { NEW_RUN } else { RESTART }),
        _ => Some(RESTART),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Role, Roles, Route};

    fn config() -> Config {
        let mut config = Config::of(Roles {
            primary: Role::at("http://127.0.0.1:1"),
            candidate: Some(Role::at("http://127.0.0.1:2")),
            control: None,
        });
        config.routes = vec![Route::new("a", "/a")];
        config
    }

    #[test]
    fn changes_are_named_by_their_keys_with_both_values() {
        let (old, mut new) = (config(), config());
        assert_eq!(old.changes(&new, Running::Trial), []);
        new.routes[0].sample = 0.25;
        new.mirror.copies_per_second = Some(9);
        let changes = old.changes(&new, Running::Trial);
        let lines: Vec<_> = changes
            .iter()
            .map(|change| (change.path.as_str(), change.from.as_deref(), change.to.as_deref(), change.fixed))
            .collect();
        let expected = [
            ("mirror.copies_per_second", None, Some("9"), None),
            ("routes[0].sample", Some("1.0"), Some("0.25"), None),
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn what_a_verdict_speaks_of_stays_and_a_lone_proxy_may_change_more() {
        let is_fixed = |running: Running, change: fn(&mut Config)| {
            let (old, mut new) = (config(), config());
            change(&mut new);
            let changes = old.changes(&new, running);
            assert!(!changes.is_empty());
            changes.iter().any(|change| change.fixed.is_some())
        };
        type Case = (fn(&mut Config), bool, bool);
        let changes: [Case; 8] = [
            (|new| new.roles.candidate.as_mut().unwrap().url = "http://127.0.0.1:3".to_owned(), false, false),
            (|new| new.roles.candidate.as_mut().unwrap().digest = Some("sha256:0".to_owned()), false, true),
            (|new| new.roles.control = Some(Role::at("http://127.0.0.1:3")), false, true),
            (|new| new.routes.push(Route::new("b", "/b")), false, true),
            (|new| new.routes[0].methods = vec!["POST".to_owned()], false, false),
            (|new| new.policy.alpha = 0.01, true, true),
            (|new| new.limits.queue_bytes = 1 << 30, true, true),
            (|new| new.limits.primary_timeout = crate::Span::secs(1), false, false),
        ];
        for (number, (change, for_proxy, for_trial)) in changes.into_iter().enumerate() {
            let found = (is_fixed(Running::Proxy, change), is_fixed(Running::Trial, change));
            assert_eq!(found, (for_proxy, for_trial), "change {number}");
        }
    }
}
