//! What requests must have in common to run together.

use std::sync::Arc;

use crate::tensor::TensorMeta;

/// The group of a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Group {
    /// What ONE row of each tensor is; the rows dimension is not part of it.
    pub row: Arc<[TensorMeta]>,
    /// What each argument gets, encoded; `None` where the tensors are for the tensor arguments in
    /// their order and all others have their defaults.
    pub arguments: Option<Arc<[u8]>>,
}

impl Group {
    /// Of tensors alone, in the order of the arguments.
    pub fn of_tensors(row: impl Into<Arc<[TensorMeta]>>) -> Self {
        Self { row: row.into(), arguments: None }
    }

    /// What the encoded arguments take.
    pub fn argument_bytes(&self) -> usize {
        self.arguments.as_ref().map_or(0, |arguments| arguments.len())
    }
}
