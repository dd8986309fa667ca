//! Requests that ran alone when their worker ended, of what nobody is blamed for.
//!
//! Such a one may be the cause all the same: an exit, or more memory than there is. It runs again until
//! its deadline, but never before a batch of others: they are answered by a worker that then dies, and a
//! worker that has answered is started again at once.

use std::collections::VecDeque;
use std::time::Instant;

use super::state::still_wanted;
use crate::batching::Batch;
use crate::request::Pending;

#[derive(Debug, Default)]
pub(super) struct Suspects {
    waiting: VecDeque<Batch<Pending>>,
    /// Others were cut since the last one.
    is_their_turn: bool,
}

impl Suspects {
    pub(super) fn push(&mut self, batch: Batch<Pending>) {
        self.waiting.push_back(batch);
        self.is_their_turn = false;
    }

    /// A batch of others was cut.
    pub(super) fn had_others(&mut self) {
        self.is_their_turn = true;
    }

    /// The next one, if others were cut since the last one.
    pub(super) fn next_in_turn(&mut self, now: Instant) -> Option<Batch<Pending>> {
        if self.is_their_turn { self.next(now) } else { None }
    }

    /// The next one that somebody waits for.
    pub(super) fn next(&mut self, now: Instant) -> Option<Batch<Pending>> {
        while let Some(batch) = self.waiting.pop_front() {
            if let Some(batch) = still_wanted(batch, now) {
                self.is_their_turn = false;
                return Some(batch);
            }
        }
        None
    }

    pub(super) fn take_all(&mut self) -> VecDeque<Batch<Pending>> {
        std::mem::take(&mut self.waiting)
    }
}
