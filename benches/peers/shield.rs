//! Parallax as a subject: the proxy alone, with the mirror, and with the comparator behind it.

use anyhow::Result;
use clap::ValueEnum;
use parallax_comparator::run::{Build, ControlMode, NORMALISER, Run};
use parallax_comparator::worker::{Worker, WorkerOptions};
use parallax_config::{Config, ListenTls, Protocol, Role, Roles, Route};
use parallax_exchange::{Ledger, QueueLimits, queue};
use parallax_proxy::Proxy;
use std::net::SocketAddr;
use std::time::Duration;

/// What to serve.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    #[arg(long)]
    listen: SocketAddr,
    #[arg(long)]
    primary: SocketAddr,
    #[arg(long)]
    shadow: SocketAddr,
    #[arg(long)]
    mode: Mode,
    /// Copies go over HTTP/2.
    #[arg(long)]
    shadow_h2: bool,
    /// TLS with clients: the chain and its key.
    #[arg(long, num_args = 2)]
    tls: Option<Vec<String>>,
}

/// How much of Parallax runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// No route selects anything.
    Off,
    /// Copies are made and both answers captured; the exchanges are thrown away.
    Mirror,
    /// The exchanges are compared, tallied and judged.
    Compare,
}

/// Serves until the process is ended.
pub(crate) fn serve(options: &Options) -> Result<()> {
    let config = config(options);
    let ledger = Ledger::new(config.policy.window.nanos());
    let (sender, receiver) =
        queue(QueueLimits { count: config.limits.queue_exchanges, bytes: config.limits.queue_bytes });
    let _proxy = Proxy::start(&config, ledger.clone(), sender)?;
    if options.mode == Mode::Compare {
        let options = WorkerOptions { examples_max: 0, ..WorkerOptions::default() };
        let _worker = Worker::start(run(&config), receiver, ledger, None, options, Box::new(|_| {}))?;
        loop {
            std::thread::park();
        }
    }
    loop {
        drop(receiver.receive(Duration::from_secs(1)));
    }
}

fn config(options: &Options) -> Config {
    let role = |address: SocketAddr| Role::at(format!("http://{address}"));
    let path = if options.mode == Mode::Off { "/none" } else { "/{*rest}" };
    let mut shadow = role(options.shadow);
    if options.shadow_h2 {
        shadow.protocol = Protocol::H2;
    }
    let mut config =
        Config::of(Roles { primary: role(options.primary), candidate: Some(shadow), control: None });
    if let Some([certificate, key]) = options.tls.as_deref() {
        config.listen.tls = Some(ListenTls {
            certificate: certificate.clone(),
            key: key.clone(),
            client_roots: None,
            names: Vec::new(),
        });
    }
    config.routes =
        vec![Route { methods: vec!["GET".to_owned(), "POST".to_owned()], ..Route::new("all", path) }];
    config.listen.address = options.listen;
    config.listen.threads = Some(1);
    config
}

fn run(config: &Config) -> Run {
    Run {
        run: "peers".to_owned(),
        continues: None,
        attempt: 1,
        carried_windows: 0,
        started_ns: 0,
        candidate: Build::default(),
        baseline: Build::default(),
        control: ControlMode::None,
        policy: config.policy.clone(),
        rules: Vec::new(),
        profiles: Vec::new(),
        slices: Vec::new(),
        normaliser: NORMALISER,
        checks: Vec::new(),
        replicas: Vec::new(),
        history: Vec::new(),
        noise: Vec::new(),
        descriptors: None,
    }
}
