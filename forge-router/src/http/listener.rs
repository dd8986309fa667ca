//! Accepts connections and waits for them at the end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{debug, error};

use super::app::App;
use super::connection;

/// The pause after a failed accept that is not the client's fault: the machine is out of file
/// descriptors or memory, and only time gives some back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How often a failing accept is told of.
const TELL_AGAIN: Duration = Duration::from_secs(10);

/// The bound listener of a server.
#[derive(Debug)]
pub struct Listener {
    listener: TcpListener,
    address: SocketAddr,
}

/// The address cannot be listened on; the operator's fault.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}; --port or server.port picks another, 0 a free one")]
pub struct BindError {
    address: SocketAddr,
    source: io::Error,
}

impl Listener {
    /// Binds at once; port 0 picks a free one.
    pub async fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let fail = |source| BindError { address, source };
        let listener = TcpListener::bind(address).await.map_err(fail)?;
        let address = listener.local_addr().map_err(fail)?;
        Ok(Self { listener, address })
    }

    /// Where it listens, with the port that was picked.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `draining` turns true, then waits until every connection has ended.
    pub async fn serve(self, app: Arc<App>, mut draining: watch::Receiver<bool>) {
        let mut connections = JoinSet::new();
        let mut told: Option<Instant> = None;
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                Some(_) = connections.join_next(), if !connections.is_empty() => continue,
                _ = draining.wait_for(|draining| *draining) => break,
            };
            match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(connection::serve(
                        stream,
                        peer,
                        Arc::clone(&app),
                        draining.clone(),
                    ));
                }
                Err(error) if is_the_clients(&error) => debug!(%error, "connection not accepted"),
                Err(error) => {
                    if told.is_none_or(|told| told.elapsed() >= TELL_AGAIN) {
                        error!(%error, connections = connections.len(), "cannot accept connections");
                        told = Some(Instant::now());
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(self.listener);
        while connections.join_next().await.is_some() {}
    }
}

/// Errors of one connection that ended before it was accepted (accept(2)).
fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
