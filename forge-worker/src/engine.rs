//! What runs a model: the one trait between the worker's loop and a tensor library.
//!
//! The loop knows nothing of TorchScript and an engine knows nothing of rings: it reads the inputs
//! as plain bytes, writes its outputs into an [`OutputSink`] and says whose fault a failure was.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;

use forge_ipc::{BatchView, FailureKind, FrameFull, LoadModel, OutputSink, Signature, TensorMeta};

use crate::Stopwatch;

/// One loaded model, run by one thread at a time: one loads it and tries it out, another serves.
pub trait Engine: Sized + Send {
    /// The library behind this engine. Asked before anything is loaded.
    fn describe() -> Description;

    /// Applies what a tensor library keeps for each thread, such as the number of intra-op threads,
    /// and starts what outlives the thread that starts it. Called on the thread that serves and then
    /// on the one that loads, so that such threads have the priority of the first. Both have
    /// their affinity already.
    ///
    /// # Errors
    ///
    /// [`EngineError::Load`], as for [`Engine::load`].
    fn set_up_thread(_settings: &LoadModel) -> Result<(), EngineError> {
        Ok(())
    }

    /// Loads the model of one file onto the device of `settings`.
    ///
    /// # Errors
    ///
    /// [`EngineError::Load`] with a text for the person who wrote the configuration.
    fn load(model: &ModelFile, settings: &LoadModel) -> Result<Self, EngineError>;

    /// What the file tells about the model's arguments.
    fn signature(&self) -> &Signature;

    /// Runs one batch, and tells `watch` when the model has its inputs and when it has returned: each input is contiguous `[rows, …]`, and so must each output be; without
    /// batching they are what a request sent and gets. Every output is asked from `out` in turn and
    /// filled whole; then their structure is told, once.
    ///
    /// # Errors
    ///
    /// Any variant but [`EngineError::Load`]; what was written to `out` is then forgotten.
    fn run(
        &mut self,
        batch: &BatchView<'_>,
        out: &mut dyn OutputSink,
        watch: &mut Stopwatch,
    ) -> Result<(), EngineError>;

    /// Finds the setting in which such batches run fastest with the same outputs, and keeps it.
    fn optimize(&mut self, _batches: &[Vec<TensorMeta>]) -> Result<Chosen, EngineError> {
        Ok(Chosen { name: "as it is".to_owned(), told: "as it is".to_owned() })
    }

    /// Takes the setting of that name, which [`Engine::optimize`] has found in another process.
    fn take(&mut self, _setting: &str) -> Result<(), EngineError> {
        Ok(())
    }

    /// Remembers the state that runs may change, so that [`Engine::restore`] can put it back.
    fn remember(&mut self) -> Result<(), EngineError> {
        Ok(())
    }

    /// Puts the remembered state back; the names of what had changed. Nothing was where nothing is
    /// remembered.
    fn restore(&mut self) -> Result<Vec<String>, EngineError> {
        Ok(Vec::new())
    }

    /// Forgets the remembered state, which takes memory.
    fn forget(&mut self) -> Result<(), EngineError> {
        Ok(())
    }
}

/// A setting that an engine has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// For [`Engine::take`].
    pub name: String,
    /// For the log.
    pub told: String,
}

/// What `forge --version` and the first control message say about an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The library and its version: `libtorch 2.11.0`.
    pub engine: String,
    /// The instruction set its kernels use: `AVX512`.
    pub capability: String,
}

/// The model file as the router opened it; the path on disk may hold something else by now.
#[derive(Debug)]
pub struct ModelFile {
    /// `/proc/self/fd/N`, for libraries that only load from a path. Good as long as `fd` lives.
    pub path: PathBuf,
    /// The file itself, read-only.
    pub fd: OwnedFd,
}

impl ModelFile {
    /// The file behind a received descriptor.
    pub fn new(fd: OwnedFd) -> Self {
        Self { path: PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd())), fd }
    }
}

/// Why an engine could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The file or its settings: the model cannot be loaded.
    #[error("{0}")]
    Load(String),
    /// The model: its code raised this for these inputs.
    #[error("{0}")]
    Threw(String),
    /// Nobody: the device has no memory for a batch of this size.
    #[error("{0}")]
    OutOfMemory(String),
    /// The device, or a model's code on it: all that this process had there is lost, and only
    /// another process can go on.
    #[error("{0}")]
    DeviceLost(String),
    /// The model: what it returned cannot be cut into rows.
    #[error("{0}")]
    OutputShape(String),
    /// The configuration: the frames are too small for what the model returned.
    #[error(transparent)]
    OutputTooLarge(#[from] FrameFull),
    /// The engine: something that no input should cause.
    #[error("{0}")]
    Engine(String),
}

impl EngineError {
    /// The word for this error in a completion.
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::Threw(_) => FailureKind::Threw,
            Self::OutOfMemory(_) => FailureKind::OutOfMemory,
            Self::OutputShape(_) => FailureKind::OutputShape,
            Self::OutputTooLarge(_) => FailureKind::OutputTooLarge,
            Self::Load(_) | Self::DeviceLost(_) | Self::Engine(_) => FailureKind::Engine,
        }
    }
}
