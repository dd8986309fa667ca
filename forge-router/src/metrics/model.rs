//! What the rest of the router counts for one model.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Registration;
use super::labels::{ComputePhase, Outcome, Phase, Position, Role, Side, WorkerState};
use super::series::ModelSeries;
use crate::request::Compute;

/// Handle to the series of one model; cheap to clone.
///
/// The series exist from [`super::Metrics::register_model`] until the last handle is dropped or
/// [`super::Metrics::unregister_model`] is called. A [`RequestRecord`] does not keep them in the
/// scrape.
#[derive(Clone)]
pub struct ModelMetrics {
    registration: Arc<Registration>,
}

impl ModelMetrics {
    pub(super) fn new(registration: Arc<Registration>) -> ModelMetrics {
        ModelMetrics { registration }
    }

    /// Counts a request as received and in flight; its outcome is counted through the guard.
    pub fn received(&self) -> RequestRecord {
        let series = Arc::clone(&self.registration.series);
        series.requests.count_received();
        RequestRecord { series, outcome: Outcome::Cancelled, role: None }
    }

    /// A request was admitted and now waits for a batch.
    ///
    /// Entering and leaving are counted, instead of the depth being set, because two threads that
    /// each set what they have just read can leave the older value standing.
    pub fn queue_entered(&self) {
        self.series().queue_depth.inc();
    }

    /// `requests` of those that waited were cut into a batch, expired, or were abandoned.
    pub fn queue_left(&self, requests: u64) {
        self.series().queue_depth.sub(as_i64(requests));
    }

    /// A request's deadline passed while it waited in the queue.
    pub fn expired_in_queue(&self) {
        self.series().queue_timeouts.inc();
    }

    /// One request's body took `time` to become tensors.
    pub fn decoded(&self, time: Duration) {
        self.phase(Phase::Decode, time);
    }

    /// One request waited `time` from being queued until its batch was cut.
    pub fn waited(&self, time: Duration) {
        self.series().queue_wait.observe(time.as_secs_f64());
        self.phase(Phase::Queue, time);
    }

    /// One request's answer took `time` to become a body.
    pub fn encoded(&self, time: Duration) {
        self.phase(Phase::Encode, time);
    }

    /// A batch of `rows` rows was cut and handed to a worker.
    pub fn batch_cut(&self, rows: u32) {
        self.series().batch_size.observe(f64::from(rows));
        self.series().rows.inc_by(u64::from(rows));
    }

    /// A batch of padded rows was cut that have so many positions of their own, and so many more.
    pub fn padded(&self, own: u64, padding: u64) {
        self.series().padded_positions[Position::Own.index()].inc_by(own);
        self.series().padded_positions[Position::Padding.index()].inc_by(padding);
    }

    /// The batch that answered one request took so long in the worker; called once per request.
    pub fn computed(&self, compute: Compute) {
        self.phase(Phase::Compute, compute.total());
        let Compute { input, infer, output } = compute;
        for (phase, time) in [
            (ComputePhase::Input, input),
            (ComputePhase::Infer, infer),
            (ComputePhase::Output, output),
        ] {
            self.series().compute[phase.index()].observe(time.as_secs_f64());
        }
    }

    /// `bytes` of a request body were read.
    pub fn request_bytes(&self, bytes: u64) {
        self.series().request_bytes.inc_by(bytes);
    }

    /// `bytes` of a response body were written.
    pub fn response_bytes(&self, bytes: u64) {
        self.series().response_bytes.inc_by(bytes);
    }

    /// A hot swap was completed `time` after it was asked for.
    pub fn swapped(&self, time: Duration) {
        self.series().swaps.inc();
        self.series().swap_duration.observe(time.as_secs_f64());
    }

    /// `count` workers are in `state` now. For the supervisor, which alone knows.
    pub fn set_workers(&self, state: WorkerState, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.series().workers[state.index()].set(count);
    }

    /// A worker was started in place of one that crashed.
    pub fn worker_restarted(&self) {
        self.series().worker_restarts.inc();
    }

    /// The canary gets this share of the requests; 0 without one.
    pub fn set_canary_share(&self, share: f64) {
        self.series().canary_share.set(share);
    }

    /// So many requests run again, since their worker died.
    pub fn replayed(&self, requests: usize) {
        self.series().replayed.inc_by(requests as u64);
    }

    /// A request was found to be the cause of a worker's death.
    pub fn blamed(&self) {
        self.series().blamed.inc();
    }

    /// The router waited in vain while a completion lay in the ring.
    pub fn missed_wake_of_router(&self) {
        self.missed_wakes(Side::Router, 1);
    }

    /// The worker reported that it waited in vain `times` times while a batch lay in the ring.
    pub fn missed_wakes_of_worker(&self, times: u64) {
        self.missed_wakes(Side::Worker, times);
    }

    fn missed_wakes(&self, side: Side, times: u64) {
        self.series().missed_wakes[side.index()].inc_by(times);
    }

    fn phase(&self, phase: Phase, time: Duration) {
        self.series().phases[phase.index()].observe(time.as_secs_f64());
    }

    fn series(&self) -> &ModelSeries {
        &self.registration.series
    }
}

/// One request between its arrival and its outcome.
///
/// Exactly one outcome is counted, when the guard goes: the one given to
/// [`finish`](RequestRecord::finish), or *cancelled* when it is dropped without, as happens when a
/// client hangs up and its task is dropped.
#[must_use = "dropping the record counts the request as cancelled"]
pub struct RequestRecord {
    series: Arc<ModelSeries>,
    outcome: Outcome,
    role: Option<Role>,
}

impl RequestRecord {
    /// The request goes to the version of this role.
    pub fn routed(&mut self, role: Role) {
        self.role = Some(role);
    }

    /// Ends the request with `outcome`, `latency` after it arrived.
    ///
    /// The latency is recorded only where [`Outcome::has_latency`].
    pub fn finish(mut self, outcome: Outcome, latency: Duration) {
        if outcome.has_latency() {
            self.series.latency.observe(latency.as_secs_f64());
            if let Some(role) = self.role {
                self.series.roles[role.index()].latency.observe(latency.as_secs_f64());
            }
        }
        self.outcome = outcome;
    }
}

impl Drop for RequestRecord {
    fn drop(&mut self) {
        self.series.requests.count_outcome(self.outcome);
        if let Some(role) = self.role {
            self.series.roles[role.index()].outcomes[self.outcome.index()].inc();
        }
    }
}

impl fmt::Debug for ModelMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelMetrics").field("model", &self.registration.model).finish()
    }
}

impl fmt::Debug for RequestRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestRecord").field("outcome", &self.outcome).finish_non_exhaustive()
    }
}

/// Gauges are signed; no count of bytes or requests held at one time comes near the limit.
pub(super) fn as_i64(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
