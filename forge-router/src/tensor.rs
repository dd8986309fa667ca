//! The words every part of the router uses for tensors; the only door to `forge_ipc`'s vocabulary.

pub use forge_ipc::{
    Dtype, MAX_PAYLOAD, MAX_RANK, MAX_TENSORS, Shape, Structure, TensorMeta, aligned,
};
