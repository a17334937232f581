//! Laws of the codec, and samples that must stay readable.

use super::*;
use crate::{
    Body, CopyOrder, Exchange, ExchangeId, Label, MissingReason, Outcome, Outcomes, Request, Role, Timing,
    arbitrary,
};
use bytes::Bytes;
use http::HeaderMap;
use proptest::prelude::*;
use prost::Message;

fn encoded(exchange: &Exchange) -> Bytes {
    let mut bytes = Vec::new();
    encode(exchange, &mut bytes);
    bytes.into()
}

fn in_order(map: &HeaderMap) -> Vec<(&str, &[u8])> {
    map.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn decoding_undoes_encoding(exchange in arbitrary::exchange()) {
        let decoded = decode(encoded(&exchange)).unwrap();
        prop_assert_eq!(&decoded, &exchange);
        prop_assert_eq!(in_order(&decoded.request.headers), in_order(&exchange.request.headers));
    }

    #[test]
    fn a_view_shows_what_decoding_gives(exchange in arbitrary::exchange()) {
        let bytes = encoded(&exchange);
        let view = View::read(&bytes).unwrap();
        prop_assert_eq!(view.path(), Some(exchange.request.path()));
        prop_assert_eq!(shown(&view).unwrap(), head_of(exchange));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let bytes = Bytes::from(bytes);
        let view = View::read(&bytes);
        if let (Ok(exchange), Some(view)) = (decode(bytes.clone()), view) {
            prop_assert_eq!(shown(&view).unwrap(), head_of(exchange));
        }
    }

    #[test]
    fn a_damaged_exchange_never_panics(
        exchange in arbitrary::exchange(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>(),
    ) {
        let mut bytes = encoded(&exchange).to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes.truncate(if cut { at } else { bytes.len() });
        let bytes = Bytes::from(bytes);
        // What decoding reads, a view shows alike or leaves to it.
        if let (Ok(exchange), Some(view)) = (decode(bytes.clone()), View::read(&bytes)) {
            prop_assert_eq!(shown(&view).unwrap(), head_of(exchange));
        }
    }

    #[test]
    fn sections_are_the_same_where_their_maps_are(
        left in arbitrary::exchange(), right in arbitrary::exchange(), alike in any::<bool>(),
    ) {
        let block = |map: &HeaderMap| { let mut block = Vec::new(); fields::write(map, &mut block); block };
        let (l, r) = (&left.request.headers, if alike { &left.request.headers } else { &right.request.headers });
        let (left, right) = (block(l), block(r));
        let same = |may_vary: fn(&[u8]) -> bool| FieldsView(&left).same_but(FieldsView(&right), may_vary);
        prop_assert_eq!(same(|_| false), in_order(l) == in_order(r));
        let names = |map: &HeaderMap| map.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        prop_assert_eq!(same(|_| true), names(l) == names(r));
        for (name, value) in l {
            let first = FieldsView(&left).get(name.as_str().as_bytes());
            prop_assert_eq!(first, l.get(name).map(http::HeaderValue::as_bytes));
            prop_assert!(FieldsView(&left).any(|field| field == (name.as_str().as_bytes(), value.as_bytes())));
        }
    }
}

/// What a view does not show, made the same everywhere.
fn head_of(exchange: Exchange) -> Exchange {
    Exchange { sample_ppm: 0, request: Request::default(), ..exchange }
}

/// The exchange that a view shows.
fn shown(view: &View<'_>) -> Result<Exchange, DecodeError> {
    let label = |(name, value): &(&str, &str)| Label { name: (*name).into(), value: (*value).into() };
    let outcome = |role| view.outcome(role).map(OutcomeView::decode).transpose();
    Ok(head_of(Exchange {
        id: view.id,
        admitted_ns: view.admitted_ns,
        cluster_key: view.cluster_key,
        labels: view.labels.iter().map(label).collect(),
        order: view.order,
        sample_ppm: 0,
        request: Request::default(),
        outcomes: Outcomes {
            primary: outcome(Role::Primary)?,
            candidate: outcome(Role::Candidate)?,
            control: outcome(Role::Control)?,
        },
    }))
}

#[test]
fn a_message_in_two_parts_is_left_to_decoding() {
    let request = wire::Request { method: Bytes::from_static(b"GET"), ..wire::Request::default() };
    let wire = wire::Exchange { request: Some(request), ..wire::Exchange::default() };
    let whole = wire.encode_to_vec();
    assert!(View::read(&whole.clone().into()).is_some());
    let twice = Bytes::from([whole.clone(), whole].concat());
    assert!(View::read(&twice).is_none() && decode(twice).is_ok());
    assert!(View::read(&Bytes::new()).is_none(), "there is no request");
}

#[test]
fn bodies_and_header_values_are_slices_of_the_input() {
    let mut exchange = Exchange {
        id: ExchangeId::default(),
        admitted_ns: 0,
        cluster_key: 0,
        labels: Vec::new(),
        order: CopyOrder::default(),
        sample_ppm: 0,
        request: Request { body: Body::whole(&b"a body of some bytes"[..]), ..Request::default() },
        outcomes: Outcomes::default(),
    };
    exchange.request.headers.insert("x-a", http::HeaderValue::from_static("a value"));
    let bytes = encoded(&exchange);
    let decoded = decode(bytes.clone()).unwrap();
    let range = bytes.as_ptr_range();
    assert!(range.contains(&decoded.request.body.bytes().as_ptr()));
    assert!(range.contains(&decoded.request.headers["x-a"].as_bytes().as_ptr()));
}

#[test]
fn what_a_newer_build_adds_does_not_lose_the_record() {
    let wire = wire::Exchange {
        order: 17,
        request: Some(wire::Request { method: Bytes::from_static(b"GET"), ..wire::Request::default() }),
        primary: Some(wire::Outcome { kind: None }),
        control: Some(wire::Outcome {
            kind: Some(wire::Kind::Missing(wire::Missing { reason: 99, timing: None })),
        }),
        ..wire::Exchange::default()
    };
    let mut bytes = wire.encode_to_vec();
    bytes.extend([0xa2, 0x06, 2, b'h', b'i']); // field 100, length-delimited
    let decoded = decode(bytes.into()).unwrap();
    let unknown = Some(Outcome::Missing { reason: MissingReason::Unknown, timing: Timing::default() });
    assert_eq!((&decoded.outcomes.primary, &decoded.outcomes.control), (&unknown, &unknown));
}

#[test]
fn what_cannot_be_an_exchange_is_refused_by_name() {
    let with = |change: fn(&mut wire::Exchange)| {
        let request = wire::Request { method: Bytes::from_static(b"GET"), ..wire::Request::default() };
        let mut wire = wire::Exchange { request: Some(request), ..wire::Exchange::default() };
        change(&mut wire);
        decode(wire.encode_to_vec().into()).unwrap_err()
    };
    assert_eq!(with(|wire| wire.request = None), DecodeError::NoRequest);
    let method = with(|wire| wire.request.as_mut().unwrap().method = Bytes::from_static(b"G T"));
    assert_eq!(method.to_string(), "`G T` is not an HTTP method");
    let target = with(|wire| wire.request.as_mut().unwrap().target = Bytes::from_static(b"/\xff"));
    assert_eq!(target.to_string(), "the target is not UTF-8");
    let status = with(|wire| {
        let response = wire::Response { status: 65_736, ..wire::Response::default() };
        wire.primary = Some(wire::Outcome { kind: Some(wire::Kind::Response(response)) });
    });
    assert_eq!(status, DecodeError::Status(65_736), "65,736 modulo 65,536 is 200");
}

/// The schema for outside readers and the structs that we read with name the same fields alike.
#[test]
fn the_schema_file_and_the_structs_agree() {
    let schema = fields_of_schema(include_str!("../../proto/parallax.proto"));
    let structs = fields_of_structs(include_str!("wire.rs"));
    assert_eq!(schema, structs);
    assert!(schema.len() > 30, "the texts were read at all: {schema:?}");
}

/// `Message.field = number` of every field, sorted.
fn fields_of_schema(text: &str) -> Vec<String> {
    let mut message = "";
    let mut fields = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("message ").or(line.strip_prefix("enum ")) {
            message = name.trim_end_matches([' ', '{']);
        } else if let Some((field, number)) = line.trim_end_matches(';').split_once(" = ")
            && let [.., _type, name] = field.split(' ').collect::<Vec<_>>()[..]
            && number.parse::<u32>().is_ok()
        {
            fields.push(format!("{message}.{name} = {number}"));
        }
    }
    fields.sort();
    fields
}

fn fields_of_structs(text: &str) -> Vec<String> {
    let mut message = "";
    let mut tag = "";
    let mut fields = Vec::new();
    for line in text.lines().map(str::trim) {
        let line = line.trim_start_matches("pub(crate) ");
        if let Some(name) = line.strip_prefix("struct ").or(line.strip_prefix("enum ")) {
            message = name.trim_end_matches([' ', '{']);
        } else if let Some((_, number)) = line.split_once(" tag = \"").or(line.split_once("(tag = \"")) {
            tag = number.trim_end_matches("\")]");
        } else if message == "Kind"
            && let Some((variant, _)) = line.split_once('(')
            && !variant.starts_with('#')
        {
            fields.push(format!("Outcome.{} = {tag}", variant.to_lowercase()));
        } else if let Some((name, _)) = line.split_once(": ")
            && !line.starts_with(['/', '#'])
            && !(message == "Outcome" && name == "kind")
        {
            fields.push(format!("{message}.{name} = {tag}"));
        }
    }
    fields.sort();
    fields
}

/// Built by hand from the schema, byte by byte, so that a mistake made alike in writing and in
/// reading is found.
#[test]
fn a_hand_made_message_reads_as_the_schema_says() {
    const BYTES: &[u8] = b"\
        \x0d\x01\0\0\0\
        \x15\x02\0\0\0\
        \x18\xac\x02\
        \x21\x04\0\0\0\0\0\0\0\
        \x29\x05\0\0\0\0\0\0\0\
        \x32\x08\x0a\x01n\x12\x03v\xc3\xa9\
        \x38\x01\
        \x40\xc0\x84\x3d\
        \x4a\x1f\x0a\x03PUT\x12\x02/a\x1a\x01h\x22\x0a\x0a\x01k\x12\x01\xff\x1a\x02??\x2a\x05\x0a\x03abc\
        \x52\x33\x0a\x31\x08\xc9\x01\x12\x0c\x0a\x01b\x0a\x01a\x12\x012\x12\x011\
            \x1a\x0f\x0a\x01x\x10\x80\x01\x19\x07\0\0\0\0\0\0\0\
            \x22\x05\x0a\x01t\x12\x00\x2a\x06\x08\x01\x10\x02\x18\x03\
        \x5a\x08\x12\x06\x08\x03\x12\x02\x18\x09";
    let exchange = decode(Bytes::from_static(BYTES)).unwrap();
    assert_eq!(exchange.id.to_string(), "00000001-00000002-12c");
    assert_eq!((exchange.admitted_ns, exchange.cluster_key), (4, 5));
    assert_eq!((&*exchange.labels[0].name, &*exchange.labels[0].value), ("n", "v\u{e9}"));
    assert_eq!((exchange.order, exchange.sample_ppm), (CopyOrder::ControlFirst, 1_000_000));
    let request = &exchange.request;
    assert_eq!((request.method.as_str(), &*request.target, &*request.authority), ("PUT", "/a", "h"));
    assert_eq!(in_order(&request.headers), [("k", &b"\xff"[..])]);
    assert_eq!(request.body, Body::whole(&b"abc"[..]));
    let Outcomes { primary: Some(Outcome::Response(primary)), candidate, control: None } = exchange.outcomes
    else {
        panic!("a response and no control")
    };
    assert_eq!(primary.status, 201);
    assert_eq!(in_order(&primary.headers), [("b", &b"2"[..]), ("a", b"1")]);
    assert_eq!(primary.body, Body::cut(&b"x"[..], 128, 7));
    assert_eq!(in_order(&primary.trailers), [("t", &b""[..])]);
    assert_eq!(primary.timing, Timing { sent_ns: 1, head_ns: 2, done_ns: 3 });
    let timing = Timing { done_ns: 9, ..Timing::default() };
    assert_eq!(candidate, Some(Outcome::Missing { reason: MissingReason::Timeout, timing }));
}
