//! The answers to every check's question, for one exchange.

use super::standing::Standing;
use super::{Asked, Comparer, Comparison};
use crate::diff::body;
use crate::diff::headers::always_varies;
use crate::diff::sink::Sink;
use http::header::CONTENT_LENGTH;
use parallax_exchange::codec::{DecodeError, OutcomeView, ResponseView, View};
use parallax_exchange::{Exchange, Outcome, Response, Role, Timing};

/// What one copy did, next to the primary: the answers to every check's question.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Side {
    /// No complete response.
    pub missing: bool,
    /// Differs from the primary after masking, or is missing.
    pub mismatch: bool,
    /// The status class differs: the hundreds digit, or what it means to the clients of the route's
    /// profile; missing is a class.
    pub status_differs: bool,
    /// A 5xx, or an answer that makes the clients of the route's profile send again.
    pub error: bool,
    /// From sending the copy to its last byte; `None` (missing) is +infinity.
    pub latency_ns: Option<u64>,
    /// Which configured fields differ, by position in the comparer's list; all where it is missing.
    pub fields: Vec<u16>,
    /// What differs.
    pub comparison: Comparison,
}

/// One exchange as the tally sees it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observation {
    /// The primary has no response, so nothing can be compared.
    pub primary_failed: bool,
    /// The primary answered with an error, in the same sense.
    pub primary_error: bool,
    /// The candidate's side; `None` where the primary failed or no copy was sent.
    pub candidate: Option<Side>,
    /// The control's side.
    pub control: Option<Side>,
}

impl Comparer {
    /// Answers every check's question for one exchange.
    #[must_use]
    pub fn observe(&self, exchange: &Exchange) -> Observation {
        let outcomes = &exchange.outcomes;
        let Some(primary) = outcomes.primary.as_ref().and_then(Outcome::response) else {
            return Observation { primary_failed: true, ..Observation::default() };
        };
        let route = exchange.labels.iter().find(|label| *label.name == *"route").map(|label| &*label.value);
        let asked = self.asked(route, &exchange.request);
        let standing = self.standing(asked.profile, primary);
        let side = |outcome: &Outcome| self.side(asked, (primary, standing), outcome);
        Observation {
            primary_failed: false,
            primary_error: standing.is_error,
            candidate: outcomes.candidate.as_ref().map(side),
            control: outcomes.control.as_ref().map(side),
        }
    }

    /// Answers every check's question for an exchange that is still encoded.
    ///
    /// What is byte-equal is not decoded: an exchange of equal answers allocates nothing here, except
    /// on a route with a profile, which reads the request and the answers.
    ///
    /// # Errors
    /// An answer that differs and cannot be decoded.
    pub fn observe_encoded(&self, view: &View<'_>) -> Result<Observation, DecodeError> {
        let Some(primary) = view.outcome(Role::Primary).and_then(OutcomeView::response) else {
            return Ok(Observation { primary_failed: true, ..Observation::default() });
        };
        let route = view.labels.iter().find(|(name, _)| *name == "route").map(|(_, value)| *value);
        if self.has_profile(route) {
            return Ok(self.observe(&view.decode()?));
        }
        let asked = Asked { route, path: view.path(), profile: None };
        let standing = Standing::of_status(primary.status);
        let mut decoded = None;
        let mut side = |role| -> Result<Option<Side>, DecodeError> {
            let Some(outcome) = view.outcome(role) else { return Ok(None) };
            let Some(copy) = outcome.response() else { return Ok(Some(self.missing())) };
            let heads_agree = same_heads(primary, copy);
            if heads_agree && primary.body == copy.body {
                return Ok(Some(equal(standing, copy.timing)));
            }
            if heads_agree && let Some(side) = self.differing_bodies(asked, standing, primary, copy) {
                return Ok(Some(side));
            }
            let left: &Response = match &mut decoded {
                Some(left) => left,
                none => none.insert(primary.decode()?),
            };
            // Sections that agree in all that counts need not be built twice.
            let right = match heads_agree {
                true => copy.decode_with(left.headers.clone(), left.trailers.clone()),
                false => copy.decode()?,
            };
            Ok(Some(self.answered(asked, (left, standing), &right)))
        };
        Ok(Observation {
            primary_failed: false,
            primary_error: standing.is_error,
            candidate: side(Role::Candidate)?,
            control: side(Role::Control)?,
        })
    }

    /// Compares two answers in place of which only the bodies differ; `None` where they have to be
    /// decoded for that.
    fn differing_bodies(
        &self,
        asked: Asked<'_>,
        standing: Standing,
        primary: &ResponseView<'_>,
        copy: &ResponseView<'_>,
    ) -> Option<Side> {
        let (left, right) = (primary.body.whole()?, copy.body.whole()?);
        let said = body::Said::in_place(primary.headers)?;
        let mut sink = Sink::new(self.masks(asked.route), &self.fields, self.limits)
            .with_schema(self.schema.as_deref(), asked.path);
        body::compare_alike(&said, left, right, &mut sink);
        let (comparison, fields) = sink.finish();
        let mismatch = !comparison.differences.is_empty();
        Some(Side { mismatch, fields, comparison, ..equal(standing, copy.timing) })
    }

    fn side(&self, asked: Asked<'_>, primary: (&Response, Standing), outcome: &Outcome) -> Side {
        match outcome.response() {
            Some(response) => self.answered(asked, primary, response),
            None => self.missing(),
        }
    }

    fn missing(&self) -> Side {
        Side {
            missing: true,
            mismatch: true,
            status_differs: true,
            fields: self.fields.all(),
            ..Side::default()
        }
    }

    fn answered(
        &self,
        asked: Asked<'_>,
        (primary, primary_standing): (&Response, Standing),
        response: &Response,
    ) -> Side {
        let (comparison, fields) = self.compare_fields(asked, primary, response);
        let standing = self.standing(asked.profile, response);
        Side {
            mismatch: !comparison.differences.is_empty(),
            status_differs: standing.differs(primary_standing) && !self.masks(asked.route).ignores_status(),
            fields,
            comparison,
            ..equal(standing, response.timing)
        }
    }
}

/// The side of an answer that is equal to the primary's.
fn equal(standing: Standing, timing: Timing) -> Side {
    Side { error: standing.is_error, latency_ns: Some(timing.latency_ns()), ..Side::default() }
}

/// Whether two answers are equal in all but the body by their bytes, what always varies aside, and the
/// lengths that are announced where they are those of the bodies.
///
/// Cautious: where this says no, the comparison may still find nothing.
fn same_heads(left: &ResponseView<'_>, right: &ResponseView<'_>) -> bool {
    let length =
        |name: &[u8]| name == CONTENT_LENGTH.as_str().as_bytes() && is_framed(left) && is_framed(right);
    let varies = |name: &[u8]| str::from_utf8(name).is_ok_and(always_varies) || length(name);
    left.status == right.status
        && left.headers.same_but(right.headers, varies)
        && left.trailers.same_but(right.trailers, varies)
}

/// As of a decoded response, where the body is whole.
fn is_framed(response: &ResponseView<'_>) -> bool {
    let Some(body) = response.body.whole() else { return false };
    response.headers.get(CONTENT_LENGTH.as_str().as_bytes()).is_none_or(|announced| {
        let announced: Option<usize> = str::from_utf8(announced).ok().and_then(|text| text.parse().ok());
        announced == Some(body.len())
    })
}

/// Whether two answers are equal by their bytes, what always varies aside; cautious in the same way.
pub(crate) fn same(left: &ResponseView<'_>, right: &ResponseView<'_>) -> bool {
    same_heads(left, right) && left.body == right.body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::Part;
    use crate::run::RouteProfile;
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, Method, StatusCode};
    use parallax_config::{Action, Place, ProfileName, Rule};
    use parallax_exchange::codec;
    use parallax_exchange::{Body, CopyOrder, ExchangeId, Label, MissingReason, Outcomes, Request, Timing};
    use proptest::prelude::*;

    fn answer(status: u16, body: &'static str) -> Outcome {
        Outcome::Response(Box::new(Response {
            status: StatusCode::from_u16(status).unwrap(),
            body: Body::whole(body),
            timing: Timing { sent_ns: 100, head_ns: 150, done_ns: 400 },
            ..Response::default()
        }))
    }

    fn missing() -> Outcome {
        Outcome::Missing { reason: MissingReason::Timeout, timing: Timing::default() }
    }

    fn exchange(primary: Option<Outcome>, candidate: Option<Outcome>, control: Option<Outcome>) -> Exchange {
        Exchange {
            id: ExchangeId::default(),
            admitted_ns: 0,
            cluster_key: 0,
            labels: vec![Label { name: "route".into(), value: "ingest".into() }],
            order: CopyOrder::CandidateFirst,
            sample_ppm: 1_000_000,
            request: Request::default(),
            outcomes: Outcomes { primary, candidate, control },
        }
    }

    fn comparer(rules: &[(&str, Option<&str>)], fields: &[&str]) -> Comparer {
        let rule = |(at, route): &(&str, Option<&str>)| Rule {
            at: Place::try_from((*at).to_owned()).unwrap(),
            action: Action::Ignore,
            route: route.map(str::to_owned),
            owner: None,
            expires: None,
        };
        let fields: Vec<_> = fields.iter().map(|field| (*field).into()).collect();
        Comparer::new(&rules.iter().map(rule).collect::<Vec<_>>(), &fields).unwrap()
    }

    #[test]
    fn equal_answers_give_no_evidence_and_a_latency() {
        let ok = || Some(answer(200, r#"{"a":1}"#));
        let observation = comparer(&[], &["/a"]).observe(&exchange(ok(), ok(), None));
        let equal = Side { latency_ns: Some(300), ..Side::default() };
        assert_eq!(observation, Observation { candidate: Some(equal), ..Observation::default() });
    }

    #[test]
    fn without_a_primary_nothing_is_compared() {
        for primary in [None, Some(missing())] {
            let observation = comparer(&[], &[]).observe(&exchange(primary, Some(answer(200, "")), None));
            assert!(observation.primary_failed && observation.candidate.is_none());
        }
    }

    #[test]
    fn a_missing_copy_answers_every_question_but_error_with_yes() {
        let comparer = comparer(&[], &["/a", "header:x"]);
        let observation =
            comparer.observe(&exchange(Some(answer(200, "")), Some(missing()), Some(answer(200, ""))));
        let side = observation.candidate.unwrap();
        assert!(side.missing && side.mismatch && side.status_differs && !side.error);
        assert_eq!((side.latency_ns, side.fields), (None, vec![0, 1]));
        assert!(!observation.control.unwrap().mismatch);
    }

    #[test]
    fn errors_statuses_and_fields_are_told_apart() {
        let comparer = comparer(&[], &["/a", "/b/*", "/c", "status"]);
        let primary = Some(answer(503, r#"{"a":1,"b":[1],"c":1}"#));
        let candidate = Some(answer(500, r#"{"a":1,"b":[2],"c":null}"#));
        let control = Some(answer(200, r#"{"a":1,"b":[1],"c":1}"#));
        let observation = comparer.observe(&exchange(primary, candidate, control));
        let (candidate, control) = (observation.candidate.unwrap(), observation.control.unwrap());
        assert!(observation.primary_error && candidate.error && !control.error);
        assert!(!candidate.status_differs && control.status_differs);
        assert_eq!((candidate.fields, control.fields), (vec![1, 2, 3], vec![3]));
    }

    #[test]
    fn rules_of_a_route_hold_on_it_alone() {
        let differing = || exchange(Some(answer(200, "[1]")), Some(answer(404, "[2]")), None);
        let rules = [("body:/0", Some("ingest")), ("status", None)];
        let comparer = comparer(&rules, &[]);
        assert_eq!(
            comparer.observe(&differing()).candidate.unwrap(),
            Side { latency_ns: Some(300), ..Side::default() }
        );
        let mut elsewhere = differing();
        elsewhere.labels.clear();
        assert!(comparer.observe(&elsewhere).candidate.unwrap().mismatch);
    }

    /// An exchange of one Statsig batch on the route that has the profile.
    fn batch(primary: Outcome, candidate: Outcome) -> Exchange {
        let mut exchange = exchange(Some(primary), Some(candidate), None);
        exchange.request.method = Method::POST;
        exchange.request.target = "/v1/log_event".to_owned();
        exchange
    }

    fn with_profile(profile: ProfileName) -> Comparer {
        comparer(&[], &[]).with_profiles(&[RouteProfile { route: "ingest".to_owned(), profile }])
    }

    #[test]
    fn a_profile_reads_a_status_as_its_clients_do() {
        let comparer = with_profile(ProfileName::Statsig);
        let success = r#"{"success":true}"#;
        for (primary, candidate, differs, error) in [
            (answer(202, success), answer(200, success), false, false),
            (answer(202, success), answer(202, ""), true, true),
            (answer(503, ""), answer(500, ""), false, true),
            (answer(503, ""), answer(429, ""), true, false),
            (answer(400, ""), answer(429, ""), false, false),
        ] {
            let side = comparer.observe(&batch(primary, candidate)).candidate.unwrap();
            assert_eq!((side.status_differs, side.error), (differs, error), "{:?}", side.comparison);
        }
    }

    #[test]
    fn requests_without_events_are_read_by_status_alone() {
        let comparer = with_profile(ProfileName::Statsig);
        let mut exchange = batch(answer(200, ""), answer(202, ""));
        exchange.request.target = "/v1/get_id_lists".to_owned();
        let observation = comparer.observe(&exchange);
        let side = observation.candidate.unwrap();
        assert!(!side.status_differs && !side.error && !observation.primary_error);
        exchange.request.target = "/v1/log_event".to_owned();
        exchange.labels.clear();
        assert!(!comparer.observe(&exchange).primary_error, "another route has no profile");
    }

    #[test]
    fn events_that_only_one_side_refuses_are_told_by_their_position() {
        let comparer = with_profile(ProfileName::Amplitude);
        let refusing =
            |events: &str| format!(r#"{{"code":400,"events_with_invalid_fields":{{"time":{events}}}}}"#);
        let refusing = |events| answer(400, Box::leak(refusing(events).into_boxed_str()));
        let mut exchange = batch(refusing("[1,2]"), refusing("[2,3]"));
        exchange.request.target = "/2/httpapi".to_owned();
        let side = comparer.observe(&exchange).candidate.unwrap();
        assert!(!side.status_differs && side.error, "both make the client send the rest again");
        let told: Vec<_> =
            side.comparison.differences.iter().filter(|found| found.part == Part::Event).collect();
        let invalid = Some("refused: events_with_invalid_fields: time".to_owned());
        let taken = Some("taken".to_owned());
        assert_eq!(told.len(), 2);
        assert_eq!((&*told[0].path, &told[0].left, &told[0].right), ("1", &invalid, &taken));
        assert_eq!((&*told[1].path, &told[1].left, &told[1].right), ("3", &taken, &invalid));
        assert!(told.iter().all(|found| found.pattern == "*"));
    }

    /// An answer by a few choices, most of which agree between two of them.
    fn drawn((kind, length, coding, body): (u8, u8, u8, u8), date: &'static str) -> Outcome {
        let body: &[u8] = match body {
            0 => br#"{"a":1,"b":[1,2]}"#,
            1 => br#"{"b":[1,2],"a":1}"#,
            2 => br#"{"a":2,"b":[1,2]}"#,
            3 => br#"{"a":10000,"b":[]}"#,
            4 => b"a\nb",
            5 => b"",
            _ => b"\x00\x00\x00\x00\x02\x08\x01",
        };
        let mut headers = HeaderMap::new();
        let mut put = |name, value: &str| headers.insert(name, HeaderValue::from_str(value).unwrap());
        put("date", date);
        match kind {
            0 => put("content-type", "application/json"),
            1 => put("content-type", "text/plain; charset=latin1"),
            2 => put("content-type", "application/grpc"),
            _ => None,
        };
        match length {
            0 => put("content-length", &body.len().to_string()),
            1 => put("content-length", "17"),
            _ => None,
        };
        match coding {
            0 => put("content-encoding", "gzip"),
            1 => put("grpc-encoding", "identity"),
            _ => None,
        };
        let timing = Timing { sent_ns: 1, head_ns: 2, done_ns: 3 };
        let body = Body::whole(body);
        Outcome::Response(Box::new(Response { headers, body, timing, ..Response::default() }))
    }

    proptest! {
        #[test]
        fn what_is_encoded_compares_as_what_is_built(
            primary in (0_u8..4, 0_u8..3, 0_u8..9, 0_u8..7),
            body in 0_u8..7,
            other in prop::option::weighted(0.3, (0_u8..4, 0_u8..3, 0_u8..9, 0_u8..7)),
        ) {
            let candidate = other.unwrap_or((primary.0, primary.1, primary.2, body));
            let exchange = exchange(Some(drawn(primary, "x")), Some(drawn(candidate, "y")), None);
            let mut bytes = Vec::new();
            codec::encode(&exchange, &mut bytes);
            let bytes = Bytes::from(bytes);
            let view = View::read(&bytes).unwrap();
            let comparer = comparer(&[], &["/a", "/b", "header:content-type"]);
            prop_assert_eq!(comparer.observe_encoded(&view).unwrap(), comparer.observe(&exchange));
        }
    }

    #[test]
    fn unusable_rules_and_fields_are_named() {
        let rule = Rule {
            at: Place::Header("x".to_owned()),
            action: Action::ExactSpelling,
            route: None,
            owner: None,
            expires: None,
        };
        let error = Comparer::new(&[rule], &[]).unwrap_err().to_string();
        assert!(error.starts_with("rule 0 (`header:x`): `exact_spelling` acts on JSON"), "{error}");
        let error = Comparer::new(&[], &["a".into()]).unwrap_err().to_string();
        assert!(error.starts_with("field check 0 (`a`): `a` is not a place"), "{error}");
    }
}
