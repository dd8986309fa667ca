//! Why a file cannot be a version, or no longer is the one it was.

use std::io;
use std::path::{Path, PathBuf};

/// Why a file was not opened; the fault of who named it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Also where there is no such file, so that nobody can ask what there is.
    #[error("'{}' lies outside of model_root ({})", path.display(), root.display())]
    OutsideRoot { path: PathBuf, root: PathBuf },
    /// It is not there, is no file, is empty, or cannot be read.
    #[error("'{}' cannot be loaded: {cause}", path.display())]
    Unusable { path: PathBuf, cause: String },
}

/// The descriptor no longer gives the bytes of the version.
#[derive(Debug, thiserror::Error)]
pub enum Changed {
    #[error("'{}' was written to since it was loaded", path.display())]
    Content { path: PathBuf },
    #[error("'{}' can no longer be read: {error}", path.display())]
    Unreadable { path: PathBuf, error: io::Error },
}

impl CheckpointError {
    pub(super) fn unusable(path: &Path, cause: &str) -> Self {
        Self::Unusable { path: path.to_owned(), cause: cause.to_owned() }
    }

    pub(super) fn unreadable(path: &Path, error: &io::Error) -> Self {
        Self::unusable(path, &format!("it cannot be read: {error}"))
    }
}
