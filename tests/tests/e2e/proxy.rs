//! `parallax proxy`: mirrors, records, and accounts for every request.

use crate::harness::{Outcome, Request, Upstream, free_port, get, local, parallax, send};
use bytes::Bytes;
use http::Response;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

#[test]
fn every_request_is_recorded_or_accounted_for() {
    let answer = || Upstream::start(|request| Response::new(Bytes::from(request.uri().path().to_owned())));
    let (primary, candidate) = (answer(), answer());
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (port, console) = (free_port(), free_port());
    let config = format!(
        "[listen]\naddress = \"127.0.0.1:{port}\"\nthreads = 1\n[console]\naddress = \"127.0.0.1:{console}\"\n\
         [log]\nurl = \"file:log\"\n[roles.primary]\nurl = \"{}\"\n[roles.candidate]\nurl = \"{}\"\n",
        primary.url(),
        candidate.url(),
    );
    std::fs::write(directory.path().join("parallax.toml"), config).expect("a file");
    let args = ["proxy", "--config", "parallax.toml", "--format", "json"];
    let mut process = parallax(args).dir(directory.path()).start().listening(port, SOON);
    for number in 0..20 {
        assert_eq!(get(local(port), &format!("/{number}")).text(), format!("/{number}"));
    }
    // Without a route a method with side effects is passed on and not mirrored.
    send(local(port), &Request::new("POST", "/write")).expect("an answer");
    process.interrupt();
    let document = Outcome::of(&mut process, SOON).expect_code(130).document();
    assert_eq!(document.text("/schema"), "parallax.proxy/1");
    for (pointer, count) in [
        ("/admissions/offered", 21),
        ("/admissions/not_selected", 1),
        ("/admissions/mirrored", 20),
        ("/recorded/exchanges", 20),
        ("/stats/lost", 0),
    ] {
        assert_eq!(document.count(pointer), count, "{pointer} in {document}");
    }
    assert_eq!(candidate.served(), 20);
    let inspect = ["recording", "inspect", "log", "--format", "json"];
    let recording = parallax(inspect).dir(directory.path()).run(SOON).expect_code(0).document();
    assert_eq!((recording.count("/requests"), recording.count("/methods/GET")), (20, 20), "{recording}");
}
