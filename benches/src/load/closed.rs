//! A closed loop: each connection sends its next request when its last one is answered.

use std::sync::Arc;
use std::time::Instant;

use tokio::task::{JoinError, JoinSet};

use super::connection::Connection;
use super::exchange::Exchange;
use super::patience::Patience;
use super::recorder::Sent;
use super::{Shared, join};

pub(super) async fn run(
    shared: &Arc<Shared>,
    connections: Vec<Connection>,
    began: Instant,
) -> Result<(), JoinError> {
    let end = began + shared.load.duration;
    let mut clients = JoinSet::new();
    for (index, connection) in connections.into_iter().enumerate() {
        clients.spawn(client(Arc::clone(shared), connection, index, end));
    }
    join(clients).await
}

/// Each client begins with another request, so that those of a batch differ.
async fn client(shared: Arc<Shared>, connection: Connection, first: usize, end: Instant) {
    let mut connection = Some(connection);
    let mut patience = Patience::new(shared.load.timeout);
    let exchanges: &[Exchange] = &shared.load.exchanges;
    for exchange in exchanges.iter().cycle().skip(first % exchanges.len().max(1)) {
        let sent = Instant::now();
        if sent >= end {
            return;
        }
        let at = Sent { due: sent, sent };
        shared.exchange(&mut connection, &mut patience, exchange, at).await;
    }
}
