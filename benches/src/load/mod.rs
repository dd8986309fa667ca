//! The one load generator of this crate: requests encoded once, sent over HTTP/1.1 or gRPC, in a
//! closed loop or at a constant rate, and every answer checked.
//!
//! ```text
//! Load ─► run ─┬─ closed: each connection sends when it was answered ──┐
//!              └─ open: Pacer ─► due requests ─► the next free one ────┼─► Connection ─► Expected ─► Recorder ─► Measured
//! ```
//!
//! It shares its CPUs with the server, so it does as little as it can: one thread, no request is
//! encoded twice, an answer that has the bytes which were learned is not parsed.

mod closed;
mod connection;
mod exchange;
mod grpc;
mod http1;
mod measured;
mod open;
mod pacer;
mod patience;
mod recorder;
mod schedule;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::{JoinError, JoinSet};

pub use connection::{Connection, Transport};
pub use exchange::{Answer, Exchange, Expected, Status};
pub use grpc::frame;
pub use http1::{HeaderLines, get, post};
pub use measured::{Failure, Failures, Latencies, Measured};
use recorder::Recorder;

/// What is sent, to whom, how fast and for how long.
#[derive(Clone, Debug)]
pub struct Load {
    /// `host:port`
    pub address: String,
    pub transport: Transport,
    /// Sent in turn, over and over. Not empty.
    pub exchanges: Arc<[Exchange]>,
    pub pace: Pace,
    /// How long requests are sent; those that are under way then are waited for.
    pub duration: Duration,
    /// An answer that takes longer counts as a failure, and its connection is closed.
    pub timeout: Duration,
}

/// When the next request is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// A connection sends its next request when its last one is answered.
    Closed { connections: usize },
    /// Requests are due at a constant rate, whatever becomes of those before them. One that finds
    /// `in_flight` others unanswered waits, and its latency counts from when it was due.
    Open { per_second: f64, in_flight: usize },
}

impl Pace {
    fn connections(self) -> usize {
        match self {
            Self::Closed { connections } => connections,
            Self::Open { in_flight, .. } => in_flight,
        }
    }
}

/// Why nothing could be measured.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("cannot connect to {address}: {source}; is the server running, and is this its port?")]
    Connect { address: String, source: std::io::Error },
    #[error("this machine gives no timer: {0}")]
    Timer(#[source] std::io::Error),
    #[error("a connection of the load ended before its time: {0}")]
    Task(#[from] JoinError),
}

/// What all connections of a load share.
#[derive(Debug)]
struct Shared {
    load: Load,
    recorder: Mutex<Recorder>,
}

impl Shared {
    fn record(&self, record: impl FnOnce(&mut Recorder)) {
        record(&mut self.recorder.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Opens every connection, then sends until the duration is over and everything is answered.
///
/// # Errors
/// Where nothing could be sent at all. That requests fail is part of what is measured.
pub async fn run(load: &Load) -> Result<Measured, LoadError> {
    let connections = connect(load).await?;
    let shared = Shared { load: load.clone(), recorder: Mutex::default() };
    let shared = Arc::new(shared);
    let began = Instant::now();
    match load.pace {
        Pace::Closed { .. } => closed::run(&shared, connections, began).await?,
        Pace::Open { per_second, .. } => {
            open::run(&shared, connections, (began, per_second)).await?;
        }
    }
    let mut recorder = shared.recorder.lock().unwrap_or_else(PoisonError::into_inner);
    let measured = std::mem::take(&mut *recorder).finish(began);
    Ok(match load.pace {
        Pace::Closed { .. } => measured.of_closed_loop(),
        Pace::Open { .. } => measured,
    })
}

async fn connect(load: &Load) -> Result<Vec<Connection>, LoadError> {
    let mut connections = Vec::new();
    for _ in 0..load.pace.connections() {
        let connection = Connection::open(&load.address, &load.transport).await;
        let failed = |source| LoadError::Connect { address: load.address.clone(), source };
        connections.push(connection.map_err(failed)?);
    }
    Ok(connections)
}

/// Waits for all tasks.
async fn join(mut tasks: JoinSet<()>) -> Result<(), JoinError> {
    while let Some(ended) = tasks.join_next().await {
        ended?;
    }
    Ok(())
}
