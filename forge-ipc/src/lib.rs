//! Shared-memory rings, doorbells and control messages between Forge's router and its workers.
//!
//! One router process and one worker process share two memory regions, each with one writer:
//!
//! * region A, *requests*: [`RouterEnd`] writes, [`WorkerEnd`] maps it read-only;
//! * region B, *responses*: [`WorkerEnd`] writes, [`RouterEnd`] maps it read-only.
//!
//! A region is a few index words and a ring of *frames*; frame n of A pairs with frame n of B and
//! together they carry one batch there and back. [`ControlSocket`] carries everything that is not a
//! batch, and the descriptors of the regions themselves. `docs/ipc.md` tells the protocol as a
//! whole.
//!
//! This crate is mechanism only: it knows no clock, no runtime and no log, and it decides nothing.
//! What the worker wrote is copied out of shared memory, checked, and then used; anything else is a
//! [`PeerViolation`], never a panic.
//!
//! The protocol itself (`cursor.rs` and `doorbell.rs`, pure functions over atomics) is compiled a
//! second time by `tests/tests/loom_ring.rs`, against loom.

#![deny(unsafe_code)]

mod bell;
mod bytes;
mod compute;
mod control;
mod cursor;
mod descriptor;
mod doorbell;
mod dtype;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod geometry;
#[allow(unsafe_code)]
mod heap;
mod inherited;
mod layout;
mod memfd;
mod messages;
mod outcome;
#[allow(unsafe_code)]
mod packet;
mod placement;
#[allow(unsafe_code)]
mod region;
#[cfg(test)]
mod ring_tests;
mod router_end;
mod row_values;
mod shape;
mod signature;
mod structure;
mod sync;
mod value;
mod violation;
#[allow(unsafe_code)]
mod worker_end;

pub use compute::ComputeNanos;
pub use control::{ControlError, ControlSocket, MAX_MESSAGE, Received};
pub use descriptor::DescriptorError;
pub use dtype::Dtype;
pub use geometry::{Geometry, GeometryError, MAX_FRAMES, MAX_PAYLOAD, MIN_FRAMES, aligned};
pub use heap::{give_back_free_pages, give_back_freed_memory, share_one_heap};
pub use inherited::duplicate;
pub use messages::{
    FromWorker, LoadModel, PROTOCOL, PeerFds, Probe, Rehearsal, Setting, Stage, ToWorker,
};
pub use outcome::{BatchId, FailureKind, MAX_TEXT, Outcome};
pub use placement::FrameFull;
pub use region::RegionError;
pub use router_end::{Completion, RequestFrame, RouterEnd, TensorSlot};
pub use row_values::{has_items_per_row, join_rows, of_part, of_rows};
pub use shape::{MAX_RANK, MAX_TENSORS, Shape, TensorMeta};
pub use signature::{Argument, ArgumentKind, Signature};
pub use structure::{Structure, StructureError};
pub use value::{Arguments, ArgumentsError, Given, Value};
pub use violation::PeerViolation;
pub use worker_end::{BatchView, InputView, OutputSink, Request, ResponseFrame, WorkerEnd};
