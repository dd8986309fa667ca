//! The memory that a decoder may have.

use crate::json::Budget;
use crate::memory_budget::{MemoryBudget, Reservation};

/// As much as a decoder is granted for one request. Far more than the bytes that libFuzzer sends, and
/// less than the single allocation that `scripts/fuzz` allows.
const GRANTED: usize = 16 << 20;

/// Grants so many bytes and counts them.
#[derive(Debug, Default)]
pub(super) struct Purse {
    pub(super) taken: usize,
}

impl Budget for Purse {
    fn reserve(&mut self, bytes: usize) -> bool {
        let sum = self.taken.checked_add(bytes).filter(|sum| *sum <= GRANTED);
        self.taken = sum.unwrap_or(self.taken);
        sum.is_some()
    }
}

/// The same of the decoders that take a reservation.
pub(super) fn reservation() -> Reservation {
    MemoryBudget::new(GRANTED).reservation()
}
