//! The atomics of the protocol.
//!
//! `cursor.rs` and `doorbell.rs` name nothing else, so that the loom test can compile the very same
//! files beside a module of this name that re-exports loom's types.

pub(crate) use std::sync::atomic::{AtomicU32, Ordering, fence};
