//! How requests come into a version's queue, and how they leave it uncut.

use std::time::Instant;

use tokio::sync::oneshot;

use super::Version;
use crate::batching::{Entry, Group, Ticket, Timing, rows_that_fit};
use crate::memory_budget::Reservation;
use crate::request::{Inputs, Pending, Replied, ReplyTo, RequestError};
use crate::tensor::{TensorMeta, batch_bytes};

/// A request that was put into the queue.
pub(in crate::model) struct Enqueued {
    pub key: Group,
    pub ticket: Ticket,
    pub answer: oneshot::Receiver<Result<Replied, RequestError>>,
}

impl Version {
    /// The most rows of this group that a batch can have; at least 1, where one row fits at all.
    pub(in crate::model) fn rows_limit(&self, group: &Group) -> u32 {
        if group.row.is_empty() {
            // Nothing would tell how many rows there are.
            return 1;
        }
        let most = self.config().max_batch_size.get();
        rows_that_fit(&group.row, self.settings.request_payload, most).max(1)
    }

    pub(in crate::model) fn enqueue(
        &self,
        inputs: Inputs,
        rows_limit: u32,
        timing: Timing,
        memory: Reservation,
    ) -> Enqueued {
        let (reply, answer) = oneshot::channel();
        let key = inputs.group.clone();
        let rows = inputs.rows;
        let item = Pending::new(inputs, ReplyTo::Client(reply), memory);
        let entry = Entry { rows, timing, item };
        let ticket = self.state().queue.push(&key, rows_limit, entry);
        self.window_may_have_changed();
        Enqueued { key, ticket, answer }
    }

    pub(in crate::model) fn take_back(&self, key: &Group, ticket: Ticket) -> bool {
        let taken = self.state().queue.remove(key, ticket).is_some();
        if taken {
            self.left_queue(1);
        }
        taken
    }

    pub(in crate::model) fn left_queue(&self, requests: usize) {
        for _ in 0..requests {
            self.admission.leave();
        }
        self.metrics.queue_left(requests as u64);
        if self.admission.is_drained() {
            self.window.notify_one();
        }
    }

    pub(in crate::model) fn row_too_large(&self, row: &[TensorMeta]) -> Option<RequestError> {
        let capacity = self.settings.request_payload;
        match batch_bytes(row, 1) {
            Some(needed) if needed <= capacity => None,
            needed => Some(RequestError::RowTooLarge {
                model: self.config().name.to_string(),
                needed: needed.unwrap_or(u64::MAX),
                capacity,
            }),
        }
    }

    /// Why these inputs are refused, where a part of them that is a batch ended a worker before.
    pub(in crate::model) fn is_blamed(
        &self,
        inputs: &Inputs,
        rows_limit: u32,
    ) -> Option<RequestError> {
        if self.blamed.is_empty() {
            return None;
        }
        let (rows, now) = (inputs.rows, Instant::now());
        if rows <= rows_limit {
            return self.blamed.cause(inputs, now).map(RequestError::Blamed);
        }
        let part = |first: u32| inputs.part(first..first.saturating_add(rows_limit).min(rows));
        let mut parts = (0..rows).step_by(rows_limit as usize).map(part);
        parts.find_map(|part| self.blamed.cause(&part, now)).map(RequestError::Blamed)
    }
}
