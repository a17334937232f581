//! Comparing one exchange: what differs between the primary and each other role, after masking.
//!
//! Every part of a response is compared, whatever else differs: the status by number, headers and
//! trailers by name, cookies by name and attribute, the body by its type. Nothing is allocated
//! where two responses are equal.

pub(crate) mod fields;
mod observe;
mod standing;

use crate::diff::sink::Sink;
use crate::diff::{Difference, Kind, Limits, Part, Schema, body, headers, json};
use crate::mask::Masks;
use crate::profile::Profile;
use crate::run::RouteProfile;
use fields::Fields;
use http::header::CONTENT_LENGTH;
use parallax_config::Rule;
use parallax_exchange::{Request, Response};
use std::sync::Arc;

pub(crate) use observe::same;
pub use observe::{Observation, Side};

/// Compares responses under a fixed set of rules; made once, used by many threads.
#[derive(Debug)]
pub struct Comparer {
    /// The rules for requests on no route, or on one without rules of its own.
    everywhere: Masks,
    /// The rules of each route that has its own, the others included.
    routes: Vec<(Box<str>, Masks)>,
    /// The routes that carry a vendor's event API.
    profiles: Vec<(Box<str>, Profile)>,
    fields: Fields,
    limits: Limits,
    schema: Option<Arc<Schema>>,
}

/// A rule or a field check that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{what} {index} (`{at}`): {why}")]
pub struct RuleError {
    /// `rule`, `field check` or `descriptor set`.
    pub what: &'static str,
    /// Position in its list, from 0.
    pub index: usize,
    /// The place as written.
    pub at: String,
    /// What is wrong and what to write instead.
    pub why: String,
}

/// What is known of the request that two answers are for.
#[derive(Debug, Clone, Copy, Default)]
struct Asked<'a> {
    route: Option<&'a str>,
    path: Option<&'a str>,
    /// The route's profile, where the request carries events.
    profile: Option<Profile>,
}

/// What differs between two responses.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Comparison {
    /// Unmasked differences, bounded in number; none only where the responses are equal.
    pub differences: Vec<Difference>,
    /// Whether a bound was reached, so that more may differ.
    pub truncated: bool,
}

impl Comparer {
    /// Compiles `rules`; `fields` are the paths of the configured field checks, in their order:
    /// JSON pointers with `*` and `**`, or places as rules write them.
    ///
    /// # Errors
    /// The first rule or field that cannot be used.
    pub fn new(rules: &[Rule], fields: &[Arc<str>]) -> Result<Self, RuleError> {
        let mut names: Vec<&str> = rules.iter().filter_map(|rule| rule.route.as_deref()).collect();
        names.sort_unstable();
        names.dedup();
        let of = |name: &str| Ok((name.into(), Masks::new(rules, Some(name))?));
        let routes = names.into_iter().map(of).collect::<Result<_, RuleError>>()?;
        let refuse = |(index, why): (usize, String)| RuleError {
            what: "field check",
            index,
            at: fields[index].to_string(),
            why,
        };
        Ok(Self {
            everywhere: Masks::new(rules, None)?,
            routes,
            profiles: Vec::new(),
            fields: Fields::new(fields).map_err(refuse)?,
            limits: Limits::TRAFFIC,
            schema: None,
        })
    }

    /// The same comparer, which knows what protobuf and gRPC bodies hold.
    #[must_use]
    pub fn with_schema(mut self, schema: Arc<Schema>) -> Self {
        self.schema = Some(schema);
        self
    }

    /// The same comparer, with the descriptor set of a run, in base64.
    ///
    /// # Errors
    /// It is no descriptor set.
    pub fn with_descriptors(self, set: Option<&str>) -> Result<Self, RuleError> {
        let Some(set) = set else { return Ok(self) };
        let schema = Schema::from_portable(set).map_err(|error| RuleError {
            what: "descriptor set",
            index: 0,
            at: "descriptors".to_owned(),
            why: error.to_string(),
        })?;
        Ok(self.with_schema(Arc::new(schema)))
    }

    /// The same comparer, reading answers on these routes as the vendors' own clients do.
    #[must_use]
    pub fn with_profiles(mut self, profiles: &[RouteProfile]) -> Self {
        self.profiles = profiles.iter().map(|of| (of.route.as_str().into(), of.profile.into())).collect();
        self
    }

    /// The same comparer with other bounds.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// What differs between two responses to one request, after masking.
    #[must_use]
    pub fn compare(&self, route: Option<&str>, left: &Response, right: &Response) -> Comparison {
        self.compare_fields(Asked { route, ..Asked::default() }, left, right).0
    }

    /// What differs between two responses to `request`: its path tells the gRPC method.
    #[must_use]
    pub fn compare_answers(
        &self,
        route: Option<&str>,
        request: &Request,
        left: &Response,
        right: &Response,
    ) -> Comparison {
        self.compare_fields(self.asked(route, request), left, right).0
    }

    /// What differs between two JSON texts, such as records of an output topic, after masking.
    ///
    /// Places are those of bodies. A text that is not JSON is one `unparsable` difference.
    #[must_use]
    pub fn compare_json(&self, route: Option<&str>, left: &[u8], right: &[u8]) -> Comparison {
        if left == right {
            return Comparison::default();
        }
        let mut sink = Sink::new(self.masks(route), &self.fields, self.limits);
        if !sink.masks.ignores_body()
            && let Err(fault) = json::compare(left, right, json::Shape::Value, &mut sink)
        {
            json::unparsable(left, right, fault, &mut sink);
        }
        sink.finish().0
    }

    /// What differs, and the positions of the configured fields that do, ascending.
    fn compare_fields(&self, asked: Asked<'_>, left: &Response, right: &Response) -> (Comparison, Vec<u16>) {
        let mut sink = Sink::new(self.masks(asked.route), &self.fields, self.limits)
            .with_schema(self.schema.as_deref(), asked.path);
        responses(left, right, &mut sink);
        if let Some(profile) = asked.profile {
            standing::fates(profile, left, right, &mut sink);
        }
        sink.finish()
    }

    fn masks(&self, route: Option<&str>) -> &Masks {
        let own = route.and_then(|route| self.routes.iter().find(|(name, _)| **name == *route));
        own.map_or(&self.everywhere, |(_, masks)| masks)
    }
}

/// Records what differs between two responses.
pub(crate) fn responses(left: &Response, right: &Response, sink: &mut Sink<'_>) {
    if left.status != right.status {
        let (left, right) = (left.status.as_str(), right.status.as_str());
        sink.named(Part::Status, "", Kind::Value, Some(left.as_bytes()), Some(right.as_bytes()));
    }
    let framed = || is_framed(left) && is_framed(right);
    headers::compare(Part::Header, &left.headers, &right.headers, framed, sink);
    headers::compare(Part::Trailer, &left.trailers, &right.trailers, framed, sink);
    body::compare(left, right, sink);
}

/// Whether the body has the length that `Content-Length` announces, or none is announced.
///
/// It has not in answers to HEAD and in 304: there the header is all that is known of the body.
fn is_framed(response: &Response) -> bool {
    response.headers.get(CONTENT_LENGTH).is_none_or(|announced| {
        let announced = announced.to_str().ok().and_then(|text| text.parse().ok());
        announced == Some(response.body.len())
    })
}
