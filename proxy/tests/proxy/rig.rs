//! Servers, a proxy before them, and what comes out at the other end: a test in five lines.

use crate::client::{Client, PATIENCE, Response};
use crate::server::Server;
use parallax_config::{Config, Role, Roles, Route};
use parallax_exchange::{Admissions, Exchange, Ledger, QueueLimits, Receiver, queue};
use parallax_proxy::{Proxy, Running, Stats};
use std::time::{Duration, Instant};

/// A proxy between scripted servers.
pub(crate) struct Rig {
    pub(crate) proxy: Running,
    pub(crate) ledger: Ledger,
    exchanges: Receiver,
}

/// What is left when a rig has been drained.
#[derive(Debug)]
pub(crate) struct Rest {
    pub(crate) stats: Stats,
    pub(crate) admissions: Admissions,
    pub(crate) exchanges: Vec<Exchange>,
}

/// A configuration on one thread and a free port, that mirrors every method.
pub(crate) fn config(primary: &Server) -> Config {
    let mut config: Config = bare(&primary.url());
    config.routes = vec![route("all", "/{*rest}")];
    config
}

pub(crate) fn bare(primary: &str) -> Config {
    let mut config = Config::of(Roles { primary: Role::at(primary), candidate: None, control: None });
    config.listen.address = "127.0.0.1:0".parse().unwrap();
    config.listen.threads = Some(1);
    config
}

pub(crate) fn role(url: impl Into<String>) -> Option<Role> {
    Some(Role::at(url))
}

pub(crate) fn route(name: &str, path: &str) -> Route {
    Route {
        methods: ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"].map(str::to_owned).to_vec(),
        ..Route::new(name, path)
    }
}

impl Rig {
    /// Primary, candidate and control.
    pub(crate) fn of(primary: &Server, candidate: &Server, control: &Server) -> Self {
        Self::with(primary, candidate, control, |_| {})
    }

    pub(crate) fn with(
        primary: &Server,
        candidate: &Server,
        control: &Server,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let mut config = config(primary);
        config.roles.candidate = role(candidate.url());
        config.roles.control = role(control.url());
        change(&mut config);
        Self::start(&config)
    }

    pub(crate) fn start(config: &Config) -> Self {
        Self::start_with_queue(config, QueueLimits { count: 100_000, bytes: 1 << 30 })
    }

    pub(crate) fn start_with_queue(config: &Config, limits: QueueLimits) -> Self {
        let ledger = Ledger::new(1_000_000_000);
        let (sender, exchanges) = queue(limits);
        let proxy = Proxy::start(config, ledger.clone(), sender).expect("start");
        Self { proxy, ledger, exchanges }
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.proxy.address())
    }

    pub(crate) fn get(&self, target: &str) -> Response {
        self.client().send(get(target)).response()
    }

    pub(crate) fn post(&self, target: &str, body: &str) -> Response {
        self.client().send(post(target, body)).response()
    }

    /// The next complete exchange.
    pub(crate) fn exchange(&self) -> Exchange {
        *self.exchanges.receive(PATIENCE).expect("an exchange")
    }

    /// Waits until `seen` holds of the counts.
    pub(crate) fn eventually(&self, seen: impl Fn(&Stats) -> bool) -> Stats {
        let start = Instant::now();
        loop {
            let stats = self.proxy.stats();
            if seen(&stats) {
                return stats;
            }
            assert!(start.elapsed() < PATIENCE, "never seen: {stats:#?}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Drains the proxy and takes what is left.
    pub(crate) fn drain(self) -> Rest {
        self.drain_within(PATIENCE)
    }

    pub(crate) fn drain_within(self, patience: Duration) -> Rest {
        let stats = self.proxy.drain(patience);
        let mut exchanges = Vec::new();
        while let Ok(exchange) = self.exchanges.receive(Duration::ZERO) {
            exchanges.push(*exchange);
        }
        Rest { stats, admissions: self.ledger.take_through(u64::MAX), exchanges }
    }
}

impl Rest {
    /// Asserts the conservation law, with `taken` exchanges received before the drain.
    pub(crate) fn assert_conserved(&self, taken: u64) {
        let Self { stats, admissions, exchanges } = self;
        assert!(admissions.is_conserved(), "{admissions:?}");
        let handed_on = exchanges.len() as u64 + taken;
        assert_eq!(admissions.mirrored, handed_on + admissions.shed_total() + stats.lost, "{self:#?}");
        assert_eq!(stats.exchanges, handed_on);
        assert_eq!(stats.not_selected, admissions.not_selected);
        assert_eq!((stats.connections, stats.in_flight, stats.held_bytes), (0, 0, 0), "{stats:#?}");
    }
}

pub(crate) fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nhost: shop.example\r\n\r\n")
}

pub(crate) fn post(target: &str, body: &str) -> String {
    format!("POST {target} HTTP/1.1\r\nhost: shop.example\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}
