//! What asks forge to end.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// Hears signals from the moment it is made; one that comes while nobody waits is not lost.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// What stands for a signal: `forge ctl shutdown`.
    ends: mpsc::UnboundedSender<()>,
    ended: mpsc::UnboundedReceiver<()>,
}

impl Signals {
    pub fn new() -> io::Result<Self> {
        let (ends, ended) = mpsc::unbounded_channel();
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            ends,
            ended,
        })
    }

    /// Each message stands for one signal.
    pub fn ends(&self) -> mpsc::UnboundedSender<()> {
        self.ends.clone()
    }

    /// Waits for SIGTERM, SIGINT (Ctrl-C) or what stands for them.
    pub async fn asked_to_end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.ended.recv() => {}
        }
    }
}
