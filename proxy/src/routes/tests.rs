use super::*;

fn route(name: &str, path: &str, methods: &[&str]) -> Route {
    Route { methods: methods.iter().map(|&method| method.to_owned()).collect(), ..Route::new(name, path) }
}

fn chosen(table: &RouteTable, method: Method, path: &str) -> Option<String> {
    asked(table, &method, path, &[])
}

fn asked(table: &RouteTable, method: &Method, target: &str, lines: &[(&str, &str)]) -> Option<String> {
    let uri: Uri = target.parse().unwrap();
    let headers = headers(lines);
    let selection = table.select(Asked { method, uri: &uri, headers: &headers })?;
    Some(
        selection
            .labels(&uri, &headers)
            .iter()
            .map(|label| label.value.to_string())
            .collect::<Vec<_>>()
            .join(" "),
    )
}

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    lines.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())).collect()
}

fn pairs(list: &[(&str, &str)]) -> std::collections::BTreeMap<String, String> {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn the_first_matching_route_wins_even_when_a_later_one_is_more_specific() {
    let table = RouteTable::new(&[route("any", "/v1/{*rest}", &[]), route("one", "/v1/users", &[])]).unwrap();
    assert_eq!(chosen(&table, Method::GET, "/v1/users").as_deref(), Some("any"));
    assert_eq!(chosen(&table, Method::GET, "/v2/users"), None);
}

#[test]
fn a_method_with_side_effects_is_taken_only_where_a_route_names_it() {
    let table = RouteTable::new(&[route("read", "/a", &[]), route("write", "/{name}", &["POST"])]).unwrap();
    assert_eq!(chosen(&table, Method::GET, "/a").as_deref(), Some("read"));
    assert_eq!(chosen(&table, Method::POST, "/a").as_deref(), Some("write"));
    assert_eq!(chosen(&table, Method::DELETE, "/a"), None);
    assert_eq!(chosen(&table, Method::GET, "/b"), None);
}

#[test]
fn without_a_table_reads_are_mirrored_and_carry_no_label() {
    let table = RouteTable::new(&[]).unwrap();
    assert_eq!(chosen(&table, Method::HEAD, "/x").as_deref(), Some(""));
    assert_eq!(chosen(&table, Method::POST, "/x"), None);
}

#[test]
fn a_tail_needs_a_segment_and_a_name_takes_exactly_one() {
    let table =
        RouteTable::new(&[route("tail", "/t/{*rest}", &[]), route("one", "/o/{id}/end", &[])]).unwrap();
    assert_eq!(chosen(&table, Method::GET, "/t/"), None);
    assert_eq!(chosen(&table, Method::GET, "/t/a/b").as_deref(), Some("tail"));
    assert_eq!(chosen(&table, Method::GET, "/o/7/end").as_deref(), Some("one"));
    assert_eq!(chosen(&table, Method::GET, "/o/7/8/end"), None);
}

#[test]
fn errors_name_the_route_and_the_remedy() {
    let message = |route| RouteTable::new(&[route]).unwrap_err().to_string();
    assert!(message(route("r", "v1", &[])).contains("routes.r: path = `v1` must start with `/`"));
    assert!(message(route("r", "/{a", &[])).contains("{*rest}"));
    assert!(message(route("r", "/a", &["PO ST"])).contains("`PO ST` is not a method"));
    assert!(message(Route { sample: 1.5, ..route("r", "/a", &[]) }).contains("from 0 to 1"));
}

#[test]
fn a_route_may_ask_for_a_host_headers_and_parameters() {
    let mut only = route("only", "prefix:/v1/", &[]);
    only.hosts = vec!["*.shop.example".to_owned()];
    only.headers = pairs(&[("x-tier", "gold"), ("x-internal", "!")]);
    only.query = pairs(&[("version", "2*")]);
    let table = RouteTable::new(&[only, route("rest", "/{*rest}", &[])]).unwrap();
    let take = |target: &str, lines: &[(&str, &str)]| asked(&table, &Method::GET, target, lines).unwrap();
    let good = [("host", "eu.shop.example:8080"), ("x-tier", "gold")];
    assert_eq!(take("/v1/?version=2.1", &good), "only");
    assert_eq!(take("/v1/?version=1", &good), "rest");
    assert_eq!(take("/v2/?version=2", &good), "rest");
    assert_eq!(take("/v1/a?version=2", &[("host", "shop.example"), good[1]]), "rest");
    assert_eq!(take("/v1/a?version=2", &[good[0], good[1], ("x-internal", "1")]), "rest");
}

#[test]
fn labels_come_from_headers_captures_and_texts_and_are_bounded() {
    let mut tenant = route("in", "/{shard}/{*rest}", &[]);
    tenant.labels = pairs(&[("region", "eu"), ("shard", "path:shard"), ("tenant", "header:x-tenant")]);
    let table = RouteTable::new(&[tenant]).unwrap();
    let take = |lines: &[(&str, &str)]| asked(&table, &Method::GET, "/s7/a/b", lines).unwrap();
    assert_eq!(take(&[("x-tenant", "acme")]), "in eu s7 acme");
    assert_eq!(take(&[]), "in eu s7", "a label without a value is none");
    assert_eq!(take(&[("x-tenant", &"t".repeat(1_000))]).len(), "in eu s7 ".len() + LABEL_BYTES_MAX);
}

#[test]
fn an_explanation_names_the_route_and_what_the_others_lack() {
    let mut gold = route("gold", "/v1/{id}", &["POST"]);
    gold.headers = pairs(&[("x-tier", "gold")]);
    let mut half = route("half", "/v1/{id}", &["POST"]);
    half.sample = 0.5;
    half.copy = Some(parallax_config::CopyEdit { path: Some("/s/{id}".to_owned()), ..Default::default() });
    let primary = parallax_config::Role::at("http://127.0.0.1:9");
    let mut config =
        parallax_config::Config::of(parallax_config::Roles { primary, candidate: None, control: None });
    config.routes = vec![route("read", "/v1/{id}", &[]), gold, half, route("never", "/v1/7", &["POST"])];
    config.key = vec![KeySource::Header("x-user".to_owned())];
    let explain = |user: Option<&str>| {
        let mut request = http::Request::post("/v1/7").body(()).unwrap();
        if let Some(user) = user {
            request.headers_mut().insert("x-user", user.parse().unwrap());
        }
        explain_route(&config, &request).unwrap()
    };
    let told = explain(Some("ada"));
    let unmet: Vec<_> = told.tried.iter().map(|tried| tried.unmet.as_deref().unwrap_or("taken")).collect();
    assert_eq!(
        unmet,
        [
            "takes GET and HEAD, not POST: name the method in `methods`",
            "the header x-tier is not `gold`",
            "taken"
        ]
    );
    assert_eq!((told.route.as_deref(), told.copy_target.as_deref()), (Some("half"), Some("/s/7")));
    assert!(told.mirrored.is_some() && told.why.contains("the key of header:x-user is"), "{told:?}");
    assert_eq!(explain(None).mirrored, None, "a connection's key is not known beforehand");
    let answers = (0..100).map(|user| explain(Some(&user.to_string())).mirrored);
    assert!((20..80).contains(&answers.filter(|mirrored| *mirrored == Some(true)).count()));
}
