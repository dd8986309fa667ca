//! Keeps a service manager told: the status whenever it changes, and that the router is not stuck.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tracing::error;

use super::{ServiceManager, watchdog};
use crate::operator::{OperationError, Operator};

/// How often the status is looked at. It is for people, so nobody has to be woken for it earlier.
const LOOK: Duration = Duration::from_secs(1);

/// A part of the router whose standstill is the router's.
pub trait Heartbeat: Send + 'static {
    /// Resolves once that part has made progress, to whether it is well. One that does not resolve
    /// in time is stuck.
    fn beat(&mut self) -> impl Future<Output = bool> + Send;
}

/// The supervisor, and with it the event loop: it answers.
impl Heartbeat for Operator {
    async fn beat(&mut self) -> bool {
        // That it takes no orders any more is an answer, too: the end has a time limit of its own.
        matches!(self.report().await, Ok(_) | Err(OperationError::Stopping))
    }
}

/// Tells the manager, for as long as it is polled. The watchdog is fed only where the heart beats.
pub async fn report(
    manager: Arc<ServiceManager>,
    heart: impl Heartbeat,
    status: impl Fn() -> String,
) {
    if manager.is_there() {
        report_with(manager, watchdog::period(), heart, status).await;
    }
}

async fn report_with(
    manager: Arc<ServiceManager>,
    watchdog: Option<Duration>,
    mut heart: impl Heartbeat,
    status: impl Fn() -> String,
) {
    let half = watchdog.map(|period| period / 2);
    let mut ticks = interval(half.map_or(LOOK, |half| half.min(LOOK)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = String::new();
    let mut beat_last = Instant::now();
    loop {
        ticks.tick().await;
        let now = status();
        if now != told {
            manager.status(&now).await;
            told = now;
        }
        let Some(half) = half else { continue };
        if timeout(half, heart.beat()).await == Ok(true) {
            beat_last = Instant::now();
            manager.alive().await;
        } else {
            let stuck = beat_last.elapsed();
            error!("the router has made no progress for {stuck:.1?}: the watchdog is not fed");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;
    use crate::operator::Events;
    use crate::service::manager::tests::Heard;

    const PERIOD: Duration = Duration::from_secs(2);

    /// Beats a few times, then stops one way or another.
    #[derive(Debug)]
    struct Stops {
        after: u32,
        hangs: bool,
    }

    impl Heartbeat for Stops {
        async fn beat(&mut self) -> bool {
            match self.after.checked_sub(1) {
                Some(left) => self.after = left,
                None if self.hangs => pending().await,
                None => return false,
            }
            true
        }
    }

    /// What is told within three periods of the watchdog, which is less than a socket holds unread.
    async fn told(heart: impl Heartbeat, status: impl Fn() -> String) -> Vec<String> {
        let heard = Heard::new();
        let reporting = report_with(heard.manager(), Some(PERIOD), heart, status);
        assert!(timeout(3 * PERIOD, reporting).await.is_err());
        heard.messages()
    }

    fn fed(messages: &[String]) -> usize {
        messages.iter().filter(|message| *message == "WATCHDOG=1").count()
    }

    #[tokio::test(start_paused = true)]
    async fn the_watchdog_is_fed_at_least_twice_a_period() {
        let messages = told(Stops { after: u32::MAX, hangs: false }, || "well".to_owned()).await;
        assert!(fed(&messages) >= 6, "{messages:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_supervisor_that_does_not_answer_does_not_feed_it_and_one_that_is_gone_does() {
        let (operator, inbox) = Operator::new(Events::new());
        let messages = told(operator.clone(), || "well".to_owned()).await;
        assert_eq!(fed(&messages), 0, "{messages:?}");
        drop(inbox);
        let messages = told(operator, || "well".to_owned()).await;
        assert!(fed(&messages) >= 6, "{messages:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_heart_that_stands_still_does_not_feed_it() {
        for hangs in [false, true] {
            let messages = told(Stops { after: 3, hangs }, || "well".to_owned()).await;
            assert_eq!(fed(&messages), 3, "{messages:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_status_is_told_when_it_changes_and_not_else() {
        let began = Instant::now();
        let status = || if began.elapsed() < PERIOD { "one" } else { "two" }.to_owned();
        let mut messages = told(Stops { after: u32::MAX, hangs: false }, status).await;
        messages.retain(|message| message != "WATCHDOG=1");
        assert_eq!(messages, ["STATUS=one", "STATUS=two"]);
    }
}
