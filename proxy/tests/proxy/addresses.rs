//! A role with several addresses: requests go round them, and one that is gone is left out.

use crate::rig::{Rig, config, get, role};
use crate::server::{Server, ok};
use parallax_config::{Config, Protocol};
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;

fn named(name: &'static str) -> Server {
    Server::start(move |_| ok(name))
}

fn place(server: &Server) -> String {
    server.url().trim_start_matches("http://").to_owned()
}

/// A primary with these addresses; its URL leads nowhere.
fn several(servers: &[&Server]) -> Config {
    let mut config = config(servers[0]);
    config.roles.primary.url = "http://orders.invalid".to_owned();
    config.roles.primary.addresses = servers.iter().map(|server| place(server)).collect();
    config
}

fn ask(rig: &Rig, count: usize) -> Vec<String> {
    let mut client = rig.client();
    let mut one = || String::from_utf8(client.send(get("/")).response().body).unwrap();
    (0..count).map(|_| one()).collect()
}

#[test]
fn requests_go_round_the_addresses_of_a_role_and_connections_are_kept() {
    let (a, b, c) = (named("a"), named("b"), named("c"));
    let rig = Rig::start(&several(&[&a, &b, &c]));
    assert_eq!(ask(&rig, 30), ["a", "b", "c"].repeat(10));
    assert_eq!([&a, &b, &c].map(Server::connections), [1, 1, 1]);
    assert_eq!(a.received()[0].header("host"), Some("shop.example"));
}

#[test]
fn an_address_that_refuses_is_left_out_without_an_error_for_the_client() {
    let (a, b) = (named("a"), named("b"));
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut config = several(&[&a, &b]);
    config.roles.primary.addresses.insert(1, free);
    let rig = Rig::start(&config);
    let answers = ask(&rig, 20);
    assert!(answers.iter().all(|answer| answer == "a" || answer == "b"), "{answers:?}");
    assert!(answers.iter().filter(|answer| *answer == "a").count() >= 8, "{answers:?}");
    assert_eq!(rig.drain().stats.primary_failures, 0);
}

#[test]
fn copies_go_round_the_addresses_of_a_shadow_too() {
    let (primary, a, b) = (named("p"), named("a"), named("b"));
    let mut config = config(&primary);
    config.roles.candidate = role("http://orders.invalid");
    config.roles.candidate.as_mut().unwrap().addresses = vec![place(&a), place(&b)];
    let rig = Rig::start(&config);
    for _ in 0..10 {
        rig.get("/x");
        rig.exchange();
    }
    assert_eq!((a.received().len(), b.received().len()), (5, 5));
    rig.drain().assert_conserved(10);
}

#[test]
fn a_role_is_reached_through_a_unix_socket() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("orders.sock");
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut read = Vec::new();
        while !read.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            read.push(byte[0]);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nunix").unwrap();
    });
    let unused = named("unused");
    let mut config = config(&unused);
    config.roles.primary.addresses = vec![format!("unix:{}", path.display())];
    assert_eq!(config.roles.primary.protocol, Protocol::H1);
    assert_eq!(Rig::start(&config).get("/").body, b"unix");
    assert_eq!(unused.connections(), 0);
}
