//! Numbers that no two requests share and that set no test model off.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The first; what sets a test model off lies below.
const FIRST: u64 = 1000;

/// Beyond it not every product with a small factor is a float32.
const MOST: u64 = 1 << 22;

/// Gives out numbers, each once. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Numbers {
    given: Arc<AtomicU64>,
}

impl Numbers {
    /// The next one. Four million requests later they start over; by then nobody takes an answer for
    /// that of a request so long ago.
    pub fn next(&self) -> u64 {
        FIRST + self.given.fetch_add(1, Ordering::Relaxed) % (MOST - FIRST)
    }
}
