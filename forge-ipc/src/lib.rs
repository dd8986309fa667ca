//! Shared-memory rings, doorbells and control messages between Forge's router and its workers.

#![deny(unsafe_code)]

mod dtype;
mod shape;

pub use dtype::Dtype;
pub use shape::{MAX_RANK, MAX_TENSORS, Shape, TensorMeta};
