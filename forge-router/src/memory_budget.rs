//! The bound on the bytes of all requests in flight: bodies, decoded tensors and answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// `max_inflight_bytes`, shared by all models.
#[derive(Debug)]
pub struct MemoryBudget {
    limit: usize,
    used: AtomicUsize,
}

impl MemoryBudget {
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicUsize::new(0) })
    }

    /// An empty reservation, to grow as bytes are needed.
    pub fn reservation(self: &Arc<Self>) -> Reservation {
        Reservation { budget: Arc::clone(self), bytes: 0 }
    }

    /// The bytes reserved now.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// The most bytes that may be reserved together.
    pub fn limit(&self) -> usize {
        self.limit
    }
}

/// Bytes that one request holds; given back when dropped.
#[derive(Debug)]
pub struct Reservation {
    budget: Arc<MemoryBudget>,
    bytes: usize,
}

impl Reservation {
    /// Reserves `more` bytes; `false` where the budget has no room for them.
    #[must_use]
    pub fn grow(&mut self, more: usize) -> bool {
        // Relaxed: the number bounds memory, it publishes nothing.
        let grown = self.budget.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(more).filter(|sum| *sum <= self.budget.limit)
        });
        if grown.is_ok() {
            self.bytes += more;
        }
        grown.is_ok()
    }

    /// Gives `fewer` of its bytes back.
    pub fn shrink(&mut self, fewer: usize) {
        let fewer = fewer.min(self.bytes);
        self.budget.used.fetch_sub(fewer, Ordering::Relaxed);
        self.bytes -= fewer;
    }

    /// Everything it holds, which it then no longer does.
    #[must_use]
    pub fn take(&mut self) -> Self {
        Self { budget: Arc::clone(&self.budget), bytes: std::mem::take(&mut self.bytes) }
    }

    /// An empty one of the same budget.
    pub fn another(&self) -> Self {
        self.budget.reservation()
    }

    /// Holds what `other` held as well.
    pub fn absorb(&mut self, mut other: Self) {
        // It comes from the same budget, of which there is one.
        self.bytes += std::mem::take(&mut other.bytes);
    }

    /// Whether the budget has room for `more` bytes now; nothing is reserved.
    pub fn has_room(&self, more: usize) -> bool {
        more <= self.budget.limit.saturating_sub(self.budget.used())
    }

    /// The most bytes that may be reserved together by all.
    pub fn limit(&self) -> usize {
        self.budget.limit
    }

    /// The bytes held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reservations_never_pass_the_limit_together() {
        let budget = MemoryBudget::new(100);
        let (mut one, mut other) = (budget.reservation(), budget.reservation());
        assert!(one.grow(60));
        assert!(!other.grow(41));
        assert!(other.grow(40));
        assert!(!one.grow(1));
        assert!(!one.grow(usize::MAX));
        one.shrink(10);
        assert!(other.grow(10));
        assert_eq!(budget.used(), 100);
    }

    #[test]
    fn one_reservation_takes_over_what_another_held() {
        let budget = MemoryBudget::new(10);
        let mut one = budget.reservation();
        let mut other = one.another();
        assert!(one.grow(3) && other.grow(4));
        assert!(one.has_room(3) && !one.has_room(4));
        one.absorb(other);
        assert_eq!((one.bytes(), budget.used()), (7, 7));
        drop(one);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn dropping_a_reservation_gives_all_of_it_back() {
        let budget = MemoryBudget::new(10);
        let mut held = budget.reservation();
        assert!(held.grow(4));
        drop(held);
        assert_eq!(budget.used(), 0);
    }
}
