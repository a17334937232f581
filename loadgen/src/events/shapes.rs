//! Bodies as the vendors' clients send them.

use super::{Draw, Vendor};
use crate::random::Random;
use serde_json::{Value, json};

const NAMES: [&str; 6] =
    ["page_viewed", "button_clicked", "item_added", "order_completed", "search_performed", "signed_in"];

const PAGES: [&str; 4] = ["/home", "/search", "/basket", "/account"];

/// Headers of a vendor's requests beside the content's type.
type Headers = &'static [(&'static str, &'static str)];

/// The body of a request with these events, which are all of one user; at least one.
pub(super) fn body(vendor: Vendor, draws: &[Draw<'_>], random: &mut Random) -> (Value, Headers) {
    let first = &draws[0];
    let each = |shape: fn(&Draw<'_>, &mut Random) -> Value, random: &mut Random| {
        Value::Array(draws.iter().map(|draw| shape(draw, random)).collect())
    };
    match vendor {
        Vendor::Statsig => {
            let meta = json!({ "sdkType": "load", "sdkVersion": "1.0.0", "sessionID": first.session(),
                "stableID": first.user() });
            let body = json!({ "events": each(statsig, random), "statsigMetadata": meta });
            (body, &[("statsig-api-key", "client-load")])
        }
        Vendor::Segment => {
            let body = json!({ "batch": each(segment, random), "sentAt": first.time() });
            (body, &[("authorization", "Basic bG9hZDo=")])
        }
        Vendor::Snowplow => {
            let schema = "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4";
            (json!({ "schema": schema, "data": each(snowplow, random) }), &[])
        }
        Vendor::Posthog => {
            let body = json!({ "api_key": "phc_load", "historical_migration": false,
                "batch": each(posthog, random), "sent_at": first.time() });
            (body, &[])
        }
        Vendor::Amplitude => {
            let body = json!({ "api_key": "load", "events": each(amplitude, random),
                "options": { "min_id_length": 5 }, "client_upload_time": first.time() });
            (body, &[])
        }
        Vendor::Ga4 => {
            let body = json!({ "client_id": first.user(), "user_id": first.user(),
                "timestamp_micros": first.time_ms() * 1000, "events": each(ga4, random) });
            (body, &[])
        }
        Vendor::CloudEvents => {
            (each(cloud_event, random), &[("content-type", "application/cloudevents-batch+json")])
        }
        Vendor::Otlp => (otlp(draws, random), &[]),
    }
}

fn properties(random: &mut Random) -> Value {
    json!({
        "path": random.pick(&PAGES),
        "price_cents": random.below(100_000),
        "is_new": random.chance(20),
        "position": random.below(50),
    })
}

fn statsig(draw: &Draw<'_>, random: &mut Random) -> Value {
    json!({
        "eventName": random.pick(&NAMES),
        "user": { "userID": draw.user(), "country": random.pick(&["DE", "FR", "US"]),
            "custom": { "plan": random.pick(&["free", "team"]) } },
        "value": random.below(1000),
        "metadata": { "id": draw.uuid(), "path": random.pick(&PAGES) },
        "time": draw.time_ms(),
        "secondaryExposures": [],
    })
}

fn segment(draw: &Draw<'_>, random: &mut Random) -> Value {
    json!({
        "type": "track",
        "messageId": draw.uuid(),
        "userId": draw.user(),
        "anonymousId": format!("anonymous-{}", draw.user),
        "event": random.pick(&NAMES),
        "properties": properties(random),
        "context": { "library": { "name": "load", "version": "1.0.0" }, "sessionId": draw.session() },
        "integrations": {},
        "timestamp": draw.time(),
    })
}

fn snowplow(draw: &Draw<'_>, random: &mut Random) -> Value {
    let data = json!({ "schema": "iglu:load/event/jsonschema/1-0-0",
        "data": { "name": random.pick(&NAMES), "properties": properties(random) } });
    let event = json!({ "schema": "iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0",
        "data": data });
    json!({
        "e": "ue",
        "eid": draw.uuid(),
        "aid": "load",
        "p": "srv",
        "tv": "load-1.0.0",
        "tna": "load",
        "dtm": draw.time_ms().to_string(),
        "uid": draw.user(),
        "sid": draw.session(),
        "ue_pr": event.to_string(),
    })
}

fn posthog(draw: &Draw<'_>, random: &mut Random) -> Value {
    let mut properties = properties(random);
    properties["$lib"] = json!("load");
    properties["$session_id"] = json!(draw.session());
    json!({
        "event": random.pick(&NAMES),
        "distinct_id": draw.user(),
        "uuid": draw.uuid(),
        "properties": properties,
        "timestamp": draw.time(),
    })
}

fn amplitude(draw: &Draw<'_>, random: &mut Random) -> Value {
    json!({
        "user_id": draw.user(),
        "device_id": format!("device-{}", draw.user),
        "event_type": random.pick(&NAMES),
        "time": draw.time_ms(),
        "session_id": draw.session_number(),
        "insert_id": draw.uuid(),
        "event_properties": properties(random),
        "user_properties": { "plan": random.pick(&["free", "team"]) },
    })
}

fn ga4(draw: &Draw<'_>, random: &mut Random) -> Value {
    let mut params = properties(random);
    params["session_id"] = json!(draw.session_number().to_string());
    params["engagement_time_msec"] = json!(random.below(60_000));
    params["transaction_id"] = json!(draw.uuid());
    json!({ "name": random.pick(&NAMES), "params": params })
}

fn cloud_event(draw: &Draw<'_>, random: &mut Random) -> Value {
    json!({
        "specversion": "1.0",
        "id": draw.uuid(),
        "source": "/load",
        "type": format!("load.{}", random.pick(&NAMES)),
        "subject": draw.user(),
        "time": draw.time(),
        "datacontenttype": "application/json",
        "data": { "session": draw.session(), "properties": properties(random) },
    })
}

fn otlp(draws: &[Draw<'_>], random: &mut Random) -> Value {
    let attribute = |key: &str, value: String| json!({ "key": key, "value": { "stringValue": value } });
    let record = |draw: &Draw<'_>| {
        let [high, low] = draw.bits();
        let time = (draw.time_ms() * 1_000_000).to_string();
        let name = random.pick(&NAMES);
        json!({
            "timeUnixNano": time,
            "observedTimeUnixNano": time,
            "severityNumber": 9,
            "severityText": "INFO",
            "eventName": name,
            "body": { "stringValue": name },
            "attributes": [
                attribute("user.id", draw.user()),
                attribute("session.id", draw.session()),
                attribute("event.id", draw.uuid()),
            ],
            "traceId": format!("{high:016x}{low:016x}"),
            "spanId": format!("{:016x}", high ^ low),
        })
    };
    let records: Vec<Value> = draws.iter().map(record).collect();
    json!({ "resourceLogs": [{
        "resource": { "attributes": [attribute("service.name", "load".to_owned())] },
        "scopeLogs": [{ "scope": { "name": "load", "version": "1.0.0" }, "logRecords": records }],
    }] })
}
