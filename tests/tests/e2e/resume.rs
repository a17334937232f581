//! A run that is killed goes on; an undecided one is continued; neither where it would be another trial.

use crate::harness::{
    Document, Load, Outcome, Process, Request, Upstream, alone, free_port, get, local, parallax, wait_for,
};
use bytes::Bytes;
use http::Response;
use std::path::Path;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// Windows of a quarter of a second, each sealed a second after its end.
const POLICY: &str = r#"
[policy]
window = "250ms"
shadow_timeout = "500ms"
seal_delay = "1s"
minimum_time = "10m"
deadline = "20m"
futility_looks = 100000
[[policy.slices]]
slice = { region = "home" }
[[routes]]
name = "all"
path = "/{*rest}"
labels = { region = "home" }
"#;

struct Rig {
    directory: tempfile::TempDir,
    port: u16,
    console: u16,
    _servers: [Upstream; 3],
}

impl Rig {
    fn new() -> Self {
        let servers =
            [0; 3].map(|_| Upstream::start(|_| Response::new(Bytes::from_static(b"{\"ok\":true}"))));
        let (port, console) = (free_port(), free_port());
        let roles = ["primary", "candidate", "control"].iter().zip(&servers);
        let roles: String =
            roles.map(|(name, server)| format!("[roles.{name}]\nurl = \"{}\"\n", server.url())).collect();
        let directory = tempfile::tempdir().expect("a temporary directory");
        let text = format!(
            "key = [\"header:x-session\"]\n[listen]\naddress = \"127.0.0.1:{port}\"\nthreads = 1\n\
             [console]\naddress = \"127.0.0.1:{console}\"\n[log]\nurl = \"file:log\"\n{roles}{POLICY}"
        );
        std::fs::write(directory.path().join("parallax.toml"), text)
            .expect("the configuration can be written");
        Self { directory, port, console, _servers: servers }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn invoke(&self, digest: &str, args: &[&str]) -> crate::harness::Invocation {
        let base = ["run", "--config", "parallax.toml", "--format", "json", "--until", "forever"];
        let run = parallax(base.iter().chain(args)).dir(self.path());
        run.env("PARALLAX_ROLES__CANDIDATE__DIGEST", digest)
    }

    fn start(&self, args: &[&str]) -> Process {
        self.invoke("sha256:1", args).start().listening(self.port, LIMIT)
    }

    /// Sends traffic until `windows` are sealed; the run's name.
    fn until_sealed(&self, windows: u64) -> String {
        let load = Load::start(local(self.port), vec![Request::get("/a")], 60.0, 4);
        let verdict = wait_for("sealed windows", LIMIT, || {
            let answer = get(local(self.console), "/v1/verdicts/latest");
            let verdict = Document::parse(&answer.text()).ok().filter(|_| answer.status == 200)?;
            (verdict.count("/sealed_windows") >= windows).then_some(verdict)
        });
        drop(load.stop());
        verdict.text("/run").to_owned()
    }

    /// Ends a run as Ctrl-C does; what it printed.
    fn end(&self, mut process: Process) -> Document {
        process.interrupt();
        Outcome::of(&mut process, LIMIT).expect_code(130).document()
    }

    /// Recomputes the newest run of the log, which must be equal byte for byte.
    fn verified(&self) -> Document {
        let verify = parallax(["verdict", "verify", "--log", "log", "--format", "json"]).dir(self.path());
        let found = verify.run(LIMIT).expect_code(0).document();
        assert_eq!((found.at("/equal"), found.at("/ended")), (&true.into(), &true.into()), "{found}");
        found
    }

    /// What `verdict show --log` and then `verdict judge` make of the newest run.
    fn shown_and_judged(&self) {
        let show = |args: &[&str]| {
            let base = ["verdict", "show", "--log", "log", "--format", "json"];
            parallax([&base[..], args].concat()).dir(self.path()).run(LIMIT)
        };
        let whole = show(&["--candidate", "sha256:1"]).expect_code(20).document();
        show(&["--candidate", "sha256:2"]).expect_code(10);
        let absent = show(&["--region", "eu"]).expect_code(2);
        assert!(absent.stderr.contains("keeps no evidence of region=eu"), "{absent}");
        show(&["--tallies", "--region", "eu"]).expect_code(2);
        let part = show(&["--region", "home"]).expect_code(20).document();
        assert_eq!(part.at("/slice"), &serde_json::json!({"region": "home"}), "{part}");
        assert!(part.text("/reason").starts_with("region=home"), "{part}");

        let tallies = parallax(["verdict", "show", "--log", "log", "--tallies"]).dir(self.path()).run(LIMIT);
        std::fs::write(self.path().join("t.jsonl"), tallies.expect_code(0).stdout).expect("a file");
        let judge = ["verdict", "judge", "t.jsonl", "--format", "json"];
        let judged = parallax(judge).dir(self.path()).run(LIMIT).expect_code(20).document();
        assert_eq!(judged.text("/replay/counters_sha256"), whole.text("/replay/counters_sha256"), "{judged}");
    }
}

#[test]
fn a_killed_run_goes_on_from_its_log_and_an_undecided_one_is_continued() {
    let _alone = alone();
    let rig = Rig::new();
    let process = rig.start(&["--capture"]);
    let name = rig.until_sealed(3);
    drop(process); // SIGKILL
    // The machine tore the last record.
    let segment = std::fs::read_dir(rig.path().join("log")).expect("the log is there");
    let segment = segment.filter_map(Result::ok).map(|entry| entry.path());
    let segment = segment.filter(|path| path.extension().is_some_and(|end| end == "plx")).max();
    let segment = segment.expect("a segment");
    let mut bytes = std::fs::read(&segment).expect("the segment can be read");
    bytes.truncate(bytes.len() - 5);
    std::fs::write(&segment, bytes).expect("the segment can be written");

    let process = rig.start(&["--capture"]);
    assert_eq!(rig.until_sealed(12), name, "the same run goes on\n{}", process.stderr());
    let notes = process.stderr();
    assert!(
        notes.contains("taken up where it was cut off") && notes.contains("bytes of a record"),
        "{notes}"
    );
    let last = rig.end(process);
    let found = rig.verified();
    assert_eq!((found.text("/run"), found.count("/recounted")), (&*name, found.count("/windows")), "{found}");
    rig.shown_and_judged();
    let windows = last.count("/sealed_windows");
    assert_eq!(found.count("/verdict/sealed_windows"), windows, "{found}");

    let process = rig.start(&["--continue", &name]);
    let next = rig.until_sealed(windows + 3);
    assert_ne!(next, name);
    let last = rig.end(process);
    assert_eq!((last.text("/continues"), last.count("/attempt")), (&*name, 1), "{last}");
    assert_eq!(rig.verified().text("/run"), next);

    let other = rig.invoke("sha256:2", &["--continue", &next]).run(LIMIT).expect_code(2);
    assert!(other.stderr.contains("the candidate's build differs"), "{other}");
    let absent = rig.invoke("sha256:1", &["--continue", "none"]).run(LIMIT).expect_code(2);
    assert!(absent.stderr.contains("holds no run `none`"), "{absent}");
}
