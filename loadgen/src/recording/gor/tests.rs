//! `.gor` files as GoReplay writes them, as it cuts them, and as we write them.

use super::*;
use crate::recording::{Reading, Recording, RecordingError, convert, open, open_as};
use parallax_exchange::{Body, Request};

const M: &str = "\u{1f435}\u{1f648}\u{1f649}";

fn read_text(text: &str) -> (Vec<Exchange>, Facts) {
    let mut facts = Facts::default();
    let exchanges = read(text.as_bytes(), GorMode::Framed, &mut facts);
    (exchanges, facts)
}

fn record(meta: &str, payload: &str) -> String {
    format!("{meta}\n{payload}\n{M}\n")
}

fn bodies(exchanges: &[Exchange]) -> Vec<&str> {
    let text = |exchange: &Exchange| std::str::from_utf8(exchange.request.body.bytes()).unwrap().to_owned();
    exchanges.iter().map(text).map(|body| &*body.leak()).collect()
}

const POST: &str = "POST /a?b=c HTTP/1.1\r\nHost: h.example:80\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nhello";

#[test]
fn a_request_and_its_answers_become_one_exchange() {
    let text = [
        record("1 a0b1c2 1000000000 0", POST),
        record("2 a0b1c2 1000500000 500000", "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok"),
        record("3 a0b1c2 3000000000 700000", "HTTP/1.1 500 No\r\n\r\nuntil close"),
    ];
    let (exchanges, facts) = read_text(&text.concat());
    assert_eq!(facts.damaged_count(), 0);
    let [exchange] = &exchanges[..] else { panic!("{exchanges:?}") };
    let request = &exchange.request;
    assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/a?b=c"));
    assert_eq!(
        (request.authority.as_str(), &request.headers["x-a"]),
        ("h.example:80", &"1".parse().unwrap())
    );
    assert_eq!(bodies(&exchanges), ["hello"]);
    let primary = exchange.outcomes.primary.as_ref().and_then(Outcome::response).unwrap();
    assert_eq!((primary.status.as_u16(), primary.timing.done_ns), (201, 500_000));
    let replayed = exchange.outcomes.candidate.as_ref().and_then(Outcome::response).unwrap();
    assert_eq!((replayed.status.as_u16(), replayed.timing.latency_ns()), (500, 700_000));
    assert_eq!(replayed.body.bytes().as_ref(), b"until close");
}

#[test]
fn a_body_that_holds_the_mark_is_not_the_end_of_its_record() {
    let hostile = format!("a\n{M}\n1 aa 5 0\nGET /evil HTTP/1.1\r\n\r\n\n{M}\n");
    let payload = format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n{hostile}", hostile.len());
    let text = record("1 b1 1 0", &payload) + &record("1 b2 2 0", "GET /next HTTP/1.1\r\n\r\n");
    let (exchanges, facts) = read_text(&text);
    assert_eq!(facts.damaged_count(), 0);
    assert_eq!(bodies(&exchanges), [hostile.as_str(), ""]);

    // GoReplay itself takes the bait.
    let mut facts = Facts::default();
    let lenient = read(text.as_bytes(), GorMode::Lenient, &mut facts);
    assert_eq!(lenient[1].request.target, "/evil");
    assert!(lenient[0].request.body.is_cut());
}

#[test]
fn chunked_bodies_lose_their_framing_and_old_metas_have_three_fields() {
    let payload =
        "PUT /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;e=1\r\nde\r\n0\r\nT: 1\r\n\r\n";
    let (exchanges, facts) =
        read_text(&record("1 932079936fa4306fc308d67588178d17d823647c 1439818823587396305", payload));
    assert_eq!(facts.damaged_count(), 0);
    assert_eq!(bodies(&exchanges), ["abcde"]);
    assert!(!exchanges[0].request.headers.contains_key("transfer-encoding"));
    assert_eq!(exchanges[0].admitted_ns, 1_439_818_823_587_396_305);
}

#[test]
fn a_last_record_without_a_mark_is_kept_and_blank_lines_are_tolerated() {
    let text = format!("\n\n{}\n\n1 b2 2 -1\nGET /last HTTP/1.1\r\n\r\n", record("1 b1 1 0", POST));
    for text in [text.clone(), text.clone() + "\n", format!("{text}\n{M}")] {
        let (exchanges, facts) = read_text(&text);
        assert_eq!((exchanges.len(), facts.damaged_count()), (2, 0), "{text}");
        assert!(!exchanges[1].request.body.is_cut());
    }
}

#[test]
fn a_cut_message_is_counted_and_does_not_swallow_the_next() {
    let cut = POST.replace("Content-Length: 5", "Content-Length: 5000");
    let text = record("1 b1 1 0", &cut) + &record("1 b2 2 0", POST);
    let (exchanges, facts) = read_text(&text);
    assert_eq!(facts.damaged_count(), 0);
    assert_eq!(exchanges.len(), 2);
    assert!(exchanges[0].request.body.is_cut());
    assert_eq!(exchanges[0].request.body.len(), 5000);
    assert_eq!(bodies(&exchanges[1..]), ["hello"]);
}

#[test]
fn damage_is_told_by_offset_and_reading_goes_on_at_the_next_record() {
    let first = record("1 b1 1 0", POST);
    let text = [
        first.clone(),
        record("9 what is this", "rubbish"),
        record("1 b2 2 0", "not http at all"),
        record("2 ffff 3 0", "HTTP/1.1 200 OK\r\n\r\n"),
        record("1 b3 4 0", POST),
    ];
    let (exchanges, facts) = read_text(&text.concat());
    assert_eq!((exchanges.len(), facts.damaged_count()), (2, 3));
    let document = facts.describe(&[]);
    assert_eq!(document.damaged[0].offset as usize, first.len());
    assert!(document.damaged[1].reason.contains("not HTTP"), "{document:?}");
    assert!(document.damaged[2].reason.contains("without its request"), "{document:?}");
}

#[test]
fn a_request_to_a_proxy_names_its_host_in_the_target() {
    let (exchanges, _) =
        read_text(&record("1 a 1 0", "GET http://up.example/x?y HTTP/1.1\r\nHost: z\r\n\r\n"));
    let request = &exchanges[0].request;
    assert_eq!((request.authority.as_str(), request.target.as_str()), ("up.example", "/x?y"));
}

/// Exchanges that the format can say completely.
fn expressible() -> Vec<Exchange> {
    let mut exchanges = Vec::new();
    for (sequence, body) in ["", "text", "{\"\u{1f435}\":1}\n"].into_iter().enumerate() {
        let request = Request {
            method: http::Method::POST,
            target: format!("/{sequence}"),
            authority: "a.example".to_owned(),
            headers: [(http::header::ACCEPT, "*/*".parse().unwrap())].into_iter().collect(),
            body: Body::whole(body.to_owned()),
        };
        let mut exchange =
            crate::recording::exchange_of(sequence as u64, 1_000_000 * sequence as u64, request, None);
        let timing = Timing { sent_ns: 0, head_ns: 700, done_ns: 700 };
        let headers = [(http::header::SERVER, "s".parse().unwrap())].into_iter().collect();
        let response = Response { headers, body: Body::whole("answer"), timing, ..Response::default() };
        exchange.outcomes.primary = Some(Outcome::Response(Box::new(response)));
        exchanges.push(exchange);
    }
    exchanges
}

#[test]
fn what_the_format_can_say_comes_back_equal() {
    let mut bytes = Vec::new();
    let written = expressible();
    assert_eq!(write_gor(&mut bytes, &written).unwrap(), 3);
    let mut facts = Facts::default();
    let mut found = read(&bytes, GorMode::Framed, &mut facts);
    for exchange in &mut found {
        // The length that the format needs is in the headers now; the cluster key is not in it.
        exchange.request.headers.remove("content-length");
        if let Some(Outcome::Response(response)) = &mut exchange.outcomes.primary {
            response.headers.remove("content-length");
        }
        exchange.cluster_key = written[exchange.id.sequence as usize].cluster_key;
    }
    assert_eq!(found, written);
}

#[test]
fn what_the_format_cannot_say_is_refused() {
    let mut exchange = expressible().remove(0);
    exchange.request.body = Body::whole(format!("a\n{M}\nb"));
    let error = write_gor(&mut Vec::new(), [&exchange]).unwrap_err().to_string();
    assert!(error.contains("cannot escape"), "{error}");
    exchange.request.body = Body::cut("a", 10, 1);
    assert!(matches!(write_gor(&mut Vec::new(), [&exchange]), Err(GorError::Cut(_))));
}

#[test]
fn recordings_are_converted_and_opened_whatever_their_name() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    crate::recording::write(&path("a.plx"), expressible()).unwrap();
    let requests = |recording: &Recording| {
        let request = |(at, request): &(u64, Request)| (*at, request.target.clone(), request.body.clone());
        recording.requests().iter().map(request).collect::<Vec<_>>()
    };
    let original = requests(&open(&path("a.plx")).unwrap());
    for (from, to) in [("a.plx", "b.gor"), ("b.gor", "c.gor.gz"), ("c.gor.gz", "d.plx")] {
        let converted = convert(&path(from), &path(to), Reading::default(), None, None).unwrap();
        assert_eq!((converted.written, converted.read.responses), (3, 3), "{from} to {to}");
        assert_eq!(requests(&open(&path(to)).unwrap()), original, "{from} to {to}");
    }
    std::fs::rename(path("b.gor"), path("renamed.txt")).unwrap();
    assert_eq!(open(&path("renamed.txt")).unwrap().describe().format, "gor");
    let error = convert(&path("a.plx"), &path("x.pcap"), Reading::default(), None, None).unwrap_err();
    assert!(matches!(error, RecordingError::Suffix { .. }));
    let error = convert(&path("a.plx"), &path("d.plx"), Reading::default(), None, None).unwrap_err();
    assert!(error.to_string().contains("d.plx"), "{error}");
}

#[test]
fn numbered_parts_are_read_in_their_order() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    for part in 0..11 {
        let text = record(&format!("1 a{part} {part} 0"), &format!("GET /{part} HTTP/1.1\r\n\r\n"));
        std::fs::write(path(&format!("rec_{part}.gor")), text).unwrap();
    }
    let lenient = Reading { gor: GorMode::Lenient, ..Reading::default() };
    let recording = open_as(&path("rec.gor").display().to_string(), lenient).unwrap();
    let document = recording.describe();
    assert_eq!((document.requests, document.out_of_order), (11, 0));
}

#[test]
fn other_files_are_named_by_their_beginning() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.gor");
    std::fs::write(&path, "<html>").unwrap();
    let error = open(&path.display().to_string()).unwrap_err().to_string();
    assert!(error.contains("a.gor is no recording: it begins with \"<html>\""), "{error}");
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic_or_read_for_ever(
        parts in proptest::collection::vec(proptest::sample::select(vec![
            M, "\n", "1 a 1 0\n", "2 a 2\n", "3 ff 9 9\n", "GET / HTTP/1.1\r\n", "HTTP/1.1 200 OK\r\n",
            "Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n", "\r\n", "0\r\n\r\n", "abc", "\u{1f435}", "5\r\n", " ",
        ]), 0..40),
    ) {
        let text = parts.concat();
        for mode in [GorMode::Framed, GorMode::Lenient] {
            let mut facts = Facts::default();
            let exchanges = read(text.as_bytes(), mode, &mut facts);
            proptest::prop_assert!(exchanges.len() as u64 + facts.damaged_count() <= text.len() as u64);
        }
    }
}
