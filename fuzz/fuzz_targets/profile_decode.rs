//! Any request gives events or an error in every profile, and any answer has a meaning.
//!
//! The input is a line with method and target, a line with a content type, and the body.

#![no_main]

use libfuzzer_sys::fuzz_target;
use parallax_comparator::profile::{Profile, ReadLimits};
use parallax_exchange::{Body, Request};

/// Small, so that bombs are found early.
const LIMITS: ReadLimits = ReadLimits { decoded_bytes: 1 << 16, values: 1 << 12, events: 100 };

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(3, |byte| *byte == b'\n');
    let mut text = || String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let (line, kind) = (text(), text());
    let body = parts.next().unwrap_or_default().to_vec();
    let (method, target) = line.split_once(' ').unwrap_or(("POST", "/"));
    let mut request = Request {
        method: method.parse().unwrap_or_default(),
        target: target.to_owned(),
        body: Body::whole(body.clone()),
        ..Request::default()
    };
    if let Ok(value) = kind.parse() {
        request.headers.insert("content-type", value);
    }
    for profile in Profile::all() {
        let _ = profile.recognises(&request);
        let _ = profile.meaning(200, Some(&body));
        assert!(profile.fates(&body).is_sorted());
        let Ok(events) = profile.events_within(&request, &LIMITS) else { continue };
        assert!(events.len() <= LIMITS.events);
        assert!(events.iter().all(|event| !event.id.is_empty()));
        // What was read once is read alike again.
        assert_eq!(profile.events_within(&request, &LIMITS), Ok(events));
    }
});
