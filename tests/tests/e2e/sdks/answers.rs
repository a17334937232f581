//! What the vendors' endpoints answer, volatile parts included: those are new for every request, also
//! between collectors that are equal.

use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

pub(super) fn answer(request: &Request<Bytes>) -> Response<Bytes> {
    let path = request.uri().path();
    let ends = |end: &str| path.trim_end_matches('/').ends_with(end);
    if path.contains("/v2/download_config_specs") {
        return json_answer(200, &specs(true));
    }
    if path.contains("download_config_specs") {
        return json_answer(200, &specs(false));
    }
    if ends("/get_id_lists") {
        return json_answer(200, &json!({}));
    }
    if ends("/initialize") {
        let gates = json!({ "feature_gates": {}, "dynamic_configs": {}, "layer_configs": {} });
        return json_answer(
            200,
            &with(gates, json!({ "has_updates": true, "time": 1, "hash_used": "djb2" })),
        );
    }
    if ends("/log_event") || ends("/rgstr") {
        return json_answer(202, &json!({ "success": true }));
    }
    if ["/v1/traces", "/v1/metrics", "/v1/logs"].iter().any(|end| ends(end)) {
        let kind = request.headers().get("content-type").cloned();
        let kind = kind.unwrap_or_else(|| http::HeaderValue::from_static("application/x-protobuf"));
        let is_json = kind.as_bytes().starts_with(b"application/json");
        let body = Bytes::from_static(if is_json { b"{\"partialSuccess\":{}}" } else { b"" });
        return response(200, kind, body);
    }
    if ends("/tp2") || path == "/i" {
        let cookie = format!("sp={}; Path=/; Expires={}", uuid(), "Wed, 21 Oct 2099 07:28:00 GMT");
        let mut answer = text_answer(200, "text/plain; charset=UTF-8", "ok");
        answer.headers_mut().insert("set-cookie", cookie.parse().expect("a plain cookie"));
        return answer;
    }
    if ends("/2/httpapi") || path == "/batch" {
        let sent: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        return json_answer(
            200,
            &json!({
                "code": 200,
                "events_ingested": sent["events"].as_array().map_or(0, Vec::len),
                "payload_size_bytes": request.body().len(),
                "server_upload_time": now_ms(),
            }),
        );
    }
    if ends("/flags") || ends("/decide") {
        let flags = json!({ "flags": {}, "featureFlags": {}, "featureFlagPayloads": {} });
        return json_answer(200, &with(flags, json!({ "requestId": uuid(), "evaluatedAt": now_ms() })));
    }
    match path {
        "/track" | "/engage" if asks_for_words(request) => {
            json_answer(200, &json!({ "status": 1, "error": null }))
        }
        "/track" | "/engage" => text_answer(200, "application/json", "1"),
        "/v1/batch" => json_answer(200, &json!({ "success": true })),
        "/events" => response(204, http::HeaderValue::from_static("text/plain"), Bytes::new()),
        _ => json_answer(200, &json!({ "status": 1 })),
    }
}

/// Mixpanel answers `1` unless `verbose=1` is in the query or the form.
fn asks_for_words(request: &Request<Bytes>) -> bool {
    let form = String::from_utf8_lossy(request.body());
    [request.uri().query().unwrap_or_default(), &form].iter().any(|pairs| pairs.contains("verbose=1"))
}

/// Statsig's rules without any gate; the newer cores read maps where the older clients read lists.
fn specs(maps: bool) -> Value {
    let none = if maps { json!({}) } else { json!([]) };
    let common = json!({
        "has_updates": true, "time": 1_731_500_000_000_u64, "layers": {}, "id_lists": {},
        "experiment_to_layer": {}, "sdk_flags": {}, "diagnostics": {}, "hashed_sdk_keys_to_app_ids": {},
        "feature_gates": none, "dynamic_configs": none, "layer_configs": none,
    });
    if !maps {
        return common;
    }
    with(common, json!({ "condition_map": {}, "checksum": "1", "company_id": "c" }))
}

fn with(mut object: Value, more: Value) -> Value {
    if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
    object
}

fn json_answer(status: u16, body: &Value) -> Response<Bytes> {
    text_answer(status, "application/json", &body.to_string())
}

fn text_answer(status: u16, kind: &'static str, body: &str) -> Response<Bytes> {
    response(status, http::HeaderValue::from_static(kind), Bytes::copy_from_slice(body.as_bytes()))
}

fn response(status: u16, kind: http::HeaderValue, body: Bytes) -> Response<Bytes> {
    let builder = Response::builder().status(status).header("content-type", kind);
    builder.body(body).expect("the answer is well-formed")
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or_default()
}

/// A UUID that no other answer has.
fn uuid() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("0d5c1c5e-0000-4000-8000-{:012x}", NEXT.fetch_add(1, Ordering::Relaxed))
}
