//! Long work on files beside everything else: on a thread of its own with the lowest priority, so that
//! whoever is being served does not notice.

use std::thread;

use rustix::process::setpriority_process;
use tokio::sync::oneshot;
use tracing::debug;

/// The nice value of such work; what runs at 0 gets some seventy times its share of a CPU.
const NICE: i32 = 19;

/// Runs `work` and waits for it; `None` where it panicked, or no thread could be started.
pub async fn quietly<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (done, outcome) = oneshot::channel();
    let run = move || {
        // Linux takes no process for the calling thread. To be nicer is always allowed; were it not,
        // the work would be done all the same.
        if let Err(error) = setpriority_process(None, NICE) {
            debug!(%error, "a thread keeps its priority");
        }
        // Nobody may wait any more.
        drop(done.send(work()));
    };
    thread::Builder::new().name("quiet".to_owned()).spawn(run).ok()?;
    outcome.await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn quiet_work_leaves_the_priority_of_others_alone() {
        let nice = || rustix::process::getpriority_process(None).unwrap();
        let before = nice();
        assert_eq!(quietly(nice).await, Some(NICE));
        assert_eq!(nice(), before);
    }
}
