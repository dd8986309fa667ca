//! The way of a prediction, the same for every protocol: its model, its door, its version, its deadline,
//! and what is counted of it.
//!
//! ```text
//! begin ─► check_door ─► (the protocol reads its body) ─► run: admit ─► decode ─► queue ─► encode
//!                                                               finish: the outcome
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::header::HeaderValue;

use super::app::{App, Phase};
use super::error::HttpError;
use super::request_id::as_text;
use super::{models, status};
use crate::logging::Failure;
use crate::memory_budget::Reservation;
use crate::metrics::{Outcome, RequestRecord};
use crate::model::{Expired, Model, Role, Version, VersionId, Wish};
use crate::pieces::Pieces;
use crate::request::{Answer, Inputs, RequestError, Terms};
use crate::under_way::OneUnderWay;

/// What the protocols of a prediction differ in. It holds the body it has read, or the message.
pub trait Protocol: Send {
    type Reply;

    /// The body as inputs of this version.
    fn decode(
        &mut self,
        version: &Arc<Version>,
    ) -> impl Future<Output = Result<Decoded, HttpError>> + Send;

    /// The answer as what the client gets.
    fn encode(
        self,
        answer: Answer,
        served: Served,
    ) -> impl Future<Output = Result<Encoded<Self::Reply>, HttpError>> + Send;
}

/// A request that was understood and accepted.
#[derive(Debug)]
pub struct Decoded {
    pub inputs: Inputs,
    /// Of the tensors alone; the body's is given back.
    pub memory: Reservation,
    pub asked: Asked,
}

impl Decoded {
    /// Inputs whose body has been let go of: what `memory` held for it is given back.
    pub fn without_body(inputs: Inputs, mut memory: Reservation) -> Self {
        let tensors = inputs.data.iter().map(Pieces::len).sum::<usize>();
        let kept = tensors + inputs.group.argument_bytes();
        memory.shrink(memory.bytes().saturating_sub(kept));
        Self { inputs, memory, asked: Asked::default() }
    }
}

/// What a request asks of the batcher, where it does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// 1 is the highest; 0 the model's default.
    pub priority: u64,
    /// Since its admission; the model's own time-out holds too.
    pub timeout: Option<Duration>,
}

/// Who answered.
#[derive(Clone, Debug)]
pub struct Served {
    pub model: Arc<Model>,
    pub version: Arc<Version>,
    pub request_id: HeaderValue,
    /// When the request came.
    pub began: Instant,
}

/// An answer in the protocol's form.
#[derive(Debug)]
pub struct Encoded<R> {
    pub reply: R,
    /// Its length.
    pub bytes: usize,
}

/// One prediction between its arrival and its outcome; dropped without one, its client has hung up.
pub struct Prediction<'a> {
    app: &'a Arc<App>,
    model: Arc<Model>,
    id: &'a HeaderValue,
    began: Instant,
    /// When its answer was encoded.
    ended: Option<Instant>,
    record: Option<RequestRecord>,
    /// Not while a refusal is told: a stream of those would keep a drain from ever seeing none.
    under_way: Option<OneUnderWay<'a>>,
}

impl<'a> Prediction<'a> {
    /// Counts a request to the model of that name.
    ///
    /// # Errors
    /// [`HttpError::UnknownModel`]
    pub fn begin(app: &'a Arc<App>, name: &str, id: &'a HeaderValue) -> Result<Self, HttpError> {
        let began = Instant::now();
        let model = models::find(app, name)?;
        let record = Some(model.metrics.received());
        let under_way = Some(app.predictions.begin());
        Ok(Self { app, model, id, began, ended: None, record, under_way })
    }

    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// A cheap look before a body is read. Whoever passes is still counted when it is admitted.
    pub fn check_door(&self) -> Result<(), HttpError> {
        if self.app.phase() == Phase::Refusing {
            return Err(self.not_ready("draining"));
        }
        let version = self.model.version();
        let version = version.ok_or_else(|| self.not_ready(self.model.status().state.name()))?;
        if !version.make_room() {
            let limit = version.config().max_queue_depth.get();
            return Err(RequestError::QueueFull { limit }.into());
        }
        Ok(())
    }

    /// Takes a request whose body of so many bytes has come through its version.
    pub async fn run<P: Protocol>(
        &mut self,
        wish: Wish<'_>,
        body_bytes: usize,
        mut protocol: P,
    ) -> Result<(P::Reply, VersionId), HttpError> {
        let metrics = &self.model.metrics;
        metrics.request_bytes(body_bytes as u64);
        // The version is chosen only now: a swap that came while the body did has led elsewhere.
        let (admitted, role) = self.model.admit(wish)?;
        if let Some(record) = &mut self.record {
            record.routed(Role::into(role));
        }
        let version = Arc::clone(admitted.version());
        let mut due = Due::new(admitted.since(), version.config().request_timeout);

        let decoded = within(due.at, protocol.decode(&version)).await;
        let Decoded { inputs, memory, asked } = decoded.map_err(|late| self.late(late, due))??;
        let arrived = Instant::now();
        metrics.decoded(arrived - due.began);
        due.shorten(asked.timeout);

        let priority = version.priority(asked.priority);
        let terms = Terms { arrived, deadline: due.at, priority };
        let ran = admitted.run(inputs, terms, memory).await;
        let answer = ran.map_err(|late| self.late(late, due))??;
        metrics.computed(answer.compute);

        let encoding = Instant::now();
        let id = version.id();
        let (model, request_id) = (Arc::clone(&self.model), self.id.clone());
        let served = Served { model, version, request_id, began: self.began };
        let encoded = within(due.at, protocol.encode(answer, served)).await;
        let Encoded { reply, bytes } = encoded.map_err(|late| self.late(late, due))??;
        let ended = Instant::now();
        self.ended = Some(ended);
        metrics.encoded(ended - encoding);
        metrics.response_bytes(bytes as u64);
        Ok((reply, id))
    }

    /// Counts how it ended, and lets a drain go on.
    pub fn finish<T>(mut self, result: &Result<T, HttpError>) {
        let outcome = match result {
            Ok(_) => Outcome::Success,
            Err(error) => status::outcome(error),
        };
        if let Some(record) = self.record.take() {
            let ended = self.ended.unwrap_or_else(Instant::now);
            record.finish(outcome, ended.saturating_duration_since(self.began));
        }
        self.under_way = None;
    }

    fn late(&self, late: Expired, due: Due) -> HttpError {
        if late.in_queue {
            self.model.metrics.expired_in_queue();
        }
        let (id, seconds) = (as_text(self.id).to_owned(), due.timeout.as_secs_f64());
        RequestError::Expired { id, seconds }.into()
    }

    fn not_ready(&self, state: &str) -> HttpError {
        let (model, state) = (self.model.name.to_string(), state.to_owned());
        RequestError::NotReady { model, state }.into()
    }
}

impl Drop for Prediction<'_> {
    fn drop(&mut self) {
        // Dropping the record counts the request as cancelled.
        if self.record.take().is_some() {
            let failure = Failure {
                request_id: as_text(self.id),
                model: self.model.name.as_str(),
                status: status::CLIENT_CLOSED_REQUEST,
                cause: "the client hung up",
            };
            self.app.failures.record(&failure, Instant::now());
        }
    }
}

/// When an answer is due.
#[derive(Clone, Copy, Debug)]
struct Due {
    began: Instant,
    timeout: Duration,
    at: Instant,
}

impl Due {
    fn new(began: Instant, timeout: Duration) -> Self {
        Self { began, timeout, at: began + timeout }
    }

    fn shorten(&mut self, asked: Option<Duration>) {
        if let Some(timeout) = asked.filter(|asked| *asked < self.timeout) {
            (self.timeout, self.at) = (timeout, self.began + timeout);
        }
    }
}

/// What `work` comes to, if it does so before the deadline.
async fn within<T>(deadline: Instant, work: impl Future<Output = T>) -> Result<T, Expired> {
    let done = tokio::time::timeout_at(deadline.into(), work).await;
    done.map_err(|_| Expired { in_queue: false })
}
