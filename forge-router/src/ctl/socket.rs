//! The socket's file: made for its owner alone, replaced where nobody serves it any more, and removed
//! at the end.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, connect, listen, socket,
};
use nix::sys::stat::{Mode, fchmod};
use tokio::net::UnixListener;
use tracing::warn;

/// What the kernel takes (unix(7)), without the zero at the end.
const LONGEST_PATH: usize = 107;

/// Clients that may wait to be accepted.
const WAITING_CLIENTS: i32 = 64;

/// Only the owner, and root, may connect.
const OWNER_ONLY: u32 = 0o600;

/// A bound control socket. Its file is gone when this is dropped.
#[derive(Debug)]
pub struct ControlSocket {
    /// Removed while the socket still listens, so that nobody takes the file for a stale one first.
    file: SocketFile,
    pub(super) listener: UnixListener,
}

/// Why there is no control socket; the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    #[error(
        "the control socket {} has a path of {length} bytes, and the system takes {LONGEST_PATH}: \
         --socket names another place", path.display()
    )]
    TooLong { path: PathBuf, length: usize },
    #[error(
        "a running server has the control socket {}: --socket gives this one another place",
        .0.display()
    )]
    InUse(PathBuf),
    #[error(
        "{} is where the control socket would be, but is no socket: --socket names another place",
        .0.display()
    )]
    NotASocket(PathBuf),
    #[error(
        "the control socket {} cannot be made: {source}; --socket names another place",
        path.display()
    )]
    Io { path: PathBuf, source: io::Error },
}

impl SocketError {
    /// Whether the machine refuses it, and not something that stands at this place.
    pub fn is_the_machines(&self) -> bool {
        matches!(self, Self::Io { .. })
    }
}

impl ControlSocket {
    /// Listens on the socket at `path`. Its folder is made, for the owner alone, where it is missing.
    pub fn bind(path: &Path) -> Result<Self, SocketError> {
        let fail = |source| SocketError::Io { path: path.to_owned(), source };
        let length = path.as_os_str().len();
        if length > LONGEST_PATH {
            return Err(SocketError::TooLong { path: path.to_owned(), length });
        }
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(fail)?;
        // Of two servers that start together, one would take the other's new socket for a stale one.
        let folder = File::open(parent).map_err(fail)?;
        let lock = Flock::lock(folder, FlockArg::LockExclusive);
        let lock = lock.map_err(|(_, error)| fail(error.into()))?;
        make_room(path)?;
        let listener = listen_at(path).map_err(fail)?;
        drop(lock);
        let file = SocketFile::of(path).map_err(fail)?;
        let listener = UnixListener::from_std(listener).map_err(fail)?;
        Ok(Self { file, listener })
    }

    pub fn path(&self) -> &Path {
        &self.file.path
    }
}

/// Removes a socket that nobody serves; anything else stays, and is an error.
fn make_room(path: &Path) -> Result<(), SocketError> {
    let fail = |source| SocketError::Io { path: path.to_owned(), source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(fail(error)),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(SocketError::NotASocket(path.to_owned()));
        }
        Ok(_) => {}
    }
    if is_served(path).map_err(fail)? {
        return Err(SocketError::InUse(path.to_owned()));
    }
    fs::remove_file(path).map_err(fail)
}

fn is_served(path: &Path) -> io::Result<bool> {
    let socket = new_socket()?;
    match connect(socket.as_raw_fd(), &UnixAddr::new(path)?) {
        // No room in its queue, or another kind of socket: somebody serves it all the same.
        Ok(()) | Err(Errno::EAGAIN | Errno::EINPROGRESS | Errno::EPROTOTYPE) => Ok(true),
        Err(Errno::ECONNREFUSED) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn listen_at(path: &Path) -> io::Result<StdUnixListener> {
    let socket = new_socket()?;
    // Linux makes the file with the mode of the unbound socket, so that it is never wider for a
    // moment, and no umask has to be changed for all threads.
    fchmod(&socket, Mode::from_bits_truncate(OWNER_ONLY))?;
    bind(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    // The umask may have made it narrower, and other kernels wider.
    fs::set_permissions(path, PermissionsExt::from_mode(OWNER_ONLY))?;
    listen(&socket, Backlog::new(WAITING_CLIENTS)?)?;
    Ok(socket.into())
}

fn new_socket() -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    Ok(socket(AddressFamily::Unix, SockType::Stream, flags, None)?)
}

/// The file of the socket, told from one that another server put in its place.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        let found = fs::symlink_metadata(path)?;
        Ok(Self { path: path.to_owned(), device: found.dev(), inode: found.ino() })
    }

    fn is_still_there(&self) -> bool {
        fs::symlink_metadata(&self.path)
            .is_ok_and(|found| (found.dev(), found.ino()) == (self.device, self.inode))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.is_still_there()
            && let Err(error) = fs::remove_file(&self.path)
        {
            warn!(%error, "the control socket {} cannot be removed", self.path.display());
        }
    }
}
