//! Operators of a running `parallax proxy`: reload by signal and by request, the state, the token.

use crate::harness::{Document, Outcome, Request, Upstream, free_port, get, local, parallax, send, wait_for};
use bytes::Bytes;
use http::Response;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

#[test]
fn a_reload_by_signal_or_request_is_whole_or_not_at_all() {
    let answer = || Upstream::start(|request| Response::new(Bytes::from(request.uri().path().to_owned())));
    let (primary, candidate) = (answer(), answer());
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("parallax.toml");
    let (port, console, admin) = (free_port(), free_port(), free_port());
    let write = |listen: u16, more: &str| {
        let text = format!(
            "[listen]\naddress = \"127.0.0.1:{listen}\"\nthreads = 2\n[console]\naddress = \"127.0.0.1:{console}\"\n\
             [admin]\naddress = \"127.0.0.1:{admin}\"\ntoken_env = \"ADMIN\"\n[log]\nurl = \"file:log\"\n\
             [roles.primary]\nurl = \"{}\"\n[roles.candidate]\nurl = \"{}\"\n{more}",
            primary.url(),
            candidate.url(),
        );
        std::fs::write(&file, text).expect("a file");
    };
    let route = |path: &str| format!("[[routes]]\nname = \"a\"\npath = \"{path}\"\n");
    write(port, &route("/none"));
    let args = ["proxy", "--config", "parallax.toml", "--format", "json"];
    let process = parallax(args).env("ADMIN", "tok3n").dir(directory.path()).start();
    let mut process = process.listening(port, SOON).listening(admin, SOON);
    let ask = |method: &'static str, path: &str| {
        let request = Request::new(method, path).header("authorization", "Bearer tok3n");
        let answer = send(local(admin), &request).expect("an answer");
        (answer.status, Document::parse(&answer.text()).expect("a document"))
    };
    assert_eq!(get(local(port), "/x").text(), "/x");
    assert_eq!(ask("GET", "/v1/state").1.count("/stats/not_selected"), 1, "no route takes it");
    assert_eq!(get(local(admin), "/livez").status, 200);
    for (method, path) in [("POST", "/v1/reload"), ("GET", "/v1/state")] {
        assert_eq!(send(local(admin), &Request::new(method, path)).expect("an answer").status, 401, "{path}");
    }

    // What cannot be used changes nothing, and says where.
    write(port, &route("broken"));
    let (status, refused) = ask("POST", "/v1/reload");
    assert_eq!(status, 422);
    assert!(refused.text("/error").contains("parallax.toml:17:1: routes[0].path"), "{refused}");
    write(free_port(), &route("/{*rest}"));
    let (status, refused) = ask("POST", "/v1/reload");
    assert_eq!(status, 422);
    assert!(refused.text("/error").contains("listen.address is fixed while the process runs"), "{refused}");
    assert_eq!(ask("GET", "/v1/state").1.count("/stats/requests"), 1);

    // A request reloads at once; a signal soon.
    write(port, &route("/{*rest}"));
    let (status, applied) = ask("POST", "/v1/reload");
    assert_eq!((status, applied.text("/changes/0/path")), (200, "routes[0].path"), "{applied}");
    assert_eq!(get(local(port), "/taken").text(), "/taken");
    wait_for("the copy", SOON, || (candidate.served() == 1).then_some(()));
    write(port, "[mirror]\ndry = true\n");
    process.signal("HUP");
    wait_for("the second reload", SOON, || {
        (ask("GET", "/v1/state").1.at("/mirror/dry") == &serde_json::Value::Bool(true)).then_some(())
    });
    assert_eq!(get(local(port), "/dry").text(), "/dry");
    process.signal("USR1");
    wait_for("the state on stderr", SOON, || process.stderr().contains("parallax.state/1").then_some(()));
    process.interrupt();
    let document = Outcome::of(&mut process, SOON).expect_code(130).document();
    assert_eq!(document.count("/admissions/offered"), 3, "{document}");
    assert_eq!((document.count("/admissions/mirrored"), candidate.served()), (2, 1), "{document}");
}

#[test]
fn a_draining_run_is_not_ready_and_still_tells_its_verdict() {
    let (release, held) = std::sync::mpsc::channel::<()>();
    let (asked, heard) = std::sync::mpsc::channel::<()>();
    let primary = Upstream::start(move |_| {
        asked.send(()).expect("the test listens");
        held.recv_timeout(SOON).expect("the test lets go");
        Response::new(Bytes::from("late"))
    });
    let candidate = Upstream::start(|_| Response::new(Bytes::from("late")));
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (port, console) = (free_port(), free_port());
    let text = format!(
        "[listen]\naddress = \"127.0.0.1:{port}\"\n[console]\naddress = \"127.0.0.1:{console}\"\n\
         [log]\nurl = \"file:log\"\n[limits]\ndrain_timeout = \"30s\"\n\
         [roles.primary]\nurl = \"{}\"\n[roles.candidate]\nurl = \"{}\"\n",
        primary.url(),
        candidate.url(),
    );
    std::fs::write(directory.path().join("parallax.toml"), text).expect("a file");
    let args = ["run", "--config", "parallax.toml", "--until", "forever", "--format", "json"];
    let mut process =
        parallax(args).dir(directory.path()).start().listening(port, SOON).listening(console, SOON);
    wait_for("readiness", SOON, || (get(local(console), "/readyz").status == 200).then_some(()));
    let request = std::thread::spawn(move || get(local(port), "/slow"));
    heard.recv_timeout(SOON).expect("the request is on its way");

    process.interrupt();
    let refused = wait_for("the drain", SOON, || {
        let answer = get(local(console), "/readyz");
        (answer.status == 503).then_some(answer)
    });
    assert!(refused.text().contains("draining"), "{}", refused.text());
    assert_eq!(get(local(console), "/v1/verdicts/latest").status, 200, "gates are answered to the end");
    release.send(()).expect("the primary waits");
    assert_eq!(request.join().expect("an answer").text(), "late", "what was begun is finished");
    Outcome::of(&mut process, SOON).expect_code(130);
}
