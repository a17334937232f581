//! Which requests are mirrored, and under which key.

use crate::rig::{Rig, bare, get, post, role, route};
use crate::server::{Server, ok};
use parallax_config::KeySource;
use parallax_exchange::DropReason;
use xxhash_rust::xxh3::xxh3_64;

fn rig(change: impl FnOnce(&mut parallax_config::Config)) -> (Rig, [Server; 2]) {
    let servers = [(); 2].map(|()| Server::start(|_| ok("x")));
    let mut config = bare(&servers[0].url());
    config.roles.candidate = role(servers[1].url());
    change(&mut config);
    (Rig::start(&config), servers)
}

#[test]
fn without_routes_only_reads_are_mirrored() {
    let (rig, _servers) = rig(|_| {});
    rig.get("/a");
    rig.post("/a", "b");
    rig.client().send("HEAD /a HTTP/1.1\r\nhost: a\r\n\r\n").response_to("HEAD");
    let rest = rig.drain();
    rest.assert_conserved(0);
    assert_eq!((rest.admissions.mirrored, rest.admissions.not_selected), (2, 1));
    assert!(
        rest.exchanges.iter().all(|exchange| exchange.labels.is_empty() && exchange.sample_ppm == 1_000_000)
    );
}

#[test]
fn a_request_that_no_route_takes_is_proxied_and_not_mirrored() {
    let (rig, servers) = rig(|config| config.routes = vec![route("in", "/in/{id}")]);
    assert_eq!(rig.get("/out").status, 200);
    assert_eq!(rig.get("/in/7").status, 200);
    let rest = rig.drain();
    rest.assert_conserved(0);
    assert_eq!((rest.admissions.mirrored, rest.admissions.not_selected), (1, 1));
    assert_eq!(servers[1].received().len(), 1);
}

#[test]
fn a_sample_follows_the_key_not_the_request() {
    let (rig, _servers) = rig(|config| {
        config.routes = vec![route("half", "/{*rest}")];
        config.routes[0].sample = 0.5;
        config.key = vec![KeySource::Query("u".to_owned())];
    });
    let mut client = rig.client();
    for user in 0..100 {
        for _ in 0..2 {
            client.send(get(&format!("/a?u={user}"))).response();
        }
    }
    drop(client);
    let rest = rig.drain();
    rest.assert_conserved(0);
    let mut keys: Vec<_> = rest.exchanges.iter().map(|exchange| exchange.cluster_key).collect();
    keys.sort_unstable();
    assert!(keys.chunks(2).all(|pair| pair[0] == pair[1]), "a key is in or out");
    assert!((60..140).contains(&keys.len()), "{} of 200", keys.len());
    assert!(rest.exchanges.iter().all(|exchange| exchange.sample_ppm == 500_000));
}

#[test]
fn the_key_is_the_hash_of_the_first_source_or_else_the_connection() {
    let (rig, _servers) = rig(|config| config.key = vec![KeySource::Header("x-user".to_owned())]);
    let mut client = rig.client();
    client.send("GET / HTTP/1.1\r\nhost: a\r\nx-user: ada\r\n\r\n").response();
    assert_eq!(rig.exchange().cluster_key, xxh3_64(b"ada"));
    let connection = |client: &mut crate::client::Client| {
        client.send(get("/")).response();
        rig.exchange().cluster_key
    };
    let mut other = rig.client();
    let [first, again, second] = [connection(&mut client), connection(&mut client), connection(&mut other)];
    assert_eq!(first, again);
    assert_ne!(first, second);
}

#[test]
fn a_copy_is_not_copied_again() {
    let (rig, servers) = rig(|_| {});
    let response =
        rig.client().send("GET / HTTP/1.1\r\nhost: a\r\nx-parallax-copy: candidate\r\n\r\n").response();
    assert_eq!(response.status, 200);
    let rest = rig.drain();
    rest.assert_conserved(0);
    assert_eq!(rest.admissions.dropped[&DropReason::Loop], 1);
    assert_eq!(servers[1].connections(), 0);
}

#[test]
fn a_candidate_that_calls_back_through_the_proxy_is_stopped_by_the_marker() {
    // The candidate forwards to the proxy with the marker, as a well-behaved service passes headers on.
    let (primary, address) = (Server::start(|_| ok("x")), std::sync::Arc::new(std::sync::OnceLock::new()));
    let back = std::sync::Arc::clone(&address);
    let candidate = Server::start(move |request| {
        let marker = request.header("x-parallax-copy").unwrap_or("none").to_owned();
        let mut client = crate::client::Client::connect(*back.get().expect("the proxy's address"));
        client.send(format!("GET /back HTTP/1.1\r\nhost: a\r\nx-parallax-copy: {marker}\r\n\r\n"));
        ok(client.response().body)
    });
    let mut config = bare(&primary.url());
    config.roles.candidate = role(candidate.url());
    let rig = Rig::start(&config);
    address.set(rig.proxy.address()).unwrap();
    rig.get("/a");
    rig.exchange();
    let rest = rig.drain();
    rest.assert_conserved(1);
    assert_eq!((rest.admissions.mirrored, rest.admissions.dropped[&DropReason::Loop]), (1, 1));
}

#[test]
fn a_write_is_mirrored_where_a_route_names_its_method() {
    let (rig, servers) = rig(|config| config.routes = vec![route("all", "/{*rest}")]);
    rig.client().send(post("/a", "b")).response();
    assert_eq!(rig.exchange().labels[0].value.as_ref(), "all");
    assert_eq!(servers[1].received()[0].body, b"b");
}

#[test]
fn copies_are_edited_and_the_live_request_is_not() {
    let (rig, servers) = rig(|config| {
        let mut route = route("in", "/v1/{*rest}");
        let pairs = |name: &str, value: &str| [(name.to_owned(), value.to_owned())].into();
        route.labels = pairs("tenant", "header:x-tenant");
        route.copy = Some(parallax_config::CopyEdit {
            host: Some("shadow.internal".to_owned()),
            path: Some("/shadow/{rest}".to_owned()),
            strip_credentials: true,
            replace: pairs("authorization", "Bearer shadow"),
            idempotency: vec!["idempotency-key".to_owned()],
            ..Default::default()
        });
        config.routes = vec![route];
    });
    let live = "POST /v1/orders?a=1 HTTP/1.1\r\nhost: shop.example\r\nauthorization: Bearer live\r\n\
                cookie: sid=1\r\nx-tenant: acme\r\nidempotency-key: k1\r\ncontent-length: 1\r\n\r\nb";
    assert_eq!(rig.client().send(live).response().status, 200);
    let exchange = rig.exchange();
    let tenant: Vec<_> = exchange.labels.iter().map(|label| (&*label.name, &*label.value)).collect();
    assert_eq!(tenant, [("route", "in"), ("tenant", "acme")]);
    assert_eq!(exchange.request.target, "/v1/orders?a=1", "what is recorded is what the client sent");
    let (primary, candidate) = (&servers[0].received()[0], &servers[1].received()[0]);
    assert_eq!(primary.target, "/v1/orders?a=1");
    assert_eq!(candidate.target, "/shadow/orders?a=1");
    for (name, live, copy) in [
        ("host", Some("shop.example"), Some("shadow.internal")),
        ("authorization", Some("Bearer live"), Some("Bearer shadow")),
        ("cookie", Some("sid=1"), None),
        ("idempotency-key", Some("k1"), Some("k1-candidate")),
        ("x-forwarded-host", Some("shop.example"), Some("shop.example")),
        ("x-parallax-copy", None, Some("candidate")),
    ] {
        assert_eq!((primary.header(name), candidate.header(name)), (live, copy), "{name}");
    }
    assert_eq!((&primary.body[..], &candidate.body[..]), (&b"b"[..], &b"b"[..]));
}

#[test]
fn a_sample_by_body_takes_the_same_body_always_or_never() {
    let (rig, servers) = rig(|config| {
        config.routes = vec![route("half", "/{*rest}")];
        config.routes[0].sample = 0.5;
        config.routes[0].sample_by = vec![KeySource::Body];
    });
    let mut client = rig.client();
    for number in 0..100 {
        for chunked in [false, true] {
            let body = format!("event {number:03}");
            let request = if chunked {
                format!(
                    "POST /a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n9\r\n{body}\r\n0\r\n\r\n"
                )
            } else {
                post("/a", &body)
            };
            client.send(request).response();
        }
    }
    drop(client);
    let rest = rig.drain();
    rest.assert_conserved(0);
    let mut bodies: Vec<_> =
        rest.exchanges.iter().map(|exchange| exchange.request.body.bytes().clone()).collect();
    bodies.sort_unstable();
    assert!(bodies.chunks(2).all(|pair| pair[0] == pair[1]), "a body is in or out");
    assert!((60..140).contains(&bodies.len()), "{} of 200", bodies.len());
    assert_eq!(servers[1].received().len(), bodies.len(), "no copy was sent of the others");
}

#[test]
fn a_rare_route_is_mirrored_whole_in_spite_of_its_sample() {
    let (rig, _servers) = rig(|config| {
        config.routes = vec![route("rare", "/rare/{id}"), route("common", "/{*rest}")];
        config.routes.iter_mut().for_each(|route| route.sample = 0.0);
        config.routes[0].minimum = 10.0;
        config.key = vec![KeySource::Request];
    });
    let mut client = rig.client();
    for number in 0..20 {
        client.send(get(&format!("/rare/{number}"))).response();
        client.send(get("/common")).response();
    }
    drop(client);
    let rest = rig.drain();
    rest.assert_conserved(0);
    assert_eq!((rest.admissions.mirrored, rest.admissions.not_selected), (20, 20));
    assert!(rest.exchanges.iter().all(|exchange| exchange.sample_ppm == 1_000_000), "the rate is recorded");
}

#[test]
fn caps_of_a_second_leave_copies_out_and_count_each_with_its_reason() {
    let capped = |change: fn(&mut parallax_config::Mirror)| {
        let (rig, servers) = rig(|config| {
            config.routes = vec![route("all", "/{*rest}")];
            change(&mut config.mirror);
        });
        for _ in 0..10 {
            assert_eq!(rig.post("/a", "12345").status, 200);
        }
        let rest = rig.drain();
        rest.assert_conserved(0);
        assert_eq!(rest.admissions.mirrored, servers[1].received().len() as u64);
        rest.admissions
    };
    // The ten requests may lie in two seconds, and no more than two.
    let by_copies = capped(|mirror| mirror.copies_per_second = Some(3));
    assert!(matches!(by_copies.dropped[&DropReason::CopyRate], 4..=7), "{by_copies:?}");
    let by_bytes = capped(|mirror| mirror.bytes_per_second = Some(12));
    assert!(matches!(by_bytes.dropped[&DropReason::ByteRate], 6..=8), "{by_bytes:?}");
}

#[test]
fn a_dry_run_records_what_would_be_mirrored_and_sends_nothing() {
    let (rig, servers) = rig(|config| config.mirror.dry = true);
    assert_eq!(rig.get("/a").status, 200);
    let exchange = rig.exchange();
    assert!(exchange.outcomes.primary.is_some() && exchange.outcomes.candidate.is_none());
    let rest = rig.drain();
    rest.assert_conserved(1);
    assert_eq!((rest.admissions.mirrored, rest.admissions.candidate_offered), (1, 0));
    assert_eq!(servers[1].connections(), 0);
}

#[test]
fn mirroring_ends_by_itself_at_its_configured_end() {
    let (rig, servers) = rig(|config| config.mirror.expires = Some("2020-01-01T00:00:00Z".parse().unwrap()));
    assert_eq!(rig.get("/a").status, 200);
    let rest = rig.drain();
    rest.assert_conserved(0);
    assert_eq!(rest.admissions.dropped[&DropReason::Expired], 1);
    assert_eq!((servers[0].received().len(), servers[1].received().len()), (1, 0));

    let soon = in_time(std::time::Duration::from_millis(1_500));
    let (rig, _servers) = self::rig(|config| config.mirror.expires = Some(soon));
    rig.get("/before");
    assert_eq!(rig.exchange().request.target, "/before");
    rig.eventually(|stats| {
        rig.get("/until");
        stats.dropped.contains_key("expired")
    });
}

fn in_time(later: std::time::Duration) -> parallax_config::Moment {
    let at = std::time::SystemTime::now() + later;
    parallax_config::Moment(at.try_into().expect("a time of this century"))
}
