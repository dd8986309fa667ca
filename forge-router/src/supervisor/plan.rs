//! What one worker of a version is to be, whatever process stands for it just now.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use crate::config::WorkerConfig;
use crate::memory_budget::MemoryBudget;
use crate::metrics::Metrics;
use crate::model::{Interface, Model, Version, VersionId, VersionSettings};
use crate::tensor::{TensorMeta, aligned};

/// One place for a worker.
#[derive(Clone, Debug)]
pub struct WorkerPlan {
    pub model: Arc<Model>,
    pub version: VersionId,
    /// The model file, opened once: every process of the version gets this very file.
    pub file: Arc<OwnedFd>,
    pub index: u32,
    pub worker: WorkerConfig,
    pub binary: PathBuf,
    pub budget: Arc<MemoryBudget>,
    pub metrics: Metrics,
    /// The version that all its workers serve; made when the first of them has loaded the model.
    pub shared: Arc<OnceLock<Arc<Version>>>,
}

impl WorkerPlan {
    pub fn max_batch_size(&self) -> u32 {
        self.model.config.max_batch_size.get()
    }

    /// The bytes of tensors one request frame holds: a full batch where every dimension is
    /// declared, else `frame_bytes`.
    pub fn request_payload(&self, fixed_row: Option<&[TensorMeta]>) -> u64 {
        let rows = u64::from(self.max_batch_size());
        let full = |row: &[TensorMeta]| {
            row.iter().try_fold(0u64, |sum, meta| {
                sum.checked_add(aligned(meta.bytes()?.checked_mul(rows)?))
            })
        };
        fixed_row.and_then(full).unwrap_or(self.model.config.frame_bytes.get())
    }

    /// The version, made of what this worker's model told, or the one a sister made.
    pub fn version(&self, interface: &Interface) -> Arc<Version> {
        let make = || {
            let config = &self.model.config;
            let settings = VersionSettings {
                model: self.model.name.to_string(),
                id: self.version,
                max_batch_size: config.max_batch_size.get(),
                batch_window: config.batch_window,
                max_queue_depth: config.max_queue_depth.get(),
                request_payload: self.request_payload(interface.fixed_row().as_deref()),
            };
            Version::new(settings, interface.clone(), self.model.metrics.clone())
        };
        Arc::clone(self.shared.get_or_init(make))
    }
}
