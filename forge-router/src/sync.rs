//! The atomics of the admission word. `tests/` compiles `admission.rs` against loom's instead.

pub(crate) use std::sync::atomic::{AtomicU64, Ordering};
