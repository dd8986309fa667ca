//! One loaded checkpoint of a model: its door, its queue and the workers that serve it.
//!
//! ```text
//! submit ─► admission ─► queue ─┐                        ┌─► worker 0 (ring of K frames)
//!                    again ─────┴─ pump: reserve, cut ───┴─► worker 1
//! ```
//!
//! A request is answered by the version that admitted it. `pump` runs wherever something changed:
//! a request came, a worker became free, a window passed, a failed batch was halved.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};

use super::{Admitted, Interface};
use crate::admission::{Admission, Refusal};
use crate::batching::{Batch, Entry, Group, Queue, Ticket, Timing, rows_that_fit};
use crate::dispatch::{Refused, WorkerLink, fail_all};
use crate::memory_budget::Reservation;
use crate::metrics::ModelMetrics;
use crate::request::{Answer, Inputs, RequestError};
use crate::tensor::{Structure, TensorMeta, batch_bytes};

/// Numbers the versions of a model; it only grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VersionId(pub u64);

impl fmt::Display for VersionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// What is fixed when a version is made.
#[derive(Clone, Debug)]
pub struct VersionSettings {
    pub model: String,
    pub id: VersionId,
    pub max_batch_size: u32,
    pub batch_window: Duration,
    pub max_queue_depth: u64,
    /// The bytes of tensors that one frame of a request ring holds.
    pub request_payload: u64,
}

/// A request that was answered, as an example of what the model takes and returns.
#[derive(Clone, Debug)]
pub struct Example {
    /// What it was given.
    pub inputs: Group,
    /// One row of each tensor of its answer, depth first.
    pub outputs: Vec<TensorMeta>,
    pub structure: Structure,
}

/// What a request gets in the end.
pub type Reply = Result<Answer, RequestError>;

/// A request inside the batcher.
#[derive(Debug)]
pub struct Pending {
    pub inputs: Inputs,
    pub reply: oneshot::Sender<Reply>,
    /// What its tensors, and later its answer, take of the memory for requests in flight.
    pub memory: Reservation,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Version {
    settings: VersionSettings,
    interface: Interface,
    admission: Admission,
    state: Mutex<State>,
    /// Rung when a request may have started a window.
    window: Notify,
    metrics: ModelMetrics,
    /// Of the first batch that succeeded, which is that of warming where the inputs are declared.
    example: OnceLock<Example>,
    made_up: OnceLock<u8>,
}

#[derive(Debug)]
struct State {
    queue: Queue<Pending>,
    /// Batches that failed whole and run again in halves, before anything new.
    again: VecDeque<Batch<Pending>>,
    workers: Vec<Slot>,
}

#[derive(Debug)]
struct Slot {
    link: Arc<WorkerLink>,
    /// Frames of its ring that may still be filled.
    credits: u32,
}

impl Version {
    pub fn new(
        settings: VersionSettings,
        interface: Interface,
        metrics: ModelMetrics,
    ) -> Arc<Self> {
        let queue = Queue::new(settings.max_batch_size, settings.batch_window);
        Arc::new(Self {
            settings,
            interface,
            admission: Admission::new(),
            state: Mutex::new(State { queue, again: VecDeque::new(), workers: Vec::new() }),
            window: Notify::new(),
            metrics,
            example: OnceLock::new(),
            made_up: OnceLock::new(),
        })
    }

    pub fn settings(&self) -> &VersionSettings {
        &self.settings
    }

    pub fn interface(&self) -> &Interface {
        &self.interface
    }

    /// What the model took and returned, once it has answered.
    pub fn example(&self) -> Option<&Example> {
        self.example.get()
    }

    /// The number that the model takes in place of every element, as its warming showed.
    pub fn made_up_number(&self) -> u8 {
        self.made_up.get().copied().unwrap_or(0)
    }

    /// Remembers the number its warming ran on.
    pub fn warmed_with(&self, number: u8) {
        self.made_up.get_or_init(|| number);
    }

    /// Remembers the first answer.
    pub fn answered(&self, example: impl FnOnce() -> Example) {
        self.example.get_or_init(example);
    }

    /// How many requests wait to be cut into a batch.
    pub fn waiting(&self) -> u64 {
        self.admission.waiting()
    }

    /// Whether the queue has room, after what can be cut was cut: a cheap look before a body is read.
    pub fn make_room(&self) -> bool {
        let has_room = || self.admission.waiting() < self.settings.max_queue_depth;
        if !has_room() {
            self.pump();
        }
        has_room()
    }

    /// Takes a place in the queue, before the request is decoded.
    pub fn admit(self: &Arc<Self>) -> Result<Admitted, RequestError> {
        let limit = self.settings.max_queue_depth;
        let entered = self.admission.enter(limit).or_else(|refusal| {
            // A worker may have room for what waits: requests that came together give way to each
            // other before the first of them cuts a batch.
            self.pump();
            if refusal == Refusal::Full { self.admission.enter(limit) } else { Err(refusal) }
        });
        match entered {
            Ok(()) => {
                self.metrics.queue_entered();
                Ok(Admitted::new(Arc::clone(self)))
            }
            Err(Refusal::Full) => Err(RequestError::QueueFull { limit }),
            Err(Refusal::Draining) => Err(self.not_ready("draining")),
        }
    }

    /// Hands over a worker that has been warmed: batches are cut for it from now on.
    pub fn add_worker(&self, link: Arc<WorkerLink>) {
        let credits = link.frames();
        self.state().workers.push(Slot { link, credits });
        self.pump();
        self.window.notify_one();
    }

    /// Cuts no more batches for this worker.
    pub fn remove_worker(&self, link: &Arc<WorkerLink>) {
        self.state().workers.retain(|slot| !Arc::ptr_eq(&slot.link, link));
    }

    /// Gives back the frame of a completed batch.
    pub fn credit(&self, link: &Arc<WorkerLink>) {
        let mut state = self.state();
        if let Some(slot) = state.workers.iter_mut().find(|slot| Arc::ptr_eq(&slot.link, link)) {
            slot.credits += 1;
        }
        drop(state);
        if !self.settings.batch_window.is_zero() {
            self.window.notify_one();
        }
    }

    /// Runs these again, each as a batch of its own, before anything new.
    pub fn run_again(&self, batches: impl IntoIterator<Item = Batch<Pending>>) {
        self.state().again.extend(batches);
    }

    /// Cuts batches while a worker has room and something is ripe.
    pub fn pump(&self) {
        let now = Instant::now();
        loop {
            let mut state = self.state();
            let Some(freest) = state.freest() else { return };
            let Some(batch) = self.next_batch(&mut state, now) else { return };
            state.workers[freest].credits -= 1;
            let link = Arc::clone(&state.workers[freest].link);
            drop(state);
            let rows = batch.rows;
            match link.submit(batch, now) {
                Ok(()) => self.metrics.batch_cut(rows),
                Err(Refused::Gone(batch)) => {
                    self.remove_worker(&link);
                    self.run_again([batch]);
                }
                Err(Refused::Unfit(batch, error)) => {
                    self.credit(&link);
                    fail_all(batch, &error);
                }
            }
        }
    }

    /// Admits nobody from here on and answers what still waits that the server drains.
    pub fn close(&self) {
        let error = self.not_ready("draining");
        self.admission.drain();
        let mut state = self.state();
        let waiting = state.queue.take_all();
        let again = std::mem::take(&mut state.again);
        drop(state);
        self.left_queue(waiting.len());
        let again = again.into_iter().flat_map(|batch| batch.entries).map(|entry| entry.item);
        for pending in waiting.into_iter().chain(again) {
            answer(pending, Err(error.clone()));
        }
        self.window.notify_one();
    }

    /// Pumps whenever a window passes; ends once the version is closed and empty.
    pub async fn watch_windows(self: Arc<Self>) {
        while !self.admission.is_drained() {
            let next = self.state().queue.next_ripe();
            match next {
                None => self.window.notified().await,
                Some(ripe) => {
                    let ripe = tokio::time::Instant::from_std(ripe);
                    tokio::select! {
                        () = tokio::time::sleep_until(ripe) => self.pump(),
                        () = self.window.notified() => {}
                    }
                    if self.state().freest().is_none() {
                        // Ripe, but no worker is free: the next completion pumps.
                        self.window.notified().await;
                    }
                }
            }
        }
    }

    /// The next batch: one that runs again, else one that is cut from the queue.
    fn next_batch(&self, state: &mut State, now: Instant) -> Option<Batch<Pending>> {
        while let Some(batch) = state.again.pop_front() {
            if let Some(batch) = still_wanted(batch, now) {
                return Some(batch);
            }
        }
        let cut = state.queue.cut(now);
        // Dropping an expired request is enough: its own timer answers its client.
        self.left_queue(cut.expired.len());
        let batch = cut.batch?;
        self.left_queue(batch.entries.len());
        for entry in &batch.entries {
            self.metrics.waited(now.saturating_duration_since(entry.timing.arrived));
        }
        Some(batch)
    }

    pub(super) fn not_ready(&self, state: &str) -> RequestError {
        RequestError::NotReady { model: self.settings.model.clone(), state: state.to_owned() }
    }

    pub(super) fn enqueue(&self, inputs: Inputs, timing: Timing, memory: Reservation) -> Enqueued {
        let (reply, answer) = oneshot::channel();
        let key = inputs.group.clone();
        let rows_limit = match key.row.is_empty() {
            // Nothing would tell how many rows there are.
            true => 1,
            false => {
                let (payload, most) = (self.settings.request_payload, self.settings.max_batch_size);
                rows_that_fit(&key.row, payload, most)
            }
        };
        let entry = Entry { rows: 1, timing, item: Pending { inputs, reply, memory } };
        let ticket = self.state().queue.push(&key, rows_limit, entry);
        if !self.settings.batch_window.is_zero() {
            self.window.notify_one();
        }
        Enqueued { key, ticket, answer }
    }

    pub(super) fn take_back(&self, key: &Group, ticket: Ticket) -> bool {
        let taken = self.state().queue.remove(key, ticket).is_some();
        if taken {
            self.left_queue(1);
        }
        taken
    }

    pub(super) fn left_queue(&self, requests: usize) {
        for _ in 0..requests {
            self.admission.leave();
        }
        self.metrics.queue_left(requests as u64);
        if self.admission.is_drained() {
            self.window.notify_one();
        }
    }

    pub(super) fn row_too_large(&self, row: &[TensorMeta]) -> Option<RequestError> {
        let capacity = self.settings.request_payload;
        match batch_bytes(row, 1) {
            Some(needed) if needed <= capacity => None,
            needed => Some(RequestError::RowTooLarge {
                model: self.settings.model.clone(),
                needed: needed.unwrap_or(u64::MAX),
                capacity,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held left the state as consistent as any early return.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that was put into the queue.
pub(super) struct Enqueued {
    pub key: Group,
    pub ticket: Ticket,
    pub answer: oneshot::Receiver<Reply>,
}

impl State {
    /// The worker with the most free frames; `None` where none has any.
    fn freest(&self) -> Option<usize> {
        let free = self.workers.iter().enumerate().filter(|(_, slot)| slot.credits > 0);
        free.max_by_key(|(_, slot)| slot.credits).map(|(index, _)| index)
    }
}

/// The batch without the requests that nobody waits for any more.
fn still_wanted(mut batch: Batch<Pending>, now: Instant) -> Option<Batch<Pending>> {
    batch.entries.retain(|entry| entry.timing.deadline > now && !entry.item.reply.is_closed());
    batch.rows = batch.entries.iter().map(|entry| entry.rows).sum();
    (batch.rows > 0).then_some(batch)
}

/// Answers a request; that nobody listens any more is no error.
pub fn answer(pending: Pending, reply: Reply) {
    drop(pending.reply.send(reply));
}
