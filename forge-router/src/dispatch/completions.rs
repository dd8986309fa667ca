//! Serves one worker's doorbell: collects what it completed, answers, and lets the next batch go.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use forge_ipc::PeerViolation;
use tokio::io::unix::AsyncFd;

use super::failure::{Verdict, judge};
use super::link::{Busy, Finished, WorkerLink, fail_all};
use super::recovery::{Recovery, Suspicion, recover};
use super::scatter::Scattered;
use crate::batching::Batch;
use crate::metrics::ModelMetrics;
use crate::model::{Example, Version};
use crate::readable::await_readable;
use crate::request::{Answer, Pending, RequestError, answer};

/// The longest sleep without a look at the ring: a wake-up that was missed costs this much.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// Why a worker is no longer served.
#[derive(Debug, thiserror::Error)]
pub enum Ending {
    #[error("it broke the ring's rules: {0}")]
    Violation(#[from] PeerViolation),
    #[error("a batch ran longer than {0:?} (batch_timeout_s)")]
    Hung(Duration),
    /// Something keeps it that is not a batch.
    #[error("it did not start a batch within {0:?} (batch_timeout_s)")]
    Deaf(Duration),
    #[error("its doorbell cannot be waited for: {0}")]
    Doorbell(#[from] std::io::Error),
}

/// Answers what the worker completes until it breaks a rule or hangs. Cancel it by dropping.
pub async fn serve(
    version: &Version,
    link: &Arc<WorkerLink>,
    batch_timeout: Duration,
    metrics: &ModelMetrics,
) -> Ending {
    match serve_doorbell(version, link, batch_timeout, metrics).await {
        Ok(never) => match never {},
        Err(ending) => ending,
    }
}

async fn serve_doorbell(
    version: &Version,
    link: &Arc<WorkerLink>,
    batch_timeout: Duration,
    metrics: &ModelMetrics,
) -> Result<std::convert::Infallible, Ending> {
    let doorbell = await_readable(link.doorbell()?)?;
    let mut missed_by_worker = 0;
    loop {
        let (finished, violation) = link.collect(Instant::now());
        if finished.is_empty() && violation.is_none() {
            if link.prepare_to_sleep() {
                let was_rung = sleep(&doorbell, link, batch_timeout).await?;
                if !was_rung && !link.prepare_to_sleep() {
                    metrics.missed_wake_of_router();
                }
            }
            link.wake_up();
            let missed = link.missed_wakes();
            metrics.missed_wakes_of_worker(missed.saturating_sub(missed_by_worker));
            missed_by_worker = missed;
            continue;
        }
        for batch in finished {
            version.credit(link);
            settle(version, batch);
        }
        version.pump();
        if let Some(violation) = violation {
            return Err(violation.into());
        }
    }
}

/// Waits for the doorbell; `false` when the time passed without it.
///
/// The counter of the eventfd is never read: every write makes epoll report it again (tokio
/// registers edge-triggered), and that saves a system call per wake-up.
async fn sleep(
    doorbell: &AsyncFd<OwnedFd>,
    link: &WorkerLink,
    batch_timeout: Duration,
) -> Result<bool, Ending> {
    let longest = match link.busy()? {
        None => LONGEST_SLEEP,
        Some(Busy { since, has_started }) => match batch_timeout.checked_sub(since.elapsed()) {
            Some(left) if !left.is_zero() => LONGEST_SLEEP.min(left),
            _ if has_started => return Err(Ending::Hung(batch_timeout)),
            _ => return Err(Ending::Deaf(batch_timeout)),
        },
    };
    match tokio::time::timeout(longest, doorbell.readable()).await {
        Ok(ready) => {
            ready?.clear_ready();
            Ok(true)
        }
        Err(_) => Ok(false),
    }
}

fn settle(version: &Version, finished: Finished) {
    let Finished { batch, is_made_up, begun, compute, result } = finished;
    let scattered = match result {
        Ok(scattered) => scattered,
        Err((kind, message)) => {
            return match judge(batch, kind, message, version.config().name.as_str()) {
                Verdict::RunHalves(halves) => version.run_again(halves),
                Verdict::Answer(batch, error) => fail_all(batch, &error),
            };
        }
    };
    if !is_made_up {
        version.count_batch(batch.rows, compute);
    }
    if let Some(Ok(first)) = scattered.first() {
        version.answered(|| Example {
            inputs: batch.group.clone(),
            outputs: first.outputs.iter().map(|output| output.row).collect(),
            structure: first.structure.clone(),
        });
    }
    for (entry, scattered) in batch.entries.into_iter().zip(scattered) {
        let (reply, memory) = entry.item.without_inputs();
        let answer = scattered.map(|Scattered { outputs, structure }| Answer {
            outputs,
            structure,
            rows: entry.rows,
            is_batched: version.config().batching,
            waited: begun.saturating_duration_since(entry.timing.arrived),
            compute,
            memory,
        });
        reply.send(answer);
    }
}

/// What became of the batches of a worker that has gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Salvage {
    /// Requests that run again.
    pub again: usize,
    /// Requests that were answered with an error, since they are not to run again.
    pub lost: usize,
    /// Whether a request was found to be the cause.
    pub has_blamed: bool,
    /// Whether it ran a request alone whose worker had ended before.
    pub is_repeated: bool,
}

/// Answers what a worker that has gone had completed, and has the rest run again where it may.
/// `cause` says how it ended.
pub fn salvage(
    version: &Version,
    link: &WorkerLink,
    suspicion: Suspicion,
    replays: bool,
    cause: &str,
) -> Salvage {
    let (finished, violation) = link.collect(Instant::now());
    for finished in finished {
        settle(version, finished);
    }
    let wreck = link.abandon(violation.is_some());
    let died_before = |batch: &Batch<Pending>| matches!(batch.entries.as_slice(), [entry] if entry.item.has_died_alone);
    let is_repeated = wreck.started.as_ref().is_some_and(died_before);
    let Recovery { again, mut behind, blamed, lost } = recover(wreck, suspicion, replays);
    for entry in behind.iter_mut().flat_map(|batch| &mut batch.entries) {
        entry.item.has_died_alone = true;
    }
    let salvage = Salvage {
        again: again.iter().chain(&behind).map(|batch| batch.entries.len()).sum(),
        lost: lost.len(),
        has_blamed: blamed.is_some(),
        is_repeated,
    };
    if let Some(entry) = blamed {
        version.blame(&entry.item.inputs, cause);
        answer(entry.item, Err(RequestError::Blamed(cause.to_owned())));
    }
    for entry in lost {
        answer(entry.item, Err(RequestError::WorkerLost(cause.to_owned())));
    }
    version.run_first(again, behind);
    version.pump();
    salvage
}
