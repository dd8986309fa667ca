//! Whether there is memory for another version beside the running one.
//!
//! What a model takes is only known once it is loaded; the version it is to replace tells best. Beyond
//! what the machine has, loading would not fail but call the kernel's OOM killer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::board::Row;
use super::fleet::Fleet;
use crate::operator::OperationError;
use crate::system::memory;

/// Bytes that workers on their way will take, as far as anybody can tell.
#[derive(Debug, Default)]
pub struct Expected {
    bytes: AtomicU64,
}

/// A part of [`Expected`], until the workers are there or have failed.
#[derive(Debug)]
pub struct Expectation {
    all: Arc<Expected>,
    bytes: u64,
}

impl Expected {
    /// Expects `needed` bytes; refuses where `available` is less than all that is expected.
    pub fn expect(
        self: &Arc<Self>,
        needed: u64,
        available: Option<u64>,
    ) -> Result<Expectation, OperationError> {
        let before = self.bytes.fetch_add(needed, Ordering::Relaxed);
        let expectation = Expectation { all: Arc::clone(self), bytes: needed };
        match available.map(|available| available.saturating_sub(before)) {
            Some(available) if needed > available => {
                Err(OperationError::Memory { needed, available })
            }
            _ => Ok(expectation),
        }
    }
}

impl Drop for Expectation {
    fn drop(&mut self) {
        self.all.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// What so many workers will take if each takes as much as the largest of `fleet` does.
pub fn as_those_of(fleet: &Fleet, workers: usize) -> u64 {
    let held = |row: &Row| {
        let anonymous = memory::of_process(row.pid?)?.anonymous;
        Some(anonymous.saturating_add(row.region_bytes.unwrap_or(0)))
    };
    let largest = fleet.rows().iter().filter_map(held).max().unwrap_or(0);
    largest.saturating_mul(workers as u64)
}

/// What another worker like this one will take at first: what this one has come to hold since tells nothing of that.
pub fn as_fresh_as(row: &Row) -> u64 {
    row.held_when_ready.unwrap_or(0).saturating_add(row.region_bytes.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_its_way_counts_as_taken() {
        let expected = Arc::new(Expected::default());
        let first = expected.expect(60, Some(100)).unwrap();
        let refused = expected.expect(60, Some(100)).unwrap_err();
        assert_eq!(refused, OperationError::Memory { needed: 60, available: 40 });
        assert!(expected.expect(40, Some(100)).is_ok());
        drop(first);
        assert!(expected.expect(100, Some(100)).is_ok());
        assert!(expected.expect(u64::MAX / 2, None).is_ok());
    }
}
