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
