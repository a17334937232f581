//! Bodies of every kind, as responses carry them.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use parallax_comparator::compare::Comparer;
use parallax_comparator::diff::{Limits, Schema, SchemaError, files, files_knowing};
use parallax_config::{Action, Place, Rule};
use parallax_exchange::{Body, Request, Response};
use prost_reflect::prost::Message as _;
use prost_reflect::prost_types::field_descriptor_proto::{Label, Type};
use prost_reflect::prost_types::{
    DescriptorProto, EnumDescriptorProto, EnumValueDescriptorProto, FieldDescriptorProto,
    FileDescriptorProto, FileDescriptorSet, MessageOptions, MethodDescriptorProto, ServiceDescriptorProto,
};
use std::io::Write as _;

fn rule(at: &str, action: &str) -> Rule {
    let (at, action) =
        (Place::try_from(at.to_owned()).unwrap(), Action::try_from(action.to_owned()).unwrap());
    Rule { at, action, route: None, owner: None, expires: None }
}

/// Kinds and paths of what differs; rules as `place action`.
fn diff(mime: &str, left: impl AsRef<[u8]>, right: impl AsRef<[u8]>, rules: &[&str]) -> Vec<String> {
    let rules: Vec<_> =
        rules.iter().map(|text| text.split_once(' ').unwrap()).map(|(at, action)| rule(at, action)).collect();
    let document = files(left.as_ref(), right.as_ref(), mime, &rules).unwrap();
    assert_eq!(document.equal, document.differences.is_empty());
    document.differences.iter().map(|d| format!("{:?} {}", d.kind, d.path)).collect()
}

fn response(headers: &[(&'static str, &str)], body: impl Into<bytes::Bytes>) -> Response {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    Response { status: StatusCode::OK, headers: map, body: Body::whole(body), ..Response::default() }
}

fn found(left: &Response, right: &Response) -> Vec<String> {
    let comparison = Comparer::new(&[], &[]).unwrap().compare(None, left, right);
    comparison.differences.iter().map(|d| format!("{:?} {:?} {}", d.kind, d.part, d.path)).collect()
}

const NONE: [&str; 0] = [];

#[test]
fn forms_are_compared_field_by_field() {
    let mime = "application/x-www-form-urlencoded";
    assert_eq!(diff(mime, "a=1&b=x%20y", "b=x+y&a=%31", &[]), NONE);
    assert_eq!(diff(mime, "a=1&a=2&at=17", "a=2&a=1&at=18", &["body:/at ignore"]), ["Value /a", "Value /a"]);
    assert_eq!(diff(mime, "a=%ff", "a=%fe", &[]), ["Value /a"]);
    assert_eq!(diff("", "a=1&b=2", "a=1", &[]), ["Missing /b"]);
}

#[test]
fn events_are_compared_one_by_one() {
    let mime = "text/event-stream";
    let left = "id: 1\ndata: {\"n\": 1, \"at\": 5}\n\ndata: x\n\n";
    assert_eq!(
        diff(
            mime,
            left,
            ": ping\nid:1\ndata: {\"at\": 6,\ndata: \"n\": 1.0}\n\ndata:x\n\n",
            &["body:/*/data/at ignore"]
        ),
        NONE
    );
    assert_eq!(diff(mime, left, left.replace("\"n\": 1", "\"n\": 2"), &[]), ["Value /0/data/n"]);
    assert_eq!(diff(mime, left, left.trim_end(), &[]), ["Extra /1/incomplete"]);
    assert_eq!(diff(mime, left, "id: 1\ndata: {\"n\": 1, \"at\": 5}\n\n", &[]), ["Length "]);
    assert_eq!(diff("", left, left.replace('x', "y"), &[]), ["Value /1/data"]);
}

#[test]
fn parts_are_compared_each_by_its_own_type() {
    let form = |boundary: &str, json: &str, text: &str| {
        let part = |head: &str, body: &str| {
            format!("--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n{body}\r\n")
        };
        let json = part("name=\"meta\"\r\nContent-Type: application/json", json);
        format!("{json}{}--{boundary}--\r\n", part("name=\"note\"", text))
    };
    let of = |boundary: &str, json: &str, text: &str| {
        response(
            &[("content-type", &format!("multipart/form-data; boundary={boundary}"))],
            form(boundary, json, text),
        )
    };
    let left = of("one", r#"{"a":1,"b":2}"#, "hi");
    assert_eq!(found(&left, &of("two", r#"{"b":2.0,"a":1}"#, "hi")), NONE);
    assert_eq!(
        found(&left, &of("two", r#"{"a":1,"b":3}"#, "ho")),
        ["Value Body /meta/body/b", "Value Body /note/body"]
    );
    let cut = form("one", "{}", "hi").replace("--one--", "");
    assert_eq!(diff("multipart/form-data; boundary=one", form("one", "{}", "hi"), cut, &[]), ["Unparsable "]);
}

#[test]
fn tables_are_compared_by_column() {
    let left = "id,name,at\n1,\"a, b\",10\n2,c,11\n";
    assert_eq!(
        diff(
            "text/csv",
            left,
            left.replace('\n', "\r\n").replace(",10", ",12"),
            &["body:/rows/*/at tolerate:5"]
        ),
        NONE
    );
    assert_eq!(diff("text/csv", left, "name,id,at\n\"a, b\",1,10\nc,2,11\n", &[]), ["Order /columns"]);
    assert_eq!(diff("text/csv", left, left.replace(",c,", ",d,"), &[]), ["Value /rows/1/name"]);
    assert_eq!(
        diff("text/csv", left, "id,name,at\n2,c,11\n1,\"a, b\",10\n", &["body:/rows keyed_by:/id"]),
        NONE
    );
}

#[test]
fn cbor_and_message_pack_keep_integers_exact_and_types_apart() {
    // {"n": 2^64-1, "s": "a"} with the keys in either order and the length known or not.
    let number = |last: u8| [&b"\x61n\x1b"[..], &[0xff; 7], &[last]].concat();
    let one = |last| [&b"\xa2"[..], &number(last), b"\x61s\x61a"].concat();
    let other = [&b"\xbf\x61s\x7f\x61a\xff"[..], &number(0xff), b"\xff"].concat();
    assert_eq!(diff("application/cbor", one(0xff), other, &[]), NONE);
    assert_eq!(diff("application/cbor", one(0xff), one(0xfe), &[]), ["Value /n"]);
    assert_eq!(diff("application/cbor", one(0xff), one(0xfe), &["body:/n ignore"]), NONE);
    assert_eq!(diff("application/cbor", b"\x41a", b"\x61a", &[]), ["Value "]);
    assert_eq!(diff("application/cbor", one(0xff), &one(0xff)[..9], &[]), ["Unparsable "]);
    assert_eq!(
        diff("application/msgpack", b"\x81\xa1a\x01", b"\x81\xa1a\xcb\x3f\xf0\0\0\0\0\0\0", &[]),
        NONE
    );
    assert_eq!(
        diff("application/msgpack", b"\x81\xa1a\x01", b"\x81\x01\x01", &[]),
        ["Missing /a", "Extra /#1"]
    );
}

#[test]
fn protobuf_without_a_schema_is_compared_by_field_numbers() {
    let mime = "application/x-protobuf";
    let left = b"\x08\x96\x01\x12\x07testing\x1a\x04\x08\x07\x10\x01";
    assert_eq!(diff(mime, left, b"\x12\x07testing\x08\x96\x01\x1a\x04\x10\x01\x08\x07", &[]), NONE);
    assert_eq!(
        diff(mime, left, b"\x08\x96\x01\x12\x07texting\x1a\x04\x08\x08\x10\x01", &[]),
        ["Value /2", "Value /3/1"]
    );
    assert_eq!(
        diff(
            mime,
            left,
            b"\x08\x96\x01\x12\x07texting\x1a\x04\x08\x08\x10\x01",
            &["body:/3/1 ignore", "body:/2 present"]
        ),
        NONE
    );
    assert_eq!(diff(mime, left, b"", &[]), ["Missing /1", "Missing /2", "Missing /3"]);
    assert_eq!(diff(mime, left, b"\x08", &[]), ["Unparsable "]);
    // Gateways answer with JSON under the type that was asked for.
    assert_eq!(diff(mime, r#"{"error":1}"#, r#"{"error":2}"#, &[]), ["Value /error"]);
}

fn frame(flags: u8, message: &[u8]) -> Vec<u8> {
    [&[flags][..], &(message.len() as u32).to_be_bytes(), message].concat()
}

fn gzip(body: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(level));
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn grpc_messages_are_taken_out_of_their_frames() {
    let text = [b"\x0a\x50".to_vec(), vec![b'a'; 80]].concat();
    let of = |message: &[u8]| {
        let headers = [("content-type", "application/grpc"), ("grpc-encoding", "gzip")];
        response(&headers, [frame(1, message), frame(0, b"\x08\x01")].concat())
    };
    assert_eq!(found(&of(&gzip(&text, 1)), &of(&gzip(&text, 9))), NONE);
    let other = [&text[..81], b"b"].concat();
    assert_eq!(found(&of(&gzip(&text, 1)), &of(&gzip(&other, 1))), ["Value Body /0/1"]);
    let web = |status: &str| {
        [frame(0, b"\x08\x01"), frame(0x80, format!("grpc-status:{status}\r\n").as_bytes())].concat()
    };
    assert_eq!(
        diff("application/grpc-web+proto", web("0"), web("13"), &[]),
        ["Value /1/trailers/grpc-status"]
    );
    assert_eq!(
        diff("application/grpc", frame(0, b"\x08\x01"), &frame(0, b"\x08\x01")[..6], &[]),
        ["Unparsable "]
    );
    assert_eq!(
        diff("application/grpc+json", frame(0, b"{\"a\":1}"), frame(0, b"{\"a\": 2}"), &[]),
        ["Value /0/a"]
    );
}

#[test]
fn a_compressed_message_that_is_a_bomb_is_not_read() {
    let headers = [("content-type", "application/grpc"), ("grpc-encoding", "gzip")];
    let bomb = response(&headers, frame(1, &gzip(&vec![0; 32 << 20], 9)));
    assert_eq!(found(&bomb, &response(&headers, frame(0, b"\x08\x01"))), ["Unparsable Body "]);
}

#[test]
fn texts_are_compared_in_their_charsets() {
    let of = |charset: &str, body: &[u8]| {
        response(&[("content-type", &format!("text/plain; charset={charset}"))], body.to_vec())
    };
    assert_eq!(
        found(&of("iso-8859-1", b"caf\xe9"), &of("utf-8", "café".as_bytes())),
        ["Encoding Header content-type"]
    );
    assert_eq!(found(&of("latin1", b"caf\xe9"), &of("latin1", b"caf\xe8")), ["Value Body "]);
    assert_eq!(diff("application/json", b"\xff\xfe[\x001\0]\0", b"\xff\xfe[\x001\0.\x000\0]\0", &[]), NONE);
    assert_eq!(diff("application/json", b"\xff\xfe[\x001\0]\0", b"[1]", &[]), ["Encoding "]);
}

#[test]
fn a_type_that_lies_is_looked_behind() {
    assert_eq!(
        diff("application/json", "<p>a</p>\n<p>b</p>", "<p>a</p>\n<p>c</p>", &["body: rewrite:[bc] => x"]),
        NONE
    );
    // Lines of JSON under the type of one value.
    let lines = " {\"a\":1}\n{\"b\":2}";
    assert_eq!(diff("application/json", lines, "{\"a\":1}\n{\"b\":3}", &[]), ["Value /1/b"]);
    assert_eq!(diff("application/json", "{\"a\":1}", lines, &[]), ["Unparsable "]);
    assert_eq!(diff("text/html", r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#, &[]), NONE);
    assert_eq!(diff("text/plain", "[warning] a", "error", &[]), ["Value "]);
    assert_eq!(diff("text/plain", "[1]", "error", &[]), ["Type "]);
    assert_eq!(diff("multipart/mixed", "{\"a\":1}", "{\"a\":2}", &[]), ["Value /a"]);
    assert_eq!(diff("application/cbor", "plain", "other", &[]), ["Value "]);
}

/// A descriptor set with `Event`, as `protoc` writes it for the text in the comments.
fn descriptor_set() -> Vec<u8> {
    let field = |name: &str, number, kind: Type, label: Label, of: &str| FieldDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        r#type: Some(kind.into()),
        label: Some(label.into()),
        type_name: (!of.is_empty()).then(|| of.to_owned()),
        ..FieldDescriptorProto::default()
    };
    let one = Label::Optional;
    // message Event { string name = 1; int64 at = 2; Kind kind = 3; repeated Event children = 4; double share = 5; map<string, uint64> counts = 6; bytes raw = 7; }
    let entry = DescriptorProto {
        name: Some("CountsEntry".to_owned()),
        field: vec![field("key", 1, Type::String, one, ""), field("value", 2, Type::Uint64, one, "")],
        options: Some(MessageOptions { map_entry: Some(true), ..MessageOptions::default() }),
        ..DescriptorProto::default()
    };
    let event = DescriptorProto {
        name: Some("Event".to_owned()),
        field: vec![
            field("name", 1, Type::String, one, ""),
            field("at", 2, Type::Int64, one, ""),
            field("kind", 3, Type::Enum, one, ".shop.Kind"),
            field("children", 4, Type::Message, Label::Repeated, ".shop.Event"),
            field("share", 5, Type::Double, one, ""),
            field("counts", 6, Type::Message, Label::Repeated, ".shop.Event.CountsEntry"),
            field("raw", 7, Type::Bytes, one, ""),
        ],
        nested_type: vec![entry],
        ..DescriptorProto::default()
    };
    let value = |name: &str, number| EnumValueDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        ..EnumValueDescriptorProto::default()
    };
    // enum Kind { NONE = 0; SALE = 1; }   service Shop { rpc Get(Event) returns (Event); }
    let kind = EnumDescriptorProto {
        name: Some("Kind".to_owned()),
        value: vec![value("NONE", 0), value("SALE", 1)],
        ..EnumDescriptorProto::default()
    };
    let get = MethodDescriptorProto {
        name: Some("Get".to_owned()),
        input_type: Some(".shop.Event".to_owned()),
        output_type: Some(".shop.Event".to_owned()),
        ..MethodDescriptorProto::default()
    };
    let service = ServiceDescriptorProto {
        name: Some("Shop".to_owned()),
        method: vec![get],
        ..ServiceDescriptorProto::default()
    };
    let file = FileDescriptorProto {
        name: Some("shop.proto".to_owned()),
        package: Some("shop".to_owned()),
        syntax: Some("proto3".to_owned()),
        message_type: vec![event],
        enum_type: vec![kind],
        service: vec![service],
        ..FileDescriptorProto::default()
    };
    FileDescriptorSet { file: vec![file] }.encode_to_vec()
}

fn schema(message: Option<&str>) -> Result<Schema, SchemaError> {
    Schema::new(&descriptor_set(), message)
}

/// The comparison of a run with these descriptors.
fn described(set: &str) -> Result<Comparer, String> {
    Comparer::new(&[], &[]).unwrap().with_descriptors(Some(set)).map_err(|error| error.to_string())
}

/// name "a", at 2^53 + `at`, kind SALE, one child, counts {"x": 1, "y": 2}, raw 00ff, and field 9 that no schema has.
fn event(at: u8, swapped: bool) -> Vec<u8> {
    let (x, y) = (b"\x32\x05\x0a\x01x\x10\x01", b"\x32\x05\x0a\x01y\x10\x02");
    let (first, second) = if swapped { (y, x) } else { (x, y) };
    let head = [0x0a, 1, b'a', 0x10, 0x80 | at, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10, 0x18, 1];
    [&head[..], b"\x22\x03\x0a\x01c", first, second, b"\x3a\x02\x00\xff\x48\x07"].concat()
}

#[test]
fn protobuf_with_a_schema_has_names_and_types() {
    let schema = schema(Some("shop.Event")).unwrap();
    let compare = |left: &[u8], right: &[u8]| {
        let document =
            files_knowing(left, right, "application/x-protobuf", &[], Limits::FILES, Some(&schema)).unwrap();
        document
            .differences
            .iter()
            .map(|d| format!("{:?} {} {:?} {:?}", d.kind, d.path, d.left, d.right))
            .collect::<Vec<_>>()
    };
    assert_eq!(compare(&event(0, false), &event(0, true)), NONE);
    assert_eq!(
        compare(&event(0, false), &event(1, false)),
        [r#"Value /at Some("9007199254740992") Some("9007199254740993")"#]
    );
    // A field with its default value is one that is absent.
    assert_eq!(compare(b"\x0a\x01a\x10\x00", b"\x0a\x01a"), NONE);
    assert_eq!(
        compare(&event(0, false), b"\x0a\x01b\x18\x00\x29\0\0\0\0\0\0\xf0\x3f"),
        [
            r#"Value /name Some("\"a\"") Some("\"b\"")"#,
            r#"Missing /at Some("9007199254740992") None"#,
            r#"Missing /kind Some("\"SALE\"") None"#,
            r#"Missing /children Some("[{\"name\":\"c\"}]") None"#,
            r#"Missing /counts Some("{\"x\":1,\"y\":2}") None"#,
            r#"Missing /raw Some("\"h'00ff'\"") None"#,
            r#"Missing /9 Some("7") None"#,
            r#"Extra /share None Some("1.0")"#,
        ]
    );
    assert_eq!(compare(&event(0, false), b"\x0a\x09a")[0].split(' ').next(), Some("Unparsable"));
}

#[test]
fn the_method_called_tells_the_type_of_a_grpc_message() {
    let comparer = described(&Schema::portable(&descriptor_set()).unwrap()).unwrap();
    let of = |at| response(&[("content-type", "application/grpc")], frame(0, &event(at, false)));
    let compare = |target: &str| {
        let request = Request { target: target.to_owned(), ..Request::default() };
        let comparison = comparer.compare_answers(None, &request, &of(0), &of(1));
        comparison.differences.iter().map(|d| d.path.clone()).collect::<Vec<_>>()
    };
    assert_eq!(compare("/shop.Shop/Get"), ["/0/at"]);
    assert_eq!(compare("/shop.Shop/Other"), ["/0/2"]);
}

#[test]
fn a_schema_that_does_not_fit_is_refused() {
    let error = |schema: Result<Schema, SchemaError>| schema.unwrap_err().to_string();
    let expected = "the descriptor set has no message `shop.Evnt`; it has shop.Event, shop.Event.CountsEntry";
    assert_eq!(error(schema(Some("shop.Evnt"))), expected);
    assert!(error(Schema::new(b"\xff", None)).starts_with("no descriptor set (write one with `protoc"));
    assert!(Schema::portable(b"\xff").is_err());
    assert!(
        described("/w==").unwrap_err().starts_with("descriptor set 0 (`descriptors`): no descriptor set")
    );
}

#[test]
fn codings_that_nobody_declares_are_undone() {
    let deflate = |body: &[u8]| {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = |body: &[u8]| zstd::encode_all(body, 3).unwrap();
    let (left, right) = (br#"{"a":1,"b":[2]}"#, br#"{"a":1,"b":[3]}"#);
    type Coder<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;
    let coders: [Coder<'_>; 3] = [&|body| gzip(body, 6), &deflate, &zstd];
    for code in coders {
        let of = |mime, body: &[u8]| response(&[("content-type", mime)], code(body));
        let json = "application/json";
        assert_eq!(found(&of(json, left), &of(json, right)), ["Value Body /b/0"]);
        assert_eq!(found(&of("text/plain", left), &of("text/plain", right)), ["Value Body /b/0"]);
        let plain = response(&[("content-type", json)], &left[..]);
        assert_eq!(
            found(&of(json, left), &plain),
            ["Encoding Body "],
            "clients that read one misread the other"
        );
        assert_eq!(found(&of("application/zip", left), &of("application/zip", right)).len(), 1);
    }
    assert_eq!(found(&response(&[], gzip(left, 1)), &response(&[], gzip(left, 9))), NONE);
    let text = |body: &'static str| response(&[("content-type", "text/plain")], body);
    assert_eq!(found(&text("x^2"), &text("y^2")), ["Value Body "], "it only begins like zlib");
}

#[test]
fn lines_of_json_have_the_same_paths_declared_or_not() {
    let (left, right) = ("{\"a\":1}\n{\"b\":1}\n", "{\"a\":1}\n{\"b\":2}\n");
    for mime in ["application/x-ndjson", "", "text/plain", "application/octet-stream", "application/json"] {
        assert_eq!(diff(mime, left, right, &[]), ["Value /1/b"], "{mime}");
        assert_eq!(diff(mime, left, right, &["body:/*/b ignore"]), NONE, "{mime}");
    }
    assert_eq!(diff("", left, "{\"a\":1}\n", &[]), diff("application/x-ndjson", left, "{\"a\":1}\n", &[]));
}
