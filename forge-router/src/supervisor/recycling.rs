//! When a sound worker is replaced: it has grown too large, or too old. Its successor is ready before
//! it goes.

use std::time::{Duration, Instant};

use crate::config::ModelConfig;
use crate::system::memory;

/// How often a worker's size is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Resolves with the reason once the worker of process `pid`, ready `since`, is due.
pub async fn due(config: &ModelConfig, pid: u32, since: Instant) -> String {
    tokio::select! {
        reason = too_old(config.max_worker_age, since) => reason,
        reason = too_large(config.max_worker_rss.map(u64::from), pid) => reason,
    }
}

async fn too_old(limit: Option<Duration>, since: Instant) -> String {
    let Some(limit) = limit else { return std::future::pending().await };
    tokio::time::sleep_until((since + limit).into()).await;
    format!("it is older than {limit:?} (max_worker_age_s)")
}

async fn too_large(limit: Option<u64>, pid: u32) -> String {
    let Some(limit) = limit else { return std::future::pending().await };
    let mut looks = tokio::time::interval(LOOK_EVERY);
    loop {
        looks.tick().await;
        // A process that has just gone holds nothing.
        let held = memory::of_process(pid).map_or(0, |held| held.anonymous);
        if held > limit {
            return format!("it holds {held} bytes, more than {limit} (max_worker_rss)");
        }
    }
}
