//! Opens what lies below a directory, and nothing else.
//!
//! The path is resolved and judged first, and then opened by a way on which the kernel follows no
//! symlink: one that is put in its place meanwhile leads nowhere.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open as open_path, openat, openat2};
use nix::sys::stat::Mode;

use super::FLAGS;
use super::error::CheckpointError;

/// As many symlinks as the kernel follows on one path.
const MOST_SYMLINKS: usize = 40;

/// For going on from it only.
const DIRECTORY: OFlag = OFlag::O_PATH.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);

/// The file that is `given`, absolute or starting at `root`, with its path.
pub(super) fn open(root: &Path, given: &Path) -> Result<(File, PathBuf), CheckpointError> {
    let unusable = |error: Errno| CheckpointError::unreadable(given, &error.into());
    let no_root = |error| CheckpointError::unreadable(root, &error);
    let root = root.canonicalize().map_err(no_root)?;
    let outside = || CheckpointError::OutsideRoot { path: given.to_owned(), root: root.clone() };
    let asked = root.join(given);
    let found = match asked.canonicalize() {
        Ok(found) if found.starts_with(&root) => found,
        Err(error) if nearest(&asked).starts_with(&root) => {
            return Err(CheckpointError::unreadable(given, &error));
        }
        _ => return Err(outside()),
    };
    let way = found.strip_prefix(&root).map_err(|_| outside())?;
    let directory = open_path(&root, DIRECTORY, Mode::empty()).map_err(unusable)?;
    match open_at(&directory, way) {
        Ok(file) => Ok((File::from(file), found)),
        // A part of the way has become a symlink, or lies elsewhere by now.
        Err(Errno::ELOOP | Errno::EXDEV) => Err(outside()),
        Err(error) => Err(unusable(error)),
    }
}

/// Where a path leads that cannot be resolved, as far as it can: the last directory on its way. It
/// is the same whether or not there is anything behind it.
fn nearest(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    let mut symlinks = 0;
    loop {
        if let Ok(found) = path.canonicalize() {
            return found;
        }
        let parent = path.parent().unwrap_or(Path::new("/")).to_owned();
        path = match fs::read_link(&path) {
            // It dangles; what counts is where to.
            Ok(target) if symlinks < MOST_SYMLINKS => {
                symlinks += 1;
                parent.join(target)
            }
            _ => parent,
        };
    }
}

/// Opens a path below a directory, following no symlink.
fn open_at(directory: &OwnedFd, way: &Path) -> nix::Result<OwnedFd> {
    let way = if way.as_os_str().is_empty() { Path::new(".") } else { way };
    let resolve = ResolveFlag::RESOLVE_BENEATH
        | ResolveFlag::RESOLVE_NO_SYMLINKS
        | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    match openat2(directory, way, OpenHow::new().flags(FLAGS).resolve(resolve)) {
        // An old kernel, or a container that does not know the call.
        Err(Errno::ENOSYS | Errno::EPERM) => open_step_by_step(directory, way),
        outcome => outcome,
    }
}

/// The same without openat2(2): each part of the way from the one before.
fn open_step_by_step(directory: &OwnedFd, way: &Path) -> nix::Result<OwnedFd> {
    let step = |from: &OwnedFd, part: &OsStr, flags| {
        openat(from, part, flags | OFlag::O_NOFOLLOW, Mode::empty())
    };
    let mut parts: Vec<&OsStr> = way.iter().collect();
    let file = parts.pop().ok_or(Errno::ENOENT)?;
    let mut here: Option<OwnedFd> = None;
    for part in parts {
        here = Some(step(here.as_ref().unwrap_or(directory), part, DIRECTORY)?);
    }
    step(here.as_ref().unwrap_or(directory), file, FLAGS)
}

#[cfg(test)]
mod tests {
    use super::super::tests::Files;
    use super::*;

    /// Both ways of opening, so that the one for old kernels is tried on new ones, too.
    #[test]
    fn a_file_is_opened_by_a_way_without_symlinks_only() {
        let files = Files::new();
        files.write("a/b/m.pt", "bytes");
        files.link("a/b/m.pt", "link.pt");
        files.link("a/b", "links");
        let directory = open_path(&files.path(""), DIRECTORY, Mode::empty()).unwrap();
        for (way, opens) in [
            ("a/b/m.pt", true),
            ("link.pt", false),
            ("links/m.pt", false),
            ("a/no.pt", false),
            ("no/m.pt", false),
        ] {
            let way = Path::new(way);
            assert_eq!(open_at(&directory, way).is_ok(), opens, "{way:?}");
            assert_eq!(open_step_by_step(&directory, way).is_ok(), opens, "{way:?}");
        }
    }
}
