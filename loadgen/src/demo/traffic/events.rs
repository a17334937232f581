//! The events of a batch.

use super::{BEGIN_NS, Kind, Session};
use crate::random::Random;
use serde_json::{Map, Value, json};

/// Pages of a shop, in the languages of its customers; all within the basic plane.
const PAGES: [&str; 10] = [
    "/",
    "/katalog/möbel",
    "/catalogue/lamps",
    "/catálogo/sillas",
    "/каталог/столы",
    "/カタログ/椅子",
    "/panier",
    "/aide/livraison",
    "/offers/winter",
    "/bestellung",
];

const QUERIES: [&str; 6] = ["desk lamp", "Bücherregal", "книжная полка", "本棚", "كرسي", "chaise pliante"];

const EMOJI_QUERIES: [&str; 3] = ["gift \u{1f381}", "\u{1f6cb}\u{fe0f} sofa", "lamp \u{1f4a1}\u{1f4a1}"];

/// Unlike a price list, this one is made up.
const PRICES: [u64; 6] = [1290, 2499, 4950, 7900, 12_900, 39_900];

/// The body of a batch of one to seven events.
pub(super) fn batch(session: &mut Session, number: u64, batch: u64) -> String {
    if session.kind == Kind::Broken && number.is_multiple_of(4) {
        return r#"{"client":{"name":"web","version":"2.4.0"},"events":[{"id":"#.to_owned();
    }
    let count = 1 + session.random.below(3) + session.random.below(2) * session.random.below(4);
    let mut events: Vec<Value> =
        (0..count).map(|_| event(&mut session.random, &session.user, session.client.name != "web")).collect();
    if batch == 0 {
        events.extend(special(session));
    }
    for (index, event) in events.iter_mut().enumerate() {
        let ahead = (count - (index as u64).min(count)) * 700;
        event["id"] = json!(format!("e-{number:03x}{batch}{index}"));
        event["time"] = json!(BEGIN_NS / 1_000_000 + session.now_ms - ahead.min(session.now_ms));
    }
    let client = json!({"name": session.client.name, "version": session.client.version});
    json!({"client": client, "events": events}).to_string()
}

/// The event that makes the session special, where it takes one.
fn special(session: &mut Session) -> Option<Value> {
    let random = &mut session.random;
    let (name, properties) = match session.kind {
        Kind::Emoji => ("search", json!({"query": random.pick(&EMOJI_QUERIES), "results": random.below(40)})),
        Kind::Discount => {
            let price = random.pick(&PRICES);
            let discount = price / 10;
            (
                "purchase",
                json!({"price_cents": price, "quantity": 1 + random.below(3), "currency": "EUR", "discount_cents": discount}),
            )
        }
        Kind::Broken => return Some(json!({"user": session.user, "properties": {}})), // It has no name.
        Kind::Plain | Kind::Guest | Kind::OldClient => return None,
    };
    Some(json!({"name": name, "user": session.user, "properties": properties}))
}

/// An everyday event; id and time are set by the caller.
fn event(random: &mut Random, user: &str, is_mobile: bool) -> Value {
    let view = if is_mobile { "screen_view" } else { "page_view" };
    let touch = if is_mobile { "tap" } else { "click" };
    let (name, properties) = match random.below(20) {
        0..=8 => (view, json!({"path": random.pick(&PAGES), "duration_ms": random.below(90_000)})),
        9..=12 => (
            touch,
            json!({"target": format!("button-{}", random.below(30)), "x": random.below(1400), "y": random.below(900)}),
        ),
        13..=14 => ("search", json!({"query": random.pick(&QUERIES), "results": random.below(200)})),
        15 => ("scroll", json!({"depth": random.below(100) as f64 / 100.0})),
        16..=17 => (
            "add_to_cart",
            json!({"sku": format!("SKU-{:04}", random.below(5000)), "price_cents": random.pick(&PRICES), "quantity": 1 + random.below(2)}),
        ),
        18 => ("purchase", json!({"price_cents": random.pick(&PRICES), "quantity": 1, "currency": "EUR"})),
        _ => ("app_open", Value::Object(Map::new())),
    };
    json!({"name": name, "user": user, "properties": properties})
}
