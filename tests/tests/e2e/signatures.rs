//! Signed verdicts, from the key to a step that checks them offline; and the same check by OpenSSL.

use crate::harness::tools::need_program;
use crate::harness::{Outcome, Process, Upstream, free_port, local, parallax, wait_for};
use bytes::Bytes;
use http::Response;
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

fn run(directory: &Path, args: &[&str]) -> Outcome {
    parallax(args).dir(directory).run(SOON)
}

/// A directory with a pair of keys, `key.pem` and `key.pub`.
fn keys() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let made = run(directory.path(), &["verdict", "keygen", "--private", "key.pem", "--public", "key.pub"]);
    assert!(made.expect_code(0).stdout.starts_with("sha256:"));
    directory
}

/// A verdict document: what no traffic gives, with some fields replaced.
fn document(directory: &Path, fields: &[(&str, Value)]) -> String {
    std::fs::write(directory.join("none.jsonl"), "").expect("a file");
    let judged = run(directory, &["verdict", "judge", "none.jsonl", "--format", "json"]).expect_code(20);
    let mut verdict = judged.document().0;
    for (field, value) in fields {
        assert!(verdict.get(field).is_some(), "a verdict has no {field}");
        verdict[*field] = value.clone();
    }
    verdict.to_string()
}

fn promote(directory: &Path) -> String {
    let candidate = serde_json::json!({"image": null, "digest": "sha256:aa", "revision": null});
    document(
        directory,
        &[
            ("verdict", "promote".into()),
            ("final", true.into()),
            ("code", 0.into()),
            ("promote", true.into()),
            ("candidate", candidate),
        ],
    )
}

#[test]
fn a_signed_promote_passes_offline_and_one_changed_byte_does_not() {
    let directory = keys();
    let directory = directory.path();
    let write = |name: &str, text: &str| std::fs::write(directory.join(name), text).expect("a file");
    let text = promote(directory);
    write("verdict.json", &text);
    run(directory, &["verdict", "sign", "verdict.json", "--key", "key.pem"]).expect_code(0);

    let verify = ["verdict", "verify", "--key", "key.pub", "--document", "verdict.json"];
    let with = |more: &[&str]| run(directory, &[&verify[..], more].concat());
    with(&[]).expect_code(0);
    with(&["--candidate", "sha256:aa"]).expect_code(0);
    let other = with(&["--candidate", "sha256:bb", "--format", "json"]).expect_code(10).document();
    assert!(other.text("/says").contains("not about sha256:bb"), "{other}");

    // Another key, then the right one beside it, as while keys are being exchanged.
    run(directory, &["verdict", "keygen", "--private", "2.pem", "--public", "2.pub"]).expect_code(0);
    run(directory, &["verdict", "verify", "--key", "2.pub", "--document", "verdict.json"]).expect_code(65);
    with(&["--key", "2.pub"]).expect_code(0);

    for (what, changed) in [
        ("a digest", text.replace("sha256:aa", "sha256:bb")),
        ("a space", text.clone() + " "),
        ("nothing", String::new()),
    ] {
        write("verdict.json", &changed);
        let refused = with(&[]).expect_code(65);
        assert!(refused.stderr.contains("is not what was signed"), "{what}: {refused}");
    }
    write("verdict.json", &text);
    let signature = std::fs::read_to_string(directory.join("verdict.json.sig")).expect("the signature");
    let changed = if signature.starts_with('A') { "B" } else { "A" }.to_owned() + &signature[1..];
    write("verdict.json.sig", &changed);
    with(&[]).expect_code(65);
    write("verdict.json.sig", "no signature");
    let refused = with(&[]).expect_code(65);
    assert!(refused.stderr.contains("neither 64 bytes"), "{refused}");
    std::fs::remove_file(directory.join("verdict.json.sig")).expect("it is there");
    with(&[]).expect_code(74);
}

#[test]
fn a_genuine_verdict_exits_as_it_says_and_only_a_promote_with_0() {
    let directory = keys();
    let directory = directory.path();
    for (state, is_final, promote, code) in [
        ("promote", true, Value::Bool(true), 0),
        ("promote", false, Value::Null, 20),
        ("reject", true, Value::Bool(false), 10),
        ("wait", false, Value::Null, 20),
        ("inconclusive", true, Value::Null, 20),
        ("invalid", true, Value::Bool(false), 30),
    ] {
        let fields = [("verdict", state.into()), ("final", is_final.into()), ("promote", promote)];
        std::fs::write(directory.join("v.json"), document(directory, &fields)).expect("a file");
        run(directory, &["verdict", "sign", "v.json", "--key", "key.pem"]).expect_code(0);
        let args = ["verdict", "verify", "--key", "key.pub", "--document", "v.json"];
        let said = run(directory, &args).expect_code(code).stdout;
        assert!(said.starts_with(state), "{said}");
    }
}

#[test]
fn keys_are_not_overwritten_and_wrong_files_are_named() {
    let directory = keys();
    let directory = directory.path();
    let again = run(directory, &["verdict", "keygen", "--private", "key.pem", "--public", "new.pub"]);
    assert!(again.expect_code(74).stderr.contains("key.pem"));
    assert!(!directory.join("new.pub").exists());
    std::fs::write(directory.join("v.json"), promote(directory)).expect("a file");
    let swapped = run(directory, &["verdict", "sign", "v.json", "--key", "key.pub"]).expect_code(2);
    assert!(swapped.stderr.contains("key.pub cannot be used"), "{swapped}");
    std::fs::write(directory.join("other.json"), "{}").expect("a file");
    run(directory, &["verdict", "sign", "other.json", "--key", "key.pem"]).expect_code(65);
    let config = "[roles.primary]\nurl = \"http://127.0.0.1:1\"\n[console]\nsigning_key = \"none.pem\"\n";
    std::fs::write(directory.join("c.toml"), config).expect("a file");
    let refused = run(directory, &["run", "--config", "c.toml"]).expect_code(74);
    assert!(refused.stderr.contains("none.pem"), "{refused}");
}

#[test]
fn openssl_makes_keys_for_parallax_and_checks_its_signatures() {
    let test = "signatures and OpenSSL";
    let Some(openssl) = need_program(test, "openssl", "apt") else { return };
    let directory = keys();
    let directory = directory.path();
    let openssl = |args: &[&str]| {
        let output = Command::new(&openssl).args(args).current_dir(directory).output();
        output.expect("openssl runs").status.success()
    };
    std::fs::write(directory.join("v.json"), promote(directory)).expect("a file");
    run(directory, &["verdict", "sign", "v.json", "--key", "key.pem"]).expect_code(0);
    assert!(openssl(&["base64", "-d", "-A", "-in", "v.json.sig", "-out", "v.raw"]));
    let check = ["pkeyutl", "-verify", "-pubin", "-inkey", "key.pub", "-rawin", "-sigfile", "v.raw", "-in"];
    assert!(openssl(&[&check[..], &["v.json"]].concat()), "openssl refuses the signature");
    std::fs::write(directory.join("w.json"), promote(directory) + " ").expect("a file");
    assert!(!openssl(&[&check[..], &["w.json"]].concat()), "openssl must see the change");

    // The other way round: OpenSSL's key and OpenSSL's signature, raw.
    assert!(openssl(&["genpkey", "-algorithm", "ed25519", "-out", "o.pem"]));
    assert!(openssl(&["pkey", "-in", "o.pem", "-pubout", "-out", "o.pub"]));
    assert!(openssl(&["pkeyutl", "-sign", "-inkey", "o.pem", "-rawin", "-in", "v.json", "-out", "o.sig"]));
    let args = ["verdict", "verify", "--key", "o.pub", "--document", "v.json", "--signature", "o.sig"];
    run(directory, &args).expect_code(0);
    run(directory, &["verdict", "sign", "v.json", "--key", "o.pem", "--output", "p.sig"]).expect_code(0);
    assert!(openssl(&["pkey", "-in", "key.pem", "-pubout", "-out", "again.pub"]));
    let read = |name: &str| std::fs::read_to_string(directory.join(name)).expect("a file");
    assert_eq!(read("again.pub"), read("key.pub"));
}

#[test]
fn a_run_with_a_key_serves_signed_verdicts() {
    let directory = keys();
    let directory = directory.path();
    let upstream = Upstream::start(|_| Response::new(Bytes::from_static(b"ok")));
    let (port, console) = (free_port(), free_port());
    let config = format!(
        "[listen]\naddress = \"127.0.0.1:{port}\"\n[console]\naddress = \"127.0.0.1:{console}\"\n\
         signing_key = \"key.pem\"\n[roles.primary]\nurl = \"{url}\"\n[roles.candidate]\nurl = \"{url}\"\n\
         digest = \"sha256:aa\"\n[policy]\nself_test = true\n",
        url = upstream.url()
    );
    std::fs::write(directory.join("parallax.toml"), config).expect("a file");
    let start = parallax(["run", "--config", "parallax.toml", "--until", "forever"]).dir(directory).start();
    let _run: Process = start.listening(console, SOON);
    let address = format!("http://{}", local(console));
    let show = ["verdict", "show", "--console", &address, "--format", "json", "--save", "v.json"];
    let shown = wait_for("a verdict", SOON, || {
        let shown = run(directory, &show);
        (shown.code == 20 && !shown.stdout.is_empty()).then_some(shown)
    });
    let saved = std::fs::read_to_string(directory.join("v.json")).expect("it was saved");
    assert_eq!(shown.stdout, saved + "\n");
    let args = ["verdict", "verify", "--key", "key.pub", "--document", "v.json", "--candidate", "sha256:aa"];
    let said = run(directory, &args).expect_code(20);
    assert!(said.stdout.starts_with("wait of run "), "{said}");
}
