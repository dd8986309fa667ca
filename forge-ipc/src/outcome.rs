//! What became of a batch.

use std::fmt;

use crate::{Structure, TensorMeta};

/// Most bytes of what a frame holds beside its tensors: encoded [`Arguments`](crate::Arguments) of a
/// request, a failure's message, or an encoded [`Structure`] with its strings and numbers.
pub const MAX_TEXT: usize = 64 * 1024;

/// The number of a batch, chosen by the router and echoed by the worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BatchId(pub u64);

impl fmt::Display for BatchId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// How a batch ended in the worker.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The model returned tensors, as many as `structure` has places for.
    ///
    /// Every size was checked against the frame; that the first dimension is the number of rows was
    /// not.
    Done { outputs: Vec<TensorMeta>, structure: Structure },
    /// The batch has no answer; `message` is the worker's own words, at most [`MAX_TEXT`] bytes of
    /// them.
    Failed { kind: FailureKind, message: String },
}

/// Why a batch has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FailureKind {
    /// The model raised an error.
    Threw = 1,
    /// Memory ran out while it ran.
    OutOfMemory,
    /// It returned something that is no batch of rows.
    OutputShape,
    /// It returned more than a frame holds.
    OutputTooLarge,
    /// Anything else in the worker.
    Engine,
}

impl FailureKind {
    /// Every kind, in the order of its code.
    pub const ALL: [Self; 5] =
        [Self::Threw, Self::OutOfMemory, Self::OutputShape, Self::OutputTooLarge, Self::Engine];

    /// The number that stands for this kind in shared memory.
    pub(crate) const fn code(self) -> u32 {
        self as u32
    }

    /// The kind of a number read from shared memory; `None` for one nobody writes.
    pub(crate) fn from_code(code: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}
