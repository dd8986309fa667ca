//! All series of one model, scraped as a whole.

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Gauge, Histogram, IntCounter, IntGauge};

use super::build::ModelBuilder;
use super::labels::{ComputePhase, Outcome, Phase, Position, Role, Side, WorkerState};
use super::names;
use super::requests::Requests;

/// The series of one model, each a resolved handle: nothing on the hot path looks up a label.
///
/// They are registered as one collector, so they appear together at 0 and vanish together.
pub(super) struct ModelSeries {
    pub(super) requests: Requests,
    pub(super) latency: Histogram,
    pub(super) batch_size: Histogram,
    pub(super) queue_depth: IntGauge,
    pub(super) queue_wait: Histogram,
    pub(super) queue_timeouts: IntCounter,
    pub(super) swaps: IntCounter,
    pub(super) swap_duration: Histogram,
    pub(super) phases: [Histogram; Phase::ALL.len()],
    pub(super) compute: [Histogram; ComputePhase::ALL.len()],
    pub(super) rows: IntCounter,
    pub(super) padded_positions: [IntCounter; Position::ALL.len()],
    pub(super) request_bytes: IntCounter,
    pub(super) response_bytes: IntCounter,
    pub(super) workers: [IntGauge; WorkerState::ALL.len()],
    pub(super) worker_restarts: IntCounter,
    pub(super) missed_wakes: [IntCounter; Side::ALL.len()],
    pub(super) roles: [RoleSeries; Role::ALL.len()],
    pub(super) canary_share: Gauge,
    pub(super) replayed: IntCounter,
    pub(super) blamed: IntCounter,
    collectors: Vec<Box<dyn Collector>>,
}

impl ModelSeries {
    pub(super) fn new(model: &str) -> ModelSeries {
        let mut build = ModelBuilder::new(names::LABEL_MODEL, model);
        ModelSeries {
            requests: Requests::new(model),
            latency: build.histogram(&names::LATENCY, &[], names::LATENCY_BUCKETS),
            batch_size: build.histogram(&names::BATCH_SIZE, &[], names::BATCH_SIZE_BUCKETS),
            queue_depth: build.gauge(&names::QUEUE_DEPTH, &[]),
            queue_wait: build.histogram(&names::QUEUE_WAIT, &[], names::QUEUE_WAIT_BUCKETS),
            queue_timeouts: build.counter(&names::QUEUE_TIMEOUTS, &[]),
            swaps: build.counter(&names::SWAPS, &[]),
            swap_duration: build.histogram(
                &names::SWAP_DURATION,
                &[],
                names::SWAP_DURATION_BUCKETS,
            ),
            phases: Phase::ALL.map(|phase| {
                let label = [(names::LABEL_PHASE, phase.as_str())];
                build.histogram(&names::PHASE, &label, names::PHASE_BUCKETS)
            }),
            compute: ComputePhase::ALL.map(|phase| {
                let label = [(names::LABEL_PHASE, phase.as_str())];
                build.histogram(&names::COMPUTE, &label, names::PHASE_BUCKETS)
            }),
            rows: build.counter(&names::ROWS, &[]),
            padded_positions: Position::ALL.map(|position| {
                let label = [(names::LABEL_PART, position.as_str())];
                build.counter(&names::PADDED_POSITIONS, &label)
            }),
            request_bytes: build.counter(&names::REQUEST_BYTES, &[]),
            response_bytes: build.counter(&names::RESPONSE_BYTES, &[]),
            workers: WorkerState::ALL
                .map(|state| build.gauge(&names::WORKERS, &[(names::LABEL_STATE, state.as_str())])),
            worker_restarts: build.counter(&names::WORKER_RESTARTS, &[]),
            missed_wakes: Side::ALL.map(|side| {
                build.counter(&names::MISSED_WAKES, &[(names::LABEL_SIDE, side.as_str())])
            }),
            roles: Role::ALL.map(|role| RoleSeries::new(&mut build, role)),
            canary_share: build.share(&names::CANARY_SHARE),
            replayed: build.counter(&names::REPLAYED, &[]),
            blamed: build.counter(&names::BLAMED, &[]),
            collectors: build.finish(),
        }
    }
}

/// What is told apart by the role of the version that answers.
pub(super) struct RoleSeries {
    pub(super) outcomes: [IntCounter; Outcome::ALL.len()],
    pub(super) latency: Histogram,
}

impl RoleSeries {
    fn new(build: &mut ModelBuilder<'_>, role: Role) -> Self {
        let role = (names::LABEL_ROLE, role.as_str());
        Self {
            outcomes: Outcome::ALL.map(|outcome| {
                let labels = [role, (names::LABEL_STATUS, outcome.as_str())];
                build.counter(&names::ROLE_REQUESTS, &labels)
            }),
            latency: build.histogram(&names::ROLE_LATENCY, &[role], names::LATENCY_BUCKETS),
        }
    }
}

impl Collector for ModelSeries {
    fn desc(&self) -> Vec<&Desc> {
        let rest = self.collectors.iter().flat_map(|collector| collector.desc());
        self.requests.desc().into_iter().chain(rest).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let rest = self.collectors.iter().flat_map(|collector| collector.collect());
        self.requests.collect().into_iter().chain(rest).collect()
    }
}
