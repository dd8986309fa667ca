//! What a version counts of its requests and batches.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::Version;
use crate::batching::Batch;
use crate::model::Expired;
use crate::model::statistics::{FailureReason, Served, Statistics};
use crate::padding::Padding;
use crate::request::{Answer, Compute, Pending, Reply};

impl Version {
    /// What it has done so far.
    pub fn statistics(&self) -> Statistics {
        self.counted().clone()
    }

    /// How many of its requests no worker runs yet: those that wait for a batch, and those whose batch
    /// waits behind another, once for each such batch.
    pub fn pending(&self) -> u64 {
        let state = self.state();
        let again: usize = state.again.iter().map(|batch| batch.entries.len()).sum();
        let links: Vec<_> = state.workers.iter().map(|slot| Arc::clone(&slot.link)).collect();
        drop(state);
        let behind: usize = links.iter().map(|link| link.waiting_requests()).sum();
        self.waiting() + (again + behind) as u64
    }

    /// A batch of so many rows came back with outputs.
    pub fn count_batch(&self, rows: u32, compute: Compute) {
        self.counted().count_batch(rows, compute, SystemTime::now());
    }

    /// A batch was cut, of which rows may be padded.
    pub(super) fn count_positions(&self, batch: &Batch<Pending>) {
        if self.config().pad.is_none() {
            return;
        }
        let (mut own, mut padding) = (0u64, 0u64);
        for entry in &batch.entries {
            let Some((length, padded)) =
                entry.item.inputs.padding.as_deref().map(Padding::positions)
            else {
                continue;
            };
            // A row without bytes may have any number of positions.
            let of_rows = |positions: u64| positions.saturating_mul(entry.rows.into());
            own = of_rows(length).saturating_add(own);
            padding = of_rows(padded - length).saturating_add(padding);
        }
        self.metrics.padded(own, padding);
    }

    fn counted(&self) -> MutexGuard<'_, Statistics> {
        // Every number is sound at any moment, so a panic while the lock was held spoils nothing.
        self.statistics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts one request as answered or failed when it ends; dropped before, its client has hung up.
#[derive(Debug)]
pub(in crate::model) struct Tally {
    version: Arc<Version>,
    admitted: Instant,
    is_ended: bool,
}

impl Tally {
    pub(in crate::model) fn new(version: Arc<Version>, admitted: Instant) -> Self {
        Self { version, admitted, is_ended: false }
    }

    pub(in crate::model) fn end(mut self, ran: &Result<Reply, Expired>) {
        self.is_ended = true;
        match ran {
            Ok(Ok(answer)) => self.served(answer),
            Ok(Err(error)) => self.failed(error.into()),
            Err(Expired { in_queue: true }) => self.failed(FailureReason::Rejected),
            Err(Expired { in_queue: false }) => self.failed(FailureReason::Other),
        }
    }

    fn served(&self, answer: &Answer) {
        let Answer { rows, waited, compute, .. } = *answer;
        let served = Served { rows, total: self.total(), waited, compute };
        self.version.counted().count_served(served);
    }

    fn failed(&self, reason: FailureReason) {
        self.version.counted().count_failed(reason, self.total());
    }

    fn total(&self) -> Duration {
        self.admitted.elapsed()
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        if !self.is_ended {
            self.failed(FailureReason::Canceled);
        }
    }
}
