//! A time-out that costs next to nothing where nothing times out.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::time::{Sleep, sleep_until};

/// The time-out of one request after another on a connection. Its timer is not set anew for each, but only
/// when it goes off too early, for a request that has been answered long ago.
#[derive(Debug)]
pub(super) struct Patience {
    timeout: Duration,
    timer: Pin<Box<Sleep>>,
}

impl Patience {
    pub(super) fn new(timeout: Duration) -> Self {
        let first = Instant::now() + timeout;
        Self { timeout, timer: Box::pin(sleep_until(first.into())) }
    }

    /// What the future gives; `None` where it takes longer than the time-out.
    pub(super) async fn wait<T>(
        &mut self,
        began: Instant,
        future: impl Future<Output = T>,
    ) -> Option<T> {
        let end = began + self.timeout;
        let mut future = pin!(future);
        poll_fn(|context| {
            if let Poll::Ready(value) = future.as_mut().poll(context) {
                return Poll::Ready(Some(value));
            }
            while self.timer.as_mut().poll(context).is_ready() {
                if Instant::now() >= end {
                    return Poll::Ready(None);
                }
                self.timer.as_mut().reset(end.into());
            }
            Poll::Pending
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use tokio::time::sleep;

    use super::*;

    #[tokio::test]
    async fn each_request_has_the_whole_time() {
        let timeout = Duration::from_millis(60);
        let mut patience = Patience::new(timeout);
        for _ in 0..4 {
            let answer = sleep(Duration::from_millis(20));
            assert_eq!(patience.wait(Instant::now(), answer).await, Some(()));
        }
        let began = Instant::now();
        assert_eq!(patience.wait(began, pending::<()>()).await, None);
        assert!(began.elapsed() >= timeout);
        assert_eq!(patience.wait(Instant::now(), ready(1)).await, Some(1));
    }
}
