//! Archives are read as browsers write them, and survive our own writing.

use super::*;
use parallax_exchange::Role;

fn archive(entries: &str) -> String {
    format!(r#"{{"log":{{"version":"1.2","creator":{{}},"entries":[{entries}]}}}}"#)
}

fn read_all(entries: &str) -> (Vec<Exchange>, Facts) {
    let mut facts = Facts::default();
    let exchanges = read(archive(entries).as_bytes(), &mut facts).expect("an archive");
    (exchanges, facts)
}

const POST: &str = r#"{
  "startedDateTime": "2026-01-02T03:04:05.006+01:00", "time": 30, "_initiator": {"type": "script"},
  "request": {"method": "POST", "url": "https://shop.example:8443/cart?item=1#top", "httpVersion": "h3",
    "headers": [{"name": ":method", "value": "POST"}, {"name": "Host", "value": "x"},
      {"name": "Content-Length", "value": "99"}, {"name": "X-A", "value": "1"}, {"name": "X-A", "value": "2"}],
    "postData": {"mimeType": "application/x-www-form-urlencoded", "params": [{"name": "a b", "value": "&"}]}},
  "response": {"status": 201, "headers": [{"name": "content-encoding", "value": "br"}],
    "content": {"size": 2, "mimeType": "image/png", "text": "aGk=", "encoding": "base64"}},
  "timings": {"blocked": 1, "dns": -1, "connect": 2, "ssl": 1, "send": 3, "wait": 10, "receive": 4}
}"#;

#[test]
fn an_entry_of_a_browser_becomes_an_exchange() {
    let (exchanges, facts) = read_all(POST);
    let [exchange] = &exchanges[..] else { panic!("{exchanges:?}") };
    assert_eq!(facts.damaged_count(), 0);
    assert_eq!(exchange.admitted_ns, 1_767_319_445_006_000_000);
    let request = &exchange.request;
    assert_eq!((request.authority.as_str(), request.target.as_str()), ("shop.example:8443", "/cart?item=1"));
    assert_eq!(request.headers.len(), 2, "neither pseudo headers nor the framing: {:?}", request.headers);
    assert_eq!(&request.body.bytes()[..], b"a+b=%26");
    let answer = exchange.outcomes.of(Role::Primary).and_then(Outcome::response).expect("an answer");
    assert_eq!((answer.status.as_u16(), &answer.body.bytes()[..]), (201, &b"hi"[..]));
    assert!(answer.headers.is_empty(), "the coding of the body has been undone");
    let Timing { sent_ns, head_ns, done_ns } = answer.timing;
    assert_eq!([sent_ns, head_ns, done_ns], [3_000_000, 16_000_000, 20_000_000]);
}

#[test]
fn what_cannot_be_sent_again_is_damage_with_its_number() {
    let data = POST.replace("https://shop.example:8443/cart?item=1#top", "data:text/plain,x");
    let late = POST.replace("2026-01-02T03:04:05.006+01:00", "yesterday");
    let unanswered = POST.replace("\"status\": 201", "\"status\": 0");
    let (exchanges, facts) = read_all(&[&data, &late, r#"{"request": 1}"#, &unanswered].join(","));
    assert_eq!((exchanges.len(), facts.damaged_count()), (1, 3));
    assert_eq!(exchanges[0].outcomes.primary, None);
    let document = facts.describe(&[]);
    assert!(document.damaged[0].reason.contains("entry 0 (from 0): `data:` URLs"), "{document:?}");
    assert!(document.damaged[1].reason.contains("`yesterday` is no time"), "{document:?}");
}

#[test]
fn what_is_written_is_read_back() {
    let (exchanges, _) = read_all(POST);
    let request = Request { body: Body::whole(&b"\xff\x00"[..]), ..exchanges[0].request.clone() };
    let binary = exchange_of(1, exchanges[0].admitted_ns, request, None);
    let written = [exchanges[0].clone(), binary];
    let mut file = Vec::new();
    assert_eq!(write_har(&mut file, &written).unwrap(), 2);
    let mut facts = Facts::default();
    assert_eq!(read(&file, &mut facts).unwrap(), written);
}

#[test]
fn what_is_no_archive_is_refused_with_the_place() {
    let error = read(br#"{"log": {}}"#, &mut Facts::default()).unwrap_err();
    assert!(error.contains("missing field `entries`"), "{error}");
}
