//! The atomics of the admission word. `tests/` compiles `admission.rs` against loom's instead, whose
//! unit tests then run as loom's models.

pub(crate) use std::sync::atomic::{AtomicU64, Ordering};

/// Runs a unit test's body, once.
#[cfg(test)]
pub(crate) fn model(body: impl Fn()) {
    body();
}
