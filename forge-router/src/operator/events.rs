//! What happens to models and workers: the last ones are kept, new ones can be followed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::sync::broadcast;

use crate::model::VersionId;

/// Events that are kept for who asks later.
const KEPT: usize = 256;

/// Events that a slow follower may lag behind before it misses some.
const BEHIND: usize = 256;

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    Loading,
    WorkerReady,
    WorkerEnded,
    /// It was too large or too old; another took its place first.
    WorkerRecycled,
    Swapping,
    Swapped,
    SwapFailed,
    CanaryStarted,
    Promoted,
    Aborted,
    RolledBack,
    Draining,
    Retired,
    Loaded,
    Unloaded,
    Scaled,
    Degraded,
    Recovered,
    /// A request ended the worker that ran it alone.
    RequestBlamed,
    ConfigApplied,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Grows by one with every event.
    pub sequence: u64,
    pub at: SystemTime,
    pub kind: EventKind,
    /// Empty where it is about the server.
    pub model: String,
    pub version: Option<VersionId>,
    pub worker: Option<u32>,
    /// For a person; one line.
    pub text: String,
}

/// The log of events; cheap to clone.
#[derive(Clone, Debug)]
pub struct Events {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    log: Mutex<Log>,
    sender: broadcast::Sender<Arc<Event>>,
}

#[derive(Debug, Default)]
struct Log {
    next: u64,
    kept: VecDeque<Arc<Event>>,
}

/// The events from some moment on.
#[derive(Debug)]
pub struct Subscription {
    receiver: broadcast::Receiver<Arc<Event>>,
}

impl Events {
    pub fn new() -> Self {
        let (sender, _) = broadcast::channel(BEHIND);
        Self { shared: Arc::new(Shared { log: Mutex::default(), sender }) }
    }

    /// Keeps an event and tells it to who follows.
    pub fn tell(
        &self,
        kind: EventKind,
        model: &str,
        version: Option<VersionId>,
        worker: Option<u32>,
        text: impl Into<String>,
    ) {
        let (model, text, at) = (model.to_owned(), text.into(), SystemTime::now());
        let mut log = self.log();
        let sequence = log.next;
        log.next += 1;
        let event = Arc::new(Event { sequence, at, kind, model, version, worker, text });
        if log.kept.len() == KEPT {
            log.kept.pop_front();
        }
        log.kept.push_back(Arc::clone(&event));
        // Sent under the lock, so that followers see the order of the sequence. That nobody follows
        // is no error.
        drop(self.shared.sender.send(event));
    }

    /// The kept events, oldest first, and what comes after them.
    pub fn follow(&self) -> (Vec<Arc<Event>>, Subscription) {
        let log = self.log();
        let receiver = self.shared.sender.subscribe();
        (log.kept.iter().cloned().collect(), Subscription { receiver })
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.shared.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Events {
    fn default() -> Self {
        Self::new()
    }
}

impl Subscription {
    /// The next event; `None` once the server has ended. A follower that lagged behind misses the
    /// oldest, which the gap in the sequence shows.
    pub async fn next(&mut self) -> Option<Arc<Event>> {
        loop {
            match self.receiver.recv().await {
                Ok(event) => return Some(event),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

impl EventKind {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Loading => "loading",
            Self::WorkerReady => "worker-ready",
            Self::WorkerEnded => "worker-ended",
            Self::WorkerRecycled => "worker-recycled",
            Self::Swapping => "swapping",
            Self::Swapped => "swapped",
            Self::SwapFailed => "swap-failed",
            Self::CanaryStarted => "canary-started",
            Self::Promoted => "promoted",
            Self::Aborted => "aborted",
            Self::RolledBack => "rolled-back",
            Self::Draining => "draining",
            Self::Retired => "retired",
            Self::Loaded => "loaded",
            Self::Unloaded => "unloaded",
            Self::Scaled => "scaled",
            Self::Degraded => "degraded",
            Self::Recovered => "recovered",
            Self::RequestBlamed => "request-blamed",
            Self::ConfigApplied => "config-applied",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tell(events: &Events, text: &str) {
        events.tell(EventKind::Loaded, "m", None, None, text);
    }

    #[tokio::test]
    async fn a_follower_gets_what_was_kept_and_then_what_comes() {
        let events = Events::new();
        tell(&events, "one");
        let (kept, mut following) = events.follow();
        tell(&events, "two");
        let next = following.next().await.map(|event| (event.sequence, event.text.clone()));
        assert_eq!(kept.iter().map(|event| event.sequence).collect::<Vec<_>>(), [0]);
        assert_eq!(next, Some((1, "two".to_owned())));
    }

    #[test]
    fn only_the_last_events_are_kept() {
        let events = Events::new();
        for number in 0..KEPT + 3 {
            tell(&events, &number.to_string());
        }
        let (kept, _) = events.follow();
        assert_eq!((kept.len(), kept[0].sequence), (KEPT, 3));
    }
}
