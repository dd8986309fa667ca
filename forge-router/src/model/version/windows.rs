//! Batches that are held for a while (`batch_window_ms`).

use std::sync::Arc;

use super::Version;

impl Version {
    /// Pumps whenever a window passes; ends once the version is closed and empty.
    pub async fn watch_windows(self: Arc<Self>) {
        while !self.admission.is_drained() {
            let next = self.state().queue.next_ripe();
            match next {
                None => self.window.notified().await,
                Some(ripe) => {
                    let ripe = tokio::time::Instant::from_std(ripe);
                    tokio::select! {
                        () = tokio::time::sleep_until(ripe) => self.pump(),
                        () = self.window.notified() => {}
                    }
                    if self.state().freest().is_none() {
                        // Ripe, but no worker is free: the next completion pumps.
                        self.window.notified().await;
                    }
                }
            }
        }
    }
}
