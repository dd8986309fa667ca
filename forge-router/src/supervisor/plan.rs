//! What a version and each of its workers are to be, whatever processes stand for them just now.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use tokio::sync::{Mutex, Semaphore};

use super::board::Key;
use super::incarnation::Turn;
use super::memory::Expected;
use crate::checkpoint::{Changed, Checkpoint};
use crate::config::{
    ModelConfig, WorkerConfig, frame_bytes, least_response_payload, request_payload,
};
use crate::metrics::Metrics;
use crate::model::{BatchKind, Interface, Model, Version, VersionId, VersionSettings};
use crate::operator::{EventKind, Events};
use crate::system;
use crate::tensor::TensorMeta;

/// What all workers of a version share.
#[derive(Debug)]
pub struct VersionPlan {
    pub model: Arc<Model>,
    pub id: VersionId,
    pub config: Arc<ModelConfig>,
    /// The model file, opened once: every process of the version gets this very file.
    pub checkpoint: Checkpoint,
    pub binary: PathBuf,
    pub metrics: Metrics,
    pub events: Events,
    pub turns: Turns,
    /// What the version before this one ran most.
    pub served: Vec<BatchKind>,
    /// When its file had been opened.
    pub since: Instant,
    pub learned: Learned,
    /// Made when the first worker has loaded the model.
    version: OnceLock<Arc<Version>>,
    told_state: AtomicBool,
}

/// What workers of all versions wait for, and what they share.
#[derive(Clone, Debug)]
pub struct Turns {
    /// Held by each worker while it loads and warms.
    pub loads: Arc<Semaphore>,
    /// Held while regions are made.
    pub regions: Arc<Mutex<()>>,
    /// Memory that workers on their way are expected to take.
    pub expected: Arc<Expected>,
}

/// What the first process of a version has found out of its model, for those after it.
#[derive(Debug, Default)]
pub struct Learned {
    /// The name of the setting that it runs fastest with.
    pub setting: OnceLock<String>,
    /// Payload bytes that a response frame needs.
    pub probed: OnceLock<u64>,
}

/// What a version is made of; see [`VersionPlan`].
#[derive(Debug)]
pub struct Ingredients {
    pub model: Arc<Model>,
    pub id: VersionId,
    pub config: Arc<ModelConfig>,
    pub checkpoint: Checkpoint,
    pub served: Vec<BatchKind>,
}

/// One place for a worker.
#[derive(Clone, Debug)]
pub struct WorkerPlan {
    pub version: Arc<VersionPlan>,
    pub index: u32,
    pub worker: WorkerConfig,
}

impl VersionPlan {
    pub fn new(
        ingredients: Ingredients,
        binary: PathBuf,
        metrics: Metrics,
        events: Events,
        turns: Turns,
    ) -> Arc<Self> {
        let Ingredients { model, id, config, checkpoint, served } = ingredients;
        Arc::new(Self {
            model,
            id,
            config,
            checkpoint,
            binary,
            metrics,
            events,
            turns,
            served,
            since: Instant::now(),
            learned: Learned::default(),
            version: OnceLock::new(),
            told_state: AtomicBool::new(false),
        })
    }

    /// The version, once a worker has loaded its model.
    pub fn version(&self) -> Option<&Arc<Version>> {
        self.version.get()
    }

    /// Whether a process that reads the file now reads the bytes of the version.
    pub async fn verify(&self, turn: Turn) -> Result<(), Changed> {
        let checkpoint = self.checkpoint.clone();
        let verify = move || checkpoint.verify();
        let verified = match turn {
            Turn::Waits => system::quietly(verify).await,
            Turn::Urgent => tokio::task::spawn_blocking(verify).await.ok(),
        };
        // One that panics has found nothing; the worker will tell what is wrong with the file.
        verified.unwrap_or(Ok(()))
    }

    /// How the board knows it.
    pub fn key(&self) -> Key<'_> {
        (self.model.name.as_str(), self.id)
    }

    /// Tells of something that happened to this version.
    pub fn tell(&self, kind: EventKind, worker: Option<u32>, text: impl Into<String>) {
        self.events.tell(kind, self.model.name.as_str(), Some(self.id), worker, text);
    }

    /// `true` once: the operator is to be told that the model keeps state.
    pub fn is_first_to_tell_of_state(&self) -> bool {
        !self.told_state.swap(true, Ordering::Relaxed)
    }

    /// The least bytes of tensors in a request frame and in a response frame. The config tells them
    /// where what it declares is all there is.
    pub fn payloads(&self, interface: &Interface) -> (u64, u64) {
        let config = &self.config;
        let least = if interface.is_fixed() { 0 } else { frame_bytes(config) };
        (request_payload(config).max(least), least_response_payload(config).max(least))
    }

    /// The version, made of what this worker's model told, or the one a sister made.
    pub fn make_version(&self, interface: &Interface) -> Arc<Version> {
        let make = || {
            let settings = VersionSettings {
                id: self.id,
                config: Arc::clone(&self.config),
                request_payload: self.payloads(interface).0,
            };
            let version = Version::new(settings, interface.clone(), self.model.metrics.clone());
            if !self.config.batch_window.is_zero() {
                tokio::spawn(Arc::clone(&version).watch_windows());
            }
            version
        };
        Arc::clone(self.version.get_or_init(make))
    }
}

impl WorkerPlan {
    pub fn config(&self) -> &ModelConfig {
        &self.version.config
    }

    pub fn model(&self) -> &Arc<Model> {
        &self.version.model
    }

    pub fn max_batch_size(&self) -> u32 {
        self.config().max_batch_size.get()
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

    /// The batches a worker is made ready with, before its rings exist: those its config declares,
    /// where it does (`row`), and those that the version before it ran most. Where clients wait, one
    /// has to do: theirs make it ready for the others.
    pub fn kinds(&self, row: Option<&[TensorMeta]>, turn: Turn) -> Vec<BatchKind> {
        let declared = row.map(Arc::from).into_iter().flat_map(|row: Arc<[TensorMeta]>| {
            self.batch_sizes()
                .into_iter()
                .map(move |rows| BatchKind { row: Arc::clone(&row), rows })
        });
        let mut kinds: Vec<BatchKind> = declared.collect();
        for served in &self.version.served {
            let fits = served.rows <= self.max_batch_size();
            if fits && !kinds.contains(served) {
                kinds.push(served.clone());
            }
        }
        if turn == Turn::Urgent {
            kinds.truncate(1);
        }
        kinds
    }

    /// The batches that then run through its rings, on the thread that serves: what the version before
    /// it ran most, where there is one. Its clients wait for the same CPUs meanwhile, so a full batch
    /// is run only where they send such.
    pub fn last_kinds(&self, row: Option<&[TensorMeta]>, turn: Turn) -> Vec<BatchKind> {
        let served = &self.version.served;
        let is_wanted =
            |kind: &BatchKind| served.is_empty() || kind.rows == 1 || served.contains(kind);
        self.kinds(row, turn).into_iter().filter(is_wanted).collect()
    }

    /// So many of these rows; without batching the request itself.
    pub fn batch(&self, row: &[TensorMeta], rows: u32) -> Vec<TensorMeta> {
        if !self.config().batching {
            return row.to_vec();
        }
        let batch = |meta: &TensorMeta| {
            Some(TensorMeta { dtype: meta.dtype, shape: meta.shape.with_rows(rows.into())? })
        };
        // A declared row leaves room for the rows dimension.
        row.iter().filter_map(batch).collect()
    }
}

#[cfg(test)]
mod tests;
