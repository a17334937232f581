//! An axum server that mirrors itself: its own answers beside those of a candidate and a control.
//!
//! ```sh
//! cargo run -p parallax-proxy --example layer -- http://127.0.0.1:9002 http://127.0.0.1:9003
//! curl http://127.0.0.1:8080/hello/ada
//! ```
//!
//! No proxy stands in between: the layer watches requests and answers as they pass, and a thread of its
//! own sends the copies. What differs is compared and judged as by `parallax run`.

#![expect(clippy::print_stdout, reason = "an example talks to the person who runs it")]

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use parallax_comparator::run::{Build, ControlMode, NORMALISER, Run};
use parallax_comparator::worker::{Worker, WorkerOptions};
use parallax_config::{Config, Role, Roles, Route};
use parallax_exchange::{Ledger, QueueLimits, queue};
use parallax_proxy::layer::Mirror;
use std::error::Error;

const ADDRESS: &str = "127.0.0.1:8080";

fn main() -> Result<(), Box<dyn Error>> {
    let mut shadows = std::env::args().skip(1).map(Role::at);
    let config = Config {
        routes: vec![Route { methods: vec!["GET".to_owned()], ..Route::new("hello", "/hello/{name}") }],
        ..Config::of(Roles {
            primary: Role::at(format!("http://{ADDRESS}")),
            candidate: Some(shadows.next().ok_or("usage: layer CANDIDATE [CONTROL]")?),
            control: shadows.next(),
        })
    };

    let limits = &config.limits;
    let ledger = Ledger::new(config.policy.window.nanos());
    let (sender, receiver) = queue(QueueLimits { count: limits.queue_exchanges, bytes: limits.queue_bytes });
    let mirror = Mirror::start(&config, &ledger, sender)?;
    let mut told = String::new();
    let _worker = Worker::start(
        run(&config),
        receiver,
        ledger,
        None,
        WorkerOptions::default(),
        Box::new(move |published| {
            if published.verdict.reason != told {
                told.clone_from(&published.verdict.reason);
                println!("{told}");
            }
        }),
    )?;

    let app = Router::new()
        .route("/hello/{name}", get(async |Path(name): Path<String>| format!("hello, {name}\n")))
        .layer(mirror.layer());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(ADDRESS).await?;
        println!("http://{ADDRESS}/hello/you");
        axum::serve(listener, app).await
    })?;
    Ok(())
}

/// What is judged: this configuration, without a log and without earlier runs.
fn run(config: &Config) -> Run {
    Run {
        run: "layer".to_owned(),
        continues: None,
        attempt: 1,
        carried_windows: 0,
        started_ns: 0,
        candidate: Build::default(),
        baseline: Build::default(),
        control: if config.roles.control.is_some() { ControlMode::Paired } else { ControlMode::None },
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
