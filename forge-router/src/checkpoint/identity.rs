//! What tells that a file was not written to, without reading it.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

/// Far coarser than the clock of any file system: two changes this close may have one time.
const CLOCK: Duration = Duration::from_secs(1);

/// What the file system tells of a file. Every change of its content gives it another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
    pub(super) bytes: u64,
    /// Anybody can set this one to what it was.
    modified: Time,
    /// This one is the kernel's alone.
    changed: Time,
}

/// Seconds of the epoch, which may be before it, and nanoseconds.
type Time = (i64, i64);

/// An identity, and from when on the file was read that had it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) identity: Identity,
    pub(super) at: SystemTime,
}

impl Identity {
    pub(super) fn of(file: &File) -> io::Result<Self> {
        let found = file.metadata()?;
        Ok(Self {
            device: found.dev(),
            inode: found.ino(),
            bytes: found.size(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }
}

impl Look {
    /// Whether a file that is `now` so still holds what was read. A change within one tick of the
    /// file system's clock would not show, so that nothing is proved where the last change was just
    /// before the look (git calls such entries racily clean).
    pub(super) fn proves(&self, now: &Identity) -> bool {
        let (seconds, nanoseconds) = self.identity.changed;
        // A time before the epoch is long ago.
        let since = Duration::new(
            u64::try_from(seconds).unwrap_or(0),
            u32::try_from(nanoseconds).unwrap_or(0),
        );
        let settled = SystemTime::UNIX_EPOCH + since + CLOCK;
        self.identity == *now && settled <= self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_equal_identity_proves_nothing_so_shortly_after_a_change() {
        let identity =
            Identity { device: 1, inode: 2, bytes: 3, modified: (100, 0), changed: (200, 500) };
        let at = |seconds, nanoseconds| {
            let at = SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds);
            Look { identity, at }
        };
        for (look, proves) in [
            (at(200, 500), false),
            (at(201, 499), false),
            (at(201, 500), true),
            (at(300, 0), true),
            // The clock was set back.
            (at(100, 0), false),
        ] {
            assert_eq!(look.proves(&identity), proves, "{look:?}");
        }
        for other in [
            Identity { device: 9, ..identity },
            Identity { inode: 9, ..identity },
            Identity { bytes: 9, ..identity },
            Identity { modified: (100, 9), ..identity },
            Identity { changed: (200, 501), ..identity },
        ] {
            assert!(!at(300, 0).proves(&other), "{other:?}");
        }
    }
}
