//! Finds the files a config names.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Where model files are looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    /// Relative paths start here.
    pub directory: &'a Path,
    /// What reloads over HTTP are bounded to. What the config itself names is its operator's own
    /// choice and may lie anywhere; `None` where the root is not known.
    pub root: Option<&'a Path>,
}

impl Place<'_> {
    /// The model file `given`, with its symlinks resolved; else why it cannot be served.
    pub(super) fn model(&self, given: &str) -> Result<PathBuf, String> {
        file(&self.directory.join(given)).map_err(|cause| self.advise(given, cause))
    }

    /// Paths start at the config file, not at `model_root`, which is easily mistaken.
    fn advise(&self, given: &str, cause: String) -> String {
        match self.root.map(|root| root.join(given)) {
            Some(meant) if meant.is_file() => {
                let meant = meant.strip_prefix(self.directory).unwrap_or(&meant).to_owned();
                format!("{cause}; did you mean {meant:?}?")
            }
            _ => cause,
        }
    }
}

/// A regular file that can be read, with its symlinks resolved; else why it is none.
pub(super) fn file(path: &Path) -> Result<PathBuf, String> {
    let unusable = |error| format!("{} cannot be read: {error}", path.display());
    let found = path.canonicalize().map_err(unusable)?;
    // Asked before it is opened: opening a pipe would wait for its writer.
    if !fs::metadata(&found).map_err(unusable)?.is_file() {
        return Err(format!("{} is no regular file", path.display()));
    }
    File::open(&found).map_err(unusable)?;
    Ok(found)
}

/// A directory, with its symlinks resolved; else why it is none.
pub(super) fn directory(path: &Path) -> Result<PathBuf, String> {
    let unusable = |error| format!("{} cannot be used: {error}", path.display());
    let found = path.canonicalize().map_err(unusable)?;
    if fs::metadata(&found).map_err(unusable)?.is_dir() {
        Ok(found)
    } else {
        Err(format!("{} is no directory", path.display()))
    }
}
