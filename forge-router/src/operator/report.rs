//! What a server tells of itself.

use std::path::PathBuf;
use std::time::Duration;

use crate::model::VersionId;
pub use crate::model::{Role, Share, ShareError};

/// Everything that is served.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// By name.
    pub models: Vec<ModelReport>,
}

/// One model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelReport {
    pub name: String,
    /// `loading`, `ready`, `degraded` or `draining`.
    pub state: &'static str,
    /// Why it is degraded.
    pub cause: Option<String>,
    /// What is being done to it, such as `swapping to /models/b.pt`.
    pub doing: Option<String>,
    /// Requests admitted and not yet cut into a batch.
    pub queue_depth: u64,
    /// The stable one first.
    pub versions: Vec<VersionReport>,
}

/// One version and its workers.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionReport {
    pub id: VersionId,
    pub role: Role,
    pub path: PathBuf,
    /// Of the file's content, in hex.
    pub sha256: String,
    /// Since its file was opened.
    pub age: Duration,
    /// By index.
    pub workers: Vec<WorkerReport>,
}

/// One worker's place.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerReport {
    pub index: u32,
    /// `None` while no process stands there.
    pub pid: Option<u32>,
    /// `starting`, `warming`, `ready`, `draining`, `retired` or `crashed`.
    pub state: &'static str,
    pub device: String,
    /// Of its process.
    pub age: Option<Duration>,
    pub restarts: u64,
    /// Resident memory of its process without the regions.
    pub rss_bytes: Option<u64>,
    /// Both shared-memory regions.
    pub region_bytes: Option<u64>,
}
