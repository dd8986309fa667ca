//! The router's end of the rings, waited on as the router does it.

use std::time::Instant;

use forge_ipc::{
    BatchId, ComputeNanos, Dtype, Outcome, PeerViolation, RouterEnd, Shape, TensorMeta,
};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::harness::PATIENCE;

/// The router's end of the rings with float32 batches.
pub(crate) struct Ring {
    pub(crate) end: RouterEnd,
    /// The doorbell is never read, so only its edges say something.
    doorbell: Epoll,
}

/// A completion, copied out.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) batch: BatchId,
    pub(crate) rows: u32,
    pub(crate) compute: ComputeNanos,
    pub(crate) outcome: Outcome,
    /// The bytes of each output.
    pub(crate) outputs: Vec<Vec<u8>>,
}

impl Answer {
    /// The float32s of one output.
    pub(crate) fn floats(&self, output: usize) -> Vec<f32> {
        let (floats, _) = self.outputs[output].as_chunks::<4>();
        floats.iter().map(|float| f32::from_le_bytes(*float)).collect()
    }
}

impl Ring {
    pub(crate) fn new(end: RouterEnd) -> Self {
        let doorbell = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
        let edges = EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, 0);
        doorbell.add(end.doorbell(), edges).unwrap();
        Self { end, doorbell }
    }

    /// Publishes a batch of one input whose rows are these; false where no frame is free.
    pub(crate) fn submit(&mut self, batch: u64, rows: &[&[f32]]) -> bool {
        self.submit_inputs(batch, &[rows])
    }

    /// Publishes a batch of several inputs.
    pub(crate) fn submit_inputs(&mut self, batch: u64, inputs: &[&[&[f32]]]) -> bool {
        let rows = u32::try_from(inputs[0].len()).unwrap();
        let Some(mut frame) = self.end.begin(BatchId(batch), rows) else { return false };
        for rows in inputs {
            let values = rows.concat();
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            let slot = frame.tensor(floats(&[rows.len() as u64, rows[0].len() as u64])).unwrap();
            frame.write(slot, 0, &bytes).unwrap();
        }
        frame.publish();
        true
    }

    /// The next completion, waited for as the router does.
    pub(crate) fn answer(&mut self) -> Result<Answer, PeerViolation> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(completion) = self.end.next_completion()? {
                let outcome = completion.outcome().clone();
                let mut outputs = Vec::new();
                if let Outcome::Done { outputs: metas, .. } = &outcome {
                    for (output, meta) in metas.iter().enumerate() {
                        let mut bytes = Vec::new();
                        completion.copy(output, 0, &mut bytes, meta.bytes().unwrap())?;
                        outputs.push(bytes);
                    }
                }
                let answer = Answer {
                    batch: completion.batch(),
                    rows: completion.rows(),
                    compute: completion.compute(),
                    outcome,
                    outputs,
                };
                completion.release();
                return Ok(answer);
            }
            self.sleep();
            assert!(Instant::now() < deadline, "no completion");
        }
    }

    /// Waits until the worker has marked a batch as started.
    pub(crate) fn started(&self) -> BatchId {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(batch) = self.end.started().unwrap() {
                return batch;
            }
            assert!(Instant::now() < deadline, "no batch was started");
            // Nothing rings for this; the router looks only after a worker's death.
            std::thread::yield_now();
        }
    }

    /// Waits for the doorbell, at most a second, as the router does.
    fn sleep(&self) {
        if self.end.prepare_to_sleep() {
            let mut events = [EpollEvent::empty()];
            self.doorbell.wait(&mut events, EpollTimeout::from(1000u16)).unwrap();
        }
        self.end.wake_up();
    }
}

/// What a float32 tensor of these dims is.
pub(crate) fn floats(dims: &[u64]) -> TensorMeta {
    TensorMeta { dtype: Dtype::Float32, shape: Shape::new(dims).unwrap() }
}
