//! What operators tell a running process: reload (SIGHUP, `POST /v1/reload`), show (SIGUSR1, `GET /v1/state`).
//!
//! One thread with a runtime of its own, apart from every thread that serves clients. It holds the
//! file's name and the configuration that is in force; a file that cannot be used changes nothing.

mod server;

use crate::exit::{Exit, Failure, OrExit as _};
use anyhow::{Context as _, anyhow};
use parallax_config::{Admin, Change, Config, ConfigError, Day, Running};
use parallax_proxy::{Handle, ReloadError, Stats};
use serde::Serialize;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// The thread that obeys operators; ends when dropped.
#[derive(Debug)]
pub(crate) struct Control {
    address: Option<SocketAddr>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// What is in force, and where it came from.
pub(crate) struct State {
    file: PathBuf,
    running: Running,
    proxy: Handle,
    started: Instant,
    config: Mutex<Config>,
}

/// `parallax.reload/1`: what a reload did.
#[derive(Debug, Serialize)]
pub(crate) struct Reloaded {
    schema: &'static str,
    pub(crate) applied: bool,
    changes: Vec<Change>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// `parallax.state/1`: what a process does now.
#[derive(Debug, Serialize)]
pub(crate) struct Dump {
    schema: &'static str,
    version: &'static str,
    file: PathBuf,
    listen: SocketAddr,
    uptime_seconds: u64,
    roles: Vec<(&'static str, String)>,
    routes: Vec<String>,
    mirror: parallax_config::Mirror,
    stats: Stats,
}

impl Control {
    /// Obeys from now on; listens where `config.admin` says.
    pub(crate) fn start(
        file: PathBuf,
        config: &Config,
        running: Running,
        proxy: Handle,
    ) -> Result<Self, Failure> {
        let listener = config.admin.address.map(listen).transpose()?;
        let token = token(&config.admin)?;
        let address = listener.as_ref().map(TcpListener::local_addr).transpose()?;
        let config = Mutex::new(config.clone());
        let state = Arc::new(State { file, running, proxy, started: Instant::now(), config });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        // Asked for here, so that a signal which comes at once does not end the process.
        let guard = runtime.enter();
        let signals = (signal(SignalKind::hangup())?, signal(SignalKind::user_defined1())?);
        drop(guard);
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("control".to_owned()).spawn(move || {
            runtime.block_on(async move {
                if let Some(listener) = listener {
                    tokio::spawn(server::serve(listener, Arc::clone(&state), token));
                }
                tokio::select! { () = obey(state, signals) => {}, _ = stopped => {} }
            });
        })?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where operators connect.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.address
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that obeys operators has panicked");
        }
    }
}

type Signals = (tokio::signal::unix::Signal, tokio::signal::unix::Signal);

async fn obey(state: Arc<State>, (mut hangup, mut show): Signals) {
    loop {
        tokio::select! {
            _ = hangup.recv() => drop(state.reload()),
            _ = show.recv() => state.show(),
        }
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    let listener = TcpListener::bind(address)
        .with_context(|| {
            format!("cannot listen on admin.address = {address}; set another port (0 picks one)")
        })
        .or_exit(Exit::Usage)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// The token that callers must know.
fn token(admin: &Admin) -> Result<Option<String>, Failure> {
    let (place, text) = match (&admin.token_file, &admin.token_env) {
        (Some(file), _) => {
            let place = format!("{} (key admin.token_file)", file.display());
            let text = std::fs::read_to_string(file).with_context(|| format!("failed to read {place}"));
            (place, text.or_exit(Exit::Io)?)
        }
        (None, Some(name)) => {
            let place = format!("the variable {name} (key admin.token_env)");
            let text = std::env::var(name).with_context(|| format!("the environment does not hold {place}"));
            (place, text.or_exit(Exit::Usage)?)
        }
        (None, None) => return Ok(None),
    };
    match text.trim() {
        "" => Err(anyhow!("{place} holds no token")).or_exit(Exit::Usage),
        token => Ok(Some(token.to_owned())),
    }
}

impl State {
    /// Reads the file again and applies it whole, or says why not and changes nothing.
    pub(crate) fn reload(&self) -> Reloaded {
        let mut current = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changes = Vec::new();
        match self.try_reload(&current, &mut changes) {
            Ok(new) => {
                *current = new;
                for Change { path, from, to, .. } in &changes {
                    tracing::info!(path, from, to, "configuration changed");
                }
                tracing::info!(changes = changes.len(), file = %self.file.display(), "configuration reloaded");
                Reloaded { schema: "parallax.reload/1", applied: true, changes, error: None }
            }
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(error, "the configuration stays as it was");
                Reloaded { schema: "parallax.reload/1", applied: false, changes, error: Some(error) }
            }
        }
    }

    fn try_reload(&self, current: &Config, changes: &mut Vec<Change>) -> anyhow::Result<Config> {
        let loaded = Config::load(&self.file, parallax_config::environment(), Day::today());
        let loaded = loaded.map_err(|error| match error {
            ConfigError::Read { path, source } => {
                anyhow!(source).context(format!("cannot read {}", path.display()))
            }
            invalid @ ConfigError::Invalid { .. } => anyhow!(invalid),
        })?;
        *changes = current.changes(&loaded.config, self.running);
        if let Some((path, why)) = changes.iter().find_map(|change| Some((&change.path, change.fixed?))) {
            return Err(anyhow!("{}: {path} {why}", self.file.display()));
        }
        match self.proxy.reload(&loaded.config) {
            // Every thread will take it: it is in force, if not everywhere yet.
            Err(late @ ReloadError::Late { .. }) => tracing::warn!(%late),
            applied => applied?,
        }
        Ok(loaded.config)
    }

    /// What the process does now.
    pub(crate) fn dump(&self) -> Dump {
        let config = self.config.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let roles = [
            ("primary", Some(&config.roles.primary)),
            ("candidate", config.roles.candidate.as_ref()),
            ("control", config.roles.control.as_ref()),
        ];
        Dump {
            schema: "parallax.state/1",
            version: env!("CARGO_PKG_VERSION"),
            file: self.file.clone(),
            listen: self.proxy.address(),
            uptime_seconds: self.started.elapsed().as_secs(),
            roles: roles.into_iter().filter_map(|(name, role)| Some((name, role?.url.clone()))).collect(),
            routes: config.routes.iter().map(|route| route.name.clone()).collect(),
            mirror: config.mirror.clone(),
            stats: self.proxy.stats(),
        }
    }

    /// Writes the state to standard error, one line of JSON.
    fn show(&self) {
        match serde_json::to_string(&self.dump()) {
            Ok(text) => anstream::eprintln!("{text}"),
            Err(error) => tracing::error!(%error, "the state cannot be written"),
        }
    }
}
