//! What can be asked of a running server, whoever asks: HTTP, `forge ctl`, a signal.
//!
//! ```text
//! http ─┐
//! ctl ──┼─► Operator ── Order ─► supervisor (the only one who answers)
//! serve ┘      └────── Events ◄── whatever happens to models and workers
//! ```
//!
//! This module knows nothing of workers and rings: it is the language between those who ask and the
//! one who does. Who may ask is decided by those who let somebody ask; what became of an order is an
//! [`OperationError`], whose HTTP status and exit code are decided where they are told.
//!
//! An order that was taken is carried out whether or not who asked still listens.

mod error;
mod events;
mod report;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::config::Config;
use crate::model::VersionId;

pub use error::OperationError;
pub use events::{Event, EventKind, Events};
pub use report::{ModelReport, Report, Role, Share, ShareError, VersionReport, WorkerReport};

/// Who asked for a change, for the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asker {
    /// A client of the HTTP port.
    Http(SocketAddr),
    /// A process at the control socket, as the kernel tells of it.
    Socket { uid: u32, pid: i32 },
    /// SIGHUP.
    Signal,
}

/// Serve another checkpoint under a model's name.
#[derive(Clone, Debug, PartialEq)]
pub struct SwapOrder {
    pub model: String,
    /// As it was given: relative to `model_root`, or absolute.
    pub path: PathBuf,
    /// Only this share of the requests, until it is promoted or aborted.
    pub canary: Option<Share>,
}

/// Serve a model that the config does not name.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadOrder {
    pub name: String,
    /// As it was given: relative to `model_root`, or absolute.
    pub path: PathBuf,
    /// The keys of a `[models.NAME]` table but `path`.
    pub settings: toml::Table,
}

/// A version that came into service.
#[derive(Clone, Debug, PartialEq)]
pub struct Swapped {
    pub model: String,
    /// The model file, symlinks resolved.
    pub path: PathBuf,
    pub version: VersionId,
    /// What part of the requests it answers: all of them, or a canary's share.
    pub role: Role,
    /// From the order to the flip.
    pub duration: Duration,
}

/// What applying a config changed: names of models.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    pub loaded: Vec<String>,
    pub unloaded: Vec<String>,
    /// Restarted by the swap path because a setting or the file changed.
    pub swapped: Vec<String>,
    pub unchanged: Vec<String>,
    /// Those that could not be, each with its cause; they serve on as they were.
    pub failed: Vec<(String, String)>,
    /// Keys of `[server]` that changed and need a restart.
    pub needs_restart: Vec<String>,
}

/// Where the outcome of an order goes.
pub type Reply<T> = oneshot::Sender<Result<T, OperationError>>;

/// One thing that is asked, and where the outcome goes.
#[derive(Debug)]
pub enum Order {
    Swap {
        order: SwapOrder,
        by: Asker,
        reply: Reply<Swapped>,
    },
    /// Back to the version before this one.
    Rollback {
        model: String,
        by: Asker,
        reply: Reply<Swapped>,
    },
    /// The canary answers everybody.
    Promote {
        model: String,
        by: Asker,
        reply: Reply<Swapped>,
    },
    /// The canary goes; the version it was to replace has never stopped. Answers the canary's version.
    Abort {
        model: String,
        by: Asker,
        reply: Reply<VersionId>,
    },
    Load {
        order: LoadOrder,
        by: Asker,
        reply: Reply<Swapped>,
    },
    /// Serve what the model's file holds now, and again where it was unloaded and the config names it.
    Refresh {
        model: String,
        by: Asker,
        reply: Reply<()>,
    },
    Unload {
        model: String,
        by: Asker,
        reply: Reply<()>,
    },
    /// That many workers for the stable version.
    Scale {
        model: String,
        workers: u32,
        by: Asker,
        reply: Reply<()>,
    },
    Apply {
        config: Box<Config>,
        by: Asker,
        reply: Reply<Applied>,
    },
    Report {
        reply: Reply<Report>,
    },
}

/// Asks the supervisor; cheap to clone.
#[derive(Clone, Debug)]
pub struct Operator {
    orders: mpsc::UnboundedSender<Order>,
    events: Events,
}

impl Operator {
    /// An operator, and the orders that its owner has to carry out.
    pub fn new(events: Events) -> (Self, mpsc::UnboundedReceiver<Order>) {
        let (orders, inbox) = mpsc::unbounded_channel();
        (Self { orders, events }, inbox)
    }

    /// What happens to models and workers.
    pub fn events(&self) -> &Events {
        &self.events
    }

    pub async fn swap(&self, order: SwapOrder, by: Asker) -> Result<Swapped, OperationError> {
        self.ask(|reply| Order::Swap { order, by, reply }).await
    }

    pub async fn rollback(&self, model: String, by: Asker) -> Result<Swapped, OperationError> {
        self.ask(|reply| Order::Rollback { model, by, reply }).await
    }

    pub async fn promote(&self, model: String, by: Asker) -> Result<Swapped, OperationError> {
        self.ask(|reply| Order::Promote { model, by, reply }).await
    }

    pub async fn abort(&self, model: String, by: Asker) -> Result<VersionId, OperationError> {
        self.ask(|reply| Order::Abort { model, by, reply }).await
    }

    pub async fn load(&self, order: LoadOrder, by: Asker) -> Result<Swapped, OperationError> {
        self.ask(|reply| Order::Load { order, by, reply }).await
    }

    /// Serves what a model's file holds now; one that was unloaded and the config names, again.
    pub async fn refresh(&self, model: String, by: Asker) -> Result<(), OperationError> {
        self.ask(|reply| Order::Refresh { model, by, reply }).await
    }

    pub async fn unload(&self, model: String, by: Asker) -> Result<(), OperationError> {
        self.ask(|reply| Order::Unload { model, by, reply }).await
    }

    pub async fn scale(
        &self,
        model: String,
        workers: u32,
        by: Asker,
    ) -> Result<(), OperationError> {
        self.ask(|reply| Order::Scale { model, workers, by, reply }).await
    }

    /// Makes the models what `config` says; what is equal is not touched.
    pub async fn apply(&self, config: Config, by: Asker) -> Result<Applied, OperationError> {
        let config = Box::new(config);
        self.ask(|reply| Order::Apply { config, by, reply }).await
    }

    /// What is served, by which workers, and what they hold.
    pub async fn report(&self) -> Result<Report, OperationError> {
        self.ask(|reply| Order::Report { reply }).await
    }

    async fn ask<T>(&self, order: impl FnOnce(Reply<T>) -> Order) -> Result<T, OperationError> {
        let (reply, outcome) = oneshot::channel();
        self.orders.send(order(reply)).map_err(|_| OperationError::Stopping)?;
        outcome.await.unwrap_or(Err(OperationError::Stopping))
    }
}

impl fmt::Display for Asker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(address) => write!(formatter, "http {address}"),
            Self::Socket { uid, pid } => write!(formatter, "socket uid={uid} pid={pid}"),
            Self::Signal => formatter.write_str("signal"),
        }
    }
}
