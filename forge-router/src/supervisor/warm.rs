//! The first batches of a worker: through the real rings, before any client's.

use std::time::Instant;

use half::{bf16, f16};
use tokio::sync::oneshot;

use crate::batching::{Batch, Entry, Group, Priority, Timing};
use crate::dispatch::{Refused, WorkerLink};
use crate::memory_budget::MemoryBudget;
use crate::model::BatchKind;
use crate::request::{Answer, Inputs, Pending, Replied, ReplyTo, RequestError, join};
use crate::tensor::{Dtype, TensorMeta};

/// Runs zeros in batches of these kinds, each once: whatever a model optimizes in its first runs was
/// done before the rings existed, so this only makes the serving thread ready, and proves the way.
/// A model that does not take zeros, as a mask that hides everything, is given ones.
///
/// Returns the number the model took.
pub async fn warm(link: &WorkerLink, kinds: &[BatchKind]) -> Result<u8, RequestError> {
    match warm_with(0, link, kinds).await {
        Err(RequestError::ModelThrew(cause)) => match warm_with(1, link, kinds).await {
            // What is wrong with zeros is told, as ones are no better.
            Err(RequestError::ModelThrew(_)) => Err(RequestError::ModelThrew(cause)),
            outcome => outcome.map(|()| 1),
        },
        outcome => outcome.map(|()| 0),
    }
}

async fn warm_with(number: u8, link: &WorkerLink, kinds: &[BatchKind]) -> Result<(), RequestError> {
    for kind in kinds {
        run(number, link, &kind.row, kind.rows).await?;
    }
    Ok(())
}

/// Runs one such row of this number, and tells what a row of each output is.
pub async fn outputs(
    number: u8,
    link: &WorkerLink,
    row: &[TensorMeta],
) -> Result<Vec<TensorMeta>, RequestError> {
    let answer = run(number, link, row, 1).await?;
    Ok(answer.outputs.iter().map(|output| output.row).collect())
}

async fn run(
    number: u8,
    link: &WorkerLink,
    row: &[TensorMeta],
    rows: u32,
) -> Result<Answer, RequestError> {
    // The clients' memory is the clients': a busy server could not warm a worker otherwise.
    let unbounded = MemoryBudget::new(usize::MAX);
    let (reply, answer) = oneshot::channel();
    let now = Instant::now();
    let timing = Timing { arrived: now, deadline: now, priority: Priority::HIGHEST };
    let memory = unbounded.reservation();
    let pending = Pending::new(filled(number, row, rows), ReplyTo::Client(reply), memory);
    let entry = Entry { rows, timing, item: pending };
    let batch = Batch { group: Group::of_tensors(row), rows, entries: vec![entry] };
    match link.submit_made_up(batch, now) {
        Ok(()) => {}
        Err(Refused::Gone(_)) => return Err(lost()),
        Err(Refused::Unfit(_, error)) => return Err(error),
    }
    match answer.await.map_err(|_| lost())?? {
        Replied::Whole(answer) => Ok(answer),
        Replied::Parts(parts) => join(parts),
    }
}

fn lost() -> RequestError {
    RequestError::WorkerLost("it ended while warming".to_owned())
}

fn filled(number: u8, row: &[TensorMeta], rows: u32) -> Inputs {
    let data = |meta: &TensorMeta| {
        let elements = meta.shape.elements().unwrap_or(0).saturating_mul(u64::from(rows));
        element(meta.dtype, number).repeat(usize::try_from(elements).unwrap_or(0)).into()
    };
    Inputs {
        group: Group::of_tensors(row),
        rows,
        data: row.iter().map(data).collect(),
        padding: None,
    }
}

/// A small number as an element.
fn element(dtype: Dtype, number: u8) -> Vec<u8> {
    match dtype {
        Dtype::Float16 => f16::from(number).to_le_bytes().to_vec(),
        Dtype::Bfloat16 => bf16::from(number).to_le_bytes().to_vec(),
        Dtype::Float32 => f32::from(number).to_le_bytes().to_vec(),
        Dtype::Float64 => f64::from(number).to_le_bytes().to_vec(),
        _ => i64::from(number).to_le_bytes()[..dtype.size()].to_vec(),
    }
}
