//! The states of all workers, and what they make of their models. Pure but for publishing.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::life_cycle::{Impossible, WorkerEvent, WorkerState};
use crate::metrics;
use crate::model::{Model, ModelState, ModelStatus};

/// The actor's own table: nobody else writes a worker's state.
#[derive(Debug, Default)]
pub struct Statuses {
    models: BTreeMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    workers: Vec<WorkerState>,
    was_ready: bool,
    last_cause: Option<String>,
}

impl Statuses {
    /// Adds a model whose workers are all being started.
    pub fn add(&mut self, model: &Arc<Model>) {
        let workers = vec![WorkerState::Starting; model.config.workers.len()];
        let entry = Entry { workers, was_ready: false, last_cause: None };
        publish(model, &entry);
        self.models.insert(model.name.to_string(), entry);
    }

    /// Applies what happened to a worker and shows the outcome to everyone.
    pub fn apply(
        &mut self,
        model: &Arc<Model>,
        worker: u32,
        event: WorkerEvent,
        cause: Option<String>,
    ) -> Result<(), Impossible> {
        let Some(entry) = self.models.get_mut(model.name.as_str()) else { return Ok(()) };
        let Some(state) = entry.workers.get_mut(worker as usize) else { return Ok(()) };
        *state = state.next(event)?;
        entry.was_ready |= entry.workers.iter().all(|state| *state == WorkerState::Ready);
        if cause.is_some() {
            entry.last_cause = cause;
        }
        publish(model, entry);
        Ok(())
    }

    /// Whether every model has had all its workers ready at once.
    pub fn all_ready(&self) -> bool {
        self.models.values().all(|entry| entry.was_ready)
    }
}

impl Entry {
    fn state(&self) -> ModelState {
        let is_any = |wanted| self.workers.contains(&wanted);
        if is_any(WorkerState::Draining) || is_any(WorkerState::Retired) {
            ModelState::Draining
        } else if self.was_ready && is_any(WorkerState::Ready) {
            ModelState::Ready
        } else if self.was_ready {
            ModelState::Degraded
        } else {
            ModelState::Loading
        }
    }
}

fn publish(model: &Model, entry: &Entry) {
    for state in WorkerState::ALL {
        let count = entry.workers.iter().filter(|worker| **worker == state).count();
        model.metrics.set_workers(label(state), count);
    }
    let state = entry.state();
    let cause = match state {
        ModelState::Degraded => entry.last_cause.clone(),
        _ => None,
    };
    let workers = entry.workers.iter().map(|worker| worker.name()).collect();
    model.set_status(ModelStatus { state, cause, workers });
}

/// The value of the gauge's label.
fn label(state: WorkerState) -> metrics::WorkerState {
    match state {
        WorkerState::Starting => metrics::WorkerState::Starting,
        WorkerState::Warming => metrics::WorkerState::Warming,
        WorkerState::Ready => metrics::WorkerState::Ready,
        WorkerState::Draining => metrics::WorkerState::Draining,
        WorkerState::Retired => metrics::WorkerState::Retired,
        WorkerState::Crashed => metrics::WorkerState::Crashed,
    }
}
