//! What one worker of a version is to be, whatever process stands for it just now.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use crate::config::{WorkerConfig, request_payload};
use crate::metrics::Metrics;
use crate::model::{Interface, Model, Version, VersionId, VersionSettings};

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
}

impl WorkerPlan {
    pub fn max_batch_size(&self) -> u32 {
        self.model.config.max_batch_size.get()
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
                request_payload: request_payload(config),
            };
            Version::new(settings, interface.clone(), self.model.metrics.clone())
        };
        Arc::clone(self.shared.get_or_init(make))
    }
}
