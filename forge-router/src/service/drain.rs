//! The end, from the first signal to the last answer.
//!
//! ```text
//! asked ─► readiness 503, still answering ─► new predictions 503 ─► all answered ─► connections end
//!          └──── shutdown_grace_s ────┘      └────────────── patience ───────────────┘
//! ```
//!
//! The grace is for load balancers: they go on sending until a probe has told them. An inherited
//! socket outlives this process, so nobody has to be told: its connections are left to the
//! successor at once, and those that are open end after the grace.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use super::ServiceManager;
use crate::http::{App, Door, Phase};

/// How long answers may take to reach their clients once their requests have ended.
const SENDING: Duration = Duration::from_secs(5);

/// How long workers may take to finish what nobody waits for any more and to exit.
const RETIRING: Duration = Duration::from_secs(15);

/// What is needed to end without losing an answer.
#[derive(Debug)]
pub struct Drain {
    pub app: Arc<App>,
    pub door: watch::Sender<Door>,
    /// The listener and its connections.
    pub front: JoinHandle<()>,
    pub manager: Arc<ServiceManager>,
    /// Whether the socket outlives this process.
    pub is_inherited: bool,
    /// How long predictions are still taken; `None` where it has never been ready, so that nobody
    /// sends any.
    pub grace: Option<Duration>,
    /// The longest time for which any admitted request may go on.
    pub longest_request: Duration,
}

impl Drain {
    /// Returns when everything admitted is answered and every connection has ended, or when that
    /// takes longer than it can.
    pub async fn run(self) {
        let patience = self.longest_request + SENDING;
        self.app.enter(Phase::Draining);
        self.tell(patience).await;
        if self.is_inherited {
            self.door.send_replace(Door::Shut);
        }
        if let Some(grace) = self.grace {
            tokio::time::sleep(grace).await;
        }
        let answered = tokio::time::timeout(patience, async {
            if !self.is_inherited {
                // The listener stays until the last answer, so that probes and whoever was not told
                // yet read 503 and not a closed port.
                self.app.enter(Phase::Refusing);
                if self.grace.is_some() {
                    info!("new predictions are refused");
                }
                self.app.idle().await;
            }
            self.door.send_replace(Door::Closing);
            self.front.await
        });
        if answered.await.is_err() {
            warn!("requests were still running {patience:?} after the last was taken");
        }
    }

    async fn tell(&self, patience: Duration) {
        let Some(grace) = self.grace else {
            info!("ending before everything was ready");
            return self.manager.stopping(patience + RETIRING).await;
        };
        let next = match self.is_inherited {
            true => "new connections are left to whoever takes the socket next",
            false => "then new ones are refused",
        };
        info!(
            "draining: readiness reads 503; predictions are still answered for {grace:?}, {next}; \
             what was admitted is answered within {patience:?} more; a second signal ends it at once"
        );
        self.manager.stopping(grace + patience + RETIRING).await;
    }
}
