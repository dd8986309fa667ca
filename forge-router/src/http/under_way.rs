//! How many predictions are under way, so that the end can wait for them.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Counts predictions from their head to their answer.
#[derive(Debug, Default)]
pub struct UnderWay {
    under_way: AtomicUsize,
    last_one_ended: Notify,
}

/// One prediction; it ends when this is dropped, also when its client hung up.
#[derive(Debug)]
pub struct OneUnderWay<'a> {
    all: &'a UnderWay,
}

impl UnderWay {
    pub fn begin(&self) -> OneUnderWay<'_> {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        OneUnderWay { all: self }
    }

    /// Waits until none is under way.
    pub async fn none(&self) {
        while self.under_way.load(Ordering::Acquire) > 0 {
            // `notify_one` keeps a permit, so an end between the look and the wait is not missed.
            self.last_one_ended.notified().await;
        }
    }
}

impl Drop for OneUnderWay<'_> {
    fn drop(&mut self) {
        if self.all.under_way.fetch_sub(1, Ordering::Release) == 1 {
            self.all.last_one_ended.notify_one();
        }
    }
}
