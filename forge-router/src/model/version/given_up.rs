//! Versions whose requests would wait in vain.

use std::sync::{Arc, MutexGuard};

use super::Version;
use super::state::State;
use crate::request::{RequestError, answer};

impl Version {
    /// None of its workers is started again for now, or ever; `None`: one is, or is there.
    pub fn set_trouble(&self, cause: Option<String>) {
        self.trouble.store(cause.map(Arc::new));
    }

    /// A worker of it is never started again. Where none is left and none comes, who waits is told why.
    pub fn give_up(&self) {
        let state = self.state();
        if let Some(cause) = self.trouble.load_full()
            && state.workers.is_empty()
        {
            self.answer_waiting(state, &self.not_ready(&format!("degraded: {cause}")));
        }
    }

    /// Admits nobody from here on and answers what still waits that the server drains.
    pub fn close(&self) {
        self.admission.drain();
        let mut state = self.state();
        state.is_closed = true;
        self.answer_waiting(state, &self.not_ready("draining"));
        self.window.notify_one();
    }

    fn answer_waiting(&self, mut state: MutexGuard<'_, State>, error: &RequestError) {
        let (waiting, again) = state.take_all();
        drop(state);
        self.left_queue(waiting.len());
        for pending in waiting.into_iter().chain(again) {
            answer(pending, Err(error.clone()));
        }
    }
}
