//! The words every part of the router uses for tensors; the only door to `forge_ipc`'s vocabulary.

pub use forge_ipc::{
    ArgumentKind, Dtype, MAX_PAYLOAD, MAX_RANK, MAX_TENSORS, Shape, Structure, TensorMeta, Value,
    aligned, join_rows,
};

/// The bytes that a batch of `rows` such rows takes in a frame; `None` where they overflow.
pub fn batch_bytes(row: &[TensorMeta], rows: u32) -> Option<u64> {
    row.iter().try_fold(0u64, |sum, meta| {
        sum.checked_add(aligned(meta.bytes()?.checked_mul(u64::from(rows))?))
    })
}

/// The place that a name such as `INPUT__0` or `scores__1` tells, as Triton names the inputs and outputs
/// of PyTorch's models.
pub fn place_in_name(name: &str) -> Option<usize> {
    name.rsplit_once("__").and_then(|(_, place)| place.parse().ok())
}
