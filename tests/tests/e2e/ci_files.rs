//! The files for GitHub and GitLab: valid by the published schemas, and their scripts run as they stand.

use crate::harness::tools::{directory, need};
use crate::harness::{binary_path, root};
use crate::waiting::{console, verdict};
use serde_json::{Map, Value};
use std::path::Path;
use std::process::{Command, Output};

fn read(file: &str) -> Value {
    let text = std::fs::read_to_string(root().join("deploy").join(file)).expect("the example exists");
    serde_saphyr::from_str(&text).expect("the example is YAML")
}

/// Runs a script as a runner does, with `parallax` on the path.
fn bash(script: &str, directory: &Path, variables: &[(String, String)]) -> Output {
    let binary = binary_path();
    let path = std::env::var("PATH").unwrap_or_default();
    let own = binary.parent().expect("it lies in a directory").display();
    let mut bash = Command::new("bash");
    bash.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script]).current_dir(directory);
    bash.env("PATH", format!("{own}:{path}")).envs(variables.iter().cloned());
    bash.output().expect("bash runs")
}

#[test]
fn the_files_are_what_the_published_schemas_want() {
    let test = "schemas of CI files";
    let tool = directory().join("schemas/bin/check-jsonschema");
    let Some(tool) = need(test, tool, "schemas") else { return };
    let check = |schema: &str, file: &Path| {
        let output = Command::new(&tool).args(["--builtin-schema", schema]).arg(file).output();
        let output = output.expect("check-jsonschema runs");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let scratch = tempfile::tempdir().expect("a temporary directory");
    for (schema, file, right, wrong) in [
        ("vendor.github-actions", "github/action.yml", "using: composite", "using: composit"),
        ("vendor.github-workflows", "github/release.yml", "runs-on:", "run-on:"),
        ("vendor.gitlab-ci", "gitlab/parallax.gitlab-ci.yml", "when: always", "when: allways"),
    ] {
        let text = std::fs::read_to_string(root().join("deploy").join(file)).expect("the example exists");
        // GitLab's schema does not look into hidden jobs, so the template is checked as the job it becomes.
        let text = text.replace("\n.parallax-verdict:", "\nverdict:");
        let whole = scratch.path().join("whole.yml");
        std::fs::write(&whole, &text).expect("a file");
        let (is_valid, said) = check(schema, &whole);
        assert!(is_valid, "{file}: {said}");
        let slip = scratch.path().join("slip.yml");
        std::fs::write(&slip, text.replacen(right, wrong, 1)).expect("a file");
        assert!(!check(schema, &slip).0, "{file}: `{wrong}` is not seen");
    }
}

#[test]
fn the_action_passes_on_a_promote_only_and_sets_its_outputs() {
    let action = read("github/action.yml");
    let step = &action["runs"]["steps"][0];
    let script = step["run"].as_str().expect("a script");
    for (state, code) in [("promote", 0), ("reject", 10), ("inconclusive", 10), ("invalid", 30)] {
        let console = console(vec![verdict(state, true)]);
        let directory = tempfile::tempdir().expect("a temporary directory");
        let given = [("console", console.url()), ("candidate", "sha256:aa".to_owned())];
        let mut variables = environment(step["env"].as_object().expect("variables"), &action, &given);
        for name in ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"] {
            variables.push((name.to_owned(), directory.path().join(name).display().to_string()));
        }
        let output = bash(script, directory.path(), &variables);
        assert_eq!(output.status.code(), Some(code), "{state}: {}", String::from_utf8_lossy(&output.stderr));
        let text = |name: &str| std::fs::read_to_string(directory.path().join(name)).expect("it was written");
        let outputs = text("GITHUB_OUTPUT");
        for (name, output) in action["outputs"].as_object().expect("outputs") {
            assert!(outputs.lines().any(|line| line.starts_with(&format!("{name}="))), "{name}: {outputs}");
            assert_eq!(output["value"], format!("${{{{ steps.verdict.outputs.{name} }}}}"));
        }
        assert!(outputs.contains(&format!("verdict={state}\n")), "{outputs}");
        assert!(text("GITHUB_STEP_SUMMARY").starts_with("## Parallax: "));
        let annotations = String::from_utf8_lossy(&output.stdout).into_owned();
        let level = match state {
            "promote" => "::notice ",
            "inconclusive" => "::warning ",
            _ => "::error ",
        };
        assert!(annotations.lines().any(|line| line.starts_with(level)), "{state}: {annotations}");
    }
}

#[test]
fn gitlabs_job_exits_as_the_verdict_and_leaves_a_report() {
    let job = read("gitlab/parallax.gitlab-ci.yml")[".parallax-verdict"].clone();
    assert_eq!(job["allow_failure"]["exit_codes"], serde_json::json!([20]));
    let script = job["script"][0].as_str().expect("a script");
    for (state, code) in [("promote", 0), ("reject", 10), ("inconclusive", 20), ("invalid", 30)] {
        let console = console(vec![verdict(state, true)]);
        let directory = tempfile::tempdir().expect("a temporary directory");
        let variables = job["variables"].as_object().expect("variables").iter().map(|(name, value)| {
            let value = match name.as_str() {
                "VERDICT_CONSOLE" => console.url(),
                "CANDIDATE_DIGEST" => "sha256:aa".to_owned(),
                _ => value.as_str().expect("a text").to_owned(),
            };
            (name.clone(), value)
        });
        let output = bash(script, directory.path(), &variables.collect::<Vec<_>>());
        assert_eq!(output.status.code(), Some(code), "{state}: {}", String::from_utf8_lossy(&output.stderr));
        let report = job["artifacts"]["reports"]["codequality"].as_str().expect("a file");
        let report = std::fs::read_to_string(directory.path().join(report)).expect("it was written");
        assert!(serde_json::from_str::<Vec<Value>>(&report).is_ok(), "{report}");
    }
}

/// A step's variables with the inputs filled in: what is given, or their defaults.
fn environment(
    variables: &Map<String, Value>,
    action: &Value,
    given: &[(&str, String)],
) -> Vec<(String, String)> {
    let fill = |text: &str| {
        let name = text.strip_prefix("${{ inputs.").and_then(|text| text.strip_suffix(" }}"));
        let name = name.unwrap_or_else(|| panic!("{text} is no input"));
        let input = &action["inputs"][name];
        let value = given.iter().find(|(other, _)| *other == name).map(|(_, value)| value.clone());
        assert!(value.is_some() || input["required"] != true, "{name} is required");
        value.unwrap_or_else(|| input["default"].as_str().expect("a default").to_owned())
    };
    variables.iter().map(|(name, value)| (name.clone(), fill(value.as_str().expect("a text")))).collect()
}
