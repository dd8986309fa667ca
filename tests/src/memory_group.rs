//! A control group that bounds how much memory its processes have together.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::skipped;
use crate::waiting::until;

/// Where the groups of the first version are, whose memory is bounded.
const MOUNT: &str = "/sys/fs/cgroup/memory";

/// A group of its own, gone with its owner. Its processes must have ended by then.
#[derive(Debug)]
pub struct MemoryGroup {
    directory: PathBuf,
}

impl MemoryGroup {
    /// One with so many bytes; `None` where this machine lets the tests make none, which is printed.
    pub fn of(bytes: u64) -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let directory = own().join(format!("forge-test-{}-{number}", process::id()));
        let made = fs::create_dir(&directory)
            .and_then(|()| fs::write(directory.join("memory.limit_in_bytes"), bytes.to_string()));
        match made {
            Ok(()) => Some(Self { directory }),
            Err(error) => {
                skipped(&format!("no control group of memory can be made (version 1): {error}"));
                // Without its limit the group is of no use; without the group there is nothing.
                drop(fs::remove_dir(&directory));
                None
            }
        }
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return drop(fs::remove_dir(&self.directory));
        }
        // A process that has ended leaves a moment later.
        until("the group is empty", || fs::remove_dir(&self.directory).is_ok());
    }
}

/// The group that the tests run in; the uppermost one where theirs cannot be seen.
fn own() -> PathBuf {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let own = groups.lines().find_map(|line| line.split_once(":memory:/"));
    let own = own.map(|(_, path)| Path::new(MOUNT).join(path)).filter(|path| path.is_dir());
    own.unwrap_or_else(|| PathBuf::from(MOUNT))
}
