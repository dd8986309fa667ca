//! One loaded checkpoint of a model: its door, its queue and the workers that serve it.
//!
//! ```text
//! submit ─► admission ─► queue ─┐                        ┌─► worker 0 (ring of K frames)
//!                    again ─────┴─ pump: reserve, cut ───┴─► worker 1
//! ```
//!
//! A request is answered by the version that admitted it, whatever becomes of the version: one that
//! was replaced goes on until the last is answered. `pump` runs wherever something changed: a request
//! came, a worker became free, a window passed, a failed batch was halved.

mod counting;
mod facts;
mod given_up;
mod queueing;
mod state;
mod suspects;
mod windows;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use arc_swap::ArcSwapOption;
use tokio::sync::Notify;

pub(super) use self::counting::Tally;
pub use self::facts::{Example, VersionId, VersionSettings};
pub(super) use self::queueing::Enqueued;
use self::state::{Slot, State};
use super::poison::Blamed;
use super::statistics::Statistics;
use super::traffic::BatchKind;
use super::{Admitted, Interface};
use crate::admission::{Admission, Refusal};
use crate::batching::{Batch, Policy, Priority, PriorityLevels, Queue};
use crate::config::ModelConfig;
use crate::dispatch::{Refused, WorkerLink, fail_all};
use crate::metrics::ModelMetrics;
use crate::request::{Inputs, Pending, RequestError, answer};
use crate::under_way::UnderWay;

/// Why a version takes no request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAdmitted {
    /// So many wait already.
    Full { limit: u64 },
    /// It was replaced or unloaded meanwhile: whoever took its place is asked instead.
    Draining,
    /// It has no worker, and this is why it gets none.
    GivenUp(String),
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Version {
    settings: VersionSettings,
    interface: Interface,
    admission: Admission,
    /// Requests that were admitted and whose client has no answer yet.
    unanswered: UnderWay,
    state: Mutex<State>,
    /// Rung when a request may have started a window.
    window: Notify,
    metrics: ModelMetrics,
    statistics: Mutex<Statistics>,
    blamed: Blamed,
    /// Why none of its workers is started again for now.
    trouble: ArcSwapOption<String>,
    /// Of the first batch that succeeded, which is that of warming where the inputs are declared.
    example: OnceLock<Example>,
    made_up: OnceLock<u8>,
}

impl Version {
    pub fn new(
        settings: VersionSettings,
        interface: Interface,
        metrics: ModelMetrics,
    ) -> Arc<Self> {
        let config = &settings.config;
        let queue = Queue::new(Policy {
            max_rows: config.max_batch_size.get(),
            window: config.batch_window,
            longest_wait: config.priority.max_wait,
        });
        let blamed = Blamed::new(config.poison_ttl);
        Arc::new(Self {
            settings,
            interface,
            admission: Admission::new(),
            unanswered: UnderWay::default(),
            state: Mutex::new(State::new(queue)),
            window: Notify::new(),
            metrics,
            statistics: Mutex::default(),
            blamed,
            trouble: ArcSwapOption::empty(),
            example: OnceLock::new(),
            made_up: OnceLock::new(),
        })
    }

    pub fn id(&self) -> VersionId {
        self.settings.id
    }

    pub fn config(&self) -> &Arc<ModelConfig> {
        &self.settings.config
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

    /// The priority of a request that asks for this level; 0 asks for none.
    pub fn priority(&self, asked: u64) -> Priority {
        let config = &self.config().priority;
        let lowest = Priority::new(config.levels);
        PriorityLevels { lowest, default: Priority::new(config.default_level) }.of(asked)
    }

    /// How many requests wait to be cut into a batch.
    pub fn waiting(&self) -> u64 {
        self.admission.waiting()
    }

    /// Whether the queue has room, after what can be cut was cut: a cheap look before a body is read.
    pub fn make_room(&self) -> bool {
        let has_room = || self.admission.waiting() < self.config().max_queue_depth.get();
        if !has_room() {
            self.pump();
        }
        has_room()
    }

    /// Takes a place in the queue, before the request is decoded.
    pub fn admit(self: &Arc<Self>) -> Result<Admitted, NotAdmitted> {
        if let Some(cause) = self.trouble.load_full()
            && self.state().workers.is_empty()
        {
            return Err(NotAdmitted::GivenUp(cause.to_string()));
        }
        let limit = self.config().max_queue_depth.get();
        // Counted before it enters: whoever drains then sees either the count or no entrance.
        self.unanswered.enter();
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
            Err(refusal) => {
                self.unanswered.leave();
                Err(match refusal {
                    Refusal::Full => NotAdmitted::Full { limit },
                    Refusal::Draining => NotAdmitted::Draining,
                })
            }
        }
    }

    /// Admits nobody from here on, and waits until everybody it had admitted has got an answer.
    pub async fn drain(&self) {
        self.admission.drain();
        self.window.notify_one();
        self.unanswered.none().await;
    }

    /// Refuses such inputs from here on: they ended the worker that ran them alone.
    pub fn blame(&self, inputs: &Inputs, cause: &str) {
        self.blamed.add(inputs, cause, Instant::now());
    }

    /// The batches it has run most.
    pub fn traffic(&self, at_most: usize) -> Vec<BatchKind> {
        self.state().traffic.most(at_most)
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
        if let Some(slot) = self.state().slot(link) {
            slot.credits += 1;
        }
        self.window_may_have_changed();
    }

    /// Runs these again, each as a batch of its own, before anything new.
    pub fn run_again(&self, batches: impl IntoIterator<Item = Batch<Pending>>) {
        self.state().again.extend(batches);
    }

    /// Runs these before anything else, in their order: they had waited longest; and `behind` when
    /// others had their turn. They are answered at once where the version has been closed.
    pub fn run_first(&self, batches: Vec<Batch<Pending>>, behind: Option<Batch<Pending>>) {
        let mut state = self.state();
        if state.is_closed {
            drop(state);
            let error = self.not_ready("draining");
            return batches.into_iter().chain(behind).for_each(|batch| fail_all(batch, &error));
        }
        for batch in batches.into_iter().rev() {
            state.again.push_front(batch);
        }
        if let Some(suspect) = behind {
            state.suspects.push(suspect);
        }
    }

    /// Cuts batches while a worker has room and something is ripe.
    pub fn pump(&self) {
        let now = Instant::now();
        loop {
            let mut state = self.state();
            let Some(freest) = state.freest() else { return };
            let Some(batch) = self.next_batch(&mut state, now) else { return };
            let Some(batch) = self.without_blamed(batch, now) else { continue };
            state.workers[freest].credits -= 1;
            let link = Arc::clone(&state.workers[freest].link);
            drop(state);
            let rows = batch.rows;
            self.count_positions(&batch);
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

    /// The next batch: one that runs again, else one that is cut from the queue. Suspects take turns
    /// with these.
    fn next_batch(&self, state: &mut State, now: Instant) -> Option<Batch<Pending>> {
        if let Some(suspect) = state.suspects.next_in_turn(now) {
            return Some(suspect);
        }
        let batch = state.next_again(now).or_else(|| self.cut(state, now));
        match batch {
            Some(_) => state.suspects.had_others(),
            None => return state.suspects.next(now),
        }
        batch
    }

    fn cut(&self, state: &mut State, now: Instant) -> Option<Batch<Pending>> {
        let cut = state.queue.cut(now);
        // Dropping an expired request is enough: its own timer answers its client.
        self.left_queue(cut.expired.len());
        let batch = cut.batch?;
        state.traffic.count(&batch.group, batch.rows);
        self.left_queue(cut.left);
        // A request waits until its last rows are cut; one that is not cut whole is alone in its batch.
        for entry in batch.entries.iter().take(cut.left) {
            self.metrics.waited(now.saturating_duration_since(entry.timing.arrived));
        }
        Some(batch)
    }

    /// The batch without the requests that have been blamed since they were admitted.
    fn without_blamed(&self, batch: Batch<Pending>, now: Instant) -> Option<Batch<Pending>> {
        if self.blamed.is_empty() {
            return Some(batch);
        }
        let Batch { group, entries, .. } = batch;
        let mut kept = Vec::with_capacity(entries.len());
        for entry in entries {
            match self.blamed.cause(&entry.item.inputs, now) {
                None => kept.push(entry),
                Some(cause) => answer(entry.item, Err(RequestError::Blamed(cause))),
            }
        }
        let rows = kept.iter().map(|entry| entry.rows).sum();
        (rows > 0).then_some(Batch { group, rows, entries: kept })
    }

    pub(super) fn not_ready(&self, state: &str) -> RequestError {
        RequestError::NotReady { model: self.config().name.to_string(), state: state.to_owned() }
    }

    pub(super) fn left(&self) {
        self.unanswered.leave();
    }

    fn window_may_have_changed(&self) {
        if !self.config().batch_window.is_zero() {
            self.window.notify_one();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held left the state as consistent as any early return.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
