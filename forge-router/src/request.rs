//! What every protocol decodes to and encodes from: the router's core knows no other form.
//!
//! ```text
//! Inputs ─► Pending (all rows, or some) ─► batch ─► Answer ─► ReplyTo ─► Replied
//!              └─ split where it has more rows than a batch ─► joined ┘
//! ```

mod joined;
mod pending;
mod reply_to;

use std::ops::Range;
use std::time::{Duration, Instant};

use forge_ipc::ComputeNanos;

pub use self::joined::join;
pub use self::pending::{Pending, answer};
pub use self::reply_to::{Replied, ReplyTo};
use crate::batching::{Group, Priority};
use crate::memory_budget::Reservation;
use crate::padding::Padding;
use crate::pieces::Pieces;
use crate::tensor::{Structure, TensorMeta};

/// The inputs of a request.
#[derive(Debug)]
pub struct Inputs {
    /// Requests run together only where these are equal.
    pub group: Group,
    /// How many rows it has; more than fit into a batch are run in parts. 1 where requests are not
    /// batched.
    pub rows: u32,
    /// The elements of each tensor, in the order of the model's arguments, little-endian, all rows one
    /// after the other. They may be parts of the body that they came in.
    pub data: Vec<Pieces>,
    /// How its rows come to be as long as those of its group; `None` where they are. The data are
    /// without padding, and a mask that is made has none.
    pub padding: Option<Box<Padding>>,
}

impl Inputs {
    /// Some of its rows; nothing is copied.
    pub fn part(&self, rows: Range<u32>) -> Self {
        let all = self.rows.max(1) as usize;
        let data = self.data.iter().map(|data| {
            let row = data.len() / all;
            data.slice(rows.start as usize * row..rows.end as usize * row)
        });
        let (group, data) = (self.group.clone(), data.collect());
        let padding = self.padding.clone();
        Self { group, rows: rows.end.saturating_sub(rows.start), data, padding }
    }

    /// Leaves its rows as long as they came.
    pub fn give_up_padding(&mut self) {
        if let Some(padding) = &mut self.padding {
            let mut row = self.group.row.to_vec();
            padding.give_up(&mut row);
            self.group.row = row.into();
        }
    }
}

/// What a request asks for beside an answer.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// When it was understood, and waits from then on.
    pub arrived: Instant,
    /// Later an answer is not wanted.
    pub deadline: Instant,
    pub priority: Priority,
}

/// What a request gets in the end.
pub type Reply = Result<Answer, RequestError>;

/// What a model answered to one request.
#[derive(Debug)]
pub struct Answer {
    /// The leaves of the model's output, depth first.
    pub outputs: Vec<Output>,
    /// How the leaves nest.
    pub structure: Structure,
    /// As many as the request had.
    pub rows: u32,
    /// Whether the outputs are `[rows, …]`; else they are as the model returned them.
    pub is_batched: bool,
    /// From when it was queued until a worker came to its batch.
    pub waited: Duration,
    /// The worker's own measure of the batch.
    pub compute: Compute,
    /// What the outputs take of the memory for requests in flight.
    pub memory: Reservation,
}

/// How long a worker took for a batch, by its own clock; in all no longer than the router saw it take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compute {
    /// Until the model had its inputs: views of the frame, copies to the device.
    pub input: Duration,
    /// The model's own time.
    pub infer: Duration,
    /// Until the outputs lay in the frame.
    pub output: Duration,
}

impl Compute {
    /// What a worker told, as far as the time that passed here holds it: its word is not checked
    /// otherwise.
    pub fn told(told: ComputeNanos, passed: Duration) -> Self {
        let input = Duration::from_nanos(told.input).min(passed);
        let infer = Duration::from_nanos(told.infer).min(passed - input);
        let output = Duration::from_nanos(told.output).min(passed - input - infer);
        Self { input, infer, output }
    }

    pub fn total(&self) -> Duration {
        self.input.saturating_add(self.infer).saturating_add(self.output)
    }
}

/// One leaf of an answer.
#[derive(Debug)]
pub struct Output {
    /// What one row is; the rows dimension is not part of it.
    pub row: TensorMeta,
    /// The elements, little-endian, all rows one after the other.
    pub data: Vec<u8>,
}

/// Why a request got no answer from the model. The protocols map these to their statuses.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RequestError {
    // --- the client's fault
    /// The inputs are not what the model takes.
    #[error("{0}")]
    Invalid(String),
    /// It names a version that does not answer now.
    #[error("Model '{model}' has no version {version}; there is: {available}")]
    UnknownVersion { model: String, version: u64, available: String },
    /// One row alone is larger than a frame.
    #[error(
        "one row of these inputs takes {needed} bytes, a frame holds {capacity}: \
         raise models.{model}.frame_bytes"
    )]
    RowTooLarge { model: String, needed: u64, capacity: u64 },
    // --- the server's state
    /// The model is not loaded, or no longer.
    #[error("Model '{model}' is not ready: {state}")]
    NotReady { model: String, state: String },
    #[error(
        "Request queue saturated ({limit} pending). Server is overloaded — retry or reduce \
         request rate."
    )]
    QueueFull { limit: u64 },
    #[error(
        "the memory for requests in flight is used up ({limit} bytes, server.max_inflight_bytes): \
         retry later"
    )]
    MemoryFull { limit: usize },
    #[error("Request {id} expired after {seconds}s")]
    Expired { id: String, seconds: f64 },
    /// A single row that the device has no memory for; larger batches are halved first.
    #[error("out of memory while running one row alone: {0}")]
    OutOfMemory(String),
    /// The process that ran the request ended before it answered.
    #[error("the worker that ran this request ended: {0}")]
    WorkerLost(String),
    // --- the request's fault, as far as anybody can tell
    /// It ran alone and its worker died of it, now or a while ago.
    #[error(
        "this request ended the worker that ran it alone ({0}): the same inputs are refused for a \
         while (poison_ttl_s)"
    )]
    Blamed(String),
    // --- the router's own fault
    #[error("internal error: {0}")]
    Internal(String),
    // --- the model's fault
    #[error("Inference failed: {0}")]
    ModelThrew(String),
    /// The output cannot be given back row by row.
    #[error("{0}")]
    OutputShape(String),
    #[error("{cause}: raise models.{model}.frame_bytes")]
    OutputTooLarge { model: String, cause: String },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_cannot_tell_of_more_time_than_passed() {
        let passed = Duration::from_nanos(100);
        for (told, kept) in [
            ((10, 20, 30), (10, 20, 30)),
            ((10, 20, 90), (10, 20, 70)),
            ((10, u64::MAX, 30), (10, 90, 0)),
            ((u64::MAX, u64::MAX, u64::MAX), (100, 0, 0)),
        ] {
            let (input, infer, output) = told;
            let compute = Compute::told(ComputeNanos { input, infer, output }, passed);
            let [input, infer, output] = [kept.0, kept.1, kept.2].map(Duration::from_nanos);
            assert_eq!(compute, Compute { input, infer, output }, "{told:?}");
        }
    }
}
