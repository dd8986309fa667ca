//! What one worker of a version is to be, whatever process stands for it just now.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use crate::config::{WorkerConfig, frame_bytes, least_response_payload, request_payload};
use crate::metrics::Metrics;
use crate::model::{Interface, Model, Version, VersionId, VersionSettings};
use crate::tensor::TensorMeta;

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
    pub metrics: Metrics,
    /// The version that all its workers serve; made when the first of them has loaded the model.
    pub shared: Arc<OnceLock<Arc<Version>>>,
    /// Set once the operator was told that the model keeps state.
    pub told_state: Arc<AtomicBool>,
}

impl WorkerPlan {
    pub fn max_batch_size(&self) -> u32 {
        self.model.config.max_batch_size.get()
    }

    /// The rows of the batches that are run before any client's: a row alone, a full batch, and on a
    /// GPU, where kernels are compiled and tuned for sizes, what lies between.
    pub fn batch_sizes(&self) -> Vec<u32> {
        let full = self.max_batch_size();
        let between = (1..32).map(|power| 1u32 << power).take_while(|rows| *rows < full);
        let between = between.filter(|_| self.worker.device.is_gpu());
        let mut sizes: Vec<u32> = std::iter::once(1).chain(between).chain([full]).collect();
        sizes.dedup();
        sizes
    }

    /// So many of these rows; without batching the request itself.
    pub fn batch(&self, row: &[TensorMeta], rows: u32) -> Vec<TensorMeta> {
        if !self.model.config.batching {
            return row.to_vec();
        }
        let batch = |meta: &TensorMeta| {
            Some(TensorMeta { dtype: meta.dtype, shape: meta.shape.with_rows(rows.into())? })
        };
        // A declared row leaves room for the rows dimension.
        row.iter().filter_map(batch).collect()
    }

    /// The least bytes of tensors in a request frame and in a response frame. The config tells them
    /// where what it declares is all there is.
    pub fn payloads(&self, interface: &Interface) -> (u64, u64) {
        let config = &self.model.config;
        let least = if interface.is_fixed() { 0 } else { frame_bytes(config) };
        (request_payload(config).max(least), least_response_payload(config).max(least))
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
                request_payload: self.payloads(interface).0,
            };
            Version::new(settings, interface.clone(), self.model.metrics.clone())
        };
        Arc::clone(self.shared.get_or_init(make))
    }
}
