//! Anonymous memory files: made with all their pages reserved, sealed, and verified by the process
//! that receives one.
//!
//! A memfd has no name, so nothing is left behind however a process dies, and it does not count
//! against `/dev/shm`. `fallocate` turns missing memory into an error here instead of a SIGBUS at
//! some later store; the seals take the other cause of SIGBUS, a peer that truncates. The caller
//! looks at the available memory first: asked for more than the machine has, `fallocate` does not
//! fail but calls the kernel's out-of-memory killer.

use std::ffi::CStr;
use std::os::fd::{BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, FcntlArg, SealFlag, fallocate, fcntl};
use nix::libc;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::fstat;

use crate::RegionError;

/// What both regions are sealed with: the size is final, and so are the seals.
pub(crate) const FIXED_SIZE: SealFlag =
    SealFlag::F_SEAL_SHRINK.union(SealFlag::F_SEAL_GROW).union(SealFlag::F_SEAL_SEAL);

/// What region A is sealed with besides: no writable map but the one that exists.
pub(crate) const ONE_WRITER: SealFlag = FIXED_SIZE.union(SealFlag::F_SEAL_FUTURE_WRITE);

/// A file of `bytes` zeros with memory behind every one of them. `name` shows in `/proc/PID/maps`.
pub(crate) fn create(name: &CStr, bytes: u64) -> Result<OwnedFd, RegionError> {
    let fd = create_empty(name).map_err(RegionError::Create)?;
    let reserve = |source| RegionError::Reserve { bytes, source };
    let length = libc::off_t::try_from(bytes).map_err(|_| reserve(Errno::EFBIG))?;
    fallocate(&fd, FallocateFlags::empty(), 0, length).map_err(reserve)?;
    Ok(fd)
}

/// Adds `seals`, for good.
pub(crate) fn seal(fd: BorrowedFd<'_>, seals: SealFlag) -> Result<(), RegionError> {
    fcntl(fd, FcntlArg::F_ADD_SEALS(seals)).map_err(RegionError::Seal)?;
    Ok(())
}

/// Checks that a received file has this very size and can keep it.
pub(crate) fn verify(fd: BorrowedFd<'_>, bytes: u64, seals: SealFlag) -> Result<(), RegionError> {
    let found = fcntl(fd, FcntlArg::F_GET_SEALS).map_err(RegionError::NotSealable)?;
    let missing = seals.difference(SealFlag::from_bits_retain(found));
    if !missing.is_empty() {
        return Err(RegionError::Unsealed { missing });
    }
    let found = fstat(fd).map_err(RegionError::Inspect)?.st_size;
    if u64::try_from(found) != Ok(bytes) {
        return Err(RegionError::WrongSize { expected: bytes, found });
    }
    Ok(())
}

fn create_empty(name: &CStr) -> Result<OwnedFd, Errno> {
    // Not in nix yet. Kernels from 6.3 on want every memfd to say whether it is executable, and may
    // refuse one that does not (vm.memfd_noexec = 2); older ones know no such flag.
    let noexec = MFdFlags::from_bits_retain(libc::MFD_NOEXEC_SEAL);
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    match memfd_create(name, flags | noexec) {
        Err(Errno::EINVAL) => memfd_create(name, flags),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use nix::unistd::{ftruncate, write};

    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "miri has no memfd")]
    fn a_file_is_zeroed_reserved_and_closed_on_exec() {
        let fd = create(c"forge-test", 10_000).unwrap();
        let found = fstat(&fd).unwrap();
        assert_eq!(found.st_size, 10_000);
        assert!(found.st_blocks * 512 >= 10_000, "pages are reserved");
        assert_eq!(fcntl(&fd, FcntlArg::F_GETFD).unwrap(), libc::FD_CLOEXEC);
    }

    #[test]
    #[cfg_attr(miri, ignore = "miri has no memfd")]
    fn the_seals_hold() {
        let fd = create(c"forge-test", 4096).unwrap();
        seal(fd.as_fd(), ONE_WRITER).unwrap();
        assert_eq!(ftruncate(&fd, 100), Err(Errno::EPERM), "shrinking");
        assert_eq!(ftruncate(&fd, 10_000), Err(Errno::EPERM), "growing");
        assert_eq!(write(&fd, b"x"), Err(Errno::EPERM), "writing");
        assert!(seal(fd.as_fd(), SealFlag::F_SEAL_WRITE).is_err(), "sealing further");
        assert_eq!(verify(fd.as_fd(), 4096, ONE_WRITER).map_err(drop), Ok(()));
    }

    #[test]
    #[cfg_attr(miri, ignore = "miri has no memfd")]
    fn a_file_of_the_wrong_size_or_without_seals_is_refused() {
        let fd = create(c"forge-test", 4096).unwrap();
        assert!(matches!(
            verify(fd.as_fd(), 4096, FIXED_SIZE),
            Err(RegionError::Unsealed { missing }) if missing == FIXED_SIZE
        ));
        seal(fd.as_fd(), FIXED_SIZE).unwrap();
        assert!(matches!(
            verify(fd.as_fd(), 4096, ONE_WRITER),
            Err(RegionError::Unsealed { missing }) if missing == SealFlag::F_SEAL_FUTURE_WRITE
        ));
        for expected in [4095, 4097, u64::MAX] {
            assert!(matches!(
                verify(fd.as_fd(), expected, FIXED_SIZE),
                Err(RegionError::WrongSize { found: 4096, .. })
            ));
        }
        let pipe = std::io::pipe().unwrap().0;
        assert!(matches!(
            verify(pipe.as_fd(), 4096, FIXED_SIZE),
            Err(RegionError::NotSealable(Errno::EINVAL))
        ));
    }
}
