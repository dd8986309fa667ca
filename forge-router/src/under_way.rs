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
        self.under_way.fetch_add(1, Ordering::AcqRel);
    }

    pub fn leave(&self) {
        if self.under_way.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.last_one_ended.notify_one();
        }
    }

    /// Waits until none is under way; for one waiter at a time.
    pub async fn none(&self) {
        while self.under_way.load(Ordering::Acquire) > 0 {
            // `notify_one` keeps a permit, so an end between the look and the wait is not missed.
            self.last_one_ended.notified().await;
        }
    }
}

impl Drop for OneUnderWay<'_> {
    fn drop(&mut self) {
        self.all.leave();
    }
}
