//! What every operation needs, and the models it operates on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedMutexGuard, Semaphore, watch};

use super::Ending;
use super::board::Board;
use super::fleet::Fleet;
use super::plan::Turns;
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::config::{Machine, ModelConfig, ServerConfig};
use crate::metrics::Metrics;
use crate::model::{Model, Registry, Share, VersionId};
use crate::operator::{Events, OperationError};
use crate::system;

/// The supervisor's own things.
#[derive(Debug)]
pub struct Shared {
    pub registry: Arc<Registry>,
    pub metrics: Metrics,
    pub events: Events,
    pub binary: PathBuf,
    pub machine: Machine,
    /// What it was started with.
    pub server: ServerConfig,
    pub turns: Turns,
    pub board: Arc<Board>,
    pub ending: watch::Receiver<Ending>,
    models: Mutex<BTreeMap<String, Arc<Managed>>>,
}

/// A model under supervision.
#[derive(Debug)]
pub struct Managed {
    pub model: Arc<Model>,
    next_version: AtomicU64,
    /// Held by the one operation that may change the model.
    turn: Arc<tokio::sync::Mutex<()>>,
    doing: Mutex<Option<String>>,
    fleets: Mutex<Fleets>,
}

/// The versions of a model that have workers, and the one before.
#[derive(Clone, Debug, Default)]
pub struct Fleets {
    pub stable: Option<Arc<Fleet>>,
    pub canary: Option<(Arc<Fleet>, Share)>,
    /// Being brought up.
    pub coming: Vec<Arc<Fleet>>,
    /// They answer what they had admitted.
    pub leaving: Vec<Arc<Fleet>>,
    /// What `rollback` goes back to.
    pub previous: Option<Previous>,
}

/// A version that was replaced: its file stays open.
#[derive(Clone, Debug)]
pub struct Previous {
    pub id: VersionId,
    pub checkpoint: Checkpoint,
    pub config: Arc<ModelConfig>,
}

/// The right to change a model; one at a time has it.
#[derive(Debug)]
pub struct ModelTurn {
    managed: Arc<Managed>,
    _guard: OwnedMutexGuard<()>,
}

impl Shared {
    pub fn new(
        registry: Arc<Registry>,
        metrics: Metrics,
        events: Events,
        binary: PathBuf,
        machine: Machine,
        server: ServerConfig,
        ending: watch::Receiver<Ending>,
    ) -> Arc<Self> {
        Arc::new(Self {
            registry,
            metrics,
            events,
            binary,
            machine,
            turns: Turns {
                loads: Arc::new(Semaphore::new(server.parallel_loads.get())),
                regions: Arc::default(),
                expected: Arc::default(),
            },
            server,
            board: Arc::default(),
            ending,
            models: Mutex::default(),
        })
    }

    pub fn find(&self, name: &str) -> Result<Arc<Managed>, OperationError> {
        let unknown = || OperationError::UnknownModel {
            name: name.to_owned(),
            registered: self.registry.names(),
        };
        self.models().get(name).cloned().ok_or_else(unknown)
    }

    /// All models, by name.
    pub fn all(&self) -> Vec<Arc<Managed>> {
        self.models().values().cloned().collect()
    }

    /// Registers a model that has no version yet.
    pub fn register(&self, config: ModelConfig) -> Result<Arc<Managed>, OperationError> {
        let mut models = self.models();
        let name = config.name.to_string();
        if models.contains_key(&name) {
            return Err(OperationError::ModelExists { name });
        }
        let managed = Arc::new(Managed {
            model: Model::new(config, &self.metrics),
            next_version: AtomicU64::new(1),
            turn: Arc::default(),
            doing: Mutex::default(),
            fleets: Mutex::default(),
        });
        models.insert(name, Arc::clone(&managed));
        self.registry.add(&managed.model);
        Ok(managed)
    }

    /// Takes a model out of its clients' reach; its name stays taken.
    pub fn hide(&self, name: &str) {
        self.registry.remove(name);
    }

    /// Gives the name of a model free that has no workers any more.
    pub fn forget(&self, name: &str) {
        self.registry.remove(name);
        self.models().remove(name);
        self.metrics.unregister_model(name);
    }

    /// Opens a file that was named to the running server.
    pub async fn open_below_root(&self, given: &Path) -> Result<Checkpoint, OperationError> {
        let (root, given) = (self.server.model_root.clone(), given.to_owned());
        self.opened(move || Checkpoint::open_below(&root, &given)).await
    }

    /// Opens a file that the config names.
    pub async fn open(&self, path: &Path) -> Result<Checkpoint, OperationError> {
        let path = path.to_owned();
        self.opened(move || Checkpoint::open(&path)).await
    }

    /// Opening reads the whole file.
    async fn opened(
        &self,
        open: impl FnOnce() -> Result<Checkpoint, CheckpointError> + Send + 'static,
    ) -> Result<Checkpoint, OperationError> {
        match self.unless_ending(system::quietly(open)).await? {
            Some(Ok(checkpoint)) => Ok(checkpoint),
            Some(Err(CheckpointError::OutsideRoot { path, root })) => {
                Err(OperationError::OutsideRoot { path, root })
            }
            Some(Err(CheckpointError::Unusable { path, cause })) => {
                Err(OperationError::Load { path, cause })
            }
            None => Err(OperationError::Stopping),
        }
    }

    /// What `work` comes to, unless the server is to end before.
    pub async fn unless_ending<T>(
        &self,
        work: impl Future<Output = T>,
    ) -> Result<T, OperationError> {
        let mut ending = self.ending.clone();
        tokio::select! {
            biased;
            _ = ending.wait_for(|ending| *ending != Ending::No) => Err(OperationError::Stopping),
            done = work => Ok(done),
        }
    }

    fn models(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Managed>>> {
        // Each change is one insert or remove.
        self.models.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Managed {
    pub fn name(&self) -> &str {
        self.model.name.as_str()
    }

    /// Takes the turn to change the model; `doing` is what others are told meanwhile.
    pub fn begin(self: &Arc<Self>, doing: String) -> Result<ModelTurn, OperationError> {
        let Ok(guard) = Arc::clone(&self.turn).try_lock_owned() else {
            let doing = self.doing().unwrap_or_else(|| "another change".to_owned());
            return Err(OperationError::Busy { model: self.name().to_owned(), doing });
        };
        *self.lock_doing() = Some(doing);
        Ok(ModelTurn { managed: Arc::clone(self), _guard: guard })
    }

    /// What is being done to it.
    pub fn doing(&self) -> Option<String> {
        self.lock_doing().clone()
    }

    pub fn next_version(&self) -> VersionId {
        VersionId(self.next_version.fetch_add(1, Ordering::Relaxed))
    }

    pub fn fleets(&self) -> Fleets {
        self.lock_fleets().clone()
    }

    pub fn change_fleets(&self, change: impl FnOnce(&mut Fleets)) {
        change(&mut self.lock_fleets());
    }

    fn lock_doing(&self) -> MutexGuard<'_, Option<String>> {
        self.doing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_fleets(&self) -> MutexGuard<'_, Fleets> {
        self.fleets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fleets {
    /// Every version that has workers.
    pub fn all(&self) -> Vec<Arc<Fleet>> {
        let canary = self.canary.iter().map(|(fleet, _)| fleet);
        self.stable.iter().chain(canary).chain(&self.coming).chain(&self.leaving).cloned().collect()
    }

    /// A version has no workers any more.
    pub fn forget(&mut self, fleet: &Arc<Fleet>) {
        for passing in [&mut self.coming, &mut self.leaving] {
            passing.retain(|passing| !Arc::ptr_eq(passing, fleet));
        }
    }
}

impl ModelTurn {
    /// The model that it is the turn of.
    pub fn managed(&self) -> &Arc<Managed> {
        &self.managed
    }

    /// Tells others what is done by now.
    pub fn doing(&self, doing: String) {
        *self.managed.lock_doing() = Some(doing);
    }
}

impl Drop for ModelTurn {
    fn drop(&mut self) {
        *self.managed.lock_doing() = None;
    }
}
