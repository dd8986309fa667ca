//! When a sound worker is replaced: it has grown too large, or too old. Its successor is ready before
//! it goes.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use crate::config::ModelConfig;
use crate::system::memory;
use tracing::warn;

/// How often a worker's size is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long until a worker that is still due is told of again: its successor had not come to serve.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// Tells the reason once the worker of process `pid`, ready `since`, is due, and again after a while.
pub async fn watch(
    config: &ModelConfig,
    pid: u32,
    since: Instant,
    tell: impl Fn(String),
) -> Infallible {
    loop {
        let reason = tokio::select! {
            reason = too_old(config.max_worker_age, since) => reason,
            reason = too_large(config.max_worker_rss.map(u64::from), pid) => reason,
        };
        tell(reason);
        tokio::time::sleep(TELL_AGAIN).await;
    }
}

async fn too_old(limit: Option<Duration>, since: Instant) -> String {
    let Some(limit) = limit else { return std::future::pending().await };
    tokio::time::sleep_until((since + limit).into()).await;
    format!("it is older than {limit:?} (max_worker_age_s)")
}

async fn too_large(limit: Option<u64>, pid: u32) -> String {
    let Some(limit) = limit else { return std::future::pending().await };
    // A process that has just gone holds nothing.
    let held = || memory::of_process(pid).map_or(0, |held| held.anonymous);
    if held() > limit {
        // Its successor would be as large: without a pause they would follow each other endlessly.
        warn!("a fresh worker holds {} bytes already, max_worker_rss is {limit}", held());
        tokio::time::sleep(TELL_AGAIN).await;
    }
    let mut looks = tokio::time::interval(LOOK_EVERY);
    loop {
        looks.tick().await;
        let held = held();
        if held > limit {
            return format!("it holds {held} bytes, more than {limit} (max_worker_rss)");
        }
    }
}
