//! A memory mapping shared with another process.
//!
//! Everything unsafe about memory that somebody else can change is here: mapping it, seeing its
//! words, copying bytes in and out. Bounds are asserted at each access; a failed assertion is a bug
//! of this crate and never the effect of what a peer wrote, because offsets are checked long before
//! they come here.

use std::num::NonZeroUsize;
use std::ops::Deref;
use std::os::fd::BorrowedFd;
use std::ptr::{self, NonNull};

use nix::errno::Errno;
use nix::fcntl::SealFlag;
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use thiserror::Error;

use crate::GeometryError;
use crate::layout::{RequestWords, ResponseWords, WORDS_BYTES};

/// A pair of regions could not be made or attached.
#[derive(Debug, Error)]
pub enum RegionError {
    #[error("the geometry is impossible: {0}")]
    Geometry(#[from] GeometryError),
    #[error("cannot create shared memory: {0}")]
    Create(#[source] Errno),
    #[error("cannot reserve {bytes} bytes of shared memory: {source}")]
    Reserve { bytes: u64, source: Errno },
    #[error("cannot map {bytes} bytes of shared memory: {source}")]
    Map { bytes: u64, source: Errno },
    #[error("cannot seal shared memory: {0}")]
    Seal(#[source] Errno),
    #[error("cannot create an eventfd: {0}")]
    Doorbell(#[source] std::io::Error),
    #[error("the peer sent a file that cannot be sealed: {0}")]
    NotSealable(#[source] Errno),
    #[error("cannot look at the peer's file: {0}")]
    Inspect(#[source] Errno),
    #[error("the peer sent memory without the seals {missing:?}")]
    Unsealed { missing: SealFlag },
    #[error("the peer sent {found} bytes of memory, {expected} were agreed")]
    WrongSize { expected: u64, found: i64 },
}

/// The words at the start of a region.
///
/// # Safety
/// The type is `#[repr(C)]`, consists of atomics and padding only, is valid as zeros, is not larger
/// than [`WORDS_BYTES`] and not aligned to more than a cache line.
pub(crate) unsafe trait SharedWords {}

// SAFETY: `#[repr(C)]` cache lines of atomics; `layout.rs` asserts the size.
unsafe impl SharedWords for RequestWords {}
// SAFETY: as above.
unsafe impl SharedWords for ResponseWords {}

/// A region the peer writes and this process only reads.
#[derive(Debug)]
pub(crate) struct Region {
    base: NonNull<u8>,
    length: usize,
    backing: Backing,
}

// SAFETY: a mapping belongs to the process and not to a thread. All access to it goes through
// atomics, or through methods whose borrow of the region orders them within this process.
unsafe impl Send for Region {}

impl Region {
    /// Maps `bytes` of the file read-only.
    pub(crate) fn map(fd: BorrowedFd<'_>, bytes: u64) -> Result<Self, RegionError> {
        map(fd, bytes, ProtFlags::PROT_READ)
    }

    /// The words at its start. Who may store to them is fixed by the protocol: a store through a
    /// region mapped read-only faults.
    pub(crate) fn words<W: SharedWords>(&self) -> &W {
        let at = self.at(0, WORDS_BYTES);
        // SAFETY: `at` checked that the bytes are mapped. They are page-aligned (64 in tests), were
        // zeros at first and hold any bit pattern since, all valid for `W` (its trait's promise).
        // `W` is made of atomics, so changes by the other process are no data race with a shared
        // reference. The borrow keeps the mapping alive.
        unsafe { at.cast::<W>().as_ref() }
    }

    /// Appends `bytes` of the region from `offset` on. The only way in which the router reads what
    /// a worker wrote.
    ///
    /// A copy and not a slice: a reference promises the compiler that nobody changes the bytes
    /// meanwhile, and a worker may break that promise. Virtual machine monitors read the memory of
    /// their guests in this way (vm-memory, `volatile_memory.rs`: "no references or slices to
    /// volatile memory"), after the unsafe code guidelines (#152, #607); bulk copies there are
    /// `copy_nonoverlapping` too. What arrives may be torn, and is checked after the copy.
    pub(crate) fn append_to(&self, offset: u64, bytes: u64, into: &mut Vec<u8>) {
        let from = self.at(offset, bytes);
        // Within the region, whose length is a `usize`.
        let bytes = bytes as usize;
        into.reserve(bytes);
        let old = into.len();
        // SAFETY: the source is mapped (`at`), the target was just reserved and belongs to this
        // process alone, so they cannot overlap; every byte up to the new length is initialised by
        // the copy.
        unsafe {
            ptr::copy_nonoverlapping(from.as_ptr(), into.as_mut_ptr().add(old), bytes);
            into.set_len(old + bytes);
        }
    }

    /// The bytes themselves, for a worker that trusts its router.
    ///
    /// # Safety
    /// Nobody, in any process, writes to these bytes while the slice lives.
    pub(crate) unsafe fn slice(&self, offset: u64, bytes: u64) -> &[u8] {
        let at = self.at(offset, bytes);
        // SAFETY: mapped (`at`), initialised (the file started as zeros), and unchanged while
        // borrowed by the caller's promise. The borrow keeps the mapping alive.
        unsafe { std::slice::from_raw_parts(at.as_ptr(), bytes as usize) }
    }

    /// The address of `offset`, after a check that `bytes` from there on are mapped.
    fn at(&self, offset: u64, bytes: u64) -> NonNull<u8> {
        let end = offset.checked_add(bytes);
        assert!(
            end.is_some_and(|end| end <= self.length as u64),
            "{bytes} bytes at {offset} of a region of {}",
            self.length
        );
        // SAFETY: `offset` is within the mapping, as just asserted.
        unsafe { self.base.add(offset as usize) }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        if matches!(self.backing, Backing::Mapping) {
            // SAFETY: the very mapping that `map` made, unmapped once; every borrow of it borrowed
            // `self`.
            let unmapped = unsafe { munmap(self.base.cast(), self.length) };
            // It fails only for arguments that are no mapping.
            debug_assert_eq!(unmapped, Ok(()));
        }
    }
}

/// A region this process writes and the peer only reads.
#[derive(Debug)]
pub(crate) struct WritableRegion(Region);

impl WritableRegion {
    /// Maps `bytes` of the file readable and writable.
    pub(crate) fn map(fd: BorrowedFd<'_>, bytes: u64) -> Result<Self, RegionError> {
        map(fd, bytes, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE).map(Self)
    }

    /// Writes `bytes` from `offset` on.
    pub(crate) fn copy_in(&mut self, offset: u64, bytes: &[u8]) {
        let to = self.0.at(offset, bytes.len() as u64);
        // SAFETY: the target is mapped writable. No `&` or `&mut` to it exists in this process
        // while `self` is borrowed mutably, so the source lies elsewhere. The peer does not look
        // before an index is published.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), to.as_ptr(), bytes.len()) };
    }

    /// The bytes themselves, for a worker to write an answer in place.
    ///
    /// # Safety
    /// No other process reads or writes these bytes while the slice lives.
    pub(crate) unsafe fn slice_mut(&mut self, offset: u64, bytes: u64) -> &mut [u8] {
        let at = self.0.at(offset, bytes);
        // SAFETY: mapped writable (`at`), initialised, alone in this process by the mutable borrow
        // and in all others by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(at.as_ptr(), bytes as usize) }
    }
}

impl Deref for WritableRegion {
    type Target = Region;

    fn deref(&self) -> &Region {
        &self.0
    }
}

/// Where the bytes of a region come from.
#[derive(Debug)]
enum Backing {
    Mapping,
    /// Two ends of one process share an allocation, so that miri can follow the pointers.
    #[cfg(test)]
    #[expect(dead_code, reason = "held for its drop")]
    Heap(std::sync::Arc<heap::Block>),
}

fn map(fd: BorrowedFd<'_>, bytes: u64, protection: ProtFlags) -> Result<Region, RegionError> {
    let fail = |source| RegionError::Map { bytes, source };
    let length = usize::try_from(bytes).ok().and_then(NonZeroUsize::new);
    let length = length.ok_or(fail(Errno::EOVERFLOW))?;
    // SAFETY: a new mapping at an address the kernel chooses touches no memory this process already
    // uses. That the file is at least so long, and stays so, was established by `memfd::create` or
    // `memfd::verify`.
    let base = unsafe { mmap(None, length, protection, MapFlags::MAP_SHARED, fd, 0) };
    let base = base.map_err(fail)?.cast();
    Ok(Region { base, length: length.get(), backing: Backing::Mapping })
}

#[cfg(test)]
pub(crate) mod heap {
    //! Regions on the heap, shared by two ends in one process.

    use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
    use std::sync::Arc;

    use super::*;

    #[derive(Debug)]
    pub(crate) struct Block {
        base: NonNull<u8>,
        layout: Layout,
    }

    // SAFETY: the block only frees its memory; access goes through regions.
    unsafe impl Send for Block {}
    // SAFETY: as above.
    unsafe impl Sync for Block {}

    impl Drop for Block {
        fn drop(&mut self) {
            // SAFETY: allocated in `shared` with this layout, freed once.
            unsafe { dealloc(self.base.as_ptr(), self.layout) };
        }
    }

    /// The writer's and the reader's view of the same zeroed bytes.
    pub(crate) fn shared(bytes: u64) -> (WritableRegion, Region) {
        let layout = Layout::from_size_align(bytes as usize, 64).unwrap();
        assert!(layout.size() > 0);
        // SAFETY: the size is not zero.
        let base = unsafe { alloc_zeroed(layout) };
        let Some(base) = NonNull::new(base) else { handle_alloc_error(layout) };
        let block = Arc::new(Block { base, layout });
        let view = |block| Region { base, length: layout.size(), backing: Backing::Heap(block) };
        (WritableRegion(view(Arc::clone(&block))), view(block))
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;
    use crate::memfd;

    #[test]
    #[cfg_attr(miri, ignore = "miri has no memfd")]
    fn a_sealed_region_has_one_writable_map_which_goes_on_writing() {
        let fd = memfd::create(c"forge-test", 4096).unwrap();
        let mut writer = WritableRegion::map(fd.as_fd(), 4096).unwrap();
        memfd::seal(fd.as_fd(), memfd::ONE_WRITER).unwrap();
        assert!(matches!(
            WritableRegion::map(fd.as_fd(), 4096),
            Err(RegionError::Map { source: Errno::EPERM, .. })
        ));
        let reader = Region::map(fd.as_fd(), 4096).unwrap();
        writer.copy_in(4090, b"after");
        let mut read = b"read: ".to_vec();
        reader.append_to(4090, 5, &mut read);
        assert_eq!(read, b"read: after");
    }

    #[test]
    fn what_the_writer_copies_in_the_reader_copies_out() {
        let (mut writer, reader) = heap::shared(512);
        writer.copy_in(256, &[1, 2, 3]);
        // SAFETY: this thread alone touches the block.
        unsafe { writer.slice_mut(259, 2) }.copy_from_slice(&[4, 5]);
        let mut read = Vec::new();
        reader.append_to(255, 7, &mut read);
        assert_eq!(read, [0, 1, 2, 3, 4, 5, 0]);
        // SAFETY: as above.
        assert_eq!(unsafe { reader.slice(256, 2) }, [1, 2]);
    }

    #[test]
    #[should_panic(expected = "64 bytes at 449 of a region of 512")]
    fn an_access_past_the_end_is_stopped() {
        heap::shared(512).1.append_to(449, 64, &mut Vec::new());
    }
}
