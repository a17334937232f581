//! Single cases of the JSON comparison that the specification names.

use parallax_comparator::diff::{Document, Kind, Limits, files, files_within};
use parallax_config::{Action, Place, Rule};

fn rule(at: &str, action: Action) -> Rule {
    let at = Place::try_from(at.to_owned()).unwrap();
    Rule { at, action, route: None, owner: None, expires: None }
}

fn diff(left: &str, right: &str, rules: &[Rule]) -> Vec<(String, String, Kind)> {
    let document = files(left.as_bytes(), right.as_bytes(), "application/json", rules).unwrap();
    assert!(!document.truncated);
    document.differences.into_iter().map(|d| (d.path, d.pattern, d.kind)).collect()
}

fn paths(left: &str, right: &str, rules: &[Rule]) -> Vec<String> {
    diff(left, right, rules).into_iter().map(|(path, _, kind)| format!("{kind:?} {path}")).collect()
}

#[test]
fn numbers_are_equal_when_their_exact_values_are() {
    let left = "[1.0, 1e2, -0, 9007199254740993, 0.1, 1E400, NaN, -Infinity]";
    assert_eq!(paths(left, "[1,100,0,9007199254740993,1e-1,10e399,NaN,-Infinity]", &[]), [""; 0]);
    assert_eq!(
        paths(left, "[1,100,0,9007199254740992,0.1,1E400,NaN,Infinity]", &[]),
        ["Value /3", "Value /7"]
    );
}

#[test]
fn a_rule_can_ask_for_equal_spelling() {
    let rules = [rule("body:/exact/*", Action::ExactSpelling)];
    let (left, right) = (r#"{"exact":[1.0,2],"free":1.0}"#, r#"{"exact":[1,2],"free":1}"#);
    assert_eq!(paths(left, right, &rules), ["Value /exact/0"]);
}

#[test]
fn types_and_literals_are_told_apart() {
    let left = r#"{"a":true,"b":null,"c":"1","d":{},"e":[]}"#;
    let right = r#"{"a":false,"b":false,"c":1,"d":[],"e":null}"#;
    assert_eq!(paths(left, right, &[]), ["Value /a", "Type /b", "Type /c", "Type /d", "Type /e"]);
}

#[test]
fn duplicate_keys_are_compared_occurrence_by_occurrence() {
    assert_eq!(paths(r#"{"a":1,"a":2}"#, r#"{"a":1,"a":2}"#, &[]), [""; 0]);
    assert_eq!(paths(r#"{"a":1,"b":0,"a":2}"#, r#"{"b":0,"a":1,"a":2}"#, &[]), [""; 0]);
    assert_eq!(paths(r#"{"a":1,"a":2}"#, r#"{"a":2,"a":1}"#, &[]), ["Value /a", "Value /a"]);
    assert_eq!(paths(r#"{"a":1,"a":2}"#, r#"{"a":1}"#, &[]), ["Missing /a"]);
}

#[test]
fn members_of_a_large_object_are_found_in_any_order() {
    let object = |keys: Vec<usize>| {
        let members: Vec<_> = keys.iter().map(|k| format!("\"k{k}\":[{k}]")).collect();
        format!("{{\"dup\":1,{},\"dup\":2}}", members.join(","))
    };
    let left = object((0..300).collect());
    let right = object((0..300).rev().filter(|k| *k != 7).chain([900]).collect());
    assert_eq!(paths(&left, &right, &[]), ["Missing /k7", "Extra /k900"]);
}

#[test]
fn a_moved_or_removed_element_is_one_difference_of_the_array() {
    assert_eq!(paths("[1,2,3,4]", "[1,3,2,4]", &[]), ["Order "]);
    assert_eq!(paths(r#"{"a":[{"x":1},{"x":2.0}]}"#, r#"{"a":[{"x":2},{"x":1}]}"#, &[]), ["Order /a"]);
    assert_eq!(paths("[1,2,3]", "[2,3]", &[]), ["Length "]);
    assert_eq!(paths("[[1],2,3]", "[[9],2,3,4]", &[]), ["Length ", "Value /0/0"]);
    assert_eq!(paths("[1,2]", "[3,4]", &[]), ["Value /0", "Value /1"]);
}

#[test]
fn an_unordered_array_is_a_multiset() {
    let rules = [rule("body:/tags", Action::Unordered)];
    let of = |tags: &str| format!(r#"{{"tags":{tags}}}"#);
    let compare = |left: &str, right: &str| paths(&of(left), &of(right), &rules);
    assert_eq!(compare(r#"["a","b","a"]"#, r#"["a","a","b"]"#), [""; 0]);
    assert_eq!(compare(r#"[{"id":1,"v":[1]},{"id":2}]"#, r#"[{"id":2.0},{"v":[1],"id":1}]"#), [""; 0]);
    assert_eq!(compare(r#"["a","b","a"]"#, r#"["b","b","a"]"#), ["Value /tags/2"]);
    assert_eq!(compare(r#"[{"id":1,"v":1},{"id":2}]"#, r#"[{"id":2},{"id":1,"v":9}]"#), ["Value /tags/0/v"]);
    assert_eq!(compare("[3,1,2]", "[2,3]"), ["Missing /tags/1"]);
    assert_eq!(compare("[1]", "[2,1,2]"), ["Extra /tags/0", "Extra /tags/2"]);
}

#[test]
fn unordered_arrays_nest() {
    let rules = [rule("body:/**", Action::Unordered)];
    assert_eq!(paths("[[1,2],[3,[4,5]]]", "[[[5,4],3],[2,1]]", &rules), [""; 0]);
    assert_eq!(paths("[[1,2],[3,[4,5]]]", "[[[5,6],3],[2,1]]", &rules), ["Value /1/1/0"]);
}

#[test]
fn ignore_covers_its_place_and_what_lies_below() {
    let left = r#"{"id":1,"at":{"s":1},"list":[{"ts":1,"v":1},{"ts":2,"v":2}]}"#;
    let right = r#"{"id":1,"at":{"s":2,"n":3},"list":[{"ts":3,"v":1},{"v":3}]}"#;
    let ignore = |at: &str| rule(at, Action::Ignore);
    assert_eq!(paths(left, right, &[ignore("body:/at"), ignore("body:/list/*/ts")]), ["Value /list/1/v"]);
    assert_eq!(paths(left, right, &[ignore("body:/**/ts"), ignore("body:/at/**")]), ["Value /list/1/v"]);
    assert_eq!(paths(left, right, &[ignore("body:")]), [""; 0]);
    assert_eq!(paths(left, "no JSON", &[ignore("body:/at")]), ["Unparsable "]);
}

#[test]
fn an_ignored_member_does_not_hide_that_elements_moved() {
    let rules = [rule("body:/*/ts", Action::Ignore)];
    assert_eq!(
        paths(r#"[{"v":1,"ts":1},{"v":2,"ts":2}]"#, r#"[{"v":2,"ts":8},{"v":1,"ts":9}]"#, &rules),
        ["Order "]
    );
}

#[test]
fn paths_are_generalised() {
    let left = r#"{"users":{"3f2504e0-4f89-11d3-9a0c-0305e82c3301":[{"a/b":1}]}}"#;
    let right = left.replace(":1", ":2");
    let expected = ("/users/3f2504e0-4f89-11d3-9a0c-0305e82c3301/0/a~1b", "/users/*/*/a~1b", Kind::Value);
    assert_eq!(diff(left, &right, &[]), [(expected.0.to_owned(), expected.1.to_owned(), expected.2)]);
}

#[test]
fn invalid_json_is_its_own_kind_with_the_place_in_a_note() {
    for broken in
        ["{\"a\":1,}", "{\"a\":01}", "{\"a\":1} x", "{\"a\":tru}", "{\"a\":\"\\x\"}", "{\"a\":\"\u{1}\"}"]
    {
        let document = files(b"{\"a\":1}", broken.as_bytes(), "application/json", &[]).unwrap();
        assert_eq!(document.differences[0].kind, Kind::Unparsable, "{broken}");
        assert!(document.differences[0].note.as_ref().unwrap().starts_with("the right side is not JSON"));
    }
    assert_eq!(paths("{", "{", &[]), [""; 0]);
}

#[test]
fn nesting_beyond_the_limit_is_unparsable_and_below_it_is_read() {
    let nested = |depth: usize, leaf: &str| "[".repeat(depth) + leaf + &"]".repeat(depth);
    let at = "/0".repeat(512);
    assert_eq!(paths(&nested(512, "1"), &nested(512, "2"), &[]), [format!("Value {at}")]);
    assert_eq!(paths(&nested(513, "1"), &nested(513, "2"), &[]), ["Unparsable "]);
    assert_eq!(paths(&nested(100_000, "1"), "1", &[]), ["Unparsable "]);
}

#[test]
fn a_bound_on_differences_is_told() {
    let list = |n: i32| format!("[{}]", (0..100).map(|i| (i * n).to_string()).collect::<Vec<_>>().join(","));
    let limits = Limits { differences: 10, ..Limits::TRAFFIC };
    let Document { differences, truncated, equal, .. } =
        files_within(list(1).as_bytes(), list(-1000).as_bytes(), "application/json", &[], limits).unwrap();
    assert_eq!((differences.len(), truncated, equal), (10, true, false));
}

#[test]
fn a_comparison_that_reaches_its_work_limit_is_never_equal() {
    let numbers = |step: usize| {
        let all: Vec<_> = (0..2_000_usize).map(|i| format!("[{} ,0]", i * step % 2_000)).collect();
        format!("[{}]", all.join(","))
    };
    let (left, right) = (numbers(1), numbers(7).replace(' ', ""));
    let rules = [rule("body:", Action::Unordered)];
    let at = |reread_bytes| {
        let limits = Limits { reread_bytes, ..Limits::TRAFFIC };
        files_within(left.as_bytes(), right.as_bytes(), "application/json", &rules, limits).unwrap()
    };
    assert!(at(1 << 30).equal);
    let stopped = at(1 << 16);
    assert!(!stopped.equal && stopped.truncated);
    assert!(stopped.differences[0].note.as_ref().unwrap().contains("work limit"));
}

#[test]
fn lines_of_json_are_compared_as_an_array() {
    let compare = |left: &str, right: &str| {
        let document = files(left.as_bytes(), right.as_bytes(), "application/x-ndjson", &[]).unwrap();
        document
            .differences
            .into_iter()
            .map(|d| format!("{:?} {} {}", d.kind, d.path, d.pattern))
            .collect::<Vec<_>>()
    };
    assert_eq!(compare("{\"a\":1}\n{\"a\":2}\n", "{\"a\": 1.0}\n\n{\"a\":2}"), [""; 0]);
    assert_eq!(compare("{\"a\":1}\n{\"a\":2}\n", "{\"a\":1}\n{\"a\":3}\n"), ["Value /1/a /*/a"]);
    assert_eq!(compare("{\"a\":1}\n", "{\"a\":1}\n{\"a\":3}\n"), ["Length  "]);
    assert_eq!(compare("{\"a\":1}\n", "{\"a\":1}\n{\"a\":"), ["Unparsable  "]);
}

fn act(at: &str, action: &str) -> Rule {
    rule(at, Action::try_from(action.to_owned()).unwrap())
}

#[test]
fn tolerances_are_for_numbers_and_times_that_are_near() {
    let (left, right) =
        (r#"{"n":10,"p":100,"t":"2026-01-01T00:00:00Z"}"#, r#"{"n":10.5,"p":"x","t":1767225601}"#);
    let rules =
        [act("body:/n", "tolerate:0.5"), act("body:/p", "tolerate:5%"), act("body:/t", "tolerate:1s")];
    assert_eq!(paths(left, right, &rules), ["Type /p", "Type /t"]);
    let right = r#"{"n":10.6,"p":105.2,"t":"2026-01-01T01:00:01+01:00"}"#;
    assert_eq!(paths(left, right, &rules), ["Value /n"]);
    assert_eq!(paths(left, right, &[act("body:/**", "tolerate:1000")]), ["Value /t"]);
}

#[test]
fn classes_and_patterns_let_values_vary_but_not_break() {
    let id = act("body:/id", "class:uuid");
    let of = |id: &str| format!(r#"{{"id":"{id}"}}"#);
    let uuid = |n: u8| of(&format!("3f2504e0-4f89-11d3-9a0c-0305e82c33{n:02}"));
    assert_eq!(paths(&uuid(1), &uuid(2), std::slice::from_ref(&id)), [""; 0]);
    assert_eq!(paths(&uuid(1), &of("none"), std::slice::from_ref(&id)), ["Value /id"]);
    assert_eq!(paths(&uuid(1), "{}", &[id]), ["Missing /id"]);
    let request = [act("body:/id", "matches:req-[0-9]+")];
    assert_eq!(paths(&of("req-1"), &of("req-22"), &request), [""; 0]);
    assert_eq!(paths(&of("req-1"), &of("a req-2"), &request), ["Value /id"]);
    let rewritten = [act("body:/id", "rewrite:-[0-9a-f]{4} => -x")];
    assert_eq!(paths(&of("a-00ff"), &of("a-1234"), &rewritten), [""; 0]);
    assert_eq!(paths(&of("a-00ff"), &of("b-1234"), &rewritten), ["Value /id"]);
    let filled = [act("body:/id", "class:non_empty")];
    assert_eq!(paths(&of("a"), &of("b"), &filled), [""; 0]);
    assert_eq!(paths(&of("a"), &of(""), &filled), ["Value /id"]);
    assert_eq!(paths(r#"{"id":[1]}"#, r#"{"id":[1,2]}"#, &filled), [""; 0]);
}

#[test]
fn presence_case_and_null_have_rules() {
    let present = [act("body:/meta", "present")];
    assert_eq!(paths(r#"{"meta":{"a":1}}"#, r#"{"meta":[2]}"#, &present), [""; 0]);
    assert_eq!(paths(r#"{"meta":{"a":1}}"#, r#"{"meta":{}}"#, &present), [""; 0]);
    assert_eq!(paths(r#"{"meta":{"a":1}}"#, "{}", &present), ["Missing /meta"]);
    let folded = [act("body:/**", "case_fold")];
    assert_eq!(paths(r#"["Straße É"]"#, r#"["STRAßE é"]"#, &folded), [""; 0]);
    assert_eq!(paths(r#"["a"]"#, r#"["b"]"#, &folded), ["Value /0"]);
    let absent = [act("body:/**", "null_equals_absent")];
    assert_eq!(paths(r#"{"a":null,"b":1}"#, r#"{"b":1,"c":null}"#, &absent), [""; 0]);
    assert_eq!(paths(r#"{"a":0}"#, r#"{"b":null}"#, &absent), ["Missing /a"]);
}

#[test]
fn keyed_elements_are_found_by_their_key() {
    let rules = [act("body:/list", "keyed_by:/id")];
    let compare = |left: &str, right: &str| {
        paths(&format!(r#"{{"list":{left}}}"#), &format!(r#"{{"list":{right}}}"#), &rules)
    };
    let left = r#"[{"id":1,"v":1},{"id":"x","v":2},{"v":3}]"#;
    assert_eq!(compare(left, r#"[{"v":3},{"id":"\u0078","v":9},{"v":1,"id":1}]"#), ["Value /list/1/v"]);
    assert_eq!(compare(left, r#"[{"v":3},{"id":"x","v":2},{"id":7}]"#), ["Missing /list/0", "Extra /list/2"]);
    assert_eq!(compare(r#"[{"id":1,"v":1},{"id":1,"v":2}]"#, r#"[{"id":1,"v":1}]"#), ["Missing /list/1"]);
    let nested = [act("body:", "keyed_by:/a/1")];
    assert_eq!(
        paths(r#"[{"a":[0,1]},{"a":[0,2]}]"#, r#"[{"a":[0,2]},{"a":[5,1]}]"#, &nested),
        ["Value /0/a/0"]
    );
}

#[test]
fn rules_on_whole_texts_rewrite_what_varies_in_them() {
    let rules = [act("body:", "rewrite:Servlet-[0-9a-f]{8} => Servlet-x")];
    let page = |hash: &str, code: u16| format!("<html>\nServlet-{hash}\n{code}\n</html>");
    let compare = |left: String, right: String| {
        files(left.as_bytes(), right.as_bytes(), "text/html", &rules).unwrap().equal
    };
    assert!(compare(page("7487df0b", 503), page("00000000", 503)));
    assert!(!compare(page("7487df0b", 503), page("00000000", 500)));
}
