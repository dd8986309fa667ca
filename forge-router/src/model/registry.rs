//! The models by name, and where a name leads.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::{Admitted, Named, NotAdmitted, Role, Route, Version, Wish};
use crate::config::{ModelConfig, ModelName};
use crate::metrics::{Metrics, ModelMetrics};
use crate::request::RequestError;

/// A name clients call, and the versions that answer for it.
#[derive(Debug)]
pub struct Model {
    pub name: ModelName,
    pub metrics: ModelMetrics,
    /// What the next version is made of, and what is told of the model while it has none.
    config: ArcSwap<ModelConfig>,
    /// Empty until a worker of the first version is ready.
    route: ArcSwap<Route>,
    status: ArcSwap<ModelStatus>,
    /// Told of what changes, once it is registered.
    changes: OnceLock<watch::Sender<()>>,
}

/// What a model's workers make of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelStatus {
    pub state: ModelState,
    /// Why it is degraded.
    pub cause: Option<String>,
    /// The state of each worker of the stable version by its name.
    pub workers: Vec<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelState {
    /// Not yet ready for the first time.
    Loading,
    Ready,
    /// It has been ready, but no worker is ready now, or none that ends is started again.
    Degraded,
    Draining,
}

impl ModelState {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Loading => "loading",
            Self::Ready => "ready",
            Self::Degraded => "degraded",
            Self::Draining => "draining",
        }
    }
}

impl fmt::Display for ModelState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl Model {
    /// A name without a version; its series exist from here on.
    pub fn new(config: ModelConfig, metrics: &Metrics) -> Arc<Self> {
        let status = ModelStatus { state: ModelState::Loading, cause: None, workers: Vec::new() };
        Arc::new(Self {
            name: config.name.clone(),
            metrics: metrics.register_model(config.name.as_str()),
            config: ArcSwap::from_pointee(config),
            route: ArcSwap::default(),
            status: ArcSwap::from_pointee(status),
            changes: OnceLock::new(),
        })
    }

    /// The settings of the stable version, or of the one that is to be.
    pub fn config(&self) -> Arc<ModelConfig> {
        self.config.load_full()
    }

    /// For the supervisor alone.
    pub fn set_config(&self, config: Arc<ModelConfig>) {
        self.config.store(config);
    }

    /// The stable version; `None` before the first is ready.
    pub fn version(&self) -> Option<Arc<Version>> {
        self.route.load().stable.clone()
    }

    /// The versions that answer now.
    pub fn route(&self) -> Arc<Route> {
        self.route.load_full()
    }

    /// Requests from here on find their version so. For the supervisor alone; one store, so a
    /// request meets either the old route or the new one.
    pub fn set_route(&self, route: Route) {
        self.route.store(Arc::new(route));
    }

    /// A place in the queue of the version that is to answer a request, and that version's role.
    pub fn admit(&self, wish: Wish<'_>) -> Result<(Admitted, Role), RequestError> {
        loop {
            let route = self.route.load_full();
            let Some((version, role)) = route.pick(wish) else {
                return Err(self.not_there(&route, wish));
            };
            match version.admit() {
                Ok(admitted) => return Ok((admitted, role)),
                Err(NotAdmitted::Full { limit }) => return Err(RequestError::QueueFull { limit }),
                Err(NotAdmitted::GivenUp(cause)) => {
                    return Err(self.not_ready(&format!("degraded: {cause}")));
                }
                // A version drains only after the route leads elsewhere, so looking again finds its
                // successor; where there is none, the server ends.
                Err(NotAdmitted::Draining) if Arc::ptr_eq(&route, &self.route.load()) => {
                    return Err(self.not_ready("draining"));
                }
                Err(NotAdmitted::Draining) => {}
            }
        }
    }

    pub fn status(&self) -> Arc<ModelStatus> {
        self.status.load_full()
    }

    /// For the supervisor alone.
    pub fn set_status(&self, status: ModelStatus) {
        self.status.store(Arc::new(status));
        if let Some(changes) = self.changes.get() {
            changes.send_replace(());
        }
    }

    fn not_there(&self, route: &Route, wish: Wish<'_>) -> RequestError {
        match wish.named {
            Some(Named::Version(id)) if route.stable.is_some() => {
                let available: Vec<String> =
                    route.versions().map(|version| version.id().to_string()).collect();
                let (model, available) = (self.name.to_string(), available.join(", "));
                RequestError::UnknownVersion { model, version: id.0, available }
            }
            _ => self.not_ready(self.status().state.name()),
        }
    }

    fn not_ready(&self, state: &str) -> RequestError {
        RequestError::NotReady { model: self.name.to_string(), state: state.to_owned() }
    }
}

/// Every registered model.
#[derive(Debug, Default)]
pub struct Registry {
    models: ArcSwap<BTreeMap<String, Arc<Model>>>,
    /// What the config names, served or not.
    configured: ArcSwap<Vec<ModelConfig>>,
    changes: watch::Sender<()>,
}

impl Registry {
    pub fn find(&self, name: &str) -> Option<Arc<Model>> {
        self.models.load().get(name).cloned()
    }

    /// All models, by name.
    pub fn models(&self) -> Vec<Arc<Model>> {
        self.models.load().values().cloned().collect()
    }

    /// The registered names in order.
    pub fn names(&self) -> Vec<String> {
        self.models.load().keys().cloned().collect()
    }

    /// The names in the config; some of these models may have been unloaded.
    pub fn configured(&self) -> Vec<String> {
        self.configured.load().iter().map(|config| config.name.to_string()).collect()
    }

    /// What the config says of a model.
    pub fn configuration(&self, name: &str) -> Option<ModelConfig> {
        self.configured.load().iter().find(|config| config.name.as_str() == name).cloned()
    }

    /// Remembers what the config names. For the supervisor alone.
    pub fn configure(&self, models: &[ModelConfig]) {
        self.configured.store(Arc::new(models.to_vec()));
    }

    /// Makes a model reachable under its name. For the supervisor alone.
    pub fn add(&self, model: &Arc<Model>) {
        let name = model.name.to_string();
        drop(model.changes.set(self.changes.clone()));
        self.models.rcu(|models| {
            let mut models = BTreeMap::clone(models);
            models.insert(name.clone(), Arc::clone(model));
            models
        });
        self.changed();
    }

    /// Takes a model out of reach. For the supervisor alone.
    pub fn remove(&self, name: &str) {
        self.models.rcu(|models| {
            let mut models = BTreeMap::clone(models);
            models.remove(name);
            models
        });
        self.changed();
    }

    /// Says that the readiness of a model, or of the server, may be another now.
    pub fn changed(&self) {
        self.changes.send_replace(());
    }

    /// Marked whenever the readiness of a model, or of the server, may have changed.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }
}
