//! Why an order was not carried out, and whose fault that was.

use std::path::PathBuf;

/// What went wrong with an order. The model it is about is as before.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum OperationError {
    // --- the asker's fault
    #[error("Model '{name}' not found. Registered: [{}]", quoted(.registered))]
    UnknownModel { name: String, registered: Vec<String> },
    #[error("Model '{name}' is loaded already: swap it, or unload it first")]
    ModelExists { name: String },
    /// A name, a setting or a number that cannot be.
    #[error("{0}")]
    Invalid(String),
    #[error("'{}' lies outside of model_root ({})", path.display(), root.display())]
    OutsideRoot { path: PathBuf, root: PathBuf },
    /// Anything that is wrong with the file, from not being there to not answering in time.
    #[error("Failed to load checkpoint from '{}': {cause}", path.display())]
    Load { path: PathBuf, cause: String },
    // --- the state of the model
    #[error("Model '{model}' is busy: {doing}")]
    Busy { model: String, doing: String },
    #[error("Model '{model}' has no canary")]
    NoCanary { model: String },
    #[error("Model '{model}' has a canary: promote or abort it first")]
    HasCanary { model: String },
    #[error("the canary of model '{model}' is not ready: {cause}")]
    CanaryNotReady { model: String, cause: String },
    #[error("Model '{model}' has no version to go back to")]
    NoPrevious { model: String },
    /// The file of the version to go back to holds other bytes by now.
    #[error("'{}' has changed since version {version}: swap to use it", path.display())]
    Changed { path: PathBuf, version: u64 },
    // --- the state of the server
    #[error(
        "the workers of this version need about {needed} bytes of memory, as those of the running \
         one hold, but {available} are available"
    )]
    Memory { needed: u64, available: u64 },
    #[error("the server is ending")]
    Stopping,
}

/// Names as the original listed them.
fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
}
