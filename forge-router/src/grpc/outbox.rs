//! The body of an answer on its way out: what its messages take stays counted until the client has read
//! them.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tonic::Status;

use crate::memory_budget::Reservation;

/// What is reserved for messages that are about to be encoded.
#[derive(Clone, Debug, Default)]
pub struct Outbox(Arc<Mutex<Vec<Reservation>>>);

/// tonic's body of an answer.
#[derive(Debug)]
pub struct Counted {
    body: tonic::body::Body,
    outbox: Outbox,
}

impl Outbox {
    /// Leaves what the message holds that is handed to tonic next.
    pub fn put(&self, memory: Reservation) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
    }

    fn take_all(&self) -> Vec<Reservation> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Counted {
    pub fn new(body: tonic::body::Body, outbox: Outbox) -> Self {
        Self { body, outbox }
    }

    /// What a piece of so many bytes, which has just come, is counted by. tonic encodes a message when
    /// it is handed to it, so all that was left until now is in this piece; what the messages held
    /// before they were encoded is given back.
    pub fn held_for(&self, bytes: usize) -> Vec<Reservation> {
        let mut held = self.outbox.take_all();
        let mut left = bytes;
        for memory in &mut held {
            let kept = memory.bytes().min(left);
            memory.shrink(memory.bytes() - kept);
            left -= kept;
        }
        held
    }
}

impl Body for Counted {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory_budget::MemoryBudget;

    #[test]
    fn a_piece_holds_no_more_than_its_bytes() {
        let budget = MemoryBudget::new(1000);
        let outbox = Outbox::default();
        for bytes in [300, 300] {
            let mut memory = budget.reservation();
            assert!(memory.grow(bytes));
            outbox.put(memory);
        }
        let body = Counted::new(tonic::body::Body::empty(), outbox);
        let held = body.held_for(400);
        assert_eq!(budget.used(), 400);
        assert!(body.held_for(400).is_empty());
        drop(held);
        assert_eq!(budget.used(), 0);
    }
}
