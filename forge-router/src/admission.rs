//! The door of a version: how many requests wait, and whether it still takes any.
//!
//! Both facts share one atomic word, so that nothing is admitted once the draining flag has been
//! seen, and a version whose flag is set and whose count is 0 stays empty for good:
//!
//! ```text
//! bit 63      bits 62..0
//! draining    requests admitted and not yet cut into a batch
//! ```

use crate::sync::{AtomicU64, Ordering};

const DRAINING: u64 = 1 << 63;

/// Why a request was not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// As many requests wait as may.
    Full,
    /// The version is being retired: ask for the model's route again.
    Draining,
}

/// Counts the requests admitted and not yet cut into a batch.
#[derive(Debug)]
pub struct Admission {
    word: AtomicU64,
}

impl Default for Admission {
    fn default() -> Self {
        Self::new()
    }
}

impl Admission {
    pub fn new() -> Self {
        Self { word: AtomicU64::new(0) }
    }

    /// Takes a place among at most `limit`. Whoever got one calls [`Admission::leave`] once.
    pub fn enter(&self, limit: u64) -> Result<(), Refusal> {
        // What a request carries reaches the batcher through the queue's mutex. Release, because
        // whoever drains has to see what a request that entered counted before that.
        let mut seen = self.word.load(Ordering::Relaxed);
        loop {
            if seen & DRAINING != 0 {
                return Err(Refusal::Draining);
            }
            if seen >= limit {
                return Err(Refusal::Full);
            }
            match self.word.compare_exchange_weak(
                seen,
                seen + 1,
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Ok(()),
                Err(now) => seen = now,
            }
        }
    }

    /// Gives a place back.
    pub fn leave(&self) {
        self.word.fetch_sub(1, Ordering::Relaxed);
    }

    /// Admits nobody from here on; returns how many still wait.
    pub fn drain(&self) -> u64 {
        self.word.fetch_or(DRAINING, Ordering::Acquire) & !DRAINING
    }

    /// Whether nobody waits and nobody can come any more.
    pub fn is_drained(&self) -> bool {
        self.word.load(Ordering::Relaxed) == DRAINING
    }

    /// How many wait.
    pub fn waiting(&self) -> u64 {
        self.word.load(Ordering::Relaxed) & !DRAINING
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::model;

    #[test]
    fn no_more_are_admitted_than_the_limit() {
        model(|| {
            let admission = Admission::new();
            assert_eq!(admission.enter(2), Ok(()));
            assert_eq!(admission.enter(2), Ok(()));
            assert_eq!(admission.enter(2), Err(Refusal::Full));
            admission.leave();
            assert_eq!(admission.enter(2), Ok(()));
            assert_eq!(admission.waiting(), 2);
        });
    }

    #[test]
    fn nobody_is_admitted_while_draining_and_the_rest_may_leave() {
        model(|| {
            let admission = Admission::new();
            assert_eq!(admission.enter(8), Ok(()));
            assert_eq!(admission.drain(), 1);
            assert_eq!(admission.enter(8), Err(Refusal::Draining));
            assert!(!admission.is_drained());
            admission.leave();
            assert!(admission.is_drained());
            assert_eq!(admission.waiting(), 0);
            assert_eq!(admission.enter(8), Err(Refusal::Draining));
        });
    }
}
