//! The messages of the control socket, in the order they are spoken.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use serde::{Deserialize, Serialize};

use crate::{Geometry, Signature, TensorMeta};

/// The version of everything two processes of different builds could disagree about.
pub const PROTOCOL: u32 = 4;

/// What the router says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToWorker {
    /// Load this model; one descriptor comes with it, the model's file.
    Load(LoadModel),
    /// Try the model on made-up inputs: find its fastest setting, and whether its rows are apart.
    Rehearse(Rehearsal),
    /// Run once with zeros of these shapes and tell what came out.
    Probe(Probe),
    /// Map these regions and serve; the four descriptors of [`PeerFds`] come with it, in the order
    /// of its fields.
    Attach(Geometry),
    /// Put back what warming changed in the model, and tell what that was.
    Settle,
    /// Finish what was published, then exit with 0.
    Retire,
}

/// What a worker says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromWorker {
    /// The first message, before anything is asked.
    Hello {
        /// The worker's [`PROTOCOL`].
        protocol: u32,
        /// Such as `libtorch 2.11.0`.
        engine: String,
        /// The CPU capability the engine chose, such as `AVX512`.
        capability: String,
    },
    Loaded(Signature),
    Rehearsed {
        /// What was chosen, for [`Setting::Chosen`].
        setting: String,
        /// The same in words for the log.
        told: String,
    },
    Probed {
        outputs: Vec<TensorMeta>,
        /// Payload bytes a response frame needs for these outputs.
        bytes: u64,
    },
    Attached,
    /// The names of the buffers that runs had changed; they are as in the file again.
    Settled {
        changed: Vec<String>,
    },
    /// A step failed; `message` is the engine's own words.
    Failed {
        stage: Stage,
        message: String,
    },
}

/// The step a worker failed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    Load,
    Rehearse,
    Probe,
    Attach,
}

/// What to load and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadModel {
    pub model: String,
    pub version: u64,
    /// Which worker of the version this is, from 0.
    pub worker: u32,
    /// Such as `cpu` or `cuda:0`.
    pub device: String,
    /// Intra-op threads.
    pub threads: u32,
    /// The CPUs to run on; empty leaves them as they are.
    pub cpus: Vec<usize>,
    /// Whether inputs and outputs are `[rows, …]`; else each run is one request, as it came.
    pub batching: bool,
}

/// Runs before anything is served, on inputs the worker makes up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rehearsal {
    /// The tensors of the batches to run, rows included, in the order of the arguments.
    pub batches: Vec<Vec<TensorMeta>>,
    /// Whether to refuse a model whose rows depend on each other.
    pub check_rows: bool,
    pub setting: Setting,
}

/// How an engine is to run a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Setting {
    /// As it was loaded.
    Plain,
    /// In the fastest way whose answers agree with the plain one's; the engine finds out which.
    Fastest,
    /// In the way that another worker of the version has found.
    Chosen(String),
}

/// A trial run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// The inputs in the order of the arguments, rows included.
    pub inputs: Vec<TensorMeta>,
}

/// The descriptors a worker needs to attach.
#[derive(Debug)]
pub struct PeerFds {
    pub request_region: OwnedFd,
    pub response_region: OwnedFd,
    /// The eventfd the router rings.
    pub to_worker: OwnedFd,
    /// The eventfd the worker rings.
    pub to_router: OwnedFd,
}

impl PeerFds {
    /// In the order of the fields, to be sent with [`ToWorker::Attach`].
    pub fn borrow(&self) -> [BorrowedFd<'_>; 4] {
        [&self.request_region, &self.response_region, &self.to_worker, &self.to_router]
            .map(AsFd::as_fd)
    }

    /// Takes what came with [`ToWorker::Attach`]; `None` unless there are exactly four.
    pub fn from_received(fds: Vec<OwnedFd>) -> Option<Self> {
        let [request_region, response_region, to_worker, to_router] = fds.try_into().ok()?;
        Some(Self { request_region, response_region, to_worker, to_router })
    }
}
