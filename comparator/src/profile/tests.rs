//! Every profile on small requests of our own.

use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, Method};
use parallax_exchange::Body;
use proptest::prelude::*;
use std::io::Write as _;

fn request(
    method: Method,
    target: &str,
    headers: &[(HeaderName, &str)],
    body: impl Into<Vec<u8>>,
) -> Request {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(name.clone(), value.parse().unwrap());
    }
    Request {
        method,
        target: target.to_owned(),
        headers: map,
        body: Body::whole(body.into()),
        ..Request::default()
    }
}

fn post(target: &str, body: impl Into<Vec<u8>>) -> Request {
    request(Method::POST, target, &[(CONTENT_TYPE, "application/json")], body)
}

fn named(name: &str) -> Profile {
    Profile::by_name(name).unwrap()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    use ::base64::Engine as _;
    ::base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// What is to be known of each event in one line.
fn told(name: &str, request: &Request) -> Vec<String> {
    let profile = named(name);
    assert!(profile.recognises(request), "{name} does not recognise {}", request.target);
    let events = profile.events(request).unwrap_or_else(|error| panic!("{error}"));
    let text = |field: &Option<String>| field.clone().unwrap_or_else(|| "-".to_owned());
    let id = |event: &Event| if event.is_derived { "derived".to_owned() } else { event.id.clone() };
    events.iter().map(|event| format!("{} {} {}", id(event), text(&event.name), text(&event.who))).collect()
}

const STATSIG: &str = r#"{"events":[
    {"eventName":"purchase","user":{"userID":"u1"},"value":12.5,"metadata":{"sku":"s1"},"time":1731500000000},
    {"eventName":"statsig::gate_exposure","user":{},"time":1731500000001}],
    "statsigMetadata":{"sdkType":"js-client","stableID":"d1"}}"#;

#[test]
fn every_configured_name_has_a_recipe() {
    for name in ProfileName::ALL {
        assert_eq!(Profile::from(name).name(), name);
        assert_eq!(Profile::by_name(name.name()), Some(Profile::from(name)));
    }
    assert_eq!(Profile::all().count(), ProfileName::ALL.len());
    assert_eq!(Profile::by_name("nobody"), None);
}

#[test]
fn statsig_is_read_through_every_coding_of_its_clients() {
    let expected = ["derived purchase u1", "derived statsig::gate_exposure d1"];
    let plain = post("/v1/log_event", STATSIG);
    assert_eq!(told("statsig", &plain), expected);
    let reversed = base64(STATSIG).bytes().rev().collect::<Vec<_>>();
    let both = base64(gzip(STATSIG.as_bytes())).bytes().rev().collect::<Vec<_>>();
    let announced = [(CONTENT_ENCODING, "gzip")];
    let zstd = zstd::encode_all(STATSIG.as_bytes(), 12).unwrap();
    for request in [
        request(Method::POST, "/v1/log_event", &announced, gzip(STATSIG.as_bytes())),
        request(Method::POST, "/v1/log_event", &[(CONTENT_ENCODING, "zstd")], zstd),
        request(Method::POST, "/v1/rgstr?k=c&gz=1", &[], gzip(STATSIG.as_bytes())),
        request(Method::POST, "/v1/rgstr?k=c&se=1", &[(CONTENT_TYPE, "text/plain")], reversed),
        request(Method::POST, "/v1/rgstr?se=1&gz=1", &[], both),
        request(Method::POST, "/v1/rgstr?se=1", &[], STATSIG),
    ] {
        assert_eq!(told("statsig", &request), expected, "{}", request.target);
        assert_eq!(named("statsig").events(&request), named("statsig").events(&plain));
    }
    assert!(!named("statsig").recognises(&post("/v1/get_id_lists", "{}")));
}

#[test]
fn statsig_clients_lose_events_at_429_and_repeat_an_empty_200() {
    let meaning = |status, body: &str| named("statsig").meaning(status, Some(body.as_bytes()));
    assert_eq!(meaning(202, r#"{"success":true}"#), Meaning::Ok);
    assert_eq!(meaning(202, r#"{ "success" : true, "message": "x" }"#), Meaning::Ok);
    assert_eq!(meaning(200, ""), Meaning::Retry);
    assert_eq!(meaning(200, r#"{"success":false}"#), Meaning::Retry);
    assert_eq!(
        [429, 503, 400, 501].map(|status| meaning(status, "")),
        [Meaning::Drop, Meaning::Retry, Meaning::Drop, Meaning::Drop]
    );
    assert_eq!(named("statsig").meaning(200, None), Meaning::Ok);
}

#[test]
fn segment_takes_batches_and_single_events() {
    let batch = r#"{"batch":[
        {"type":"track","event":"Purchase","userId":"u1","messageId":"m1"},
        {"type":"identify","anonymousId":"a1","messageId":"m2","userId":null}],"sentAt":"2026-01-01T00:00:00Z"}"#;
    assert_eq!(told("segment", &post("/v1/batch", batch)), ["m1 Purchase u1", "m2 identify a1"]);
    let form = [(CONTENT_TYPE, "application/x-www-form-urlencoded"), (CONTENT_ENCODING, "gzip")];
    let rudder = request(Method::POST, "/v1/batch", &form, gzip(batch.as_bytes()));
    assert_eq!(told("rudderstack", &rudder), ["m1 Purchase u1", "m2 identify a1"]);
    let single = post("/collect/v1/page", r#"{"userId":"u2","messageId":"m3"}"#);
    assert_eq!(told("segment", &single), ["m3 page u2"]);
    assert_eq!(
        [200, 400, 429, 500].map(|status| named("segment").meaning(status, None).name()),
        ["ok", "drop", "retry", "retry"]
    );
}

#[test]
fn one_event_without_an_id_is_joined_by_its_content() {
    let id = |body: &str| named("segment").events(&post("/v1/track", body)).unwrap()[0].id.clone();
    let sent = id(r#"{"event":"Purchase","userId":"u1","sentAt":"one"}"#);
    assert!(sent.starts_with("xxh3:"), "{sent}");
    assert_eq!(sent, id(r#"{"sentAt":"another","userId":"u1","event":"Purchase"}"#));
    assert_ne!(sent, id(r#"{"event":"Purchase","userId":"u2"}"#));
}

#[test]
fn snowplow_is_the_same_in_all_four_spellings() {
    let inner = r#"{"schema":"iglu:x","data":{"targetUrl":"http://x.test/"}}"#;
    let event = |key: &str, value: &str| {
        let member = format!("{}:{}", serde_json::json!(key), serde_json::json!(value));
        format!(r#"{{"schema":"p","data":[{{"e":"ue","eid":"e1","uid":"u1","stm":"1",{member}}}]}}"#)
    };
    let path = "/com.snowplowanalytics.snowplow/tp2";
    let plain = post(path, event("ue_pr", inner));
    let coded = post(path, event("ue_px", &base64(inner)));
    let query = |key: &str, value: &str| {
        let mut query = form_urlencoded::Serializer::new("/i?".to_owned());
        query.extend_pairs([("e", "ue"), ("eid", "e1"), ("uid", "u1"), ("stm", "1"), (key, value)]);
        request(Method::GET, &query.finish().replacen("?&", "?", 1), &[], "")
    };
    assert_eq!(told("snowplow", &plain), ["e1 unstruct u1"]);
    let events = named("snowplow").events(&plain);
    for other in [coded, query("ue_pr", inner), query("ue_px", &base64(inner))] {
        assert_eq!(named("snowplow").events(&other), events, "{}", other.target);
    }
    let bad = named("snowplow").events(&post(path, event("ue_px", "###"))).unwrap_err();
    assert_eq!(bad.to_string(), "snowplow: event 0: `ue_px` is not base64");
    assert_eq!(named("snowplow").meaning(404, None), Meaning::Retry);
}

#[test]
fn posthog_takes_batches_lists_single_events_and_forms() {
    let batch = r#"{"api_key":"k","batch":[{"event":"purchase","distinct_id":"u1","uuid":"x1"}]}"#;
    let single = r#"{"api_key":"k","event":"purchase","distinct_id":"u1","uuid":"x1"}"#;
    let form = form_urlencoded::Serializer::new(String::new()).append_pair("data", &base64(single)).finish();
    let gzipped = request(Method::POST, "/e/?compression=gzip-js", &[], gzip(single.as_bytes()));
    for request in [
        post("/batch/", batch),
        post("/i/v0/e/", single),
        post("/capture/", format!("[{single}]")),
        request(Method::POST, "/e/?compression=base64", &[], form),
        gzipped,
    ] {
        assert_eq!(told("posthog", &request), ["x1 purchase u1"], "{}", request.target);
    }
    let error = named("posthog").events(&post("/e/?compression=lz64", "x")).unwrap_err();
    assert!(error.to_string().contains("set the client to gzip-js"), "{error}");
    let fates = named("posthog").fates(br#"{"status":1,"quota_limited":["events"]}"#);
    assert_eq!(fates, [Fate::of(None, "quota_limited: events")]);
}

#[test]
fn amplitude_names_the_events_that_it_refuses() {
    let body = r#"{"api_key":"k","events":[{"event_type":"purchase","user_id":"u1","insert_id":"i1"},
        {"event_type":"purchase","device_id":"d1"}]}"#;
    assert_eq!(told("amplitude", &post("/2/httpapi", body)), ["i1 purchase u1", "derived purchase d1"]);
    let refused =
        br#"{"code":400,"error":"x","events_with_invalid_fields":{"time":[1,0]},"silenced_events":[2]}"#;
    let fates = named("amplitude").fates(refused);
    let invalid = "events_with_invalid_fields: time";
    assert_eq!(
        fates,
        [Fate::of(Some(0), invalid), Fate::of(Some(1), invalid), Fate::of(Some(2), "silenced_events")]
    );
    assert_eq!(named("amplitude").meaning(400, Some(refused)), Meaning::Retry);
    assert_eq!(
        named("amplitude").meaning(400, Some(br#"{"code":400,"missing_field":"api_key"}"#)),
        Meaning::Drop
    );
    assert_eq!(named("amplitude").meaning(413, None), Meaning::Retry);
}

#[test]
fn mixpanel_takes_forms_queries_and_lines() {
    let event = r#"{"event":"purchase","properties":{"distinct_id":"u1","$insert_id":"i1"}}"#;
    let wrapped =
        |text: &str| form_urlencoded::Serializer::new(String::new()).append_pair("data", text).finish();
    let form = |body: String| request(Method::POST, "/track?verbose=0", &[], body);
    for request in [
        form(wrapped(event)),
        form(wrapped(&base64(format!("[{event}]")))),
        request(Method::GET, &format!("/track?ip=0&{}", wrapped(&base64(event))), &[], ""),
        post("/import?strict=1", format!("[{event}]")),
        post("/import?strict=1", format!("{event}\n")),
    ] {
        assert_eq!(told("mixpanel", &request), ["i1 purchase u1"], "{}", request.target);
    }
    let engage = post("/engage", r#"[{"$distinct_id":"u1","$set":{"plan":"pro"}}]"#);
    assert_eq!(told("mixpanel", &engage), ["derived $set u1"]);
    let meaning = |body: &str| named("mixpanel").meaning(200, Some(body.as_bytes()));
    assert_eq!(
        [meaning("1"), meaning("0"), meaning(r#"{"status":0,"error":"x"}"#)],
        [Meaning::Ok, Meaning::Drop, Meaning::Drop]
    );
    let fates =
        named("mixpanel").fates(br#"{"failed_records":[{"index":3,"field":"time","message":"is old"}]}"#);
    assert_eq!(fates, [Fate::of(Some(3), "time: is old")]);
}

#[test]
fn ga4_puts_who_and_when_into_each_event() {
    let body =
        r#"{"client_id":"c1","timestamp_micros":"17","events":[{"name":"purchase","params":{"value":1}}]}"#;
    let request = post("/mp/collect?measurement_id=G-1&api_secret=s", body);
    assert_eq!(told("ga4", &request), ["derived purchase c1"]);
    let json = &named("ga4").events(&request).unwrap()[0].json;
    assert_eq!(json, r#"{"client_id":"c1","name":"purchase","params":{"value":1},"timestamp_micros":"17"}"#);
    let answer = br#"{"validationMessages":[{"fieldPath":"events[1].name","validationCode":"NAME_INVALID","description":"x"}]}"#;
    assert_eq!(named("ga4").fates(answer), [Fate::of(Some(1), "NAME_INVALID at events[1].name: x")]);
}

#[test]
fn cloudevents_are_equal_in_their_three_modes() {
    let ce = HeaderName::from_static;
    let binary = request(
        Method::POST,
        "/",
        &[
            (ce("ce-specversion"), "1.0"),
            (ce("ce-id"), "e1"),
            (ce("ce-source"), "/shop"),
            (ce("ce-type"), "shop.purchase"),
            (ce("ce-subject"), "caf%C3%A9"),
            (ce("ce-attempt"), "2"),
            (CONTENT_TYPE, "application/json; charset=UTF-8"),
        ],
        r#"{"value":1.50}"#,
    );
    let document = r#"{"specversion":"1.0","id":"e1","source":"/shop","type":"shop.purchase","subject":"café",
        "attempt":2,"dataschema":null,"datacontenttype":"application/json","data":{"value":1.5}}"#;
    let structured = request(
        Method::POST,
        "/",
        &[(CONTENT_TYPE, "application/cloudevents+json; charset=utf-8")],
        document,
    );
    let batch = format!(
        "[{}]",
        document.replace(r#""data":{"value":1.5}"#, r#""data_base64":"eyJ2YWx1ZSI6MS41fQ==""#)
    );
    let batched = request(Method::POST, "/", &[(CONTENT_TYPE, "application/cloudevents-batch+json")], batch);
    assert_eq!(told("cloudevents", &binary), ["/shop e1 shop.purchase café"]);
    let events = named("cloudevents").events(&binary);
    assert_eq!(named("cloudevents").events(&structured), events);
    assert_eq!(named("cloudevents").events(&batched), events);
    assert!(!named("cloudevents").recognises(&post("/", "{}")));
}

#[test]
fn cloudevents_keep_text_as_text_and_bytes_as_bytes() {
    let event = |kind: &str, body: &[u8]| {
        let headers = [(HeaderName::from_static("ce-specversion"), "1.0"), (CONTENT_TYPE, kind)];
        let request = request(Method::POST, "/", &headers, body);
        named("cloudevents")
            .events(&request)
            .map(|mut events| events.remove(0).json)
            .map_err(|error| error.to_string())
    };
    assert!(event("text/plain", b"hi").unwrap().contains(r#""data":"hi","datacontenttype":"text/plain""#));
    assert!(event("image/png", b"\xff\x00").unwrap().contains(r#""data_base64":"/wA=""#));
    let error = event("application/json", b"{").unwrap_err();
    assert_eq!(error, "cloudevents: event 0: its data is not JSON: expected a key or `}` at byte 1");
}

#[test]
fn otlp_gives_spans_points_and_logs_with_their_resource() {
    let resource = r#""resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]}"#;
    let spans = format!(
        r#"{{"resourceSpans":[{{{resource},"scopeSpans":[{{"scope":{{"name":"t"}},"spans":[
        {{"traceId":"AB","spanId":"01","name":"checkout","kind":1,"droppedEventsCount":0}}]}}]}}]}}"#
    );
    assert_eq!(told("otlp", &post("/v1/traces", spans.clone())), ["ab/01 checkout ab"]);
    let json = named("otlp").events(&post("/v1/traces", spans)).unwrap().remove(0).json;
    assert!(
        json.starts_with(r#"{"kind":1,"name":"checkout","resource":{"attributes":[{"key":"service.name""#),
        "{json}"
    );
    let metric = |value: u32, time: u32| {
        let body = format!(
            r#"{{"resourceMetrics":[{{{resource},"scopeMetrics":[{{"metrics":[{{"name":"orders","sum":{{"isMonotonic":true,
            "dataPoints":[{{"timeUnixNano":"{time}","asInt":{value}}},{{"timeUnixNano":"9","asInt":"0"}}]}}}}]}}]}}]}}"#
        );
        named("otlp").events(&post("/v1/metrics", body)).unwrap()
    };
    let (one, other, later) = (metric(1, 5), metric(2, 5), metric(1, 6));
    assert_eq!(one.len(), 2);
    assert_eq!((one[0].name.as_deref(), one[0].who.as_deref()), (Some("orders"), Some("shop")));
    assert_eq!(one[0].id, other[0].id, "another value of the same point");
    assert_ne!(one[0].id, later[0].id);
    let log = |observed: u32| {
        let body = format!(
            r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"observedTimeUnixNano":"{observed}","body":{{"stringValue":"x"}}}}]}}]}}]}}"#
        );
        named("otlp").events(&post("/v1/logs", body)).unwrap().remove(0)
    };
    assert_eq!((log(1).id, log(1).is_derived), (log(2).id, true));
}

#[test]
fn otlp_tells_partial_success_in_both_encodings() {
    let json = br#"{"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"too old"}}"#;
    let wire = b"\x0a\x0b\x08\x03\x12\x07too old";
    let expected = [Fate::of(None, "3 rejected: too old")];
    assert_eq!(named("otlp").fates(json), expected);
    assert_eq!(named("otlp").fates(wire), expected);
    assert!(
        named("otlp").fates(b"").is_empty() && named("otlp").fates(b"{\"partialSuccess\":{}}").is_empty()
    );
    let meanings = [200, 429, 500, 503].map(|status| named("otlp").meaning(status, None).name());
    assert_eq!(meanings, ["ok", "retry", "drop", "retry"]);
}

#[test]
fn what_events_share_is_not_repeated_without_end() {
    let resource = format!(r#""resource":{{"attributes":[{{"key":"{}"}}]}}"#, "k".repeat(600));
    let spans = format!(r#"{{"resourceSpans":[{{{resource},"scopeSpans":[{{"spans":[{{}},{{}}]}}]}}]}}"#);
    let limits = ReadLimits { decoded_bytes: 1000, ..ReadLimits::default() };
    let error = named("otlp").events_within(&post("/v1/traces", spans), &limits).unwrap_err();
    assert_eq!(error.to_string(), "otlp: what all events share would be more than 1000 bytes, repeated");
}

#[test]
fn what_cannot_be_read_is_told_with_its_place() {
    let limits = ReadLimits { decoded_bytes: 1000, values: 20, events: 2 };
    let refused =
        |request: &Request| named("segment").events_within(request, &limits).unwrap_err().to_string();
    assert_eq!(refused(&post("/v1/batch", r#"{"batch":[{},7]}"#)), "segment: event 1: is not a JSON object");
    assert_eq!(refused(&post("/v1/batch", r#"{"batch":{}}"#)), "segment: `batch` is not a JSON array");
    assert_eq!(
        refused(&post("/v1/batch", r#"{"batch":[{},{},{}]}"#)),
        "segment: 3 events; at most 2 are read"
    );
    assert_eq!(
        refused(&post("/v1/batch", format!("[{}0]", "0,".repeat(30)))),
        "segment: the body is more than 20 JSON values"
    );
    assert_eq!(
        refused(&post("/v1/batch", r#"{"batch":"#)),
        "segment: the body is not JSON: expected a value at byte 9"
    );
    assert_eq!(refused(&post("/v1/batch", "??")), "segment: the body is neither JSON nor base64 of it");
    let bomb = request(Method::POST, "/v1/batch", &[(CONTENT_ENCODING, "gzip")], gzip(&[b' '; 5000]));
    assert_eq!(refused(&bomb), "segment: the body decodes to more than 1000 bytes");
    let mut cut = post("/v1/batch", "");
    cut.body = Body::cut(&b"{"[..], 5000, 1);
    assert!(refused(&cut).contains("only 1 of the body's 5000 bytes were captured"), "{}", refused(&cut));
}

#[test]
fn the_profile_is_told_from_a_request() {
    let detected = |request: &Request| Profile::detect(request).map(|profile| profile.name().name());
    assert_eq!(detected(&post("/v1/log_event", STATSIG)), Some("statsig"));
    assert_eq!(detected(&post("/v1/batch", r#"{"batch":[{"type":"track"}]}"#)), Some("segment"));
    assert_eq!(detected(&post("/batch/", r#"{"batch":[{"event":"x"}]}"#)), Some("posthog"));
    assert_eq!(detected(&post("/batch", r#"{"events":[{"event_type":"x"}]}"#)), Some("amplitude"));
    assert_eq!(detected(&post("/orders", "{}")), None);
}

/// Requests whose body is bytes, JSON-like text, or gzip of it, at paths that profiles take.
fn requests() -> impl Strategy<Value = Request> {
    let paths: Vec<&'static str> = vec![
        "/v1/log_event",
        "/v1/rgstr?se=1&gz=1",
        "/v1/batch",
        "/v1/track",
        "/x/tp2",
        "/i?e=pv&cx=eA",
        "/batch/",
        "/e/?compression=base64",
        "/2/httpapi",
        "/track?data=e30",
        "/import",
        "/mp/collect",
        "/v1/traces",
        "/v1/metrics",
        "/v1/logs",
    ];
    let json = r#"[\[\]{}:,"a-z0-9 ]{0,60}"#;
    let members = "(\\{\"(events|batch|data|resourceSpans)\":\\[)(\\{\"[a-z_]{1,9}\":([0-9]{1,3}|\"[a-z]{0,4}\"|null)\\},){0,3}\\{\\}\\]\\}";
    let body = prop_oneof![
        any::<Vec<u8>>(),
        json.prop_map(String::into_bytes),
        members.prop_map(String::into_bytes)
    ];
    (
        any::<bool>(),
        proptest::sample::select(paths),
        body,
        any::<bool>(),
        proptest::sample::select(vec![
            "application/json",
            "application/cloudevents+json",
            "application/x-protobuf",
        ]),
    )
        .prop_map(|(get, path, body, zipped, kind)| {
            let method = if get { Method::GET } else { Method::POST };
            let body = if zipped { gzip(&body) } else { body };
            request(method, path, &[(CONTENT_TYPE, kind)], body)
        })
}

proptest! {
    #[test]
    fn any_request_gives_events_or_an_error_in_every_profile(request in requests()) {
        for profile in Profile::all() {
            if let Ok(events) = profile.events(&request) {
                for (index, event) in events.iter().enumerate() {
                    prop_assert_eq!(event.index, index);
                    prop_assert!(!event.id.is_empty());
                    prop_assert!(Json::parse(event.json.as_bytes(), usize::MAX).is_ok());
                }
            }
        }
    }

    #[test]
    fn any_answer_has_a_meaning_and_only_a_2xx_is_ok(status in 100u16..1000, body: Vec<u8>, json in r#"\{"(success|status|failed_records|events_with_invalid_fields)":[\[\]{}0-9a-z"]{0,9}\}"#) {
        for profile in Profile::all() {
            for body in [&body[..], json.as_bytes()] {
                let is_ok = profile.meaning(status, Some(body)) == Meaning::Ok;
                prop_assert!(!is_ok || (200..300).contains(&status));
                prop_assert!(profile.fates(body).is_sorted());
            }
        }
    }
}
