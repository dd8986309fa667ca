//! What a version's lock guards: who waits, what runs again, and which workers have room.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::suspects::Suspects;
use crate::batching::{Batch, Queue};
use crate::dispatch::WorkerLink;
use crate::model::traffic::Traffic;
use crate::request::Pending;

#[derive(Debug)]
pub(super) struct State {
    pub(super) queue: Queue<Pending>,
    /// Batches that run again, before anything new: halves of one that failed whole, and what a dead
    /// worker left.
    pub(super) again: VecDeque<Batch<Pending>>,
    pub(super) suspects: Suspects,
    pub(super) workers: Vec<Slot>,
    pub(super) traffic: Traffic,
    /// Nothing is cut any more; what comes is answered that the version has gone.
    pub(super) is_closed: bool,
}

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) link: Arc<WorkerLink>,
    /// Frames of its ring that may still be filled.
    pub(super) credits: u32,
}

impl State {
    pub(super) fn new(queue: Queue<Pending>) -> Self {
        Self {
            queue,
            again: VecDeque::new(),
            suspects: Suspects::default(),
            workers: Vec::new(),
            traffic: Traffic::default(),
            is_closed: false,
        }
    }

    /// The worker with the most free frames; `None` where none has any.
    pub(super) fn freest(&self) -> Option<usize> {
        let free = self.workers.iter().enumerate().filter(|(_, slot)| slot.credits > 0);
        free.max_by_key(|(_, slot)| slot.credits).map(|(index, _)| index)
    }

    pub(super) fn slot(&mut self, link: &Arc<WorkerLink>) -> Option<&mut Slot> {
        self.workers.iter_mut().find(|slot| Arc::ptr_eq(&slot.link, link))
    }

    /// The next batch that runs again, without the requests that nobody waits for any more.
    pub(super) fn next_again(&mut self, now: Instant) -> Option<Batch<Pending>> {
        while let Some(batch) = self.again.pop_front() {
            if let Some(batch) = still_wanted(batch, now) {
                return Some(batch);
            }
        }
        None
    }

    /// Everything that has not been answered and is in no ring, in no particular order.
    pub(super) fn take_all(&mut self) -> (Vec<Pending>, Vec<Pending>) {
        let again = std::mem::take(&mut self.again);
        let again = again
            .into_iter()
            .chain(self.suspects.take_all())
            .flat_map(|batch| batch.entries)
            .map(|entry| entry.item);
        (self.queue.take_all(), again.collect())
    }
}

pub(super) fn still_wanted(mut batch: Batch<Pending>, now: Instant) -> Option<Batch<Pending>> {
    batch.entries.retain(|entry| entry.timing.deadline > now && !entry.item.reply.is_closed());
    batch.rows = batch.entries.iter().map(|entry| entry.rows).sum();
    (batch.rows > 0).then_some(batch)
}
