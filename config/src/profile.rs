//! `profile` of a route: the vendor's event API that it carries.
//!
//! A profile knows how a vendor's clients read an answer, and which parts of an answer are new each
//! time. The first decides the checks `status` and `error_rate`; the second becomes rules, as if they
//! were written in `[[rules]]`, so that `config check` and the log of a run show them.

use crate::{Action, Class, Config, Place, Rule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A vendor's event API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProfileName {
    /// Statsig: `log_event` of servers, `rgstr` of browsers.
    Statsig,
    /// Segment: `/v1/batch`, `/v1/track` and their kin.
    Segment,
    /// RudderStack: Segment's API with labels of its own.
    RudderStack,
    /// Snowplow: `tp2` by POST, `/i` by GET.
    Snowplow,
    /// PostHog: `/batch/`, `/i/v0/e/`, `/e/`, `/capture/`.
    PostHog,
    /// Amplitude: `/2/httpapi`, `/batch`.
    Amplitude,
    /// Mixpanel: `/track`, `/engage`, `/groups`, `/import`.
    Mixpanel,
    /// Google Analytics 4, Measurement Protocol: `/mp/collect`.
    Ga4,
    /// CloudEvents over HTTP: binary, structured and batched.
    CloudEvents,
    /// OpenTelemetry's OTLP/HTTP: `/v1/traces`, `/v1/metrics`, `/v1/logs`, JSON or protobuf.
    Otlp,
}

impl ProfileName {
    /// Every profile, in the order of the documentation.
    pub const ALL: [Self; 10] = [
        Self::Statsig,
        Self::Segment,
        Self::RudderStack,
        Self::Snowplow,
        Self::PostHog,
        Self::Amplitude,
        Self::Mixpanel,
        Self::Ga4,
        Self::CloudEvents,
        Self::Otlp,
    ];

    /// As the configuration writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Statsig => "statsig",
            Self::Segment => "segment",
            Self::RudderStack => "rudderstack",
            Self::Snowplow => "snowplow",
            Self::PostHog => "posthog",
            Self::Amplitude => "amplitude",
            Self::Mixpanel => "mixpanel",
            Self::Ga4 => "ga4",
            Self::CloudEvents => "cloudevents",
            Self::Otlp => "otlp",
        }
    }

    /// What differs between two right answers of this API, and in which way.
    ///
    /// Classes rather than `ignore` wherever the value has a form: an answer that loses the form is
    /// still a difference.
    #[must_use]
    pub fn volatile(self) -> Vec<(Place, Action)> {
        let body = |pointer: &str| Place::Body(pointer.to_owned());
        let cookie = |name: &str| Place::Cookie(name.to_owned());
        match self {
            // The user's id on the network: a collector that sees a user for the first time makes one.
            Self::Snowplow => vec![
                (cookie("sp;value"), Action::Class(Class::Uuid)),
                (cookie("sp;expires"), Action::Class(Class::Timestamp)),
            ],
            Self::PostHog => vec![
                (body("/requestId"), Action::Class(Class::Uuid)),
                (body("/evaluatedAt"), Action::Class(Class::Timestamp)),
            ],
            Self::Amplitude => vec![
                (body("/server_upload_time"), Action::Class(Class::Timestamp)),
                // Positions of events: sets, written as lists.
                (body("/silenced_events"), Action::Unordered),
                (body("/throttled_events"), Action::Unordered),
                (body("/events_with_invalid_fields/*"), Action::Unordered),
                (body("/events_with_missing_fields/*"), Action::Unordered),
            ],
            Self::Mixpanel => vec![(body("/failed_records"), Action::KeyedBy("/index".to_owned()))],
            Self::Statsig
            | Self::Segment
            | Self::RudderStack
            | Self::Ga4
            | Self::CloudEvents
            | Self::Otlp => Vec::new(),
        }
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Config {
    /// The rules of this configuration, then those that the profiles of its routes bring, each held to
    /// its route. A rule that is written wins by coming first.
    #[must_use]
    pub fn rules_with_profiles(&self) -> Vec<Rule> {
        let mut rules = self.rules.clone();
        for route in &self.routes {
            let Some(profile) = route.profile else { continue };
            rules.extend(profile.volatile().into_iter().map(|(at, action)| Rule {
                at,
                action,
                route: Some(route.name.clone()),
                owner: Some(format!("profile {profile}")),
                expires: None,
            }));
        }
        rules
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spelled_as_the_configuration_reads_them() {
        for profile in ProfileName::ALL {
            let read: ProfileName = serde_json::from_value(profile.name().into()).unwrap();
            assert_eq!(read, profile);
        }
    }

    #[test]
    fn a_profile_brings_rules_for_its_route_after_the_written_ones() {
        let text = r#"
            [roles.primary]
            url = "http://127.0.0.1:9001"
            [[routes]]
            name = "a"
            path = "/a"
            profile = "snowplow"
            [[routes]]
            name = "b"
            path = "/b"
            [[rules]]
            at = "status"
            action = "ignore"
        "#;
        let config: Config = toml::from_str(text).unwrap();
        let rules = config.rules_with_profiles();
        let told: Vec<_> = rules
            .iter()
            .map(|rule| {
                let route = rule.route.as_deref().unwrap_or("everywhere");
                format!("{} {} {route}", String::from(rule.at.clone()), rule.action)
            })
            .collect();
        assert_eq!(
            told,
            [
                "status ignore everywhere",
                "cookie:sp;value class:uuid a",
                "cookie:sp;expires class:timestamp a"
            ]
        );
    }
}
