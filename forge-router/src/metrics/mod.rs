//! Metrics in Prometheus' text format.
//!
//! One [`Metrics`] per router owns a registry of its own; nothing is global. A model's series exist
//! at 0 from [`Metrics::register_model`] on and vanish with it, so a dashboard never shows a gap
//! before the first request nor a ghost after an unload. Versions of a model share its series: no
//! label value is a version number, and none comes from a client. Only Triton's names, where they are
//! wanted, tell versions apart (`triton.rs`).
//!
//! `received = sum of outcomes + in flight` holds in every scrape; `requests.rs` says how.
//! All names, labels and buckets are in `names.rs`.

mod build;
mod labels;
mod model;
mod names;
mod requests;
mod sample;
mod series;
#[cfg(test)]
mod tests;
mod triton;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntGauge, Registry, TextEncoder};

pub use labels::{Outcome, Role, WorkerState};
pub use model::{ModelMetrics, RequestRecord};
pub use triton::{TritonCounts, TritonFailures};

use build::constant;
use series::ModelSeries;

/// `Content-Type` of what [`Metrics::render`] returns.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All metrics of one router; cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    models: Arc<Models>,
    inflight_bytes: IntGauge,
    version: &'static str,
    engine: Arc<OnceLock<()>>,
}

impl Metrics {
    /// The series of the process, and of no model. `version` is Forge's own, such as `0.3.0`.
    pub fn new(version: &'static str, started: SystemTime) -> Metrics {
        let registry = Registry::new();
        let start_time = build::gauge(&names::START_TIME, &[]);
        // A clock before 1970 is a clock that was never set; 0 says so.
        let since_epoch = started.duration_since(UNIX_EPOCH).unwrap_or_default();
        start_time.set(model::as_i64(since_epoch.as_secs()));
        let inflight_bytes = build::gauge(&names::INFLIGHT_BYTES, &[]);
        for gauge in [start_time, inflight_bytes.clone()] {
            constant(registry.register(Box::new(gauge)));
        }
        let models = Arc::new(Models { registry, by_name: Mutex::default() });
        Metrics { models, inflight_bytes, version, engine: Arc::default() }
    }

    /// A worker said what it runs on, such as `libtorch 2.11.0`: the build info is complete. The
    /// router itself does not know, as libtorch is not linked into it.
    pub fn engine_known(&self, engine: &str) {
        self.engine.get_or_init(|| {
            let libtorch = engine.strip_prefix("libtorch ").unwrap_or(engine);
            let labels = [(names::LABEL_VERSION, self.version), (names::LABEL_LIBTORCH, libtorch)];
            let info = build::gauge(&names::BUILD_INFO, &labels);
            info.set(1);
            constant(self.models.registry.register(Box::new(info)));
        });
    }

    /// Creates the series of `model`, all at 0.
    ///
    /// While a model of that name is registered, the handle is one more to the same series.
    pub fn register_model(&self, model: &str) -> ModelMetrics {
        ModelMetrics::new(self.models.register(model))
    }

    /// Takes the series of `model` out of the scrape, whoever still holds a handle.
    ///
    /// Such handles go on counting into series nobody sees. Does nothing for an unknown name.
    pub fn unregister_model(&self, model: &str) {
        self.models.unregister(model, |_| true);
    }

    /// `bytes` of bodies, tensors and answers are held now.
    pub fn set_inflight_bytes(&self, bytes: usize) {
        self.inflight_bytes.set(model::as_i64(bytes as u64));
    }

    /// All series in text format 0.0.4, sorted by name; those of `versions` under Triton's names.
    pub fn render(&self, versions: &[TritonCounts]) -> String {
        let mut families = self.models.registry.gather();
        families.extend(triton::families(versions));
        families.sort_by(|one, other| one.name().cmp(other.name()));
        // The encoder refuses families without a name or without series: the former are constants
        // and both of these leave out the latter.
        constant(TextEncoder::new().encode_to_string(&families))
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// Keeps a model's series registered; the last handle to go takes them out.
struct Registration {
    model: String,
    series: Arc<ModelSeries>,
    models: Weak<Models>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let Some(models) = self.models.upgrade() {
            models.unregister(&self.model, |series| Arc::ptr_eq(series, &self.series));
        }
    }
}

/// The registry and which models are in it.
struct Models {
    registry: Registry,
    by_name: Mutex<HashMap<String, Entry>>,
}

struct Entry {
    series: Arc<ModelSeries>,
    registration: Weak<Registration>,
}

impl Models {
    fn register(self: &Arc<Self>, model: &str) -> Arc<Registration> {
        let mut by_name = self.lock();
        if let Some(registration) = by_name.get(model).and_then(|it| it.registration.upgrade()) {
            return registration;
        }
        if let Some(dying) = by_name.remove(model) {
            // Its last handle is being dropped on another thread, which waits for our lock and will
            // then find series that are not its own.
            self.remove_from_scrape(dying.series);
        }
        let series = Arc::new(ModelSeries::new(model));
        // Fails on a name that is registered already, and the map says that it is not.
        constant(self.registry.register(Box::new(Shared(Arc::clone(&series)))));
        let registration = Arc::new(Registration {
            model: model.to_owned(),
            series: Arc::clone(&series),
            models: Arc::downgrade(self),
        });
        let entry = Entry { series, registration: Arc::downgrade(&registration) };
        by_name.insert(model.to_owned(), entry);
        registration
    }

    fn unregister(&self, model: &str, is_meant: impl FnOnce(&Arc<ModelSeries>) -> bool) {
        let mut by_name = self.lock();
        if by_name.get(model).is_some_and(|entry| is_meant(&entry.series))
            && let Some(entry) = by_name.remove(model)
        {
            self.remove_from_scrape(entry.series);
        }
    }

    fn remove_from_scrape(&self, series: Arc<ModelSeries>) {
        // Fails on series that are not registered; those in the map are.
        constant(self.registry.unregister(Box::new(Shared(series))));
    }

    /// The map is consistent between any two statements, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The registry wants to own a collector, the handles want to share it.
struct Shared(Arc<ModelSeries>);

impl Collector for Shared {
    fn desc(&self) -> Vec<&Desc> {
        self.0.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.0.collect()
    }
}
