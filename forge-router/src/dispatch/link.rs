//! The router's end of one worker's rings, and the batches that are in them.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use forge_ipc::{BatchId, Outcome, PeerViolation, RouterEnd, TensorMeta};
use tokio::sync::Notify;

use super::padded::{PaddedTensor, write_padded, write_plain};
use super::recovery::Wreck;
use super::scatter::{self, Scatter, Taken};
use crate::batching::Batch;
use crate::request::{Compute, Pending, RequestError, answer};

/// Submits batches to one worker and collects what it completed.
#[derive(Debug)]
pub struct WorkerLink {
    frames: u32,
    /// Whether the tensors of a batch are `[rows, …]`; else each batch is one request, as it came.
    batching: bool,
    ring: Mutex<Ring>,
    /// Rung when the last batch in flight came back.
    idle: Notify,
    /// Rung whenever batches came back.
    came_back: Notify,
}

#[derive(Debug)]
struct Ring {
    end: RouterEnd,
    next_batch: u64,
    /// Oldest first: a worker completes its batches in order.
    in_flight: VecDeque<InFlight>,
    last_completion: Option<Instant>,
    /// Batches that came back with outputs.
    answered: u64,
    is_abandoned: bool,
}

#[derive(Debug)]
struct InFlight {
    id: BatchId,
    submitted: Instant,
    /// Nobody sent it: it warms the worker.
    is_made_up: bool,
    batch: Batch<Pending>,
}

/// What a worker has before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy {
    pub since: Instant,
    /// The worker's own mark. Without it, whatever keeps the worker is not the batch.
    pub has_started: bool,
}

/// A batch that did not get into the ring.
#[derive(Debug)]
pub enum Refused {
    /// The worker has gone meanwhile; another may take the batch.
    Gone(Batch<Pending>),
    /// The ring could not hold it, which is a mistake of the router's.
    Unfit(Batch<Pending>, RequestError),
}

/// A batch that came back.
#[derive(Debug)]
pub struct Finished {
    pub batch: Batch<Pending>,
    /// Nobody sent it: it warmed the worker.
    pub is_made_up: bool,
    /// When the worker came to it, by this process's clock.
    pub begun: Instant,
    pub compute: Compute,
    /// An answer per request in the order of the batch, or what went wrong for all of them.
    pub result: Scatter,
}

impl WorkerLink {
    pub fn new(end: RouterEnd, batching: bool) -> Self {
        let ring = Ring {
            end,
            next_batch: 1,
            in_flight: VecDeque::new(),
            last_completion: None,
            answered: 0,
            is_abandoned: false,
        };
        let frames = ring.end.geometry().frames;
        Self {
            frames,
            batching,
            ring: Mutex::new(ring),
            idle: Notify::new(),
            came_back: Notify::new(),
        }
    }

    /// How many batches may be in the ring: one runs, the others wait.
    pub fn frames(&self) -> u32 {
        self.frames
    }

    /// A descriptor of its own that becomes readable when the worker rings.
    pub fn doorbell(&self) -> std::io::Result<OwnedFd> {
        self.ring().end.doorbell().try_clone_to_owned()
    }

    /// Copies every row to its place in the next frame and hands the frame to the worker. The
    /// caller holds a credit, so there is a free frame, and cut by bytes, so the rows fit.
    pub fn submit(&self, batch: Batch<Pending>, now: Instant) -> Result<(), Refused> {
        self.hand_over(batch, now, false)
    }

    /// As [`submit`](Self::submit), of a batch that nobody sent: it does not count as one of the
    /// model's.
    pub fn submit_made_up(&self, batch: Batch<Pending>, now: Instant) -> Result<(), Refused> {
        self.hand_over(batch, now, true)
    }

    fn hand_over(
        &self,
        batch: Batch<Pending>,
        now: Instant,
        is_made_up: bool,
    ) -> Result<(), Refused> {
        let mut ring = self.ring();
        if ring.is_abandoned {
            return Err(Refused::Gone(batch));
        }
        match ring.write(&batch, self.batching) {
            Ok(id) => {
                ring.in_flight.push_back(InFlight { id, submitted: now, is_made_up, batch });
                Ok(())
            }
            Err(error) => Err(Refused::Unfit(batch, error)),
        }
    }

    /// Everything the worker completed since the last call, and the rule it broke after that.
    pub fn collect(&self, now: Instant) -> (Vec<Finished>, Option<PeerViolation>) {
        let mut ring = self.ring();
        let mut finished = Vec::new();
        let violation = loop {
            match ring.collect_one(now, self.batching) {
                Ok(Some(next)) => finished.push(next),
                Ok(None) => break None,
                Err(violation) => break Some(violation),
            }
        };
        if !finished.is_empty() {
            self.came_back.notify_one();
            if ring.in_flight.is_empty() {
                self.idle.notify_one();
            }
        }
        (finished, violation)
    }

    /// Declares that the router will sleep; `false` when something came meanwhile.
    pub fn prepare_to_sleep(&self) -> bool {
        self.ring().end.prepare_to_sleep()
    }

    /// Declares that the router is awake: no doorbell is needed.
    pub fn wake_up(&self) {
        self.ring().end.wake_up();
    }

    /// Since when the worker has had the oldest batch in flight before it, and whether it has
    /// started it. The worker starts a batch when it is there and the one before is done, so this
    /// needs no clock of the worker's.
    pub fn busy(&self) -> Result<Option<Busy>, PeerViolation> {
        let ring = self.ring();
        let Some(oldest) = ring.in_flight.front() else { return Ok(None) };
        let since =
            ring.last_completion.map_or(oldest.submitted, |last| last.max(oldest.submitted));
        Ok(Some(Busy { since, has_started: ring.end.started()?.is_some() }))
    }

    /// How many requests are in batches that wait for the one the worker runs.
    pub fn waiting_requests(&self) -> usize {
        self.ring().in_flight.iter().skip(1).map(|waiting| waiting.batch.entries.len()).sum()
    }

    /// Waits until nothing is in flight; somebody else must serve the completions meanwhile.
    pub async fn idle(&self) {
        while !self.ring().in_flight.is_empty() {
            self.idle.notified().await;
        }
    }

    /// How many batches came back with outputs.
    pub fn answered(&self) -> u64 {
        self.ring().answered
    }

    /// Waits until more than so many have; for one waiter.
    pub async fn answered_more_than(&self, count: u64) {
        while self.answered() <= count {
            self.came_back.notified().await;
        }
    }

    /// The bytes of both shared-memory regions.
    pub fn region_bytes(&self) -> u64 {
        let ring = self.ring();
        let geometry = ring.end.geometry();
        geometry.request_region_bytes() + geometry.response_region_bytes()
    }

    /// How often the worker found a frame without having been woken for it.
    pub fn missed_wakes(&self) -> u64 {
        self.ring().end.missed_wakes()
    }

    /// Takes every batch back after the worker has gone and what it had completed was collected; no
    /// more are taken. What a `liar` says it has started tells nothing: it is the one that was its turn.
    pub fn abandon(&self, liar: bool) -> Wreck<Pending> {
        let mut ring = self.ring();
        ring.is_abandoned = true;
        let oldest = ring.in_flight.front().map(|in_flight| in_flight.id);
        let started = if liar { oldest } else { ring.end.started().unwrap_or(oldest) };
        let mut wreck = Wreck { started: None, waiting: Vec::new() };
        for InFlight { id, batch, .. } in ring.in_flight.drain(..) {
            match Some(id) == started {
                true => wreck.started = Some(batch),
                false => wreck.waiting.push(batch),
            }
        }
        wreck
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        // Nothing panics while the ring is held but an allocation; the ring checks itself anyway.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    fn write(&mut self, batch: &Batch<Pending>, batching: bool) -> Result<BatchId, RequestError> {
        let id = BatchId(self.next_batch);
        let unexpected = |what: &str| RequestError::Internal(what.to_owned());
        let Some(mut frame) = self.end.begin(id, batch.rows) else {
            return Err(unexpected("its ring has no free frame"));
        };
        for (index, row) in batch.group.row.iter().enumerate() {
            let shape = match batching {
                true => row.shape.with_rows(u64::from(batch.rows)),
                false => Some(row.shape),
            };
            let Some(shape) = shape else {
                return Err(unexpected("a batch of too many dimensions"));
            };
            let meta = TensorMeta { dtype: row.dtype, shape };
            let slot = frame.tensor(meta).map_err(|full| unexpected(&full.to_string()))?;
            let mut offset = 0;
            for entry in &batch.entries {
                let inputs = &entry.item.inputs;
                let Some(data) = inputs.data.get(index) else { continue };
                offset += match &inputs.padding {
                    None => write_plain(&mut frame, (slot, offset), data),
                    Some(padding) => {
                        let tensor = PaddedTensor { padding, index, row, rows: entry.rows };
                        write_padded(&mut frame, (slot, offset), &tensor, data)
                    }
                }
                .map_err(|error| unexpected(&error.to_string()))?;
            }
        }
        if let Some(arguments) = &batch.group.arguments {
            frame.arguments(arguments).map_err(|full| unexpected(&full.to_string()))?;
        }
        frame.publish();
        self.next_batch += 1;
        Ok(id)
    }

    fn collect_one(
        &mut self,
        now: Instant,
        batching: bool,
    ) -> Result<Option<Finished>, PeerViolation> {
        let Some(completion) = self.end.next_completion()? else { return Ok(None) };
        // `next_completion` has checked that this is the oldest batch in flight.
        let Some(mut oldest) = self.in_flight.pop_front() else { return Ok(None) };
        debug_assert_eq!(oldest.id, completion.batch());
        let passed = now.saturating_duration_since(oldest.submitted);
        let compute = Compute::told(completion.compute(), passed);
        let begun = begun(oldest.submitted, self.last_completion, now, compute);
        let result = match completion.outcome() {
            Outcome::Done { outputs, structure } => {
                let taken = Taken { completion: &completion, outputs, structure, batching };
                scatter::scatter(&taken, &mut oldest.batch)
            }
            Outcome::Failed { kind, message } => Ok(Err((*kind, message.clone()))),
        };
        match result {
            Ok(result) => {
                completion.release();
                self.last_completion = Some(now);
                self.answered += u64::from(result.is_ok());
                let InFlight { batch, is_made_up, .. } = oldest;
                Ok(Some(Finished { batch, is_made_up, begun, compute, result }))
            }
            Err(violation) => {
                drop(completion);
                self.in_flight.push_front(oldest);
                Err(violation)
            }
        }
    }
}

/// When a worker came to a batch: when it had answered the one before, which is seen late where this
/// process was busy, but not so late that its own time would not fit in before `now`.
fn begun(submitted: Instant, last: Option<Instant>, now: Instant, compute: Compute) -> Instant {
    let turn = last.map_or(submitted, |last| last.max(submitted));
    let latest = now.checked_sub(compute.total()).unwrap_or(submitted);
    turn.min(latest).max(submitted)
}

/// Answers every request of a batch with the same error.
pub fn fail_all(batch: Batch<Pending>, error: &RequestError) {
    for entry in batch.entries {
        answer(entry.item, Err(error.clone()));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// In milliseconds: when a batch was submitted, the one before it came back, it came back itself, and what
    /// it took; then when the worker came to it.
    #[test]
    fn a_batch_begins_when_the_worker_has_answered_the_one_before() {
        let zero = Instant::now();
        let at = |millis| zero + Duration::from_millis(millis);
        for (submitted, last, now, took, expected) in [
            (10, None, 40, 20, 10),
            (10, Some(5), 40, 20, 10),
            (10, Some(20), 40, 20, 20),
            // The router was busy and saw both answers at once.
            (10, Some(40), 40, 20, 20),
            (10, Some(40), 40, 0, 40),
            // No worker began before it had the batch.
            (10, Some(40), 40, 900, 10),
        ] {
            let compute = Compute { infer: Duration::from_millis(took), ..Compute::default() };
            let begun = begun(at(submitted), last.map(at), at(now), compute);
            assert_eq!(begun, at(expected), "{submitted} {last:?} {now} {took}");
        }
    }
}
