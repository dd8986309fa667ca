//! One batch in the worker's hands, from its inputs to its answer.

use crate::cursor;
use crate::descriptor::Header;
use crate::doorbell;
use crate::placement::Placement;
use crate::worker_end::{RequestSide, ResponseFrame, ResponseSide};
use crate::{Arguments, BatchId, ComputeNanos, FailureKind, MAX_TEXT, TensorMeta};

/// One input of a batch, in shared memory.
#[derive(Clone, Copy, Debug)]
pub struct InputView<'a> {
    /// Its dtype and shape, rows first.
    pub meta: TensorMeta,
    /// Its elements, little-endian and contiguous, 64-byte aligned. Mapped read-only: a store
    /// faults.
    pub bytes: &'a [u8],
}

/// What an engine runs.
#[derive(Clone, Copy, Debug)]
pub struct BatchView<'a> {
    pub rows: u32,
    /// The tensors, in the order the router placed them.
    pub inputs: &'a [InputView<'a>],
    /// Which arguments they are for, and what the others get.
    pub arguments: Arguments<'a>,
}

/// A batch that waits for its answer.
///
/// Dropped without [`finish`](Self::finish) or [`fail`](Self::fail) it stays unanswered, and comes
/// again.
#[derive(Debug)]
#[must_use = "a batch is answered by finish or fail"]
pub struct Request<'a> {
    pub(super) header: Header,
    pub(super) inputs: Vec<InputView<'a>>,
    pub(super) arguments: Arguments<'a>,
    pub(super) requests: &'a RequestSide,
    pub(super) responses: &'a mut ResponseSide,
    pub(super) placement: Placement,
    /// Leaves of the output's structure, where one was given.
    pub(super) leaves: Option<usize>,
}

impl Request<'_> {
    /// The batch.
    pub fn batch(&self) -> BatchId {
        BatchId(self.header.batch)
    }

    /// Its rows.
    pub fn rows(&self) -> u32 {
        self.header.rows
    }

    /// Its tensors, in the order the router placed them.
    pub fn inputs(&self) -> &[InputView<'_>] {
        &self.inputs
    }

    /// What its arguments get.
    pub fn arguments(&self) -> Arguments<'_> {
        self.arguments
    }

    /// Marks the batch as started, so that it alone is suspect should this process die; returns
    /// what is to run and an empty frame for its outputs. Both borrow the request, because answering
    /// it hands their memory back.
    pub fn start(&mut self) -> (BatchView<'_>, ResponseFrame<'_>) {
        self.mark_started();
        self.placement = Placement::new(self.responses.frames.payload_bytes());
        self.leaves = None;
        self.header.text = 0;
        let Self { header, inputs, arguments, responses, placement, leaves, .. } = self;
        let batch = BatchView { rows: header.rows, inputs, arguments: *arguments };
        (batch, ResponseFrame { responses, placement, leaves, text: &mut header.text })
    }

    /// Publishes the outputs, and wakes the router if it sleeps.
    pub fn finish(mut self, compute: ComputeNanos) {
        let tensors = self.placement.tensors();
        if let Some(leaves) = self.leaves.filter(|leaves| *leaves != tensors) {
            // The router would take it for a lie and kill this worker.
            let message = format!("the output has {leaves} leaves for {tensors} tensors");
            return self.fail(FailureKind::Engine, &message, compute);
        }
        // At most `MAX_TENSORS`.
        self.header.tensors = tensors as u32;
        self.complete(compute);
    }

    /// Publishes a failure, and wakes the router if it sleeps. Of the message at most [`MAX_TEXT`]
    /// bytes arrive.
    pub fn fail(mut self, kind: FailureKind, message: &str, compute: ComputeNanos) {
        // A character cut in half is one the router replaces.
        let message = &message.as_bytes()[..message.len().min(MAX_TEXT)];
        self.header.text = self.responses.write_text(message);
        self.header.outcome = kind.code();
        self.header.tensors = 0;
        self.complete(compute);
    }

    fn complete(mut self, compute: ComputeNanos) {
        self.mark_started();
        self.header.compute = compute;
        let Self { requests, responses, header, .. } = self;
        let place = responses.frames.header(responses.cursor.slot());
        responses.region.copy_in(place, &header.encode());
        let index = responses.cursor.complete();
        cursor::publish(&responses.words().completed.0, index);
        if doorbell::must_ring(&requests.words().router_sleeping.0) {
            responses.to_router.ring();
        }
    }

    fn mark_started(&mut self) {
        cursor::publish(&self.responses.words().started.0, self.responses.cursor.started());
    }
}
