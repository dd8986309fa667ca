//! How the control socket and SIGHUP reach the server.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::config::{Config, Source};
use crate::ctl::{
    self, Control, ControlSocket, Idle, Location, Server, ServerStatus, Settings, SocketError,
};
use crate::http::App;
use crate::logging::LevelHandle;
use crate::operator::{Asker, Operator};
use crate::service::ServiceManager;

/// What steers the server apart from its config.
#[derive(Debug)]
pub struct Steering {
    /// Where the config can be read again.
    pub source: Source,
    /// Where the command line puts the control socket.
    pub socket: Option<PathBuf>,
    pub log_level: LevelHandle,
}

/// The server itself, as the control socket reaches it.
#[derive(Debug)]
pub struct Front {
    app: Arc<App>,
    address: SocketAddr,
    started: Instant,
    ends: mpsc::UnboundedSender<()>,
}

/// The control socket and SIGHUP, at work. Both end with it.
#[derive(Debug)]
pub struct ControlTasks {
    ending: watch::Sender<bool>,
    socket: Option<JoinHandle<()>>,
    hangup: JoinHandle<()>,
}

/// Makes the control socket where the options, the config and the user put it. `None`, with a line
/// about it, where there is no place for one.
pub fn bind(named: Option<PathBuf>, config: &Config) -> Result<Option<ControlSocket>, SocketError> {
    let named = named.or_else(|| config.server.socket.clone());
    let runtime_dir = std::env::var_os("XDG_RUNTIME_DIR");
    let runs_as_root = nix::unistd::geteuid().is_root();
    let socket = match ctl::of_server(named, runtime_dir.as_deref(), runs_as_root) {
        Location::Named(path) => ControlSocket::bind(&path)?,
        Location::Usual(path) => match ControlSocket::bind(&path) {
            Err(error) if error.is_the_machines() => {
                warn!("no control socket: {error}");
                return Ok(None);
            }
            bound => bound?,
        },
        Location::None => {
            info!("no control socket: XDG_RUNTIME_DIR is not set; --socket names a place for one");
            return Ok(None);
        }
    };
    info!("control socket: {}", socket.path().display());
    Ok(Some(socket))
}

impl ControlTasks {
    /// Answers at the socket and reads the config again at every SIGHUP.
    pub fn start(
        socket: Option<ControlSocket>,
        (operator, config): (Operator, Config),
        steering: Steering,
        front: Front,
        manager: Arc<ServiceManager>,
    ) -> std::io::Result<Self> {
        let hangup = signal(SignalKind::hangup())?;
        let settings = Arc::new(Settings::new(steering.source, config, operator.clone()));
        let hangup = tokio::spawn(reload_at(hangup, Arc::clone(&settings), manager));
        let log_level = steering.log_level;
        let control = Control { operator, settings, log_level, server: Arc::new(front) };
        let (ending, ended) = watch::channel(false);
        let serve = |socket: ControlSocket| tokio::spawn(socket.serve(Arc::new(control), ended));
        Ok(Self { ending, socket: socket.map(serve), hangup })
    }

    /// Tells the clients that the server has ended, and removes the socket.
    pub async fn stop(mut self) {
        self.ending.send_replace(true);
        if let Some(socket) = self.socket.take()
            && let Err(error) = socket.await
        {
            warn!(%error, "the control socket has not ended cleanly");
        }
    }
}

impl Drop for ControlTasks {
    fn drop(&mut self) {
        self.hangup.abort();
        if let Some(socket) = &self.socket {
            socket.abort();
        }
    }
}

impl Front {
    /// `ends` is told once for every signal that `end` stands for.
    pub fn new(app: Arc<App>, address: SocketAddr, ends: mpsc::UnboundedSender<()>) -> Self {
        Self { app, address, started: Instant::now(), ends }
    }
}

impl Server for Front {
    fn status(&self) -> ServerStatus {
        ServerStatus {
            address: format!("http://{}", self.address),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            uptime_s: self.started.elapsed().as_secs_f64(),
            phase: self.app.phase().name().to_owned(),
        }
    }

    fn drain(&self, is_draining: bool) {
        self.app.hold(is_draining);
    }

    fn idle(&self) -> Idle<'_> {
        Box::pin(self.app.idle())
    }

    fn end(&self, at_once: bool) {
        let times = if at_once { 2 } else { 1 };
        for _ in 0..times {
            // Where nobody listens any more, it ends already.
            let _ = self.ends.send(());
        }
    }
}

/// What became of it, the audit log tells: nobody waits for a signal's outcome.
async fn reload_at(mut hangup: Signal, settings: Arc<Settings>, manager: Arc<ServiceManager>) {
    while hangup.recv().await.is_some() {
        drop(manager.reloading(settings.reload(Asker::Signal)).await);
    }
}
