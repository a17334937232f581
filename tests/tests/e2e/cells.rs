//! One build in many cells: verdicts of several consoles, combined by a rule.

use crate::harness::{Outcome, parallax};
use crate::waiting::{console, verdict};
use std::path::Path;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

fn show(directory: &Path, args: &[&str]) -> Outcome {
    let base = ["verdict", "show", "--cells", "cells.toml", "--format", "json"];
    parallax([&base[..], args].concat()).dir(directory).run(SOON)
}

#[test]
fn waves_begin_one_after_another_and_silence_is_no_pass() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let at = directory.path();
    let eu = console(vec![verdict("promote", true)]);
    let us = console(vec![verdict("wait", false)]);
    std::fs::write(at.join("asia.json"), verdict("promote", true).to_string()).expect("a file");
    let file = format!(
        "rule = \"waves\"\nmax_age = \"1m\"\n\
         [[cells]]\nname = \"eu-1\"\nwave = 1\nlabels = {{ region = \"eu\" }}\nconsole = \"{}\"\n\
         [[cells]]\nname = \"us-1\"\nwave = 2\nlabels = {{ region = \"us\" }}\nconsole = \"{}\"\n\
         [[cells]]\nname = \"asia-1\"\nwave = 3\nlabels = {{ region = \"asia\" }}\ndocument = \"asia.json\"\n\
         [[cells]]\nname = \"gone-1\"\nwave = 4\nlabels = {{ region = \"gone\" }}\nconsole = \"http://127.0.0.1:1\"\n",
        eu.url(),
        us.url()
    );
    std::fs::write(at.join("cells.toml"), file).expect("a file");

    let all = show(at, &[]).expect_code(20).document();
    assert_eq!((all.text("/schema"), all.text("/verdict")), ("parallax.cells/1", "wait"), "{all}");
    assert_eq!((all.count("/open_wave"), all.text("/cells/0/verdict")), (2, "promote"), "{all}");
    assert!(all.text("/cells/3/reason").contains("127.0.0.1:1"), "{all}");
    show(at, &["--before-wave", "2"]).expect_code(0);
    show(at, &["--before-wave", "3"]).expect_code(20);
    show(at, &["--where", "region=eu"]).expect_code(0);
    show(at, &["--where", "region=gone"]).expect_code(20);
    let other = show(at, &["--where", "region=asia", "--candidate", "sha256:bb"]).expect_code(20).document();
    assert!(other.text("/cells/0/reason").contains("about sha256:aa"), "{other}");
    for (args, part) in
        [(["--before-wave", "9"], "no cell is in wave 9"), (["--where", "region=x"], "these labels")]
    {
        let refused = show(at, &args).expect_code(2);
        assert!(refused.stderr.contains(part), "{refused}");
    }

    let shown = parallax(["verdict", "show", "--cells", "cells.toml"]).dir(at).run(SOON).expect_code(20);
    for part in ["WAIT  2 of 4 cells promote", "eu-1", "wave 2 is the first"] {
        assert!(shown.stdout.contains(part), "missing {part}: {shown}");
    }
}

#[test]
fn a_reject_in_one_cell_ends_the_wait_for_all() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let at = directory.path();
    let eu = console(vec![verdict("promote", true)]);
    let us = console(vec![verdict("wait", false), verdict("reject", true)]);
    let file = format!(
        "rule = \"at_least\"\nat_least = 2\n[[cells]]\nname = \"eu\"\nconsole = \"{}\"\n\
         [[cells]]\nname = \"us\"\nconsole = \"{}\"\n",
        eu.url(),
        us.url()
    );
    std::fs::write(at.join("cells.toml"), file).expect("a file");
    let wait = ["verdict", "wait", "--cells", "cells.toml", "--deadline", "50s"];
    let waited = parallax(wait).dir(at).run(SOON).expect_code(10);
    assert!(waited.stdout.contains("REJECT  rejected in us"), "{waited}");
}

#[test]
fn a_region_of_every_cell_is_asked_for_and_one_without_it_says_nothing() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let at = directory.path();
    let line = serde_json::json!({
        "slice": {"region": "eu"}, "check": "mismatch", "required": true, "state": "promote", "tau": 0.0005,
        "delta": 0.002, "n": 5000, "n_required": 2925, "need_units": 0, "worse": 1, "better": 1,
        "log_e_reject": -1.0, "log_e_reject_plain": -1.0, "log_threshold_reject": 3.0, "log_e_promote": 5.0,
        "log_e_promote_plain": 5.0, "log_threshold_promote": 4.6, "estimate": 0.0, "cs": [-0.001, 0.001],
        "deff": 1.0, "guard": "off", "examples": [],
    });
    let mut proved = verdict("promote", true);
    proved["checks"].as_array_mut().expect("checks").push(line);
    std::fs::write(at.join("one.json"), proved.to_string()).expect("a file");
    let file = "rule = \"all\"\n[[cells]]\nname = \"one\"\ndocument = \"one.json\"\n";
    std::fs::write(at.join("cells.toml"), file).expect("a file");
    show(at, &["--region", "eu"]).expect_code(0);
    let absent = show(at, &["--region", "eu", "--shard", "3"]).expect_code(20).document();
    assert!(absent.text("/cells/0/reason").contains("keeps no evidence of region=eu,shard=3"), "{absent}");
    // What nobody vouches for as a whole, no region of it passes.
    proved["verdict"] = "inconclusive".into();
    proved["promote"] = serde_json::Value::Null;
    std::fs::write(at.join("one.json"), proved.to_string()).expect("a file");
    show(at, &["--region", "eu"]).expect_code(20);
}
