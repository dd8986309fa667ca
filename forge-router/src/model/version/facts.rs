//! What a version is, beside its queue and its workers.

use std::fmt;
use std::sync::Arc;

use crate::batching::Group;
use crate::config::ModelConfig;
use crate::tensor::{Structure, TensorMeta};

/// Numbers the versions of a model; it only grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VersionId(pub u64);

impl fmt::Display for VersionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// What is fixed when a version is made.
#[derive(Clone, Debug)]
pub struct VersionSettings {
    pub id: VersionId,
    pub config: Arc<ModelConfig>,
    /// The bytes of tensors that one frame of a request ring holds.
    pub request_payload: u64,
}

/// A request that was answered, as an example of what the model takes and returns.
#[derive(Clone, Debug)]
pub struct Example {
    /// What it was given.
    pub inputs: Group,
    /// One row of each tensor of its answer, depth first.
    pub outputs: Vec<TensorMeta>,
    pub structure: Structure,
}
