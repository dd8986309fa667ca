//! What every request handler may reach.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::{Duration, Instant};

use hyper::header::HeaderValue;

use super::body::Bounds;
use super::cors::Cors;
use super::error::HttpError;
use super::openapi::OpenApi;
use super::rendered::Rendered;
use super::request_id::{RequestIds, as_text};
use super::status::{Dialect, status};
use crate::config::Admin;
use crate::logging::{Failure, FailureLog};
use crate::memory_budget::MemoryBudget;
use crate::metrics::Metrics;
use crate::model::Registry;
use crate::operator::{OperationError, Operator};
use crate::under_way::UnderWay;

/// The bounds of the front.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    pub max_body_bytes: usize,
    /// The longest pause within a body.
    pub body_timeout: Duration,
    /// The longest time for a request's head, and for which an idle connection is kept.
    pub header_timeout: Duration,
    pub cors_origins: Vec<String>,
    /// Who may change the server, and where it listens, which that depends on.
    pub admin: Admin,
    pub address: SocketAddr,
    pub access_log: bool,
    /// Whether `/metrics` also has Triton's names.
    pub triton_metrics: bool,
}

/// The composition root hands one of these to the front.
#[derive(Debug)]
pub struct App {
    pub(super) registry: Arc<Registry>,
    pub(super) operator: Operator,
    pub(super) budget: Arc<MemoryBudget>,
    pub(super) metrics: Metrics,
    pub(super) settings: HttpSettings,
    pub(super) cors: Cors,
    pub(super) request_ids: RequestIds,
    pub(super) failures: FailureLog,
    pub(super) predictions: UnderWay,
    pub(super) scrapes: Rendered,
    pub(super) openapi: OpenApi,
    phase: AtomicU8,
    is_held: AtomicBool,
}

/// Where the server is in its life, as its readiness shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Some model has not been ready yet.
    Loading = 0,
    Serving = 1,
    /// It was asked to end and says so to whoever asks for readiness; predictions are still taken.
    Draining = 2,
    /// New predictions are refused: it ends once everything admitted is answered, or is held.
    Refusing = 3,
}

impl Phase {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Loading => "loading",
            Self::Serving => "serving",
            Self::Draining | Self::Refusing => "draining",
        }
    }
}

impl App {
    pub fn new(
        registry: Arc<Registry>,
        operator: Operator,
        budget: Arc<MemoryBudget>,
        metrics: Metrics,
        settings: HttpSettings,
    ) -> Arc<Self> {
        let cors = Cors::new(&settings.cors_origins);
        Arc::new(Self {
            registry,
            operator,
            budget,
            metrics,
            settings,
            cors,
            request_ids: RequestIds::new(Instant::now()),
            failures: FailureLog::new(),
            predictions: UnderWay::default(),
            scrapes: Rendered::default(),
            openapi: OpenApi::default(),
            phase: AtomicU8::new(Phase::Loading as u8),
            is_held: AtomicBool::new(false),
        })
    }

    /// Shows the phase to whoever asks for readiness.
    pub fn enter(&self, phase: Phase) {
        // SeqCst, as where predictions are counted: whoever waits for those under way after this sees
        // every one that did not see it.
        self.phase.store(phase as u8, Ordering::SeqCst);
        self.registry.changed();
    }

    /// Refuses predictions until it is let go again, whatever phase it is in.
    pub fn hold(&self, is_held: bool) {
        self.is_held.store(is_held, Ordering::SeqCst);
        self.registry.changed();
    }

    pub fn phase(&self) -> Phase {
        if self.is_held.load(Ordering::SeqCst) {
            return Phase::Refusing;
        }
        match self.phase.load(Ordering::SeqCst) {
            0 => Phase::Loading,
            1 => Phase::Serving,
            2 => Phase::Draining,
            _ => Phase::Refusing,
        }
    }

    /// Whether it was asked to end, or is held.
    pub fn is_ending(&self) -> bool {
        matches!(self.phase(), Phase::Draining | Phase::Refusing)
    }

    /// Nothing is changed any more once it was asked to end, held or not.
    ///
    /// # Errors
    /// [`OperationError::Stopping`]
    pub fn check_takes_changes(&self) -> Result<(), OperationError> {
        let is_asked_to_end = self.phase.load(Ordering::SeqCst) >= Phase::Draining as u8;
        if is_asked_to_end { Err(OperationError::Stopping) } else { Ok(()) }
    }

    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    pub fn operator(&self) -> &Operator {
        &self.operator
    }

    pub fn budget(&self) -> &Arc<MemoryBudget> {
        &self.budget
    }

    /// Logs a request that did not get what it asked for.
    pub fn record_failure(&self, id: &HeaderValue, model: &str, error: &HttpError) {
        let (cause, status) = (error.to_string(), status(error, Dialect::Inference).as_u16());
        let failure = Failure { request_id: as_text(id), model, status, cause: &cause };
        self.failures.record(&failure, Instant::now());
    }

    /// Of the body of a prediction.
    pub fn body_bounds(&self) -> Bounds {
        Bounds {
            max_bytes: self.settings.max_body_bytes,
            says_so: "server.max_body_bytes",
            timeout: self.settings.body_timeout,
            budget: self.budget.limit(),
        }
    }

    /// Waits until no prediction is under way; new ones come until they are refused.
    pub async fn idle(&self) {
        self.predictions.none().await;
    }

    /// Tells of failures that were held back; for the end of the process.
    pub fn report_suppressed_failures(&self) {
        self.failures.report_suppressed();
    }
}
