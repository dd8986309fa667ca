//! What the C library's heap does with what was freed.

use nix::libc::{M_ARENA_MAX, M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, c_int, malloc_trim, mallopt};

/// Larger blocks are mapped for themselves, and gone when they are freed. Smaller ones are worth
/// keeping: a 602 kB image would pay 150 page faults each time.
const MAPPED_ALONE: c_int = 2 << 20;

/// The heap gives its end back when it is larger than this.
const KEPT_AT_THE_END: c_int = 4 << 20;

/// Makes freed memory go back to the system. glibc raises both bounds by itself, to 32 and 64 MiB,
/// with the blocks it sees freed, so that a process whose large buffers are bounded would still hold
/// far more than the bound. `false` where the C library did not take it.
pub fn give_back_freed_memory() -> bool {
    // SAFETY: mallopt(3) sets a number inside the allocator under its own lock; it touches no memory
    // of ours and any value is valid.
    unsafe {
        mallopt(M_MMAP_THRESHOLD, MAPPED_ALONE) == 1
            && mallopt(M_TRIM_THRESHOLD, KEPT_AT_THE_END) == 1
    }
}

/// Makes the threads to come share the heap of the first one. glibc gives each a heap of its own, and
/// what a thread leaves behind in it nobody but the next new thread gets. `false` where the C library
/// did not take it.
pub fn share_one_heap() -> bool {
    // SAFETY: as above.
    unsafe { mallopt(M_ARENA_MAX, 1) == 1 }
}

/// Gives every page back that nothing lies in any more.
pub fn give_back_free_pages() {
    // SAFETY: malloc_trim(3) works under the allocator's own locks and touches only pages that hold
    // nothing. What it returns, whether there were any, is of no use to anybody.
    unsafe {
        malloc_trim(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "miri has no mallopt")]
    fn the_c_library_takes_the_numbers() {
        assert!(give_back_freed_memory());
        assert!(share_one_heap());
    }
}
