//! Load over TLS and HTTP/2, against nginx.

use crate::harness::tools::need_program;
use crate::harness::{Process, free_port, parallax};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

/// nginx with one answer: on `plain` in HTTP/2 by prior knowledge, on `secure` in TLS with what is offered.
struct Nginx {
    secure: u16,
    old: u16,
    plain: u16,
    _process: Process,
}

/// Listens under a certificate for `build.test`, whose root is written to `root.pem`.
fn nginx(test: &str, folder: &Path) -> Option<Nginx> {
    let program = need_program(test, "nginx", "apt")
        .or_else(|| Some(Path::new("/usr/sbin/nginx").to_owned()).filter(|file| file.exists()))?;
    let key = rcgen::generate_simple_self_signed(["build.test".to_owned()]).expect("a certificate");
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("a file");
    write("root.pem", &key.cert.pem());
    write("key.pem", &key.signing_key.serialize_pem());
    let [secure, old, plain] = [free_port(), free_port(), free_port()];
    let tls = "ssl_certificate root.pem; ssl_certificate_key key.pem;";
    let answer = "location / { default_type application/json; return 200 '{\"success\":true}'; }";
    write(
        "nginx.conf",
        &format!(
            "daemon off; master_process off; worker_processes 1; pid nginx.pid; error_log stderr;
             events {{ worker_connections 1024; }}
             http {{
               access_log off; keepalive_requests 1000000;
               client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
               uwsgi_temp_path uwsgi; scgi_temp_path scgi;
               server {{ listen 127.0.0.1:{secure} ssl http2; {tls} {answer} }}
               server {{ listen 127.0.0.1:{old} ssl; {tls} {answer} }}
               server {{ listen 127.0.0.1:{plain} http2; {answer} }}
             }}"
        ),
    );
    let mut command = Command::new(program);
    command.arg("-p").arg(folder).args(["-c", "nginx.conf", "-e", "stderr"]);
    let process = Process::start("nginx", &mut command).listening(plain, Duration::from_secs(20));
    Some(Nginx { secure, old, plain, _process: process })
}

#[test]
fn nginx_is_spoken_to_in_tls_and_in_http_2() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let Some(nginx) = nginx("nginx_is_spoken_to_in_tls_and_in_http_2", folder.path()) else { return };
    let run = |port: u16, scheme: &str, more: &[&str]| {
        let url = format!("{scheme}://127.0.0.1:{port}/v1/events");
        let mut args = vec!["load", "run", "--target", &url, "--rate", "200/s", "--duration", "500ms"];
        args.extend(["-d", "{}", "--format", "json"]);
        args.extend(more);
        parallax(args).dir(folder.path()).run(SOON)
    };
    let named = ["--ca", "root.pem", "--server-name", "build.test"];
    for (port, scheme, more) in [
        (nginx.secure, "https", [&named[..], &["--http2"]].concat()),
        (nginx.secure, "https", named.to_vec()),
        (nginx.old, "https", named.to_vec()),
        (nginx.plain, "http", vec!["--http2"]),
    ] {
        let document = run(port, scheme, &more).document();
        assert_eq!(document.count("/status/200"), 100, "{more:?}: {document}");
        assert_eq!(document.count("/first_byte_ns/count"), 100, "{more:?}: {document}");
        if more.contains(&"--http2") {
            assert_eq!(document.count("/connections/opened"), 1, "{document}");
        }
    }
    // More at once than one connection opened before the start: the rest pay for their handshakes.
    let more = [&named[..], &["--closed", "--connections", "4", "--http2", "--streams", "3"]].concat();
    let url = format!("https://127.0.0.1:{}/", nginx.secure);
    let args = ["load", "run", "--target", &url, "--duration", "300ms", "--format", "json"];
    let closed = parallax(args.into_iter().chain(more)).dir(folder.path()).run(SOON).document();
    assert_eq!(closed.at("/coordinated_omission").as_bool(), Some(true), "{closed}");
    assert!(
        closed.count("/completed") > 100 && closed.count("/completed") == closed.count("/planned"),
        "{closed}"
    );
}

#[test]
fn a_certificate_or_a_protocol_that_does_not_fit_is_said_before_the_start() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let test = "a_certificate_or_a_protocol_that_does_not_fit_is_said_before_the_start";
    let Some(nginx) = nginx(test, folder.path()) else { return };
    let refused = |port: u16, more: &[&str], code: i32| {
        let url = format!("https://127.0.0.1:{port}/");
        let args = ["load", "run", "--target", &url, "--rate", "10/s", "--duration", "1s"];
        let outcome = parallax(args.into_iter().chain(more.iter().copied())).dir(folder.path()).run(SOON);
        outcome.expect_code(code).stderr
    };
    let other_name = refused(nginx.secure, &["--ca", "root.pem"], 69);
    assert!(other_name.contains("certificate"), "{other_name}");
    let unknown = refused(nginx.secure, &["--server-name", "build.test"], 69);
    assert!(unknown.contains("certificate"), "{unknown}");
    let named = ["--ca", "root.pem", "--server-name", "build.test", "--http2"];
    let old = refused(nginx.old, &named, 69);
    assert!(old.contains("ALPN") || old.contains("ApplicationProtocol"), "{old}");
    let missing = refused(nginx.old, &["--ca", "missing.pem"], 2);
    assert!(missing.contains("missing.pem"), "{missing}");
}
