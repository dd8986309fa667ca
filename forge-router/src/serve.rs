//! The composition root: makes every part from the config and runs them to the end.
//!
//! ```text
//! bind ─► start workers ─► (every model ready) ─► "ready …" ─► SIGTERM/SIGINT ─► drain ─► retire
//!   └──── the listener answers from here on: 503 for a model that is not loaded
//! ```

mod control;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tracing::{info, warn};

pub use self::control::Steering;
use self::control::{ControlTasks, Front};
use crate::config::{Config, ServerConfig};
use crate::ctl::SocketError;
use crate::http::{App, BindError, HttpSettings, Listener, Phase};
use crate::memory_budget::MemoryBudget;
use crate::metrics::Metrics;
use crate::model::Registry;
use crate::supervisor::{CannotServe, Setting, Supervisor};
use crate::system;

/// Why serving ended otherwise than asked.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    Model(#[from] CannotServe),
    #[error(transparent)]
    Socket(#[from] SocketError),
    #[error("signals cannot be waited for: {0}")]
    Signals(std::io::Error),
}

/// Serves until a signal asks for the end, and then until everything admitted is answered.
pub async fn serve(config: Config, steering: Steering, binary: PathBuf) -> Result<(), ServeError> {
    let mut signals = Signals::new().map_err(ServeError::Signals)?;
    raise_file_limit();
    if !forge_ipc::give_back_freed_memory() {
        warn!("the C library keeps freed memory: the router may hold more than max_inflight_bytes");
    }
    let metrics = Metrics::new(env!("CARGO_PKG_VERSION"), SystemTime::now());
    let budget = MemoryBudget::new(config.server.max_inflight_bytes.get());
    let listener = Listener::bind(config.server.address).await?;
    let address = listener.address();
    let socket = control::bind(steering.socket.clone(), &config)?;
    let grace = config.server.shutdown_grace;
    let settings = http_settings(&config.server, address);
    let registry = Arc::new(Registry::default());
    let setting = Setting {
        registry: Arc::clone(&registry),
        metrics: metrics.clone(),
        binary,
        machine: system::machine(),
    };
    let supervisor = Supervisor::start(setting, &config);
    let operator = supervisor.operator().clone();
    let app = App::new(registry, operator.clone(), budget, metrics, settings);

    let (draining, drain) = watch::channel(false);
    let front = Front::new(Arc::clone(&app), address, signals.ends.clone());
    let control = ControlTasks::start(socket, (operator, config), steering, front)
        .map_err(ServeError::Signals)?;
    let front = tokio::spawn(listener.serve(Arc::clone(&app), drain));
    let outcome = tokio::select! {
        started = supervisor.started() => started.map(|()| true).map_err(ServeError::from),
        () = signals.asked_to_end() => Ok(false),
    };
    if let Ok(true) = outcome {
        app.enter(Phase::Serving);
        announce(address);
        signals.asked_to_end().await;
    }
    if outcome.is_ok() {
        info!("draining");
    }
    app.enter(Phase::Draining);
    supervisor.refuse_changes();
    let end = async {
        // Until the last answer the listener stays, so that probes read 503 and not a closed port.
        let answered = tokio::time::timeout(grace, async {
            app.idle().await;
            draining.send_replace(true);
            front.await
        });
        if answered.await.is_err() {
            warn!("requests were still running after {grace:?} (server.shutdown_grace_s)");
        }
        supervisor.stop().await;
        control.stop().await;
    };
    tokio::select! {
        () = end => {}
        // Dropping the supervisor kills its workers.
        () = signals.asked_to_end() => warn!("asked a second time: ending at once"),
    }
    app.report_suppressed_failures();
    outcome.map(|_| ())
}

/// The one line on standard output that scripts wait for.
fn announce(address: SocketAddr) {
    let mut stdout = std::io::stdout();
    let told = writeln!(stdout, "ready http://{address}").and_then(|()| stdout.flush());
    if let Err(error) = told {
        warn!(%error, "nobody reads standard output");
    }
}

fn http_settings(server: &ServerConfig, address: SocketAddr) -> HttpSettings {
    HttpSettings {
        max_body_bytes: server.max_body_bytes.get(),
        body_timeout: server.body_timeout,
        header_timeout: server.header_timeout,
        cors_origins: server.cors_origins.clone(),
        admin: server.admin.clone(),
        address,
        access_log: server.access_log,
    }
}

/// Every connection is a file descriptor, and the soft limit is often 1024.
fn raise_file_limit() {
    if let Err(error) = system::limits::raise_open_files() {
        warn!(%error, "the limit of open files cannot be raised");
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// What stands for a signal: `forge ctl shutdown`.
    ends: mpsc::UnboundedSender<()>,
    ended: mpsc::UnboundedReceiver<()>,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        let (ends, ended) = mpsc::unbounded_channel();
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())?, ends, ended })
    }

    async fn asked_to_end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.ended.recv() => {}
        }
    }
}
