//! What the rest of the router sees of workers: the state of each, and what they make of their
//! models. It alone writes that, for whichever task something happened to.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::watch;
use tracing::warn;

use super::life_cycle::{WorkerEvent, WorkerState};
use crate::metrics;
use crate::model::{Model, ModelState, ModelStatus, VersionId};

/// The board of one server.
#[derive(Debug, Default)]
pub struct Board {
    models: Mutex<BTreeMap<String, Entry>>,
    next_row: AtomicU64,
}

/// A version of a model.
pub type Key<'a> = (&'a str, VersionId);

/// A process on the board; every process has a number of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowId(pub u64);

/// A process, and what is known of it.
#[derive(Clone, Debug)]
pub struct Row {
    pub index: u32,
    pub device: String,
    pub state: WorkerState,
    pub pid: Option<u32>,
    pub since: Option<Instant>,
    pub restarts: u64,
    pub region_bytes: Option<u64>,
    /// Its own memory when it came to serve, in bytes: what another one like it will take.
    pub held_when_ready: Option<u64>,
}

/// Why no process comes to a place for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// For clients: no path, and nothing that a worker printed.
    pub short: String,
    pub full: String,
}

/// How far the workers of a version are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub ready: usize,
    /// Why one of them cannot serve.
    pub failed: Option<String>,
    /// Why no process comes to a place for now.
    pub trouble: Option<String>,
}

impl Progress {
    /// Why not all of them will be ready.
    pub fn why_not(&self) -> Option<&str> {
        self.failed.as_deref().or(self.trouble.as_deref())
    }
}

#[derive(Debug)]
struct Entry {
    model: Arc<Model>,
    versions: BTreeMap<VersionId, OfVersion>,
    /// Whose state is the model's.
    stable: Option<VersionId>,
    was_ready: bool,
    is_leaving: bool,
}

#[derive(Debug)]
struct OfVersion {
    rows: BTreeMap<RowId, Row>,
    progress: watch::Sender<Progress>,
    /// Why no process comes to a place for now, by the place.
    trouble: BTreeMap<u32, Trouble>,
    last_cause: Option<String>,
}

impl Board {
    /// Makes room for a version; its progress is told through what this returns.
    pub fn open(&self, model: &Arc<Model>, version: VersionId) -> watch::Receiver<Progress> {
        let mut models = self.lock();
        let entry = models.entry(model.name.to_string()).or_insert_with(|| Entry {
            model: Arc::clone(model),
            versions: BTreeMap::new(),
            stable: None,
            was_ready: false,
            is_leaving: false,
        });
        let (progress, receiver) = watch::channel(Progress::default());
        let of_version = OfVersion {
            rows: BTreeMap::new(),
            progress,
            trouble: BTreeMap::new(),
            last_cause: None,
        };
        entry.versions.insert(version, of_version);
        entry.publish();
        receiver
    }

    /// Forgets a version whose workers have gone.
    pub fn close(&self, (model, version): Key<'_>) {
        let mut models = self.lock();
        let Some(entry) = models.get_mut(model) else { return };
        entry.versions.remove(&version);
        entry.publish();
        if entry.versions.is_empty() {
            models.remove(model);
        }
    }

    /// From here on the model is what this version is.
    pub fn set_stable(&self, (model, version): Key<'_>) {
        self.change(model, |entry| {
            entry.stable = Some(version);
            entry.was_ready = true;
        });
    }

    /// The model is on its way out.
    pub fn leave(&self, model: &str) {
        self.change(model, |entry| entry.is_leaving = true);
    }

    /// Adds a process that is being started; returns its number.
    pub fn add(&self, (model, version): Key<'_>, index: u32, device: String) -> RowId {
        let id = RowId(self.next_row.fetch_add(1, Ordering::Relaxed));
        self.change_version(model, version, |of| {
            let row = Row {
                index,
                device,
                state: WorkerState::Starting,
                pid: None,
                since: None,
                restarts: 0,
                region_bytes: None,
                held_when_ready: None,
            };
            of.rows.insert(id, row);
        });
        id
    }

    /// Takes a process off that has gone and is not replaced under its number.
    pub fn remove(&self, (model, version): Key<'_>, id: RowId) {
        self.change_version(model, version, |of| {
            of.rows.remove(&id);
        });
    }

    /// Applies what happened to a process.
    pub fn step(&self, (model, version): Key<'_>, id: RowId, event: WorkerEvent) {
        self.change_version(model, version, |of| {
            let Some(row) = of.rows.get_mut(&id) else { return };
            match row.state.next(event) {
                Ok(state) => row.state = state,
                Err(impossible) => warn!(model, worker = row.index, "{impossible}"),
            }
        });
    }

    /// Notes something about a process.
    pub fn note(&self, (model, version): Key<'_>, id: RowId, note: impl FnOnce(&mut Row)) {
        self.change_version(model, version, |of| {
            if let Some(row) = of.rows.get_mut(&id) {
                note(row);
            }
        });
    }

    /// Takes a place off to which nothing more comes.
    pub fn vacate(&self, (model, version): Key<'_>, index: u32) {
        self.change_version(model, version, |of| {
            of.rows.retain(|_, row| row.index != index);
            of.trouble.remove(&index);
        });
    }

    /// Notes how a process came to its end.
    pub fn note_cause(&self, (model, version): Key<'_>, cause: &str) {
        self.change_version(model, version, |of| of.last_cause = Some(cause.to_owned()));
    }

    /// A worker cannot serve at all: whoever waits for the version need wait no longer.
    pub fn cannot_serve(&self, (model, version): Key<'_>, cause: Option<&str>) {
        self.change_version(model, version, |of| {
            of.progress.send_modify(|progress| progress.failed = cause.map(str::to_owned));
        });
    }

    /// No process comes to a place for now; `None`: one has. Returns what is the version's trouble
    /// from here on, where that has changed.
    pub fn set_trouble(
        &self,
        (model, version): Key<'_>,
        index: u32,
        trouble: Option<Trouble>,
    ) -> Option<Option<Trouble>> {
        let mut changed = None;
        self.change_version(model, version, |of| {
            let before = of.trouble();
            match trouble {
                Some(trouble) => of.trouble.insert(index, trouble),
                None => of.trouble.remove(&index),
            };
            let now = of.trouble();
            changed = (now != before).then_some(now);
        });
        changed
    }

    /// Tells why no process comes to any place of a version for now; `None`: one is there, or comes. While
    /// it is told nothing changes, so that what is told last holds.
    pub fn tell_whether_any_comes(
        &self,
        (model, version): Key<'_>,
        tell: impl FnOnce(Option<String>),
    ) {
        let models = self.lock();
        let of = models.get(model).and_then(|entry| entry.versions.get(&version));
        tell(of.and_then(OfVersion::why_none_comes));
    }

    /// The processes of a version, by their number.
    pub fn rows(&self, (model, version): Key<'_>) -> Vec<Row> {
        let models = self.lock();
        let of = models.get(model).and_then(|entry| entry.versions.get(&version));
        of.map(|of| of.rows.values().cloned().collect()).unwrap_or_default()
    }

    /// A process of a version.
    pub fn row(&self, (model, version): Key<'_>, id: RowId) -> Option<Row> {
        let models = self.lock();
        models.get(model)?.versions.get(&version)?.rows.get(&id).cloned()
    }

    fn change_version(&self, model: &str, version: VersionId, change: impl FnOnce(&mut OfVersion)) {
        self.change(model, |entry| {
            if let Some(of) = entry.versions.get_mut(&version) {
                change(of);
            }
        });
    }

    fn change(&self, model: &str, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.lock().get_mut(model) {
            change(entry);
            entry.publish();
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        // Everything is published anew from the rows after each change.
        self.models.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// Shows the outcome to everyone.
    fn publish(&mut self) {
        for of in self.versions.values() {
            let (ready, trouble) = (of.ready(), of.trouble().map(|trouble| trouble.full));
            of.progress.send_if_modified(|progress| {
                let is_new = progress.ready != ready || progress.trouble != trouble;
                (progress.ready, progress.trouble) = (ready, trouble);
                is_new
            });
        }
        let rows = || self.versions.values().flat_map(|of| of.rows.values());
        for state in WorkerState::ALL {
            let count = rows().filter(|row| row.state == state).count();
            self.model.metrics.set_workers(label(state), count);
        }
        self.model.set_status(self.status());
    }

    fn status(&self) -> ModelStatus {
        let shown = match self.stable {
            Some(stable) => self.versions.get(&stable),
            None => self.versions.values().next(),
        };
        let state = match shown {
            _ if self.is_leaving => ModelState::Draining,
            _ if !self.was_ready => ModelState::Loading,
            Some(of) if of.ready() > 0 && of.trouble.is_empty() => ModelState::Ready,
            _ => ModelState::Degraded,
        };
        let cause = shown.filter(|_| state == ModelState::Degraded).and_then(|of| {
            of.trouble().map(|trouble| trouble.full).or_else(|| of.last_cause.clone())
        });
        let workers = shown.map(|of| of.rows.values().map(|row| row.state.name()).collect());
        ModelStatus { state, cause, workers: workers.unwrap_or_default() }
    }
}

impl OfVersion {
    fn trouble(&self) -> Option<Trouble> {
        self.trouble.values().next().cloned()
    }

    /// The trouble of a place, where every place has some.
    fn why_none_comes(&self) -> Option<String> {
        let are_all = self.rows.values().all(|row| self.trouble.contains_key(&row.index));
        self.trouble().filter(|_| are_all).map(|trouble| trouble.short)
    }

    fn ready(&self) -> usize {
        self.rows.values().filter(|row| row.state == WorkerState::Ready).count()
    }
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

#[cfg(test)]
mod tests;
