//! A constant rate: requests are due whatever becomes of those before them, as those of many
//! independent clients are.
//!
//! A closed loop asks nothing while the server stalls, and so hardly sees the stall (Gil Tene's
//! "coordinated omission"). Here what is due waits, at the latest for a free connection, and its
//! latency counts from when it was due.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::connection::Connection;
use super::measured::Failure;
use super::pacer::Pacer;
use super::patience::Patience;
use super::recorder::Sent;
use super::schedule::Schedule;
use super::{LoadError, Shared, join};

/// What the connections take their requests from.
#[derive(Debug)]
struct Due {
    schedule: Schedule,
    /// A permit for each request that is due and not taken yet.
    permits: Semaphore,
    /// The next one to take.
    next: AtomicU64,
    /// What has not been sent by then never is, and counts as a failure.
    last_send: Instant,
}

pub(super) async fn run(
    shared: &Arc<Shared>,
    connections: Vec<Connection>,
    (began, per_second): (Instant, f64),
) -> Result<(), LoadError> {
    let pacer = Pacer::new().map_err(LoadError::Timer)?;
    let load = &shared.load;
    let schedule = Schedule::new(began, per_second, load.duration);
    let due = Arc::new(Due {
        schedule,
        permits: Semaphore::new(0),
        next: AtomicU64::new(0),
        last_send: began + load.duration + load.timeout,
    });
    let clients = connections.len();
    let mut tasks = JoinSet::new();
    for connection in connections {
        tasks.spawn(client(Arc::clone(shared), Arc::clone(&due), connection));
    }
    let mut told = 0;
    while let Some(time) = schedule.due(told) {
        pacer.wait_until(time).await.map_err(LoadError::Timer)?;
        let by_now = schedule.due_by(Instant::now()).max(told + 1);
        due.permits.add_permits(usize::try_from(by_now - told).unwrap_or(usize::MAX));
        told = by_now;
        // The pacer must not keep those it has woken from running where it is behind itself.
        tokio::task::yield_now().await;
    }
    // With one more each finds that there is nothing left to send.
    due.permits.add_permits(clients);
    Ok(join(tasks).await?)
}

async fn client(shared: Arc<Shared>, due: Arc<Due>, connection: Connection) {
    let mut connection = Some(connection);
    let mut patience = Patience::new(shared.load.timeout);
    let exchanges = &shared.load.exchanges;
    while let Ok(permit) = due.permits.acquire().await {
        permit.forget();
        let turn = due.next.fetch_add(1, Ordering::Relaxed);
        let Some(time) = due.schedule.due(turn) else { return };
        let sent = Sent { due: time, sent: Instant::now() };
        if sent.sent > due.last_send {
            let text = || "it was due, but no connection became free".to_owned();
            shared.record(|recorder| recorder.failed(sent, sent.sent, Failure::Unsent, text));
            continue;
        }
        let place = usize::try_from(turn).unwrap_or(usize::MAX) % exchanges.len().max(1);
        let Some(exchange) = exchanges.get(place) else { return };
        shared.exchange(&mut connection, &mut patience, exchange, sent).await;
    }
}
