//! The JSON Schema of the configuration, and a way to walk it.
//!
//! The schema is derived from the structs and their doc comments; nothing else lists the keys.
//! Unknown keys, types, ranges, `config explain` and the commented reference file are all read
//! from it, so that they cannot disagree with each other or with what serde accepts.
//!
//! Beyond the standard's vocabulary it uses `x-unit`, `x-minimum` and `x-maximum` (bounds of
//! durations) and the formats of [`Format`].

use crate::fields::declared;
use crate::{
    AccessLog, Admin, CheckPolicy, Config, Console, CopyEdit, Limits, Listen, ListenTls, Log, Mirror,
    NamedCertificate, Policy, Redact, Role, RoleTls, Roles, Route, Rule, SlicePolicy, Traces, Webhook,
};
use schemars::generate::SchemaSettings;
use serde_json::Value;
use std::sync::LazyLock;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let generator =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true).into_generator();
    let mut schema = generator.into_root_schema_for::<Config>().to_value();
    strip_table_defaults(&mut schema);
    schema
});

/// The JSON Schema (draft 2020-12) of a configuration file.
#[must_use]
pub fn schema() -> Value {
    SCHEMA.clone()
}

/// A table's default repeats the defaults of its keys; only the keys' own are kept.
fn strip_table_defaults(schema: &mut Value) {
    if let Some(object) = schema.as_object_mut() {
        if object.get("default").is_some_and(Value::is_object) {
            object.remove("default");
        }
        object.values_mut().for_each(strip_table_defaults);
    } else if let Some(list) = schema.as_array_mut() {
        list.iter_mut().for_each(strip_table_defaults);
    }
}

/// The schema of one key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape(&'static Value);

/// What a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A table of known keys.
    Table,
    /// A table whose keys are names.
    Map,
    List,
    Text(Format),
    /// One of a few words.
    Choice,
    Integer,
    Number,
    Flag,
}

/// How a text is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Plain,
    Duration,
    Address,
    Place,
    Action,
    KeySource,
    Day,
    Moment,
}

impl Kind {
    /// The kind in words, for messages and `config explain`.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Table | Self::Map => "table",
            Self::List => "list",
            Self::Text(Format::Plain) => "text",
            Self::Text(Format::Duration) => "duration, such as 250ms, 10s or 2h",
            Self::Text(Format::Address) => "socket address, such as 127.0.0.1:8080",
            Self::Text(Format::Place) => {
                "place: body:<JSON pointer>, header:<name>, trailer:<name>, cookie:<name>, query:<name> or status"
            }
            Self::Text(Format::Action) => "action",
            Self::Text(Format::KeySource) => {
                "key source: header:<name>, cookie:<name>, query:<name>, connection or request; body for a sample"
            }
            Self::Text(Format::Day) => "day, such as 2027-01-01",
            Self::Text(Format::Moment) => "instant, such as 2027-01-01T18:00:00Z",
            Self::Choice => "word",
            Self::Integer => "whole number",
            Self::Number => "number",
            Self::Flag => "true or false",
        }
    }
}

impl Shape {
    /// The whole configuration.
    pub(crate) fn root() -> Self {
        Self(&SCHEMA)
    }

    pub(crate) fn kind(self) -> Kind {
        if self.0.get("oneOf").is_some() {
            return Kind::Choice;
        }
        match self.type_name() {
            "object" if self.0.get("properties").is_some() => Kind::Table,
            "object" => Kind::Map,
            "array" => Kind::List,
            "integer" => Kind::Integer,
            "number" => Kind::Number,
            "boolean" => Kind::Flag,
            _ => Kind::Text(self.format()),
        }
    }

    /// The JSON type; of an optional key the one that is not null.
    fn type_name(self) -> &'static str {
        match &self.0["type"] {
            Value::Array(names) => names.iter().filter_map(Value::as_str).find(|name| *name != "null"),
            name => name.as_str(),
        }
        .unwrap_or("string")
    }

    fn format(self) -> Format {
        match self.0["format"].as_str() {
            Some("human-duration") => Format::Duration,
            Some("socket-address") => Format::Address,
            Some("place") => Format::Place,
            Some("action") => Format::Action,
            Some("key-source") => Format::KeySource,
            Some("date") => Format::Day,
            Some("date-time") => Format::Moment,
            _ => Format::Plain,
        }
    }

    /// The shape of the key of a table, or of any name in a map.
    pub(crate) fn property(self, key: &str) -> Option<Self> {
        match self.kind() {
            Kind::Table => self.0["properties"].get(key).map(Self),
            Kind::Map => self.0.get("additionalProperties").map(Self),
            _ => None,
        }
    }

    /// The keys of a table in the order of their declaration; of other kinds none.
    pub(crate) fn keys(self) -> Vec<&'static str> {
        let Some(properties) = self.0.get("properties").and_then(Value::as_object) else { return Vec::new() };
        let mut keys: Vec<&'static str> = properties.keys().map(String::as_str).collect();
        let order = ORDERS.iter().find(|order| {
            order.len() == keys.len() && order.iter().all(|name| properties.contains_key(*name))
        });
        keys.sort_by_key(|key| order.and_then(|order| order.iter().position(|name| name == key)));
        keys
    }

    /// The shape of a list's elements.
    pub(crate) fn items(self) -> Option<Self> {
        self.0.get("items").map(Self)
    }

    /// Keys that must be there.
    pub(crate) fn required(self) -> impl Iterator<Item = &'static str> {
        self.0["required"].as_array().into_iter().flatten().filter_map(Value::as_str)
    }

    /// The words of a choice with their meanings.
    pub(crate) fn choices(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let options = self.0["oneOf"].as_array().into_iter().flatten();
        options.filter_map(|option| {
            Some((option["const"].as_str()?, option["description"].as_str().unwrap_or_default()))
        })
    }

    pub(crate) fn description(self) -> &'static str {
        self.0["description"].as_str().unwrap_or_default()
    }

    pub(crate) fn default(self) -> Option<&'static Value> {
        self.0.get("default")
    }

    pub(crate) fn example(self) -> Option<&'static Value> {
        self.0["examples"].get(0)
    }

    pub(crate) fn unit(self) -> Option<&'static str> {
        self.0["x-unit"].as_str()
    }

    /// The bounds: `minimum`, `exclusiveMinimum`, `maximum`, `exclusiveMaximum`.
    pub(crate) fn bound(self, name: &str) -> Option<f64> {
        self.0[name].as_f64()
    }

    /// The bounds of a duration: `x-minimum`, `x-maximum`.
    pub(crate) fn span_bound(self, name: &str) -> Option<crate::Span> {
        self.0[name].as_str()?.parse().ok()
    }
}

/// The declared order of every table.
static ORDERS: LazyLock<[&'static [&'static str]; 22]> = LazyLock::new(|| {
    [
        declared::<Config>(),
        declared::<Listen>(),
        declared::<ListenTls>(),
        declared::<NamedCertificate>(),
        declared::<Console>(),
        declared::<Admin>(),
        declared::<Roles>(),
        declared::<Role>(),
        declared::<RoleTls>(),
        declared::<Route>(),
        declared::<CopyEdit>(),
        declared::<Mirror>(),
        declared::<Redact>(),
        declared::<Rule>(),
        declared::<Policy>(),
        declared::<CheckPolicy>(),
        declared::<SlicePolicy>(),
        declared::<Webhook>(),
        declared::<Limits>(),
        declared::<AccessLog>(),
        declared::<Traces>(),
        declared::<Log>(),
    ]
});

#[cfg(test)]
mod tests {
    use super::*;

    /// Every table of the schema has a declared order, and every leaf says what it means.
    #[test]
    fn every_key_is_ordered_and_described() {
        fn visit(shape: Shape, path: &str) {
            let is_element = path.ends_with("[]") || path.ends_with("*");
            assert!(is_element || !shape.description().is_empty(), "{path} has no description");
            let keys = shape.keys();
            if !keys.is_empty() {
                assert!(
                    ORDERS.iter().any(|order| *order == keys),
                    "{path} is not in ORDERS: add its struct ({keys:?})"
                );
            }
            for key in keys {
                visit(shape.property(key).expect("a listed key"), &format!("{path}.{key}"));
            }
            if shape.kind() == Kind::Map {
                visit(shape.property("any").expect("a map has values"), &format!("{path}.*"));
            }
            if let Some(items) = shape.items() {
                visit(items, &format!("{path}[]"));
            }
        }
        let root = Shape::root();
        for key in root.keys() {
            visit(root.property(key).expect("a listed key"), key);
        }
    }

    #[test]
    fn durations_bounds_in_the_schema_are_durations() {
        let timeout = Shape::root().property("policy").unwrap().property("shadow_timeout").unwrap();
        assert_eq!(timeout.span_bound("x-maximum"), Some(crate::Span::secs(3600)));
    }
}
