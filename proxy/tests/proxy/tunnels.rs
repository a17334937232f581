//! Upgrades are passed through and not mirrored.

use crate::rig::{Rig, get};
use crate::server::{Reply, Server, ok};
use parallax_exchange::DropReason;
use std::io::{Read, Write};

const UPGRADE: &str = "GET /ws HTTP/1.1\r\nhost: a\r\nconnection: keep-alive, Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: x\r\n\r\n";

/// Agrees to every upgrade, then echoes bytes.
fn echo_after_switch() -> Server {
    Server::raw(|mut stream| {
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).unwrap_or(0);
        let head = String::from_utf8_lossy(&buffer[..read]).to_ascii_lowercase();
        if !(head.contains("connection: upgrade") && head.contains("upgrade: websocket")) {
            return;
        }
        let _ = stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: y\r\n\r\n");
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            let _ = stream.write_all(&buffer[..count]);
        }
    })
}

#[test]
fn a_websocket_is_passed_through_and_counted() {
    let (primary, shadow) = (echo_after_switch(), Server::start(|_| ok("x")));
    let rig = Rig::of(&primary, &shadow, &shadow);
    let mut client = rig.client();
    client.send(UPGRADE);
    let head = b"HTTP/1.1 101 Switching Protocols\r\n";
    assert_eq!(&client.wait_for_bytes(head.len())[..head.len()], head);
    let switched = client.wait_for(b"\r\n\r\n");
    client.send("ping");
    assert_eq!(&client.wait_for_bytes(switched + 4)[switched..], b"ping");
    client.send("pong");
    assert_eq!(&client.wait_for_bytes(switched + 8)[switched..], b"pingpong");
    assert_eq!(rig.proxy.stats().connections, 1, "a tunnel counts as a connection");
    drop(client);
    rig.eventually(|stats| stats.connections == 0);
    let rest = rig.drain();
    rest.assert_conserved(0);
    assert_eq!(rest.admissions.dropped[&DropReason::Upgrade], 1);
    assert_eq!(shadow.connections(), 0);
}

#[test]
fn a_refused_upgrade_is_an_ordinary_answer() {
    let primary = Server::start(|_| Reply::Raw(crate::server::message("426 Upgrade Required", &[], "no")));
    let rig = Rig::of(&primary, &primary, &primary);
    let mut client = rig.client();
    let response = client.send(UPGRADE).response();
    assert_eq!((response.status, response.text().as_str()), (426, "no"));
    assert_eq!(client.send(get("/next")).response().status, 426, "the connection goes on");
}
