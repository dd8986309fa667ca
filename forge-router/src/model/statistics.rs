//! What a version has done since it was made, as clients of the Open Inference Protocol ask for it.

use std::time::{Duration, SystemTime};

/// Everything counted so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statistics {
    pub last_inference: Option<SystemTime>,
    /// Rows that were answered.
    pub rows: u64,
    /// Batches that were run for them.
    pub batches: u64,
    /// Requests that were answered, from their admission to their answer.
    pub success: Spent,
    pub fail: Spent,
    /// The phases of each request that was answered.
    pub queue: Spent,
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
