//! What keeps a proxy from starting, and what it says then.

use crate::rig::{bare, role};
use crate::server::{Server, ok};
use parallax_config::Config;
use parallax_exchange::{Ledger, QueueLimits, queue};
use parallax_proxy::{Proxy, StartError};
use std::net::TcpListener;

fn error(config: &Config) -> StartError {
    let (sender, _receiver) = queue(QueueLimits { count: 1, bytes: 1 });
    Proxy::start(config, Ledger::new(1), sender).expect_err("must not start")
}

#[test]
fn a_port_in_use_is_named_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = bare("http://127.0.0.1:1");
    config.listen.address = taken.local_addr().unwrap();
    let message = error(&config).to_string();
    assert!(
        message.contains(&config.listen.address.to_string()) && message.contains("another port"),
        "{message}"
    );
}

#[test]
fn a_second_proxy_on_the_same_port_is_refused_although_the_first_shares_it() {
    let primary = Server::start(|_| ok(""));
    let (sender, _receiver) = queue(QueueLimits { count: 1, bytes: 1 });
    let mut config = bare(&primary.url());
    let first = Proxy::start(&config, Ledger::new(1), sender).unwrap();
    config.listen.address = first.address();
    assert!(matches!(error(&config), StartError::InUse { .. }));
}

#[test]
fn a_role_that_is_the_proxy_itself_is_refused() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut config = bare("http://127.0.0.1:1");
    config.listen.address = free;
    config.roles.candidate = role(format!("http://localhost:{}", free.port()));
    let message = error(&config).to_string();
    assert!(message.contains("roles.candidate.url") && message.contains("own address"), "{message}");
    // Nothing is left running.
    TcpListener::bind(free).expect("the port is free again");
}

#[test]
fn an_address_of_another_machine_is_refused_with_a_remedy() {
    let mut config = bare("http://127.0.0.1:1");
    config.listen.address = "192.0.2.1:8080".parse().unwrap();
    let message = error(&config).to_string();
    assert!(message.contains("192.0.2.1:8080") && message.contains("this machine"), "{message}");
}

#[test]
fn a_host_without_an_address_is_refused() {
    let message = error(&bare("http://no-such-host.invalid:80")).to_string();
    assert!(message.contains("roles.primary.url") && message.contains("check the name"), "{message}");
}
