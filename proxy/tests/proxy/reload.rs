//! A new configuration while clients are served.

use crate::client::Client;
use crate::rig::{Rig, bare, get, role, route};
use crate::server::{Server, ok};
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn a_reload_changes_what_begins_later_and_keeps_connections() {
    let servers = [(); 3].map(|()| Server::start(|_| ok("x")));
    let mut config = bare(&servers[0].url());
    config.routes = vec![route("a", "/a")];
    config.roles.candidate = role(servers[1].url());
    let rig = Rig::start(&config);
    let mut client = rig.client();
    assert_eq!(client.send(get("/b")).response().status, 200);
    assert_eq!(client.send(get("/a")).response().status, 200);
    assert_eq!(rig.exchange().request.target, "/a");

    config.routes = vec![route("b", "/b")];
    config.roles.candidate = role(servers[2].url());
    rig.proxy.handle().reload(&config).unwrap();
    assert_eq!(client.send(get("/a")).response().status, 200);
    assert_eq!(client.send(get("/b")).response().status, 200);
    assert_eq!(rig.exchange().request.target, "/b");
    assert_eq!((servers[1].received().len(), servers[2].received().len()), (1, 1));
    assert_eq!(servers[0].connections(), 1, "the primary did not change, so its connection was kept");
    drop(client);
    let rest = rig.drain();
    rest.assert_conserved(2);
    assert_eq!((rest.admissions.mirrored, rest.admissions.not_selected), (2, 2));
}

#[test]
fn a_configuration_that_cannot_be_used_changes_nothing() {
    let servers = [(); 2].map(|()| Server::start(|_| ok("x")));
    let mut config = bare(&servers[0].url());
    config.roles.candidate = role(servers[1].url());
    let rig = Rig::start(&config);
    for wrong in ["http://no-such-host.invalid:1", "nonsense"] {
        let mut bad = config.clone();
        bad.roles.candidate = role(wrong);
        bad.routes = vec![route("none", "/none")];
        let error = rig.proxy.handle().reload(&bad).unwrap_err().to_string();
        assert!(error.contains("roles.candidate.url"), "{error}");
    }
    let mut own = config.clone();
    own.roles.candidate = role(format!("http://{}", rig.proxy.address()));
    assert!(rig.proxy.handle().reload(&own).unwrap_err().to_string().contains("own address"));
    assert_eq!(rig.get("/a").status, 200);
    assert_eq!(rig.exchange().request.target, "/a");
}

#[test]
fn live_traffic_sees_no_error_while_the_configuration_changes_under_load() {
    let servers = [(); 2].map(|()| Server::start(|request| ok(request.target.clone())));
    let mut config = bare(&servers[0].url());
    config.roles.candidate = role(servers[1].url());
    let rig = Rig::start(&config);
    let done = AtomicBool::new(false);
    let served: u64 = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..3)
            .map(|number| {
                let (address, done) = (rig.proxy.address(), &done);
                scope.spawn(move || {
                    let mut client = Client::connect(address);
                    let mut served = 0;
                    while !done.load(Ordering::Relaxed) {
                        let target = format!("/{number}/{served}");
                        let response = client.send(get(&target)).response();
                        assert_eq!((response.status, response.body), (200, target.into_bytes()));
                        served += 1;
                    }
                    served
                })
            })
            .collect();
        for round in 0..50u64 {
            config.limits.role_in_flight = 100 + usize::from(round % 2 == 0);
            config.mirror.dry = round % 5 == 0;
            rig.proxy.handle().reload(&config).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        clients.into_iter().map(|client| client.join().expect("no client failed")).sum()
    });
    let rest = rig.drain();
    rest.assert_conserved(0);
    assert_eq!(rest.admissions.mirrored, served, "each request was under one configuration or the other");
}
