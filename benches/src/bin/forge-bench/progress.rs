//! A bar for who watches.

use std::future::Future;
use std::io::{IsTerminal, stderr};
use std::pin::pin;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Often enough to be seen to move.
const TICK: Duration = Duration::from_millis(200);

/// Over all runs; nothing where standard error is no terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    began: Instant,
}

impl Progress {
    /// `total`: what all runs take together, about.
    pub(crate) fn new(total: Duration) -> Self {
        let length = u64::try_from(total.as_millis()).unwrap_or(u64::MAX);
        let bar = stderr().is_terminal().then(|| ProgressBar::new(length));
        if let Some(bar) = &bar {
            let style = ProgressStyle::with_template("{msg:24} {bar:40} {eta} left");
            // It is the default one otherwise.
            style.into_iter().for_each(|style| bar.set_style(style));
        }
        Self { bar, began: Instant::now() }
    }

    /// Shows a name while a future runs.
    pub(crate) async fn during<T>(&self, name: String, future: impl Future<Output = T>) -> T {
        let Some(bar) = &self.bar else { return future.await };
        bar.set_message(name);
        let mut future = pin!(future);
        let mut ticks = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                value = &mut future => return value,
                _ = ticks.tick() => {
                    let elapsed = self.began.elapsed().as_millis();
                    bar.set_position(u64::try_from(elapsed).unwrap_or(u64::MAX));
                }
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
