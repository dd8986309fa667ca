//! Every name Forge exports: metric families, their help texts, label names and bucket bounds.
//!
//! The first eight families are those of the original Forge, with its labels and its buckets, so
//! that existing dashboards and alerts go on working; finer bounds were added in front of the
//! original's because an idle Forge answers in less than a millisecond. No other file of the
//! project spells a metric's name; a test in `tests/` enforces that.

/// Name and help text of one metric family.
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
}

pub(super) const LABEL_MODEL: &str = "model";
pub(super) const LABEL_STATUS: &str = "status";
pub(super) const LABEL_PHASE: &str = "phase";
pub(super) const LABEL_STATE: &str = "state";
pub(super) const LABEL_SIDE: &str = "side";
pub(super) const LABEL_ROLE: &str = "role";
pub(super) const LABEL_VERSION: &str = "version";
pub(super) const LABEL_PART: &str = "part";
pub(super) const LABEL_LIBTORCH: &str = "libtorch";

/// `status` of a request that has arrived; the other values are the outcomes.
pub(super) const STATUS_RECEIVED: &str = "received";

// The original's eight.

pub(super) const REQUESTS: Family = Family {
    name: "forge_requests_total",
    help: "Requests by status: each is counted once as received and once by its outcome",
};
pub(super) const LATENCY: Family = Family {
    name: "forge_inference_latency_seconds",
    help: "End-to-end time of each request that succeeded or timed out",
};
pub(super) const BATCH_SIZE: Family =
    Family { name: "forge_batch_size", help: "Rows of each batch handed to a worker" };
pub(super) const QUEUE_DEPTH: Family =
    Family { name: "forge_queue_depth", help: "Requests admitted and not yet cut into a batch" };
pub(super) const QUEUE_WAIT: Family = Family {
    name: "forge_queue_wait_seconds",
    help: "Time each request waited in the queue for its batch",
};
pub(super) const QUEUE_TIMEOUTS: Family = Family {
    name: "forge_queue_timeouts_total",
    help: "Requests whose deadline passed while they waited in the queue",
};
pub(super) const SWAPS: Family =
    Family { name: "forge_model_swaps_total", help: "Hot swaps completed" };
pub(super) const SWAP_DURATION: Family = Family {
    name: "forge_model_swap_duration_seconds",
    help: "Time of each hot swap, from its start to the flip, load and warm-up included",
};

// Forge's own.

pub(super) const IN_FLIGHT: Family = Family {
    name: "forge_requests_in_flight",
    help: "Requests received and without an outcome yet",
};
pub(super) const ROLE_REQUESTS: Family = Family {
    name: "forge_role_requests_total",
    help: "Outcomes of requests by the role of the version that they were routed to",
};
pub(super) const ROLE_LATENCY: Family = Family {
    name: "forge_role_latency_seconds",
    help: "End-to-end time of each request that succeeded or timed out, by the role of its version",
};
pub(super) const CANARY_SHARE: Family = Family {
    name: "forge_canary_share",
    help: "Share of the requests that the canary gets, from 0 to 1",
};
pub(super) const REPLAYED: Family = Family {
    name: "forge_replayed_requests_total",
    help: "Requests that ran again because their worker had died",
};
pub(super) const BLAMED: Family = Family {
    name: "forge_blamed_requests_total",
    help: "Requests that ended the worker which ran them alone",
};
pub(super) const PHASE: Family =
    Family { name: "forge_phase_seconds", help: "Time each request spent in each phase" };
pub(super) const COMPUTE: Family = Family {
    name: "forge_compute_seconds",
    help: "What the compute phase of each request consists of, as the worker measured its batch",
};
pub(super) const ROWS: Family = Family { name: "forge_rows_total", help: "Rows handed to workers" };
pub(super) const PADDED_POSITIONS: Family = Family {
    name: "forge_padded_positions_total",
    help: "Positions of rows that are padded, handed to workers: the rows' own, and padding",
};
pub(super) const REQUEST_BYTES: Family =
    Family { name: "forge_request_bytes_total", help: "Bytes of request bodies read" };
pub(super) const RESPONSE_BYTES: Family =
    Family { name: "forge_response_bytes_total", help: "Bytes of response bodies written" };
pub(super) const WORKERS: Family =
    Family { name: "forge_workers", help: "Worker processes by state" };
pub(super) const WORKER_RESTARTS: Family = Family {
    name: "forge_worker_restarts_total",
    help: "Workers started in place of one that crashed",
};
pub(super) const MISSED_WAKES: Family = Family {
    name: "forge_missed_wakes_total",
    help: "Bounded waits that ran out while work lay in the ring, by the side that slept",
};
pub(super) const INFLIGHT_BYTES: Family = Family {
    name: "forge_inflight_bytes",
    help: "Bytes of bodies and decoded tensors held now, of all models together",
};
pub(super) const BUILD_INFO: Family =
    Family { name: "forge_build_info", help: "Always 1; the labels say what is running" };
pub(super) const START_TIME: Family = Family {
    name: "process_start_time_seconds",
    help: "Start of the process, in seconds since the Unix epoch",
};

// Triton's, for `triton_metrics`: names, labels and values are those of docs/user_guide/metrics.md of its
// server, so that dashboards and autoscalers made for it go on working.

pub(super) const LABEL_REASON: &str = "reason";

pub(super) const TRITON_SUCCESS: Family = Family {
    name: "nv_inference_request_success",
    help: "Number of successful inference requests, all batch sizes",
};
pub(super) const TRITON_FAILURE: Family = Family {
    name: "nv_inference_request_failure",
    help: "Number of failed inference requests, all batch sizes",
};
pub(super) const TRITON_COUNT: Family =
    Family { name: "nv_inference_count", help: "Number of inferences performed" };
pub(super) const TRITON_EXEC_COUNT: Family =
    Family { name: "nv_inference_exec_count", help: "Number of model executions performed" };
pub(super) const TRITON_REQUEST_DURATION: Family = Family {
    name: "nv_inference_request_duration_us",
    help: "Cumulative inference request duration in microseconds",
};
pub(super) const TRITON_QUEUE_DURATION: Family = Family {
    name: "nv_inference_queue_duration_us",
    help: "Cumulative inference queuing duration in microseconds",
};
pub(super) const TRITON_INPUT_DURATION: Family = Family {
    name: "nv_inference_compute_input_duration_us",
    help: "Cumulative compute input duration in microseconds",
};
pub(super) const TRITON_INFER_DURATION: Family = Family {
    name: "nv_inference_compute_infer_duration_us",
    help: "Cumulative compute inference duration in microseconds",
};
pub(super) const TRITON_OUTPUT_DURATION: Family = Family {
    name: "nv_inference_compute_output_duration_us",
    help: "Cumulative inference compute output duration in microseconds",
};
pub(super) const TRITON_PENDING: Family = Family {
    name: "nv_inference_pending_request_count",
    help: "Instantaneous number of pending requests awaiting execution per-model",
};

// Bucket bounds, in seconds unless said otherwise.

pub(super) const LATENCY_BUCKETS: &[f64] = &[
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0, 30.0,
];
/// In rows.
pub(super) const BATCH_SIZE_BUCKETS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];
pub(super) const QUEUE_WAIT_BUCKETS: &[f64] =
    &[0.0001, 0.00025, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0];
pub(super) const SWAP_DURATION_BUCKETS: &[f64] = &[0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];
/// From 10 µs: decoding 128 floats takes about 2 µs, a forward pass anything up to seconds.
pub(super) const PHASE_BUCKETS: &[f64] =
    &[0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];

/// What a scrape announces, with types: the interface that dashboards rely on.
#[cfg(test)]
pub(super) const EXPORTED: &[&str] = &[
    "forge_batch_size histogram",
    "forge_blamed_requests_total counter",
    "forge_build_info gauge",
    "forge_canary_share gauge",
    "forge_compute_seconds histogram",
    "forge_inference_latency_seconds histogram",
    "forge_inflight_bytes gauge",
    "forge_missed_wakes_total counter",
    "forge_model_swap_duration_seconds histogram",
    "forge_model_swaps_total counter",
    "forge_padded_positions_total counter",
    "forge_phase_seconds histogram",
    "forge_queue_depth gauge",
    "forge_queue_timeouts_total counter",
    "forge_queue_wait_seconds histogram",
    "forge_replayed_requests_total counter",
    "forge_request_bytes_total counter",
    "forge_requests_in_flight gauge",
    "forge_requests_total counter",
    "forge_response_bytes_total counter",
    "forge_role_latency_seconds histogram",
    "forge_role_requests_total counter",
    "forge_rows_total counter",
    "forge_worker_restarts_total counter",
    "forge_workers gauge",
    "process_start_time_seconds gauge",
];

/// What a scrape announces beside those where Triton's names are wanted.
#[cfg(test)]
pub(super) const EXPORTED_FOR_TRITON: &[&str] = &[
    "nv_inference_compute_infer_duration_us counter",
    "nv_inference_compute_input_duration_us counter",
    "nv_inference_compute_output_duration_us counter",
    "nv_inference_count counter",
    "nv_inference_exec_count counter",
    "nv_inference_pending_request_count gauge",
    "nv_inference_queue_duration_us counter",
    "nv_inference_request_duration_us counter",
    "nv_inference_request_failure counter",
    "nv_inference_request_success counter",
];
