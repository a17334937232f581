//! Secrets that pass through a run: they reach the three builds and nothing else.

use crate::harness::{Load, Request, Rig, Trial, Upstream, get, local, parallax};
use bytes::Bytes;
use http::Response;
use std::path::Path;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

/// What each place holds; nothing else of the traffic contains these texts.
const SECRETS: [&str; 5] = ["hush-header", "hush-cookie", "hush-query", "hush-request", "hush-answer"];

#[test]
fn a_secret_reaches_the_builds_and_never_the_log_the_report_or_the_console() {
    // Each build answers with a session of the caller's; the candidate's differs where it is asked to.
    let build = |is_candidate: bool| {
        Upstream::start(move |request| {
            let headers = request.headers();
            let has_all = headers["authorization"] == "Bearer hush-header"
                && headers["cookie"] == "sid=hush-cookie"
                && request.uri().query() == Some("token=hush-query")
                && request.body().as_ref() == br#"{"card":"hush-request","n":1}"#;
            let own = if is_candidate && request.uri().path() == "/differs" { "-other" } else { "" };
            Response::builder()
                .status(if has_all { 200 } else { 400 })
                .header("content-type", "application/json")
                .header("set-cookie", format!("sid=hush-cookie{own}"))
                .body(Bytes::from(format!(r#"{{"iban":"hush-answer{own}","ok":true}}"#)))
                .expect("a response")
        })
    };
    let builds = [build(false), build(true), build(false)];
    let mut rig = Rig::start(&Trial {
        primary: builds[0].url(),
        candidate: builds[1].url(),
        control: builds[2].url(),
        tables: "[[routes]]\nname = \"all\"\npath = \"/{*rest}\"\nmethods = [\"POST\"]\n[redact]\n\
                 places = [\"header:authorization\", \"cookie:*\", \"query:token\", \"body:/card\", \
                 \"body:/iban\"]\n"
            .to_owned(),
        args: vec!["--capture"],
        ..Trial::default()
    });
    let request = |path: &str| {
        Request::new("POST", format!("{path}?token=hush-query"))
            .header("authorization", "Bearer hush-header")
            .header("cookie", "sid=hush-cookie")
            .json(r#"{"card":"hush-request","n":1}"#)
    };
    let mut requests = vec![request("/same"); 9];
    requests.push(request("/differs"));
    let sent = Load::times(rig.address(), requests, 2).finish();
    assert_eq!((sent.status.get(&200), sent.failed.len()), (Some(&10), 0), "{sent:?}");
    crate::harness::wait_for("the copies", SOON, || {
        builds.iter().all(|build| build.served() == 10).then_some(())
    });
    let console = local(rig.console());
    // Published once a window is sealed; asked for until the differing exchange is in it.
    let pages = crate::harness::wait_for("the difference on the console", SOON, || {
        let pages = ["/v1/report", "/v1/differences", "/v1/verdicts/latest", "/metrics"]
            .map(|path| get(console, path).text());
        pages[0].contains("/iban").then_some(pages)
    });
    let outcome = rig.interrupt();
    for (number, page) in pages.iter().chain([&outcome.stdout, &outcome.stderr]).enumerate() {
        assert_eq!(leak(page.as_bytes()), None, "in text {number}: {page}");
    }
    let mut bytes = 0;
    for file in files(&rig.log()) {
        let content = std::fs::read(&file).expect("a file of the log");
        assert_eq!(leak(&content), None, "in {}", file.display());
        bytes += content.len();
    }
    assert!(bytes > 4_000, "the log holds ten exchanges, not {bytes} bytes");
    // Equal secrets compared as equal, different ones as different.
    let document = outcome.document();
    assert_eq!(document.count("/report/conservation/compared"), 10, "{document}");
    let mut culprits = document.culprit_paths();
    culprits.sort();
    let culprits: Vec<_> = culprits.iter().map(|(part, path, count)| (&**part, &**path, *count)).collect();
    assert_eq!(culprits, [("body", "/iban", 1), ("cookie", "sid", 1), ("header", "content-length", 1)]);
    let log = rig.log();
    let lint = ["recording", "inspect", &*log.to_string_lossy(), "--format", "json"].map(str::to_owned);
    let recording = parallax(lint).run(SOON).expect_code(0).document();
    assert_eq!(recording.count("/requests"), 10, "{recording}");
}

fn leak(bytes: &[u8]) -> Option<&'static str> {
    SECRETS.into_iter().find(|secret| bytes.windows(secret.len()).any(|window| window == secret.as_bytes()))
}

fn files(directory: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(directory).expect("the log's directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
