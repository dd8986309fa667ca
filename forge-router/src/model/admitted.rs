//! A request between its admission and its answer.

use std::sync::Arc;
use std::time::Instant;

use super::version::{Enqueued, Tally, Version};
use crate::batching::{Group, Ticket, Timing};
use crate::memory_budget::Reservation;
use crate::request::{Inputs, Replied, Reply, RequestError, Terms, join};

/// Answers to parts that take more bytes than this are joined beside the event loop: copying them takes
/// longer than the other requests should wait.
const LARGE: usize = 256 * 1024;

/// A place in a version's queue, held while the request is decoded.
#[derive(Debug)]
pub struct Admitted {
    version: Arc<Version>,
    since: Instant,
    /// `false` once the queue owns the place: whoever takes the entry out gives it back.
    holds_place: bool,
}

impl Admitted {
    /// For a version that has just counted the place.
    pub(super) fn new(version: Arc<Version>) -> Self {
        Self { version, since: Instant::now(), holds_place: true }
    }

    /// When it was admitted.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// The version that answers.
    pub fn version(&self) -> &Arc<Version> {
        &self.version
    }

    /// Queues the request and waits for its answer, until the deadline at the latest. One of more rows
    /// than a batch is run in parts, and their answers joined. Dropping the future takes back what
    /// still waits.
    pub async fn run(
        self,
        inputs: Inputs,
        terms: Terms,
        memory: Reservation,
    ) -> Result<Reply, Expired> {
        let tally = Tally::new(Arc::clone(&self.version), self.since);
        let ran = self.run_uncounted(inputs, terms, memory).await;
        tally.end(&ran);
        ran
    }

    async fn run_uncounted(
        mut self,
        mut inputs: Inputs,
        terms: Terms,
        memory: Reservation,
    ) -> Result<Reply, Expired> {
        if inputs.padding.is_some() && self.version.row_too_large(&inputs.group.row).is_some() {
            inputs.give_up_padding();
        }
        if let Some(error) = self.version.row_too_large(&inputs.group.row) {
            return Ok(Err(error));
        }
        let rows_limit = self.version.rows_limit(&inputs.group);
        if let Some(error) = self.version.is_blamed(&inputs, rows_limit) {
            return Ok(Err(error));
        }
        let version = Arc::clone(&self.version);
        let Terms { arrived, deadline, priority } = terms;
        let timing = Timing { arrived, deadline, priority };
        let Enqueued { key, ticket, answer } = version.enqueue(inputs, rows_limit, timing, memory);
        self.holds_place = false;
        let mut waiting = Waiting { version: &version, key, ticket, is_answered: false };
        // Requests that arrived together get to queue before the first of them cuts the batch.
        tokio::task::yield_now().await;
        version.pump();
        match tokio::time::timeout_at(deadline.into(), answer).await {
            Ok(Ok(Ok(replied))) => {
                waiting.is_answered = true;
                let whole = tokio::time::timeout_at(deadline.into(), whole(replied)).await;
                whole.map_err(|_| Expired { in_queue: false })
            }
            // Where a part has failed, others may still wait.
            Ok(Ok(Err(error))) => Ok(Err(error)),
            Ok(Err(_)) if Instant::now() < deadline => Ok(Err(version.not_ready("retired"))),
            // Dropped unanswered: it had expired when its batch was cut, a moment before the timer.
            Ok(Err(_)) => Err(Expired { in_queue: true }),
            Err(_) => Err(Expired { in_queue: waiting.take_back() }),
        }
    }
}

/// One answer of what the parts got.
async fn whole(replied: Replied) -> Reply {
    let parts = match replied {
        Replied::Whole(answer) => return Ok(answer),
        Replied::Parts(parts) => parts,
    };
    if parts.iter().map(|part| part.memory.bytes()).sum::<usize>() <= LARGE {
        return join(parts);
    }
    let joined = tokio::task::spawn_blocking(move || join(parts)).await;
    joined.map_err(|error| RequestError::Internal(error.to_string()))?
}

impl Drop for Admitted {
    fn drop(&mut self) {
        if self.holds_place {
            self.version.left_queue(1);
        }
        self.version.left();
    }
}

/// The deadline passed before the answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expired {
    /// It still waited for its batch; else it was running.
    pub in_queue: bool,
}

/// Takes its request out of the queue when dropped.
struct Waiting<'a> {
    version: &'a Version,
    key: Group,
    ticket: Ticket,
    is_answered: bool,
}

impl Waiting<'_> {
    /// Whether the request was still in the queue.
    fn take_back(&self) -> bool {
        self.version.take_back(&self.key, self.ticket)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.is_answered {
            self.take_back();
        }
    }
}
