//! Generated bodies: batches of event-like records, the same on every machine.
//!
//! A record is about 1.1 kB: nested objects, a short array, numbers, times, booleans, nulls, text
//! with escapes and text beyond ASCII, in about the proportions of public event and timeline APIs.

use serde_json::{Map, Value, json};

/// A linear congruential generator: enough for data, and the same everywhere.
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn hex(&mut self, digits: usize) -> String {
        (0..digits).map(|_| char::from(b"0123456789abcdef"[self.below(16) as usize])).collect()
    }

    fn words(&mut self, count: u64) -> String {
        const WORDS: [&str; 12] = [
            "event",
            "stream",
            "ingest",
            "shadow",
            "größe",
            "東京",
            "retry",
            "\"quoted\"",
            "path\\to",
            "line\nbreak",
            "candidate",
            "control",
        ];
        let words: Vec<_> = (0..count).map(|_| WORDS[self.below(12) as usize]).collect();
        words.join(" ")
    }
}

/// One record.
fn record(index: usize, draw: &mut Draw) -> Value {
    json!({
        "event": "page_view",
        "messageId": draw.hex(32),
        "index": index,
        "timestamp": time(draw.below(86_400)),
        "user": {
            "userID": format!("user-{}", draw.below(100_000)),
            "customIDs": {"companyID": draw.hex(12), "stableID": draw.hex(24)},
            "email": format!("{}@example.org", draw.hex(8)),
            "ip": format!("10.{}.{}.{}", draw.below(256), draw.below(256), draw.below(256)),
            "country": "NZ",
            "locale": "en_NZ",
            "verified": draw.below(2) == 0,
            "referrer": null,
            "description": draw.words(9),
        },
        "properties": {
            "path": format!("/products/{}", draw.below(1_000)),
            "title": draw.words(6),
            "price": draw.below(100_000) as f64 / 100.0,
            "quantity": draw.below(10),
            "tags": [draw.words(1), draw.words(1), draw.words(2)],
            "viewport": {"width": 1920, "height": 1080, "ratio": 1.5},
        },
        "exposures": [
            {"gate": "new_checkout", "gateValue": "true", "ruleID": draw.hex(16)},
            {"gate": "dark_mode", "gateValue": "false", "ruleID": "default"},
        ],
        "context": {"library": {"name": "sdk-js", "version": "3.33.5"}, "session": draw.hex(20)},
        "rank": draw.below(1 << 40),
    })
}

fn time(second: u64) -> String {
    format!(
        "2026-11-23T{:02}:{:02}:{:02}.{:03}Z",
        second / 3600,
        second / 60 % 60,
        second % 60,
        second % 1000
    )
}

/// A pair of texts to compare.
pub(crate) struct Pair {
    pub(crate) name: String,
    pub(crate) left: String,
    pub(crate) right: String,
    /// Differences that any correct comparison finds.
    pub(crate) differences: usize,
}

/// Every pair that is measured, for batches of `records` records.
pub(crate) fn pairs(size: &str, records: usize) -> Vec<Pair> {
    let batch = batch(records);
    let left = batch.to_string();
    let pair = |name: &str, right: String, differences| Pair {
        name: format!("{size}/{name}"),
        left: left.clone(),
        right,
        differences,
    };
    let changed = |every: usize| {
        let mut changed = batch.clone();
        for record in changed["batch"].as_array_mut().into_iter().flatten().skip(every / 2).step_by(every) {
            record["timestamp"] = time(86_399).into();
        }
        changed.to_string()
    };
    vec![
        pair("equal", left.clone(), 0),
        pair("one value", changed(records), 1),
        pair("a value in each record", changed(1), records),
        pair("keys reversed", reversed(&batch).to_string(), 0),
        pair("pretty", serde_json::to_string_pretty(&batch).unwrap_or_default(), 0),
    ]
}

fn batch(records: usize) -> Value {
    let mut draw = Draw::new(20_261_123);
    let records: Vec<_> = (0..records).map(|index| record(index, &mut draw)).collect();
    json!({"batch": records, "sentAt": time(1), "sdk": "js"})
}

/// The same value, written with the keys of each object in the opposite order.
struct Reversed<'a>(&'a Value);

fn reversed(value: &Value) -> Reversed<'_> {
    Reversed(value)
}

impl std::fmt::Display for Reversed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Value::Object(members) => object(members, f),
            Value::Array(elements) => {
                f.write_str("[")?;
                for (index, element) in elements.iter().enumerate() {
                    f.write_str(if index > 0 { "," } else { "" })?;
                    write!(f, "{}", Reversed(element))?;
                }
                f.write_str("]")
            }
            scalar => write!(f, "{scalar}"),
        }
    }
}

fn object(members: &Map<String, Value>, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    f.write_str("{")?;
    for (index, (key, value)) in members.iter().rev().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        write!(f, "{comma}{}:{}", Value::from(key.as_str()), Reversed(value))?;
    }
    f.write_str("}")
}
