//! Building the messages from an exchange.

use super::{fields, wire};
use crate::{Body, CopyOrder, Exchange, Label, MissingReason, Outcome, Request, Response, Role, Timing};
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use prost::Message;

/// Appends the encoded exchange to `into`.
pub fn encode(exchange: &Exchange, into: &mut Vec<u8>) {
    let mut texts = Texts::for_exchange(exchange);
    texts.exchange(exchange).encode(into).expect("a vector grows as needed");
}

/// One buffer for everything that has to be copied; the messages hold slices of it.
struct Texts(BytesMut);

impl Texts {
    fn for_exchange(exchange: &Exchange) -> Self {
        let request = &exchange.request;
        let labels: usize = exchange.labels.iter().map(|label| label.name.len() + label.value.len()).sum();
        let responses = Role::ALL.into_iter().filter_map(|role| exchange.outcomes.of(role)?.response());
        let fields: usize = responses
            .flat_map(|response| [&response.headers, &response.trailers])
            .chain([&request.headers])
            .map(fields::size_hint)
            .sum();
        let line = request.method.as_str().len() + request.target.len() + request.authority.len();
        Self(BytesMut::with_capacity(labels + fields + line))
    }

    fn text(&mut self, text: &str) -> Bytes {
        self.0.extend_from_slice(text.as_bytes());
        self.0.split().freeze()
    }

    fn fields(&mut self, map: &HeaderMap) -> Bytes {
        fields::write(map, &mut self.0);
        self.0.split().freeze()
    }

    fn exchange(&mut self, exchange: &Exchange) -> wire::Exchange {
        let outcomes = &exchange.outcomes;
        wire::Exchange {
            proxy: exchange.id.proxy,
            epoch: exchange.id.epoch,
            sequence: exchange.id.sequence,
            admitted_ns: exchange.admitted_ns,
            cluster_key: exchange.cluster_key,
            labels: exchange.labels.iter().map(|label| self.label(label)).collect(),
            order: match exchange.order {
                CopyOrder::CandidateFirst => 0,
                CopyOrder::ControlFirst => 1,
            },
            sample_ppm: exchange.sample_ppm,
            request: Some(self.request(&exchange.request)),
            primary: outcomes.primary.as_ref().map(|outcome| self.outcome(outcome)),
            candidate: outcomes.candidate.as_ref().map(|outcome| self.outcome(outcome)),
            control: outcomes.control.as_ref().map(|outcome| self.outcome(outcome)),
        }
    }

    fn label(&mut self, label: &Label) -> wire::Label {
        wire::Label { name: self.text(&label.name), value: self.text(&label.value) }
    }

    fn request(&mut self, request: &Request) -> wire::Request {
        wire::Request {
            method: self.text(request.method.as_str()),
            target: self.text(&request.target),
            authority: self.text(&request.authority),
            headers: self.fields(&request.headers),
            body: body(&request.body),
        }
    }

    fn outcome(&mut self, outcome: &Outcome) -> wire::Outcome {
        let kind = match outcome {
            Outcome::Response(response) => wire::Kind::Response(self.response(response)),
            Outcome::Missing { reason, timing: times } => {
                wire::Kind::Missing(wire::Missing { reason: number(*reason), timing: timing(*times) })
            }
        };
        wire::Outcome { kind: Some(kind) }
    }

    fn response(&mut self, response: &Response) -> wire::Response {
        wire::Response {
            status: response.status.as_u16().into(),
            headers: self.fields(&response.headers),
            body: body(&response.body),
            trailers: self.fields(&response.trailers),
            timing: timing(response.timing),
        }
    }
}

fn number(reason: MissingReason) -> i32 {
    match reason {
        MissingReason::Unknown => 0,
        MissingReason::Connect => 1,
        MissingReason::Reset => 2,
        MissingReason::Timeout => 3,
        MissingReason::Protocol => 4,
        MissingReason::Refused => 5,
        MissingReason::ClientGone => 6,
        MissingReason::Shutdown => 7,
    }
}

fn body(body: &Body) -> Option<wire::Body> {
    let length = body.is_cut().then(|| body.len());
    let digest = body.cut_digest().unwrap_or_default();
    let wire = wire::Body { bytes: body.bytes().clone(), length, digest };
    (wire != wire::Body::default()).then_some(wire)
}

fn timing(timing: Timing) -> Option<wire::Timing> {
    let Timing { sent_ns, head_ns, done_ns } = timing;
    Some(wire::Timing { sent_ns, head_ns, done_ns })
}
