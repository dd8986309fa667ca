//! The models by name, and where a name leads.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};

use super::Version;
use crate::config::{ModelConfig, ModelName};
use crate::metrics::{Metrics, ModelMetrics};

/// A name clients call, and the version that answers for it.
#[derive(Debug)]
pub struct Model {
    pub name: ModelName,
    pub config: ModelConfig,
    pub metrics: ModelMetrics,
    /// Empty until a worker of the first version is ready.
    route: ArcSwapOption<Version>,
    status: ArcSwap<ModelStatus>,
}

/// What a model's workers make of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelStatus {
    pub state: ModelState,
    /// Why it is degraded.
    pub cause: Option<String>,
    /// The state of each worker by its name.
    pub workers: Vec<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelState {
    /// Not yet ready for the first time.
    Loading,
    Ready,
    /// It has been ready, but no worker is ready now.
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
    fn new(config: ModelConfig, metrics: ModelMetrics) -> Self {
        let status = ModelStatus { state: ModelState::Loading, cause: None, workers: Vec::new() };
        Self {
            name: config.name.clone(),
            config,
            metrics,
            route: ArcSwapOption::empty(),
            status: ArcSwap::from_pointee(status),
        }
    }

    /// The version that answers now; `None` before the first is ready.
    pub fn version(&self) -> Option<Arc<Version>> {
        self.route.load_full()
    }

    /// Requests from here on are answered by `version`.
    pub fn route_to(&self, version: &Arc<Version>) {
        let before = self.route.swap(Some(Arc::clone(version)));
        let is_new = before.is_none_or(|before| !Arc::ptr_eq(&before, version));
        if is_new && !version.settings().batch_window.is_zero() {
            tokio::spawn(Arc::clone(version).watch_windows());
        }
    }

    pub fn status(&self) -> Arc<ModelStatus> {
        self.status.load_full()
    }

    /// For the supervisor alone.
    pub fn set_status(&self, status: ModelStatus) {
        self.status.store(Arc::new(status));
    }
}

/// Every registered model.
#[derive(Debug)]
pub struct Registry {
    models: BTreeMap<String, Arc<Model>>,
}

impl Registry {
    /// Registers the models: their series exist from here on.
    pub fn new(configs: Vec<ModelConfig>, metrics: &Metrics) -> Self {
        let register = |config: ModelConfig| {
            let name = config.name.to_string();
            let metrics = metrics.register_model(&name);
            (name, Arc::new(Model::new(config, metrics)))
        };
        Self { models: configs.into_iter().map(register).collect() }
    }

    pub fn find(&self, name: &str) -> Option<&Arc<Model>> {
        self.models.get(name)
    }

    /// All models, by name.
    pub fn models(&self) -> impl Iterator<Item = &Arc<Model>> {
        self.models.values()
    }

    /// The registered names in order.
    pub fn names(&self) -> Vec<&str> {
        self.models.keys().map(String::as_str).collect()
    }
}
