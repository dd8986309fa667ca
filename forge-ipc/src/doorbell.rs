//! When to sleep and when to wake the other: the handshake around the eventfds, pure.
//!
//! Dekker's pattern, as io_uring's NEED_WAKEUP and virtio's notification suppression use it. The
//! sleeper stores its flag and then reads the index; the waker stores the index and then reads the
//! flag. A `SeqCst` fence between store and read on both sides means that at least one of the two
//! sees the other's store: either the sleeper finds the work or the waker rings. Fences and not
//! `SeqCst` accesses, because the flag of the peer lies in memory mapped read-only (relaxed loads
//! only), and because loom checks fences exactly but treats `SeqCst` accesses as `AcqRel`.

use crate::sync::{AtomicU32, Ordering, fence};

/// Announces sleep, then looks once more: `true` means sleep, the peer will ring.
///
/// `idle` tells whether there is nothing to do. Where it says no, the announcement is taken back.
pub(crate) fn prepare_to_sleep(sleeping: &AtomicU32, idle: impl FnOnce() -> bool) -> bool {
    sleeping.store(1, Ordering::Relaxed);
    fence(Ordering::SeqCst);
    let idle = idle();
    if !idle {
        wake_up(sleeping);
    }
    idle
}

/// Takes the announcement back. A peer that still sees the old flag rings once too often, which
/// costs a syscall only.
pub(crate) fn wake_up(sleeping: &AtomicU32) {
    sleeping.store(0, Ordering::Relaxed);
}

/// Whether the peer must be rung; to be asked after the index was stored.
pub(crate) fn must_ring(sleeping: &AtomicU32) -> bool {
    fence(Ordering::SeqCst);
    sleeping.load(Ordering::Relaxed) != 0
}
