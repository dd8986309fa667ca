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
use crate::grpc;

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

/// What becomes of connections. It only goes on, from one to the next or further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Door {
    /// None is accepted yet: they wait in the socket's queue.
    Waiting,
    Open,
    /// No more are accepted; those that are open go on.
    Shut,
    /// Those that are open end, each with the answer under way.
    Closing,
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

    /// Listens on a socket that was bound before.
    pub fn of_socket(
        socket: std::net::TcpListener,
        address: SocketAddr,
    ) -> Result<Self, BindError> {
        let fail = |source| BindError { address, source };
        socket.set_nonblocking(true).map_err(fail)?;
        let listener = TcpListener::from_std(socket).map_err(fail)?;
        Ok(Self { listener, address })
    }

    /// Where it listens, with the port that was picked.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves as the door stands, until every connection has ended after it was shut.
    pub async fn serve(self, app: Arc<App>, mut door: watch::Receiver<Door>) {
        let services = Arc::new(grpc::Services::new(&app));
        let front = (app, services);
        let (closing, closes) = watch::channel(false);
        let mut connections = JoinSet::new();
        reached(&mut door, Door::Open).await;
        self.accept(&front, &mut door, &closes, &mut connections).await;
        loop {
            tokio::select! {
                ended = connections.join_next() => {
                    if ended.is_none() {
                        return;
                    }
                }
                () = reached(&mut door, Door::Closing), if !*closing.borrow() => {
                    closing.send_replace(true);
                }
            }
        }
    }

    /// Accepts until the door is shut; then the socket is closed.
    async fn accept(
        self,
        (app, services): &(Arc<App>, Arc<grpc::Services>),
        door: &mut watch::Receiver<Door>,
        closes: &watch::Receiver<bool>,
        connections: &mut JoinSet<()>,
    ) {
        let mut told: Option<Instant> = None;
        loop {
            let accepted = tokio::select! {
                // First, so that nothing is accepted that would not be answered.
                biased;
                () = reached(door, Door::Shut) => return,
                Some(_) = connections.join_next(), if !connections.is_empty() => continue,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    // An answer is small and waited for: it must not wait for the next to fill a packet.
                    drop(stream.set_nodelay(true));
                    let front = (Arc::clone(app), Arc::clone(services));
                    connections.spawn(connection::serve(stream, peer, front, closes.clone()));
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
    }
}

/// Resolves once the door has come as far as `at_least`, or can no longer move.
async fn reached(door: &mut watch::Receiver<Door>, at_least: Door) {
    // The guard that it returns must not live on: it holds the channel's lock.
    drop(door.wait_for(|door| *door >= at_least).await);
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
