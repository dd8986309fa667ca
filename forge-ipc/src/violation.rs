//! What a peer wrote into its region that it must not.

use thiserror::Error;

use crate::cursor::IndexOutOfReach;
use crate::{BatchId, DescriptorError, MAX_TEXT, StructureError};

/// The other process broke the protocol. Nothing it writes from then on can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PeerViolation {
    /// A counter is behind ours, or further ahead than batches are in flight.
    #[error(
        "the peer moved its index to {peer}, ours is {ours} and it may be at most {reach} ahead"
    )]
    Index { peer: u32, ours: u32, reach: u32 },
    #[error("the peer answered batch {answered} where batch {expected} was the oldest in flight")]
    WrongBatch { expected: BatchId, answered: BatchId },
    #[error("the peer answered {answered} rows of batch {batch}, which has {expected}")]
    WrongRows { batch: BatchId, expected: u32, answered: u32 },
    #[error("the peer described no batch: {0}")]
    Descriptor(#[from] DescriptorError),
    #[error("the peer wrote outcome {0}, which does not exist")]
    UnknownOutcome(u32),
    #[error("the peer claims {0} bytes of text, a frame has {MAX_TEXT}")]
    TextTooLong(u32),
    #[error("the peer described no structure: {0}")]
    Structure(#[from] StructureError),
    #[error("the peer's structure has {leaves} leaves for {tensors} tensors")]
    WrongLeaves { leaves: usize, tensors: usize },
    /// Not what was asked of an output is there: [`Completion::copy`](crate::Completion::copy) went
    /// past its end.
    #[error("output {tensor} does not hold {bytes} bytes from {offset} on")]
    OutputRange { tensor: usize, offset: u64, bytes: u64 },
}

impl From<IndexOutOfReach> for PeerViolation {
    fn from(error: IndexOutOfReach) -> Self {
        let IndexOutOfReach { peer, ours, reach } = error;
        Self::Index { peer, ours, reach }
    }
}
