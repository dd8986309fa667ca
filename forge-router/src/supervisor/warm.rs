//! The first batches of a worker: through the real rings, before any client's.

use std::time::Instant;

use tokio::sync::oneshot;

use crate::batching::{Batch, Entry, Timing};
use crate::dispatch::{Refused, WorkerLink};
use crate::memory_budget::MemoryBudget;
use crate::model::Pending;
use crate::request::{Inputs, RequestError};
use crate::tensor::TensorMeta;

/// Runs of each size: TorchScript's profiling executor optimises on the second call.
const RUNS: u32 = 2;

/// Runs zeros alone and as a full batch. `row` is what one row of each input is.
pub async fn warm(
    link: &WorkerLink,
    row: &[TensorMeta],
    max_batch_size: u32,
) -> Result<(), RequestError> {
    // The clients' memory is the clients': a busy server could not warm a worker otherwise.
    let unbounded = MemoryBudget::new(usize::MAX);
    for rows in [1, max_batch_size] {
        for _ in 0..RUNS {
            let (reply, answer) = oneshot::channel();
            let now = Instant::now();
            let timing = Timing { arrived: now, deadline: now };
            let memory = unbounded.reservation();
            let pending = Pending { inputs: zeros(row, rows), reply, memory };
            let entry = Entry { rows, timing, item: pending };
            let batch = Batch { key: row.into(), rows, entries: vec![entry] };
            match link.submit(batch, now) {
                Ok(()) => {}
                Err(Refused::Gone(_)) => return Err(lost()),
                Err(Refused::Unfit(_, error)) => return Err(error),
            }
            answer.await.map_err(|_| lost())??;
        }
    }
    Ok(())
}

fn lost() -> RequestError {
    RequestError::WorkerLost("it ended while warming".to_owned())
}

fn zeros(row: &[TensorMeta], rows: u32) -> Inputs {
    let bytes = |meta: &TensorMeta| meta.bytes().unwrap_or(0).saturating_mul(u64::from(rows));
    let zeros = |meta| vec![0; usize::try_from(bytes(meta)).unwrap_or(0)];
    Inputs { row: row.into(), data: row.iter().map(zeros).collect() }
}
