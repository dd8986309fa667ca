//! A version is a file's content, not its path.
//!
//! The router opens the file once, records what it is, and hands each worker the read-only
//! descriptor. A worker that starts later reads the same file, whatever became of its path, and
//! [`Checkpoint::verify`] tells when it would read other bytes.
//!
//! ```text
//! path ─► below (may it be read?) ─► descriptor ─► hash, identity ─► Checkpoint
//!                                                     └── verify: equal? else hash again
//! ```
//!
//! Everything here blocks, for as long as it takes to read the file.

mod below;
mod error;
mod hash;
mod identity;
#[cfg(test)]
mod tests;

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use nix::fcntl::OFlag;

pub use error::{Changed, CheckpointError};
pub use hash::ContentHash;

use crate::system::memory;
use identity::{Identity, Look};

/// How a file is opened: a pipe must not make us wait for its writer, nor a terminal become ours.
const FLAGS: OFlag =
    OFlag::O_RDONLY.union(OFlag::O_NONBLOCK).union(OFlag::O_CLOEXEC).union(OFlag::O_NOCTTY);

/// An opened file and what it held then; cheap to clone.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    opened: Arc<Opened>,
}

#[derive(Debug)]
struct Opened {
    path: PathBuf,
    file: File,
    hash: ContentHash,
    /// When the file last had these bytes.
    seen: Mutex<Look>,
}

impl Checkpoint {
    /// Opens a file that may lie anywhere: one that the config names.
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        let unusable = |error| CheckpointError::unreadable(path, &error);
        let found = path.canonicalize().map_err(unusable)?;
        let file = OpenOptions::new().read(true).custom_flags(FLAGS.bits()).open(&found);
        Self::of(file.map_err(unusable)?, found, path)
    }

    /// Opens a file that somebody named to the running server: symlinks resolved, it must lie below
    /// `root`. What is `given` starts there, or is absolute.
    pub fn open_below(root: &Path, given: &Path) -> Result<Self, CheckpointError> {
        let (file, found) = below::open(root, given)?;
        Self::of(file, found, given)
    }

    /// Where it was opened, symlinks resolved. Another file may stand there by now.
    pub fn path(&self) -> &Path {
        &self.opened.path
    }

    /// Of its content when it was opened.
    pub fn sha256(&self) -> ContentHash {
        self.opened.hash
    }

    /// Read-only. Who has it shares the place of reading: open `/proc/self/fd/N` anew to read.
    pub fn file(&self) -> BorrowedFd<'_> {
        self.opened.file.as_fd()
    }

    /// Whether the descriptor still gives the bytes it gave when it was opened. They are read again
    /// where the file's times do not prove it.
    pub fn verify(&self) -> Result<(), Changed> {
        let Opened { path, file, hash, .. } = &*self.opened;
        let unreadable = |error: io::Error| Changed::Unreadable { path: path.clone(), error };
        let look =
            Look { identity: Identity::of(file).map_err(unreadable)?, at: SystemTime::now() };
        let seen = *self.opened.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.proves(&look.identity) {
            return Ok(());
        }
        if hash::of(file).map_err(unreadable)? != *hash {
            return Err(Changed::Content { path: path.clone() });
        }
        *self.opened.seen.lock().unwrap_or_else(PoisonError::into_inner) = look;
        Ok(())
    }

    /// Errors call the file as it was `given`.
    fn of(file: File, path: PathBuf, given: &Path) -> Result<Self, CheckpointError> {
        let unusable = |error| CheckpointError::unreadable(given, &error);
        let refuse = |cause: &str| CheckpointError::unusable(given, cause);
        let at = SystemTime::now();
        if !file.metadata().map_err(unusable)?.is_file() {
            return Err(refuse("it is no regular file"));
        }
        let identity = Identity::of(&file).map_err(unusable)?;
        if identity.bytes == 0 {
            return Err(refuse("it is empty"));
        }
        if let Some(available) = memory::available().filter(|there| identity.bytes > *there) {
            let bytes = identity.bytes;
            return Err(refuse(&format!(
                "it has {bytes} bytes, more than the {available} bytes of memory that are available"
            )));
        }
        let hash = hash::of(&file).map_err(unusable)?;
        if Identity::of(&file).map_err(unusable)? != identity {
            return Err(refuse(
                "it changed while it was read: write models elsewhere, then move them here",
            ));
        }
        let seen = Mutex::new(Look { identity, at });
        let opened = Opened { path, file, hash, seen };
        Ok(Self { opened: Arc::new(opened) })
    }
}
