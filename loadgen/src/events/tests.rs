//! What is generated is what the comparator's profiles read.

use super::*;
use parallax_comparator::profile::Profile;
use std::collections::HashSet;

fn generator(vendor: Vendor, batch: &str, seed: u64) -> Generator {
    let what = What::Events(vendor, batch.parse().expect("a batch"));
    Generator::new(what, seed, 50, 1_770_000_000_000, None)
}

#[test]
fn every_vendors_profile_reads_the_events_their_ids_and_their_users() {
    for vendor in Vendor::ALL {
        let generator = generator(vendor, "1..7", 3);
        let profile = Profile::by_name(vendor.name()).expect("every vendor has a profile");
        let (mut ids, mut users, mut sizes) = (HashSet::new(), HashSet::new(), HashSet::new());
        let mut count = 0;
        for index in 0..200 {
            let request = generator.request(index);
            assert!(profile.recognises(&request), "{}: {}", vendor.name(), request.target);
            let events = profile.events(&request).unwrap_or_else(|error| panic!("{error}"));
            sizes.insert(events.len());
            count += events.len();
            for event in events {
                assert!(event.name.is_some(), "{}", vendor.name());
                ids.insert(event.id);
                users.extend(event.who);
            }
        }
        assert_eq!(sizes.len(), 7, "{}: {sizes:?}", vendor.name());
        assert_eq!(ids.len(), count, "{}: an id came twice", vendor.name());
        if vendor != Vendor::Otlp {
            assert!((40..=50).contains(&users.len()), "{}: {} users", vendor.name(), users.len());
        }
    }
}

#[test]
fn a_request_is_a_function_of_the_seed_and_the_index() {
    let bodies = |seed| [0, 7, 7, 1 << 40].map(|index| generator(Vendor::Segment, "3", seed).request(index));
    assert_eq!(bodies(1), bodies(1));
    assert_eq!(bodies(1)[1], bodies(1)[2]);
    assert_ne!(bodies(1)[0], bodies(2)[0]);
    assert_eq!(generator(Vendor::Ga4, "100", 1).request(0).body.bytes().len(), {
        generator(Vendor::Ga4, "25", 1).request(0).body.bytes().len()
    });
}

#[test]
fn a_template_is_filled_and_a_wrong_one_is_refused_with_its_place() {
    let text = r#"{"i":{{index}},"id":"{{uuid}}","same":"{{ uuid }}","n":{{number 5 6}},"t":"{{time}}"}"#;
    let template = Template::parse(text).expect("a template");
    let request = Request { target: "/a".to_owned(), ..Request::default() };
    let generator =
        Generator::new(What::Template(template, Box::new(request)), 1, 3, 1_770_000_000_000, None);
    let body =
        |index| -> Value { serde_json::from_slice(generator.request(index).body.bytes()).expect("JSON") };
    let (seventh, eighth) = (body(7), body(8));
    assert_eq!((&seventh["i"], &seventh["id"]), (&Value::from(7), &seventh["same"]));
    assert_ne!(seventh["id"], eighth["id"]);
    assert!((5..=6).contains(&seventh["n"].as_u64().expect("a number")), "{seventh}");
    assert_eq!(seventh["t"], "2026-02-02T02:40:00.007Z");
    let wrong = |text: &str| Template::parse(text).expect_err("no template").to_string();
    assert!(wrong("ab{{uuid").contains("at byte 2"));
    assert!(wrong("{{number 2 1}}").contains("`number 2 1` is none of"));
    assert!(wrong("{{what}}").contains("uuid"));
}
