//! What a version has done since it was made, as clients of the Open Inference Protocol ask for it.
//!
//! The meaning of each number is that of Triton's statistics extension
//! (`docs/protocol/extension_statistics.md` of its server). A request counts when it ends, once, however
//! many batches its rows ran in; a batch counts when it came back with outputs. Neither a batch that
//! failed nor one that only warmed a worker counts. Every time is measured: by the router's clock, or by
//! the worker's within what passed here. Nothing overflows: numbers stay at their largest.

use std::time::{Duration, SystemTime};

use crate::request::{Compute, RequestError};

/// Everything counted so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statistics {
    /// When the last batch came back.
    pub last_inference: Option<SystemTime>,
    /// Rows that were answered.
    pub rows: u64,
    /// Batches that were run for them.
    pub batches: u64,
    /// Requests that were answered, from their admission to their answer.
    pub success: Spent,
    /// Requests that were admitted, understood and not answered, whosever fault that was.
    pub fail: Spent,
    /// The same requests by why they were not.
    pub failures: Failures,
    /// The phases of each request that was answered. It waits until a worker comes to its batch: in the
    /// queue, then behind the batch that this worker runs, and through runs in vain before.
    pub queue: Spent,
    /// Each request takes as long as its whole batch does.
    pub compute_input: Spent,
    pub compute_infer: Spent,
    pub compute_output: Spent,
    /// The batches by their rows, in that order.
    pub by_rows: Vec<BatchStatistics>,
}

/// How often, and how long in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    pub count: u64,
    pub time: Duration,
}

/// The batches of so many rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchStatistics {
    pub rows: u32,
    pub compute_input: Spent,
    pub compute_infer: Spent,
    pub compute_output: Spent,
}

/// Requests that were not answered, by the reasons Triton tells apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// Their deadline passed while they waited.
    pub rejected: u64,
    /// Their client hung up.
    pub canceled: u64,
    /// The model failed, or the worker that ran them.
    pub backend: u64,
    pub other: u64,
}

/// Why a request was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureReason {
    Rejected,
    Canceled,
    Backend,
    Other,
}

/// What one request took that was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    pub rows: u32,
    /// From its admission to its answer.
    pub total: Duration,
    /// Until a worker came to its batch.
    pub waited: Duration,
    pub compute: Compute,
}

impl Statistics {
    pub fn count_served(&mut self, served: Served) {
        let Served { rows, total, waited, compute } = served;
        self.rows = self.rows.saturating_add(u64::from(rows));
        self.success.add(total);
        self.queue.add(waited);
        self.compute_input.add(compute.input);
        self.compute_infer.add(compute.infer);
        self.compute_output.add(compute.output);
    }

    /// `total` is since its admission.
    pub fn count_failed(&mut self, reason: FailureReason, total: Duration) {
        self.fail.add(total);
        let Failures { rejected, canceled, backend, other } = &mut self.failures;
        *match reason {
            FailureReason::Rejected => rejected,
            FailureReason::Canceled => canceled,
            FailureReason::Backend => backend,
            FailureReason::Other => other,
        } += 1;
    }

    /// A batch of so many rows came back with outputs `at` this time.
    pub fn count_batch(&mut self, rows: u32, compute: Compute, at: SystemTime) {
        self.batches += 1;
        self.last_inference = self.last_inference.max(Some(at));
        let index = match self.by_rows.binary_search_by_key(&rows, |batch| batch.rows) {
            Ok(index) => index,
            Err(index) => {
                self.by_rows.insert(index, BatchStatistics { rows, ..Default::default() });
                index
            }
        };
        let of_rows = &mut self.by_rows[index];
        of_rows.compute_input.add(compute.input);
        of_rows.compute_infer.add(compute.infer);
        of_rows.compute_output.add(compute.output);
    }
}

impl Spent {
    fn add(&mut self, time: Duration) {
        self.count += 1;
        self.time = self.time.saturating_add(time);
    }
}

/// Why a request that was admitted got this instead of an answer.
impl From<&RequestError> for FailureReason {
    fn from(error: &RequestError) -> Self {
        match error {
            RequestError::ModelThrew(_)
            | RequestError::OutputShape(_)
            | RequestError::OutputTooLarge { .. }
            | RequestError::OutOfMemory(_)
            | RequestError::WorkerLost(_)
            | RequestError::Blamed(_) => Self::Backend,
            RequestError::Invalid(_)
            | RequestError::UnknownVersion { .. }
            | RequestError::RowTooLarge { .. }
            | RequestError::NotReady { .. }
            | RequestError::QueueFull { .. }
            | RequestError::MemoryFull { .. }
            | RequestError::Expired { .. }
            | RequestError::Internal(_) => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    const COMPUTE: Compute = Compute { input: millis(1), infer: millis(20), output: millis(300) };

    fn spent(count: u64, millis: u64) -> Spent {
        Spent { count, time: Duration::from_millis(millis) }
    }

    #[test]
    fn a_request_counts_once_and_its_rows_each() {
        let mut statistics = Statistics::default();
        for rows in [1, 8] {
            let (total, waited) = (millis(1000), millis(50));
            statistics.count_served(Served { rows, total, waited, compute: COMPUTE });
        }
        assert_eq!(statistics.rows, 9);
        assert_eq!(statistics.success, spent(2, 2000));
        assert_eq!(statistics.queue, spent(2, 100));
        assert_eq!(statistics.compute_input, spent(2, 2));
        assert_eq!(statistics.compute_infer, spent(2, 40));
        assert_eq!(statistics.compute_output, spent(2, 600));
        assert_eq!((statistics.batches, statistics.fail), (0, Spent::default()));
    }

    #[test]
    fn batches_are_told_apart_by_their_rows_and_sorted() {
        let mut statistics = Statistics::default();
        let later = SystemTime::UNIX_EPOCH + millis(5);
        for (rows, at) in [(4, later), (1, SystemTime::UNIX_EPOCH), (4, later), (2, later)] {
            statistics.count_batch(rows, COMPUTE, at);
        }
        let told: Vec<_> =
            statistics.by_rows.iter().map(|batch| (batch.rows, batch.compute_infer)).collect();
        assert_eq!(told, [(1, spent(1, 20)), (2, spent(1, 20)), (4, spent(2, 40))]);
        assert_eq!((statistics.batches, statistics.rows), (4, 0));
        assert_eq!(statistics.last_inference, Some(later));
    }

    #[test]
    fn failures_are_counted_by_their_reason() {
        let mut statistics = Statistics::default();
        let threw = RequestError::ModelThrew("no".to_owned());
        let error = RequestError::Internal("no".to_owned());
        for reason in [FailureReason::Rejected, FailureReason::Canceled, (&threw).into()] {
            statistics.count_failed(reason, millis(10));
        }
        statistics.count_failed((&error).into(), millis(10));
        let each = Failures { rejected: 1, canceled: 1, backend: 1, other: 1 };
        assert_eq!((statistics.failures, statistics.fail), (each, spent(4, 40)));
        assert_eq!((statistics.success, statistics.rows), (Spent::default(), 0));
    }

    #[test]
    fn times_stay_at_their_largest_instead_of_overflowing() {
        let mut statistics = Statistics::default();
        let compute = Compute { infer: Duration::MAX, ..Compute::default() };
        for _ in 0..2 {
            statistics.count_batch(1, compute, SystemTime::UNIX_EPOCH);
        }
        assert_eq!(statistics.by_rows[0].compute_infer, Spent { count: 2, time: Duration::MAX });
    }
}
