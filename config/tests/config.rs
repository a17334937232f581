//! The configuration as people meet it: the example files, and what is said about mistakes.

use parallax_config::{Config, ConfigError, Day, KeySource, Loaded, Policy, Rule, Span, UnitKind, reference};
use std::path::{Path, PathBuf};

fn today() -> Day {
    "2026-11-23".parse().expect("a day")
}

fn load(text: &str, env: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::parse(text, "parallax.toml", env, today())
}

/// What is said about a file; its warnings when it can be used.
fn said(text: &str, env: &[(&str, &str)]) -> String {
    match load(text, env) {
        Err(error) => error.to_string(),
        Ok(loaded) => {
            let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
            format!("ok\n{}", warnings.join("\n"))
        }
    }
}

const GOOD: &str = r#"
key = ["header:x-user-id"]

[roles.primary]
url = "http://127.0.0.1:9001"

[roles.candidate]
url = "http://127.0.0.1:9002"
"#;

fn good_and(more: &str) -> String {
    format!("{GOOD}\n{more}")
}

mod files {
    use super::*;

    fn examples() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
    }

    #[test]
    fn every_example_file_can_be_used() {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(examples()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.extension().is_none_or(|extension| extension != "toml") || name == "Cargo.toml" {
                continue;
            }
            if let Err(error) = Config::load(&path, [], today()) {
                panic!("{error}");
            }
            names.push(name);
        }
        names.sort();
        assert_eq!(names, ["minimal.toml", "parallax.toml", "with-control.toml"]);
    }

    #[test]
    fn the_reference_file_is_what_explain_generates() {
        let path = examples().join("parallax.toml");
        if std::env::var_os("UPDATE_REFERENCE").is_some() {
            std::fs::write(&path, reference()).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            written == reference(),
            "config/parallax.toml is out of date: run `UPDATE_REFERENCE=1 cargo test -p parallax-config`"
        );
    }

    /// The switched-off lines are true too: with all of them on, the file still says the defaults.
    #[test]
    fn the_reference_file_is_valid_with_every_key_switched_on() {
        let is_key =
            |line: &str| line.starts_with('#') && !line.starts_with("# ") && !line.starts_with("#  ");
        let on: String = reference()
            .lines()
            .map(|line| if is_key(line) { &line[1..] } else { line })
            .collect::<Vec<_>>()
            .join("\n");
        // The example of min_cycle is a day, which the default deadline does not hold.
        let loaded = match load(&on, &[("PARALLAX_POLICY__DEADLINE", "48h")]) {
            Ok(loaded) => loaded,
            Err(error) => panic!("{error}\n{on}"),
        };
        let default = load(GOOD, &[]).unwrap().config;
        assert_eq!(loaded.config.listen.address, default.listen.address);
        assert_eq!(loaded.config.limits, default.limits);
        assert_eq!(loaded.config.log, default.log);
        assert_eq!(loaded.config.policy.alpha, default.policy.alpha);
        assert_eq!(loaded.config.policy.window, default.policy.window);
        assert_eq!(loaded.config.routes.len(), 1);
    }
}

mod overrides {
    use super::*;

    #[test]
    fn variables_override_by_path_and_type() {
        let routes = good_and("[[routes]]\nname = \"a\"\npath = \"/a\"\n");
        let loaded = load(
            &routes,
            &[
                ("PARALLAX_ROLES__CANDIDATE__URL", "http://10.0.0.7:80"),
                ("PARALLAX_ROLES__CONTROL__URL", "http://10.0.0.8:80"),
                ("PARALLAX_POLICY__MINIMUM_TIME", "1m"),
                ("PARALLAX_POLICY__UNIT", "key-once"),
                ("PARALLAX_POLICY__ALPHA", "0.01"),
                ("PARALLAX_POLICY__MINIMUM_KEYS", "1_000"),
                ("PARALLAX_POLICY__THRIFTY", "true"),
                ("PARALLAX_POLICY__CHECKS__LATENCY_P99__REJECT_RATIO", "1.08"),
                ("PARALLAX_ROUTES__0__SAMPLE", "0.5"),
                ("PARALLAX_ROUTES__1__NAME", "b"),
                ("PARALLAX_ROUTES__1__PATH", "/b"),
                ("PARALLAX_ROUTES__1__METHODS", "POST, PUT"),
                ("PARALLAX_KEY", "cookie:session,connection"),
                ("PATH", "/bin"),
            ],
        );
        let config = loaded.unwrap().config;
        assert_eq!(config.roles.candidate.unwrap().url, "http://10.0.0.7:80");
        assert_eq!(config.roles.control.unwrap().url, "http://10.0.0.8:80");
        assert_eq!(config.policy.minimum_time, Span::secs(60));
        assert_eq!(config.policy.unit, UnitKind::KeyOnce);
        assert_eq!(
            (config.policy.alpha, config.policy.minimum_keys, config.policy.thrifty),
            (0.01, 1000, true)
        );
        assert_eq!(config.policy.checks["latency.p99"].reject_ratio, Some(1.08));
        assert_eq!(config.routes[0].sample, 0.5);
        assert_eq!(config.routes[1].methods, ["POST", "PUT"]);
        assert_eq!(config.key, [KeySource::Cookie("session".to_owned()), KeySource::Connection]);
    }

    #[test]
    fn whole_tables_and_lists_are_written_as_toml() {
        let loaded = load(
            GOOD,
            &[
                ("PARALLAX_ROUTES", r#"[{ name = "x", path = "/x" }]"#),
                ("PARALLAX_ROUTES__0__SAMPLE", "0.25"),
                ("PARALLAX_POLICY__CHECKS", r#"{ "field./a/b" = { required = true } }"#),
            ],
        );
        let config = loaded.unwrap().config;
        assert_eq!((config.routes[0].name.as_str(), config.routes[0].sample), ("x", 0.25));
        assert_eq!(config.policy.checks["field./a/b"].required, Some(true));
    }

    #[test]
    fn what_kubernetes_sets_for_a_service_of_this_name_is_no_key() {
        let service = [
            ("PARALLAX_SERVICE_HOST", "10.0.0.1"),
            ("PARALLAX_SERVICE_PORT", "8080"),
            ("PARALLAX_SERVICE_PORT_HTTP", "8080"),
            ("PARALLAX_PORT", "tcp://10.0.0.1:8080"),
            ("PARALLAX_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
            ("PARALLAX_PORT_8080_TCP_ADDR", "10.0.0.1"),
            ("PARALLAX_CONSOLE_PORT_8081_TCP_PROTO", "tcp"),
            ("PARALLAX_LOG", "debug"),
        ];
        assert_eq!(said(GOOD, &service), said(GOOD, &[]));
        assert!(said(GOOD, &service).starts_with("ok"));
    }

    #[test]
    fn mistakes_in_variables_are_named() {
        insta::assert_snapshot!(said(
            GOOD,
            &[
                ("PARALLAX_ROLES__CANDIDAT__URL", "http://127.0.0.1:1"),
                ("PARALLAX_POLICY__ALPHA", "0.5"),
                ("PARALLAX_POLICY__BETA", "low"),
                ("PARALLAX_POLICY__CHECKS__LATENCY_P95__REQUIRED", "true"),
                ("PARALLAX_POLICY__MINIMUM_KEYS", "-1"),
                ("PARALLAX_POLICY__SELF_TEST", "yes"),
                ("PARALLAX_ROUTES__FIRST__SAMPLE", "1"),
                ("PARALLAX_ROUTES__3__SAMPLE", "1"),
                ("PARALLAX_LISTEN__ADDRESS__PORT", "8080"),
                ("PARALLAX_RULES", "body:/a"),
                ("PARALLAX_DEADLINE", "1h"),
            ],
        ));
    }

    #[test]
    fn a_wrong_value_names_the_variable_it_came_from() {
        insta::assert_snapshot!(said(
            GOOD,
            &[("PARALLAX_POLICY__ALPHA", "0.5"), ("PARALLAX_LISTEN__ADDRESS", "localhost:8080")]
        ));
    }
}

mod mistakes {
    use super::*;

    #[test]
    fn a_file_that_is_not_there_says_so() {
        let error = Config::load("/no/such/parallax.toml", [], today()).unwrap_err();
        assert_eq!(error.to_string(), "cannot read the configuration /no/such/parallax.toml");
        assert!(std::error::Error::source(&error).is_some());
    }

    #[test]
    fn all_syntax_errors_have_a_place() {
        insta::assert_snapshot!(said("[listen\naddress = 127.0.0.1:80\nx = \n[listen]\n[listen]\n", &[]));
    }

    #[test]
    fn all_key_errors_come_at_once() {
        insta::assert_snapshot!(said(
            r#"
            deadline = "1h"
            key = "header:x-user"
            [listen]
            adress = "127.0.0.1:80"
            threads = 0
            [roles.primary]
            ulr = "http://127.0.0.1:9001"
            [roles.secondary]
            [[routes]]
            name = 5
            path = "/a"
            sample = 1.5
            [[rules]]
            at = "boddy:/x"
            action = "ignor"
            expires = 2027-01-01T00:00:00Z
            [policy]
            aplha = 0.05
            beta = 0.5
            unit = "sesion"
            window = 10
            deadline = "soon"
            shadow_timeout = "2h"
            quiet = inf
            i_know = "true"
            [policy.checks.status]
            tua = 0.1
            [limits]
            colour = "red"
            body_bytes = -1
            copy_bytes = 0.5
            "#,
            &[],
        ));
    }

    #[test]
    fn what_keys_mean_together_is_checked() {
        insta::assert_snapshot!(said(
            &good_and(
                r#"
                [policy]
                tau = 0.01
                delta = 0.002
                window = "10s"
                key_block = "15s"
                minimum_time = "3h"
                min_cycle = "24h"
                shadow_timeout = "30s"
                seal_delay = "20s"
                tau_window = 0.2
                quiet = 30.0
                [policy.checks.status]
                tau = 0.001
                [policy.checks.availability]
                tau = 0.0
                [policy.checks."latency.p99"]
                reject_ratio = 1.2
                reject_floor = "5ms"
                tau = 0.1
                [policy.checks."latency.p95"]
                required = true
                [policy.checks.mismatch]
                reject_ratio = 1.2
                [[policy.slices]]
                slice = { tenant = "a" }
                weight = 0.6
                [[policy.slices]]
                slice = { route = "ingst" }
                weight = 0.5
                [[routes]]
                name = "ingest"
                path = "/v1/{*rest}"
                "#
            ),
            &[],
        ));
    }

    #[test]
    fn addresses_routes_and_rules_are_checked() {
        insta::assert_snapshot!(said(
            r#"
            [listen]
            address = "0.0.0.0:8080"
            [console]
            address = "127.0.0.1:8080"
            [roles.primary]
            url = "h2://service.example"
            [roles.candidate]
            url = "http://localhost:8080"
            [roles.control]
            url = "http://me:secret@10.0.0.1/base"
            [[routes]]
            name = "a"
            path = "v1"
            methods = ["post", "CONNECT", "GE T"]
            [[routes]]
            name = "a"
            path = "/v1/{*rest}/more"
            [[rules]]
            at = "status"
            action = "unordered"
            expires = 2026-11-23
            owner = "ingest team"
            [[rules]]
            at = "body:/a~b"
            action = "ignore"
            route = "b"
            [log]
            url = "kafka://127.0.0.1:9092/orders"
            segment_bytes = 1_000_000
            total_bytes = 1_000_000
            [limits]
            queue_bytes = 1000
            "#,
            &[],
        ));
    }

    #[test]
    fn conditions_labels_and_copies_of_routes_are_checked() {
        insta::assert_snapshot!(said(
            r#"
            key = ["body"]
            [mirror]
            expires = "tomorrow"
            copies_per_second = 0
            [roles.primary]
            url = "http://127.0.0.1:9001"
            [[routes]]
            name = "a"
            path = "prefix:/v1/{id}"
            hosts = ["shop.example:8080"]
            headers = { "x tier" = "gold" }
            query = { "" = "1" }
            sample_by = ["path:x"]
            labels = { route = "eu", shard = "path:shard", empty = "" }
            [routes.copy]
            path = "v2/{other}"
            remove = ["content-length"]
            set = { host = "shadow", "a b" = "c" }
            "#,
            &[],
        ));
        insta::assert_snapshot!(said(
            r#"
            key = ["body"]
            [roles.primary]
            url = "http://127.0.0.1:9001"
            [[routes]]
            name = "a"
            path = "prefix:/v1/{id}"
            hosts = ["shop.example:8080"]
            headers = { "x tier" = "gold" }
            query = { "" = "1" }
            labels = { route = "eu", shard = "path:shard", empty = "", who = "header:x-api-key" }
            [routes.copy]
            path = "v2/{other}"
            remove = ["content-length"]
            set = { host = "shadow", "a b" = "c" }
            [redact]
            places = ["header:X-Api-Key", "body:users", "secret"]
            "#,
            &[],
        ));
    }

    #[test]
    fn what_deserves_a_look_is_a_warning() {
        insta::assert_snapshot!(said(
            r#"
            [roles.primary]
            url = "http://127.0.0.1:9001"
            [roles.candidate]
            url = "http://127.0.0.1:9001"
            [roles.control]
            url = "http://127.0.0.1:9001/"
            [[routes]]
            name = "a"
            path = "/{*rest}"
            [[routes]]
            name = "b"
            path = "/b/:id"
            [[rules]]
            at = "status"
            action = "ignore"
            expires = 2026-12-01
            [[rules]]
            at = "status"
            action = "ignore"
            [policy]
            deadline = "100s"
            minimum_time = "10s"
            unit = "session"
            [[policy.slices]]
            slice = { route = "a" }
            required = true
            rate = 2.0
            "#,
            &[],
        ));
    }
}

mod sections {
    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("part.toml");
        std::fs::write(&path, text).unwrap();
        (directory, path)
    }

    #[test]
    fn a_policy_file_needs_no_roles() {
        let (_directory, path) = file("[policy]\nalpha = 0.1\n[policy.checks.status]\nrequired = false\n");
        let policy = Policy::load(&path, []).unwrap();
        assert_eq!((policy.alpha, policy.checks["status"].required), (0.1, Some(false)));
        let (_directory, path) = file("");
        assert_eq!(Policy::load(&path, []).unwrap(), Policy::default());
    }

    #[test]
    fn a_policy_file_is_held_to_the_same_rules() {
        let (_directory, path) = file("[policy]\ntau = 0.5\ndelta = 0.1\n[polcy]\n");
        assert!(Policy::load(&path, []).unwrap_err().to_string().contains("did you mean `policy`?"));
        let (_directory, path) = file("[policy]\ntau = 0.5\ndelta = 0.1\n");
        assert!(
            Policy::load(&path, [])
                .unwrap_err()
                .to_string()
                .contains("2:1: policy.tau: is 0.5, must be below")
        );
    }

    #[test]
    fn a_rules_file_holds_rules_of_any_route() {
        let (_directory, path) = file("[[rules]]\nat = \"status\"\naction = \"ignore\"\nroute = \"any\"\n");
        assert_eq!(Rule::load(&path, today()).unwrap().len(), 1);
        let (_directory, path) =
            file("[[rules]]\nat = \"status\"\naction = \"ignore\"\nexpires = 2020-01-01\n");
        assert!(Rule::load(&path, today()).is_err());
    }
}

mod reports {
    use super::*;

    #[test]
    fn a_good_file_is_summed_up() {
        let more = "[[routes]]\nname = \"a\"\npath = \"/a\"\nmethods = [\"POST\"]\nsample = 0.1\n\
                    [[routes]]\nname = \"b\"\npath = \"/{*rest}\"\n";
        insta::assert_snapshot!(load(&good_and(more), &[]).unwrap().summary());
    }

    #[test]
    fn the_document_holds_problems_with_their_places() {
        let document = parallax_config::report(&load("x = 1\n", &[]));
        insta::assert_json_snapshot!(document);
        let document = parallax_config::report(&load(GOOD, &[]));
        assert_eq!((&document["ok"], document["problems"].as_array().unwrap().len()), (&true.into(), 0));
    }
}

mod laws {
    use super::*;
    use proptest::prelude::*;

    /// Keys of several types: a path of tables, the key, and values it may have, as TOML.
    const KEYS: [(&[&str], &str, &[&str]); 8] = [
        (&["policy"], "alpha", &["0.01", "0.2", "0.15"]),
        (&["policy"], "minimum_keys", &["0", "17", "100_000"]),
        (&["policy"], "minimum_time", &["\"0s\"", "\"90s\"", "\"1h\""]),
        (&["policy"], "unit", &["\"request\"", "\"key-once\""]),
        (&["policy"], "thrifty", &["true", "false"]),
        (&["policy", "checks", "status"], "required", &["true", "false"]),
        (&["limits"], "queue_bytes", &["2_000_000", "300_000_000"]),
        (&["roles", "candidate"], "url", &["\"http://10.1.2.3:4\"", "\"http://b.example:80\""]),
    ];

    proptest! {
        /// A variable says what the same key in the file would say.
        #[test]
        fn a_variable_is_worth_a_line_of_the_file(
            choices in proptest::collection::vec((0..KEYS.len(), 0_usize..3), 0..6),
        ) {
            let mut file: toml::Table = GOOD.parse().unwrap();
            let mut env = std::collections::BTreeMap::new();
            for (key, value) in choices {
                let (tables, key, values) = KEYS[key];
                let value = values[value % values.len()];
                let mut table = &mut file;
                for name in tables {
                    let next = table.entry(*name).or_insert_with(|| toml::Table::new().into());
                    table = next.as_table_mut().unwrap();
                }
                table.insert(key.to_owned(), value.parse().unwrap());
                let steps: Vec<String> = tables.iter().chain([&key]).map(|step| step.to_uppercase()).collect();
                env.insert(format!("PARALLAX_{}", steps.join("__")), value.trim_matches('"').to_owned());
            }
            let by_file = Config::parse(&file.to_string(), "f", [], today()).unwrap().config;
            let by_env = Config::parse(GOOD, "f", env, today()).unwrap().config;
            prop_assert_eq!(by_file, by_env);
        }

        /// Any text is a configuration or a list of problems, each with something to say.
        #[test]
        fn any_text_is_read_to_its_end(
            lines in proptest::collection::vec("(\\[{1,2})?[a-z_.]{1,12}(\\]{1,2})?( = ([0-9.]{1,4}|\"[a-z:/0-9]{0,12}\"|\\[\\]|\\{\\}))?", 0..12),
        ) {
            match Config::parse(&lines.join("\n"), "f", [], today()) {
                Ok(_) => {}
                Err(ConfigError::Invalid { problems, .. }) => {
                    prop_assert!(!problems.is_empty());
                    prop_assert!(problems.iter().all(|problem| !problem.what.is_empty()));
                }
                Err(error) => prop_assert!(false, "{error}"),
            }
        }
    }
}
