//! The first batches of a worker: through the real rings, before any client's.

use std::time::{Duration, Instant};

use half::{bf16, f16};
use tokio::sync::oneshot;

use crate::batching::{Batch, Entry, Group, Timing};
use crate::dispatch::{Refused, WorkerLink};
use crate::memory_budget::MemoryBudget;
use crate::model::Pending;
use crate::request::{Inputs, RequestError};
use crate::tensor::{Dtype, TensorMeta};

/// The most runs of one size.
const MOST_RUNS: u32 = 10;

/// Runs zeros in batches of these sizes, each until two successive times agree: TorchScript's
/// profiling executor optimizes on the second call and later. `row` is what one row of each input is.
/// A model that does not take zeros, as a mask that hides everything, is given ones.
///
/// Returns the number the model took.
pub async fn warm(
    link: &WorkerLink,
    row: &[TensorMeta],
    sizes: &[u32],
) -> Result<u8, RequestError> {
    match warm_with(0, link, row, sizes).await {
        Err(RequestError::ModelThrew(cause)) => match warm_with(1, link, row, sizes).await {
            // What is wrong with zeros is told, as ones are no better.
            Err(RequestError::ModelThrew(_)) => Err(RequestError::ModelThrew(cause)),
            outcome => outcome.map(|()| 1),
        },
        outcome => outcome.map(|()| 0),
    }
}

async fn warm_with(
    number: u8,
    link: &WorkerLink,
    row: &[TensorMeta],
    sizes: &[u32],
) -> Result<(), RequestError> {
    for rows in sizes {
        let mut last = None;
        for _ in 0..MOST_RUNS {
            let time = run(number, link, row, *rows).await?;
            if last.replace(time).is_some_and(|last| agree(last, time)) {
                break;
            }
        }
    }
    Ok(())
}

async fn run(
    number: u8,
    link: &WorkerLink,
    row: &[TensorMeta],
    rows: u32,
) -> Result<Duration, RequestError> {
    // The clients' memory is the clients': a busy server could not warm a worker otherwise.
    let unbounded = MemoryBudget::new(usize::MAX);
    let (reply, answer) = oneshot::channel();
    let now = Instant::now();
    let timing = Timing { arrived: now, deadline: now };
    let memory = unbounded.reservation();
    let pending = Pending { inputs: filled(number, row, rows), reply, memory };
    let entry = Entry { rows, timing, item: pending };
    let batch = Batch { group: Group::of_tensors(row), rows, entries: vec![entry] };
    match link.submit(batch, now) {
        Ok(()) => {}
        Err(Refused::Gone(_)) => return Err(lost()),
        Err(Refused::Unfit(_, error)) => return Err(error),
    }
    Ok(answer.await.map_err(|_| lost())??.compute)
}

/// Within 20 % of the longer.
fn agree(one: Duration, other: Duration) -> bool {
    let (short, long) = (one.min(other), one.max(other));
    short * 5 >= long * 4
}

fn lost() -> RequestError {
    RequestError::WorkerLost("it ended while warming".to_owned())
}

fn filled(number: u8, row: &[TensorMeta], rows: u32) -> Inputs {
    let data = |meta: &TensorMeta| {
        let elements = meta.shape.elements().unwrap_or(0).saturating_mul(u64::from(rows));
        element(meta.dtype, number).repeat(usize::try_from(elements).unwrap_or(0))
    };
    Inputs { group: Group::of_tensors(row), data: row.iter().map(data).collect() }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_agree_within_a_fifth() {
        let ms = Duration::from_millis;
        for (one, other, expected) in
            [(100, 100, true), (100, 80, true), (80, 100, true), (100, 79, false), (0, 0, true)]
        {
            assert_eq!(agree(ms(one), ms(other)), expected, "{one} {other}");
        }
    }
}
