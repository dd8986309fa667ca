//! A worker in the router's own thread, whose model is `x * 2` on float32.

use std::io;

use forge_ipc::{ComputeNanos, OutputSink, Request, WorkerEnd};

use crate::readable::await_readable;

/// Answers whatever comes, until it is dropped or something is wrong with the ring.
pub async fn double(mut end: WorkerEnd) -> io::Result<()> {
    let doorbell = await_readable(end.doorbell().try_clone_to_owned()?)?;
    loop {
        while let Some(request) = end.next_request().map_err(io::Error::other)? {
            answer(request)?;
        }
        if end.prepare_to_sleep() {
            doorbell.readable().await?.clear_ready();
        }
        end.wake_up();
    }
}

fn answer(mut request: Request<'_>) -> io::Result<()> {
    let (batch, mut frame) = request.start();
    for input in batch.inputs {
        let output = frame.tensor(input.meta).map_err(io::Error::other)?;
        let (numbers, _) = input.bytes.as_chunks::<4>();
        for (number, twice) in numbers.iter().zip(output.as_chunks_mut::<4>().0) {
            *twice = (f32::from_le_bytes(*number) * 2.0).to_le_bytes();
        }
    }
    request.finish(ComputeNanos::default());
    Ok(())
}
