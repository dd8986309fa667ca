//! How many things are under way, so that an end can wait for them.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Counts what has begun and not ended.
#[derive(Debug, Default)]
pub struct UnderWay {
    under_way: AtomicUsize,
    last_one_ended: Notify,
}

/// One thing under way; it ends when this is dropped.
#[derive(Debug)]
pub struct OneUnderWay<'a> {
    all: &'a UnderWay,
}

impl UnderWay {
    pub fn begin(&self) -> OneUnderWay<'_> {
        self.enter();
        OneUnderWay { all: self }
    }

    /// For who keeps its count without a borrow: each is followed by one [`UnderWay::leave`].
    pub fn enter(&self) {
        self.under_way.fetch_add(1, Ordering::SeqCst);
    }

    pub fn leave(&self) {
        if self.under_way.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.last_one_ended.notify_waiters();
        }
    }

    /// Waits for a moment at which none is under way. Any number may wait.
    pub async fn none(&self) {
        // Made before the look, so that an end between the two is not missed.
        let ended = self.last_one_ended.notified();
        if self.under_way.load(Ordering::SeqCst) > 0 {
            ended.await;
        }
    }
}

impl Drop for OneUnderWay<'_> {
    fn drop(&mut self) {
        self.all.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everybody_who_waits_is_told_of_the_moment_at_which_none_is_under_way() {
        let all = UnderWay::default();
        all.none().await;
        let (one, other) = (all.begin(), all.begin());
        let end = async {
            drop(one);
            drop(other);
            // The next one does not hold up those who waited before it.
            std::mem::forget(all.begin());
        };
        tokio::join!(biased; all.none(), all.none(), end);
    }
}
