//! The composition root: makes every part from the config and runs them to the end.
//!
//! ```text
//! bind ─► start workers ─► (every model ready) ─► "ready …" ─► SIGTERM/SIGINT ─► drain ─► retire
//!   └──── the listener answers from here on: 503 for a model that is not loaded. A socket that was
//!         bound before is served once every model is ready
//! ```

mod control;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::warn;

pub use self::control::Steering;
use self::control::{ControlTasks, Front};
use crate::config::{Config, ServerConfig};
use crate::ctl::SocketError;
use crate::http::{App, BindError, Door, HttpSettings, Listener, Phase};
use crate::memory_budget::MemoryBudget;
use crate::metrics::Metrics;
use crate::model::Registry;
use crate::service::{self, Drain, InheritedError, ServiceManager, Signals};
use crate::supervisor::{CannotServe, Setting, Supervisor};
use crate::system;

/// Why serving ended otherwise than asked.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    Inherited(#[from] InheritedError),
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
    let manager = Arc::new(ServiceManager::from_environment());
    let (listener, first) = listen(config.server.address).await?;
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
    let app = App::new(Arc::clone(&registry), operator.clone(), budget, metrics, settings);

    let (door, stands) = watch::channel(first);
    let status = status_of(&app, &registry);
    let told = Arc::clone(&manager);
    let steered = Front::new(Arc::clone(&app), address, signals.ends());
    let control = ControlTasks::start(socket, (operator.clone(), config), steering, steered, told)
        .map_err(ServeError::Signals)?;
    let front = tokio::spawn(listener.serve(Arc::clone(&app), stands));
    // They end with this function.
    let mut beside = JoinSet::new();
    beside.spawn(service::reap_orphans());
    beside.spawn(service::report(Arc::clone(&manager), operator, status.clone()));

    let outcome = tokio::select! {
        started = supervisor.started() => started.map(|()| true).map_err(ServeError::from),
        () = signals.asked_to_end() => Ok(false),
    };
    if let Ok(true) = outcome {
        app.enter(Phase::Serving);
        door.send_replace(Door::Open);
        announce(address);
        manager.ready(&status()).await;
        signals.asked_to_end().await;
    }
    supervisor.refuse_changes();
    let drain = Drain {
        app: Arc::clone(&app),
        door,
        front,
        manager,
        is_inherited: first == Door::Waiting,
        grace: matches!(outcome, Ok(true)).then_some(grace),
        longest_request: longest_request(&registry),
    };
    let end = async {
        drain.run().await;
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

/// The socket that was passed to this process, or a new one.
async fn listen(address: SocketAddr) -> Result<(Listener, Door), ServeError> {
    Ok(match service::inherited_listener()? {
        // Until everything is ready here, whoever had the socket before may still answer.
        Some((socket, address)) => (Listener::of_socket(socket, address)?, Door::Waiting),
        None => (Listener::bind(address).await?, Door::Open),
    })
}

/// What a service manager shows of this server.
fn status_of(app: &Arc<App>, registry: &Arc<Registry>) -> impl Fn() -> String + Clone + use<> {
    let (app, registry) = (Arc::clone(app), Arc::clone(registry));
    move || service::status(app.phase(), registry.models().iter().map(|model| model.status().state))
}

/// The longest time for which any admitted request may go on.
fn longest_request(registry: &Registry) -> Duration {
    let models = registry.models();
    models.iter().map(|model| model.config().request_timeout).max().unwrap_or_default()
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
        triton_metrics: server.triton_metrics,
    }
}

/// Every connection is a file descriptor, and the soft limit is often 1024.
fn raise_file_limit() {
    if let Err(error) = system::limits::raise_open_files() {
        warn!(%error, "the limit of open files cannot be raised");
    }
}
